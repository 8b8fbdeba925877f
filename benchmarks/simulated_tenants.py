"""Tenants in virtual time: each has a store, a dispatcher and a NetSuite of its own; they share Dagster's run queue.

The coordinator, the stores and the circuit breaker are the real ones. The laws are checked at each dispatch.
"""

import datetime as dt
import heapq
import itertools
import math
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sqlalchemy import MetaData

from benchmarks.simulated_queue import QueuedRun, RunQueue
from netsuite_pipeline.orchestration.outages import SourceWatch
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.waves.circuit import Circuit
from netsuite_pipeline.waves.coordinator import decide
from netsuite_pipeline.waves.failure_policy import retry_at
from netsuite_pipeline.waves.job_state import count_in_flight
from netsuite_pipeline.waves.lanes import Precedence, beside_a_nightly, goes_first
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import Batch, Dispatch, ImportMode, Job, RecordTypePlan, batch_id
from netsuite_pipeline.waves.planner import plan_waves
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline.waves.tables import wave_metadata

START = dt.datetime.fromisoformat("2026-11-23T02:00:00")
# The daemon's pace, and what a run takes before its first batch (docs/performance.md).
_LOOK_SECONDS = 5.0
_STARTUP_SECONDS = 2.5
# A batch of which a few changes are read takes a thirtieth of a whole one (waves.limits).
_CHANGES_SHARE = 0.03
# What a request waits in all when it is refused at once five times, on average (netsuite.retry). Those of other batches
# wait meanwhile; then the run stops asking (netsuite.stream).
_UNANSWERED_SECONDS = 15.0
# NETSUITE_TIMEOUT, and what five such attempts and the waits between them take where NetSuite hangs.
_TIMEOUT_SECONDS = 120.0
_HANGING_SECONDS = 5 * _TIMEOUT_SECONDS + 30.0
_LEVELS = (("price_level", -8, 0, 0.1), ("customer", -3, 1, 0.5), ("sales_order", -19, 2, 0.4))
_CATEGORIES = (FailureCategory.TIMEOUT, FailureCategory.API_UNAVAILABLE, FailureCategory.DATABASE)


def open_store(file: Path) -> WaveStore:
    """An empty store in that SQLite file."""
    engine = connect(f"sqlite:///{file}")
    metadata = MetaData()
    wave_metadata(metadata)
    metadata.create_all(engine)
    return WaveStore(engine)


class Rule(Protocol):
    """Gives the runs of an import their priority, as `waves.lanes.run_priority` does."""

    def __call__(self, mode: ImportMode, *, ahead: int, now: dt.datetime) -> int:
        """`ahead`: batches of the import that are in flight before."""


@dataclass(kw_only=True)
class SimulatedJob:
    """What the simulation knows by itself of a job, to hold the store's word against. Times are virtual seconds."""

    job_id: str
    mode: ImportMode
    asked: float
    levels: dict[str, int] = field(default_factory=dict)
    unfinished: Counter[int] = field(default_factory=Counter)
    attempts: set[tuple[str, int]] = field(default_factory=set)
    in_flight: int = 0
    most: int = 0
    done: int = 0
    began: float | None = None
    luck: random.Random = field(default_factory=random.Random)
    finished: float | None = None


@dataclass(kw_only=True)
class Tenant:
    """One company. Its NetSuite refuses from `away[0]` to `away[1]`, or `hangs`: takes requests and never answers."""

    name: str
    store: WaveStore
    away: tuple[float, float] = (0.0, 0.0)
    hangs: bool = False
    jobs: dict[str, SimulatedJob] = field(default_factory=dict)


class Simulation:
    """One virtual clock over the tenants and the queue that they share. `rule` gives runs their priority.

    `work` is what batches took in all attempts, in seconds: nothing of starting runs, waiting and asking in vain.
    """

    def __init__(self, *, queue: RunQueue, limits: Limits, rule: Rule, failing: float, seed: int) -> None:
        self.queue, self.limits, self.rule, self.failing = queue, limits, rule, failing
        self.seed = seed
        self.tenants: list[Tenant] = []
        self.clock = 0.0
        self.work = 0.0
        self.look_seconds: list[float] = []
        self.at_first_end: list[float] = []
        self._events: list[tuple[float, int, Iterator[float], QueuedRun | None]] = []
        self._ids = itertools.count()
        self._to_come = 0

    @property
    def now(self) -> dt.datetime:
        """The virtual time."""
        return START + dt.timedelta(seconds=self.clock)

    @property
    def jobs(self) -> list[SimulatedJob]:
        """Those of all tenants."""
        return [job for tenant in self.tenants for job in tenant.jobs.values()]

    def add(self, tenant: Tenant, batches: int, *, mode: ImportMode = ImportMode.FULL) -> None:
        """Plans an import now."""
        job = SimulatedJob(job_id=f"{tenant.name}-{mode}", mode=mode, asked=self.clock)
        by_level = _planned(job, batches, max_retries=self.limits.retry_attempts)
        types = [
            RecordTypePlan(record_type=name, level=level, available=True, expected_records=0)
            for name, _, level, _ in _LEVELS
        ]
        waves = plan_waves(by_level, wave_size=self.limits.wave_size)
        tenant.store.create_job(
            job.job_id, record_types=[], with_dependencies=True, trigger="simulation", now=self.now, mode=mode
        )
        # Its own, so that what happens to one tenant changes nothing of the others' luck.
        job.luck.seed(f"{self.seed} {job.job_id}")
        tenant.store.save_plan(job.job_id, types=types, waves=waves, now=self.now)
        tenant.jobs[job.job_id] = job

    def add_later(self, tenant: Tenant, batches: int, *, at: float, mode: ImportMode) -> None:
        """Plans an import at that time."""
        self._to_come += 1

        def plan() -> Iterator[float]:
            self._to_come -= 1
            self.add(tenant, batches, mode=mode)
            yield from ()

        self._after(at, plan())

    def run(self) -> None:
        """Until every import has ended."""
        for number, tenant in enumerate(self.tenants):
            # Their sensors have threads of their own and do not look at the same moment.
            self._after(number * _LOOK_SECONDS / len(self.tenants), self._looks(tenant))
        while self._is_under_way():
            self.clock, _, work, run = heapq.heappop(self._events)
            seconds = next(work, None)
            if seconds is not None:
                self._after(seconds, work, run)
            elif run:
                self.queue.over(run)
            for started in self.queue.take():
                self._after(0.0, started.work, started)

    def _is_under_way(self) -> bool:
        return self._to_come > 0 or any(job.finished is None for job in self.jobs)

    def _after(self, seconds: float, work: Iterator[float], run: QueuedRun | None = None) -> None:
        heapq.heappush(self._events, (self.clock + seconds, next(self._ids), work, run))

    def _looks(self, tenant: Tenant) -> Iterator[float]:
        watch = SourceWatch(store=tenant.store, account=tenant.name, ask=lambda: self._silence(tenant))
        while True:
            started = time.perf_counter()
            circuit = watch.look(self.now)
            open_jobs = tenant.store.open_jobs()
            for open_job in open_jobs:
                self._look(tenant, open_job, circuit, precedence=goes_first(open_job, open_jobs))
            self.look_seconds.append(time.perf_counter() - started)
            yield _LOOK_SECONDS

    def _look(self, tenant: Tenant, open_job: Job, circuit: Circuit, *, precedence: Precedence | None) -> None:
        store, job = tenant.store, tenant.jobs[open_job.job_id]
        limits = beside_a_nightly(self.limits, precedence) if precedence else self.limits
        state = store.load_state(job.job_id, now=self.now, circuit=circuit)
        decision, ahead = decide(state, limits), count_in_flight(state.waves)
        store.update_waves(job.job_id, decision.wave_changes, now=self.now)
        for dispatch in decision.dispatches:
            if store.claim_dispatch(dispatch, in_flight_limit=limits.in_flight, now=self.now):
                self._claimed(tenant, job, dispatch, ahead)
                ahead += len(dispatch.batches)
        if decision.end is not None:
            store.finish_job(job.job_id, status=decision.end.status, reason=decision.end.reason, now=self.now)
            self._ended(job)

    def _ended(self, job: SimulatedJob) -> None:
        job.finished = self.clock
        if job.mode is ImportMode.FULL and not self.at_first_end:
            full = [one for one in self.jobs if one.mode is ImportMode.FULL]
            self.at_first_end = [one.done / len(one.levels) for one in full]

    def _claimed(self, tenant: Tenant, job: SimulatedJob, dispatch: Dispatch, ahead: int) -> None:
        for batch in dispatch.batches:
            level = job.levels[batch.batch_id]
            _forbid(any(job.unfinished[below] for below in range(level)), "a level was crossed early")
            _forbid((batch.batch_id, dispatch.attempt) in job.attempts, "a batch was dispatched twice")
            job.attempts.add((batch.batch_id, dispatch.attempt))
        job.in_flight += len(dispatch.batches)
        job.most = max(job.most, job.in_flight)
        _forbid(job.in_flight > self.limits.wave_size, "more than WAVE_SIZE in flight")
        run = QueuedRun(
            tenant=tenant.name,
            priority=self.rule(job.mode, ahead=ahead, now=self.now),
            is_full=job.mode is ImportMode.FULL,
            work=self._worker(tenant, job, dispatch),
        )
        self.queue.put(run)

    def _worker(self, tenant: Tenant, job: SimulatedJob, dispatch: Dispatch) -> Iterator[float]:
        run_id = f"run-{next(self._ids)}"
        yield _STARTUP_SECONDS
        job.began = self.clock if job.began is None else job.began
        ranges = [batch.range for batch in dispatch.batches]
        tenant.store.start_batches(dispatch.key, ranges, run_id=run_id, now=self.now)
        # A run that begins during an outage of which the dispatcher knows asks nothing (orchestration.batch_run).
        if tenant.store.circuit(tenant.name).is_open:
            tenant.store.give_back(dispatch.key, run_id=run_id, reason="simulated", now=self.now)
            job.in_flight -= len(dispatch.batches)
            return
        is_given_up = False
        for batch in dispatch.batches:
            if not is_given_up and self._silence(tenant):
                yield self._in_vain(tenant)
                is_given_up = self._silence(tenant) is not None
            if is_given_up:
                self._fail(tenant, dispatch, batch, run_id, FailureCategory.API_UNAVAILABLE)
            else:
                share = 1.0 if batch.changed_since is None else _CHANGES_SHARE
                seconds = share * job.luck.lognormvariate(0.0, 0.5)
                self.work += seconds
                yield seconds
                if job.luck.random() < self.failing:
                    self._fail(tenant, dispatch, batch, run_id, job.luck.choice(_CATEGORIES))
                else:
                    self._complete(tenant, dispatch, batch, run_id)
            job.in_flight -= 1

    def _in_vain(self, tenant: Tenant) -> float:
        """How long a run asks. Where NetSuite hangs, the first attempt after the end of it is answered."""
        if not tenant.hangs:
            return _UNANSWERED_SECONDS
        attempts = math.ceil((tenant.away[1] - self.clock) / _TIMEOUT_SECONDS)
        return min(attempts * _TIMEOUT_SECONDS, _HANGING_SECONDS)

    def _silence(self, tenant: Tenant) -> str | None:
        return "503" if tenant.away[0] <= self.clock < tenant.away[1] else None

    def _complete(self, tenant: Tenant, dispatch: Dispatch, batch: Batch, run_id: str) -> None:
        store, job = tenant.store, tenant.jobs[dispatch.job_id]
        with store.engine.begin() as connection:
            store.complete_batch(
                connection, dispatch_key=dispatch.key, batch=batch.range, run_id=run_id, records=1000, now=self.now
            )
        job.unfinished[job.levels[batch.batch_id]] -= 1
        job.done += 1

    def _fail(self, tenant: Tenant, dispatch: Dispatch, batch: Batch, run_id: str, category: FailureCategory) -> None:
        due = retry_at(
            category,
            record_type=dispatch.record_type,
            attempt=dispatch.attempt,
            max_retries=batch.max_retries,
            dispatch_key=dispatch.key,
            limits=self.limits,
            now=self.now,
        )
        tenant.store.fail_batch(
            dispatch_key=dispatch.key,
            batch=batch.range,
            run_id=run_id,
            category=category,
            reason="simulated",
            retry_at=due,
            now=self.now,
        )
        job = tenant.jobs[dispatch.job_id]
        if due is None:
            job.unfinished[job.levels[batch.batch_id]] -= 1


def _planned(job: SimulatedJob, batches: int, *, max_retries: int) -> dict[int, list[Batch]]:
    """The batches of the job by level; it learns of them."""
    by_level: dict[int, list[Batch]] = {}
    since = START - dt.timedelta(days=1) if job.mode is ImportMode.INCREMENTAL else None
    for name, type_id, level, share in _LEVELS:
        for number in range(max(1, round(batches * share))):
            within = BatchRange(number * 1000, number * 1000 + 999)
            one = Batch(
                batch_id=batch_id(job.job_id, type_id, within),
                record_type=name,
                record_type_id=type_id,
                range=within,
                batch_number=number,
                expected_records=1000 if since is None else 10,
                changed_since=since,
                max_retries=max_retries,
            )
            by_level.setdefault(level, []).append(one)
            job.levels[one.batch_id] = level
            job.unfinished[level] += 1
    return by_level


def _forbid(broken: object, law: str) -> None:
    if broken:
        raise AssertionError(law)
