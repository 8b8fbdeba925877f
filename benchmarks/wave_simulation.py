"""Coordination alone, in virtual time: `python -m benchmarks.wave_simulation`.

The coordinator and the real store on SQLite; Dagster's queue, its runs and NetSuite are played. Jobs of many tenants
share the runs that may be at work at once. The laws are checked at each look of the dispatcher, and it is reported how
close the whole comes to the ideal schedule, how fair it was, and what a look costs as a job grows. Nothing is saved.
"""

import argparse
import datetime as dt
import heapq
import itertools
import random
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, MetaData, event, update

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.waves.coordinator import decide
from netsuite_pipeline.waves.failure_policy import retry_at
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import Batch, BatchStatus, Dispatch, RecordTypePlan, batch_id
from netsuite_pipeline.waves.planner import plan_waves
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline.waves.tables import wave_batches, wave_coordination, wave_metadata

_START = dt.datetime.fromisoformat("2026-11-23T02:00:00")
# The daemon's pace, and what a run takes before its first batch (docs/performance.md).
_LOOK_SECONDS = 5.0
_STARTUP_SECONDS = 2.5
_LEVELS = (("price_level", -8, 0, 0.1), ("customer", -3, 1, 0.5), ("sales_order", -19, 2, 0.4))
_CATEGORIES = (FailureCategory.TIMEOUT, FailureCategory.API_UNAVAILABLE, FailureCategory.DATABASE)


@dataclass
class _Job:
    """What the simulation knows by itself of a job, to hold the store's word against."""

    job_id: str
    batches: int
    levels: dict[str, int]
    unfinished: Counter[int] = field(default_factory=Counter)
    in_flight: int = 0
    most: int = 0
    attempts: set[tuple[str, int]] = field(default_factory=set)
    finished: float | None = None


class _Simulation:
    """One virtual clock, one queue of runs, `slots` of them at work at once."""

    def __init__(self, store: WaveStore, limits: Limits, *, slots: int, failing: float, seed: int) -> None:
        self.store, self.limits, self.slots, self.failing = store, limits, slots, failing
        self.random = random.Random(seed)
        self.clock = 0.0
        self.jobs: dict[str, _Job] = {}
        self.queue: deque[Dispatch] = deque()
        self.events: list[tuple[float, int, Iterator[float]]] = []
        self.ids = itertools.count()
        self.at_work = 0
        self.work = 0.0
        self.look_seconds: list[float] = []
        self.lags: list[float] = []
        self.done: Counter[str] = Counter()
        self.first_end: Counter[str] | None = None
        self.idle_since: float | None = 0.0

    @property
    def now(self) -> dt.datetime:
        return _START + dt.timedelta(seconds=self.clock)

    def add(self, job_id: str, batches: int) -> None:
        by_level: dict[int, list[Batch]] = {}
        job = _Job(job_id=job_id, batches=0, levels={})
        for name, type_id, level, share in _LEVELS:
            for number in range(max(1, round(batches * share))):
                within = BatchRange(number * 1000, number * 1000 + 999)
                one = batch_id(job_id, type_id, within)
                by_level.setdefault(level, []).append(
                    Batch(batch_id=one, record_type=name, record_type_id=type_id, range=within, batch_number=number)
                )
                job.levels[one] = level
                job.unfinished[level] += 1
        types = [
            RecordTypePlan(record_type=name, level=level, available=True, expected_records=0)
            for name, _, level, _ in _LEVELS
        ]
        job.batches = len(job.levels)
        self.store.create_job(job_id, record_types=[], with_dependencies=True, trigger="simulation", now=self.now)
        waves = plan_waves(by_level, wave_size=self.limits.wave_size)
        retries = self.limits.retry_attempts
        self.store.save_plan(job_id, types=types, waves=waves, max_retries=retries, now=self.now)
        self.jobs[job_id] = job

    def run(self) -> None:
        next_look = 0.0
        while any(job.finished is None for job in self.jobs.values()):
            while self.events and self.events[0][0] <= next_look:
                self.clock, _, run = heapq.heappop(self.events)
                self._go_on(run)
            self.clock = next_look
            self._look()
            self._start_runs()
            next_look += _LOOK_SECONDS

    def _look(self) -> None:
        started = time.perf_counter()
        for job in self.store.open_jobs():
            state = self.store.load_state(job.job_id, now=self.now)
            decision = decide(state, self.limits)
            self.store.update_waves(job.job_id, decision.wave_changes, now=self.now)
            for dispatch in decision.dispatches:
                if self.store.claim_dispatch(dispatch, in_flight_limit=self.limits.in_flight, now=self.now):
                    self._claimed(dispatch)
            if decision.end is not None:
                end = decision.end
                self.store.finish_job(job.job_id, status=end.status, reason=end.reason, now=self.now)
                self.jobs[job.job_id].finished = self.clock
                self.first_end = self.first_end or self.done.copy()
        self.look_seconds.append(time.perf_counter() - started)

    def _claimed(self, dispatch: Dispatch) -> None:
        job = self.jobs[dispatch.job_id]
        for batch in dispatch.batches:
            level = job.levels[batch.batch_id]
            _forbid(any(job.unfinished[below] for below in range(level)), "a level was crossed early")
            _forbid((batch.batch_id, dispatch.attempt) in job.attempts, "a batch was dispatched twice")
            job.attempts.add((batch.batch_id, dispatch.attempt))
        job.in_flight += len(dispatch.batches)
        job.most = max(job.most, job.in_flight)
        _forbid(job.in_flight > self.limits.wave_size, "more than WAVE_SIZE in flight")
        self.queue.append(dispatch)

    def _start_runs(self) -> None:
        while self.queue and self.at_work < self.slots:
            self.at_work += 1
            heapq.heappush(self.events, (self.clock, next(self.ids), self._worker(self.queue.popleft())))

    def _go_on(self, run: Iterator[float]) -> None:
        seconds = next(run, None)
        if seconds is None:
            self.at_work -= 1
            self._start_runs()
            return
        self.work += seconds
        heapq.heappush(self.events, (self.clock + seconds, next(self.ids), run))

    def _worker(self, dispatch: Dispatch) -> Iterator[float]:
        job, run_id = self.jobs[dispatch.job_id], f"run-{next(self.ids)}"
        yield _STARTUP_SECONDS
        ranges = [batch.range for batch in dispatch.batches]
        self.store.start_batches(dispatch.key, ranges, run_id=run_id, now=self.now)
        for batch in dispatch.batches:
            yield self.random.lognormvariate(0.0, 0.5)
            job.in_flight -= 1
            if self.random.random() < self.failing:
                self._fail(job, dispatch, batch, run_id)
                continue
            with self.store.engine.begin() as connection:
                self.store.complete_batch(
                    connection, dispatch_key=dispatch.key, batch=batch.range, run_id=run_id, records=1000, now=self.now
                )
            job.unfinished[job.levels[batch.batch_id]] -= 1
            self.done[dispatch.job_id] += 1

    def _fail(self, job: _Job, dispatch: Dispatch, batch: Batch, run_id: str) -> None:
        category = self.random.choice(_CATEGORIES)
        due = retry_at(
            category,
            attempt=dispatch.attempt,
            max_retries=batch.max_retries,
            dispatch_key=dispatch.key,
            limits=self.limits,
            now=self.now,
        )
        self.store.fail_batch(
            dispatch_key=dispatch.key,
            batch=batch.range,
            run_id=run_id,
            category=category,
            reason="simulated",
            retry_at=due,
            now=self.now,
        )
        if due is None:
            job.unfinished[job.levels[batch.batch_id]] -= 1


def _forbid(broken: object, law: str) -> None:
    if broken:
        raise AssertionError(law)


def _jain(shares: Sequence[float]) -> float:
    """Jain's fairness index: 1 if all are equal, 1/n if one has everything."""
    return sum(shares) ** 2 / (len(shares) * sum(share * share for share in shares))


def _store(folder: str) -> WaveStore:
    engine = connect(f"sqlite:///{Path(folder) / 'waves.db'}")
    metadata = MetaData()
    wave_metadata(metadata)
    metadata.create_all(engine)
    return WaveStore(engine)


def simulate(*, batches: int, jobs: int, slots: int, failing: float, seed: int) -> None:
    """Runs it and prints what was seen; AssertionError if a law is broken."""
    limits = Limits.of(Settings.load())
    with tempfile.TemporaryDirectory() as folder:
        simulation = _Simulation(_store(folder), limits, slots=slots, failing=failing, seed=seed)
        for number in range(jobs):
            simulation.add(f"tenant-{number}", batches // jobs)
        started = time.perf_counter()
        simulation.run()
        seconds = time.perf_counter() - started
        ended = [simulation.store.job(job_id).status for job_id in simulation.jobs]
        simulation.store.engine.dispose()
    total = sum(job.batches for job in simulation.jobs.values())
    longest = max(job.finished or 0.0 for job in simulation.jobs.values())
    ideal = simulation.work / slots
    attempts = sum(len(job.attempts) for job in simulation.jobs.values())
    progress = [simulation.first_end[job] / simulation.jobs[job].batches for job in simulation.jobs]  # type: ignore[index]
    looks = sorted(simulation.look_seconds)
    print(f"{total:,} batches of {jobs} jobs, {slots} runs at once, {failing:.0%} of the attempts fail, seed {seed}")
    print(f"  ended: {dict(Counter(status.value for status in ended))}, {attempts:,} attempts, no law broken")
    print(f"  most in flight in one job: {max(job.most for job in simulation.jobs.values())} of {limits.wave_size}")
    print(f"  virtual time {longest:,.0f} s, ideal {ideal:,.0f} s (work / runs): {longest / ideal:.2f} times")
    print(f"  share done when the first job ended: fairness {_jain(progress):.3f} (Jain), least {min(progress):.2f}")
    print(f"  a look at all jobs: median {1000 * looks[len(looks) // 2]:.0f} ms, worst {1000 * looks[-1]:.0f} ms")
    print(f"  {seconds:.0f} s of real time")


def cost_of_a_look(*, batches: int) -> None:
    """Prints what a look costs in the middle of one job of so many batches, and how many rows it reads."""
    limits = Limits.of(Settings.load())
    with tempfile.TemporaryDirectory() as folder:
        store = _store(folder)
        simulation = _Simulation(store, limits, slots=1, failing=0.0, seed=1)
        simulation.add("job", batches)
        _complete_half(store.engine)
        statements = _counted(store.engine)
        seconds = []
        for _ in range(5):
            statements.clear()
            started = time.perf_counter()
            state = store.load_state("job", now=simulation.now)
            decision = decide(state, limits)
            store.unreported("job")
            seconds.append(time.perf_counter() - started)
        read = sum(len(wave.batches) for wave in state.waves)
        store.engine.dispose()
    print(
        f"  {batches:>7,} batches: {1000 * min(seconds):6.1f} ms, {read:,} batches read,"
        f" {len(statements)} statements, {sum(len(one.batches) for one in decision.dispatches)} batches to dispatch"
    )


def _complete_half(engine: Engine) -> None:
    """As if the first half of the waves were over and reported."""
    with engine.begin() as connection:
        rows = connection.execute(wave_coordination.select().order_by(wave_coordination.c.wave_number)).all()
        over = [row.wave_number for row in rows[: len(rows) // 2]]
        in_over = (wave_batches.c.wave_number >= 1, wave_batches.c.wave_number <= (over[-1] if over else 0))
        done = {"status": BatchStatus.COMPLETED, "attempt": 1, "completed_at": _START, "reported_at": _START}
        connection.execute(update(wave_batches).where(*in_over).values(done))
        connection.execute(
            update(wave_coordination)
            .where(wave_coordination.c.wave_number <= (over[-1] if over else 0))
            .values(status="completed", completed_batches=wave_coordination.c.total_batches, completed_at=_START)
        )


def _counted(engine: Engine) -> list[str]:
    statements: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", count)
    return statements


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=10_000, help="of all jobs together")
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--slots", type=int, default=10, help="runs at work at once")
    parser.add_argument("--failing", type=float, default=0.05, help="share of attempts that fail")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--looks", type=int, nargs="*", default=[100, 1_000, 10_000, 100_000], metavar="BATCHES")
    chosen = parser.parse_args(arguments)
    simulate(batches=chosen.batches, jobs=chosen.jobs, slots=chosen.slots, failing=chosen.failing, seed=chosen.seed)
    print("A look of the dispatcher in the middle of one job, on SQLite:")
    for batches in chosen.looks:
        cost_of_a_look(batches=batches)


if __name__ == "__main__":
    main()
