"""The laws of coordination under random completions, failures, crashes, re-issues, clock jumps and interventions.

The machine plays dispatcher, Dagster, run workers and a person at once, on the real store. At every claim and after
every step it looks at the database and checks: in flight never above WAVE_SIZE; no batch dispatched while one of a
lower level is not over, nor while the job is paused or cancelled, nor twice in one attempt; what is completed stays
so; no run changed a batch it had lost. At the end everything is let run, and it must end.
"""

import datetime as dt
import itertools
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, MetaData, delete

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.record_types.failure_policy import FailurePolicy, RetryPolicy
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.waves.circuit import CLOSED
from netsuite_pipeline.waves.coordinator import decide
from netsuite_pipeline.waves.dispatch_store import InFlight
from netsuite_pipeline.waves.errors import LostLease, Refused
from netsuite_pipeline.waves.failure_policy import FINAL, retry_at
from netsuite_pipeline.waves.job_state import Decision
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import (
    IN_FLIGHT,
    TERMINAL,
    Batch,
    BatchStatus,
    Dispatch,
    JobStatus,
    RecordTypePlan,
    batch_id,
)
from netsuite_pipeline.waves.planner import plan_waves
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline.waves.tables import (
    import_job_types,
    import_jobs,
    wave_batches,
    wave_coordination,
    wave_metadata,
)

JOB = "job"
TABLES = (wave_batches, wave_coordination, import_job_types, import_jobs)
START = dt.datetime.fromisoformat("2026-11-23T02:00:00")
# A refused login stops the job, and with it every story.
CATEGORIES = sorted(set(FailureCategory) - {FailureCategory.AUTHENTICATION})
# So many per story, that it ends.
INTERVENTIONS = 6
# Name, record type id, level.
TYPES = (("subsidiary", -1, 0), ("price_level", -2, 0), ("customer", -3, 1), ("sales_order", -4, 2))
# What two of them say of their own failures.
POLICIES = {
    "price_level": FailurePolicy(retries=(RetryPolicy(category=FailureCategory.UNKNOWN, attempts=4, delay=150),)),
    "customer": FailurePolicy(
        retries=(
            RetryPolicy(category=FailureCategory.PERMANENT_ERROR, retry=True, attempts=1),
            RetryPolicy(category=FailureCategory.TIMEOUT, retry=False),
        )
    ),
}
LEVELS = {name: level for name, _, level in TYPES}


@dataclass
class Run:
    """A run worker: what it believes to hold, and whether the dispatcher still believes in it."""

    run_id: str
    key: str
    record_type: str
    attempt: int
    held: list[BatchRange]
    max_retries: Mapping[BatchRange, int]
    lost: bool = False


@dataclass(frozen=True)
class Seen:
    """What a dispatcher decided, and how often the job had been resumed then."""

    resumes: int
    decision: Decision


class Coordination(RuleBasedStateMachine):
    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine
        with engine.begin() as connection:
            for table in TABLES:
                connection.execute(delete(table))
        self.store = WaveStore(engine)
        self.now = START
        self.runs: dict[str, Run] = {}
        self.queued: dict[str, Dispatch] = {}
        self.attempts: set[tuple[str, int]] = set()
        self.completed: set[str] = set()
        self.interventions = 0
        self.ids = itertools.count()
        self.circuit = CLOSED

    @initialize(
        counts=st.lists(st.integers(0, 7), min_size=4, max_size=4),
        wave_size=st.integers(1, 6),
        run_batches=st.integers(1, 4),
        threshold=st.sampled_from([1, 50, 90, 100]),
        delay=st.sampled_from([0, 30]),
        attempts=st.integers(0, 2),
        runs_at_once=st.sampled_from([None, 1, 2]),
        policies=st.sampled_from([{}, POLICIES]),
    )
    def plan(
        self,
        counts: list[int],
        wave_size: int,
        run_batches: int,
        threshold: int,
        delay: int,
        attempts: int,
        runs_at_once: int | None,
        policies: dict[str, FailurePolicy],
    ) -> None:
        self.limits = Limits(
            wave_size=wave_size,
            run_batches=run_batches,
            completion_threshold=threshold,
            inter_wave_delay=delay,
            retry_attempts=attempts,
            outage_timeout=300,
            wave_timeout=1800,
            retryable=frozenset(FailureCategory) - FINAL,
            continue_on_permanent=True,
            coordination=True,
            runs_at_once=runs_at_once,
            policies=policies,
        )
        by_level: dict[int, list[Batch]] = {}
        for (name, type_id, level), count in zip(TYPES, counts, strict=True):
            ranges = [BatchRange(n * 10, n * 10 + 9) for n in range(count)]
            by_level.setdefault(level, []).extend(
                Batch(
                    batch_id=batch_id(JOB, type_id, one),
                    record_type=name,
                    record_type_id=type_id,
                    range=one,
                    batch_number=number,
                    max_retries=self.limits.attempts_of(name),
                )
                for number, one in enumerate(ranges)
            )
        types = [
            RecordTypePlan(record_type=name, level=level, available=True, expected_records=0)
            for name, _, level in TYPES
        ]
        self.store.create_job(JOB, record_types=[], with_dependencies=True, trigger="cli", now=self.now)
        waves = plan_waves(by_level, wave_size=wave_size)
        self.store.save_plan(JOB, types=types, waves=waves, now=self.now)
        self.existing = {
            name: {BatchRange(n * 10, n * 10 + 9) for n in range(count)}
            for (name, *_), count in zip(TYPES, counts, strict=True)
        }
        self.rival_looks()

    def look(self) -> Seen:
        state = self.store.load_state(JOB, now=self.now, circuit=self.circuit)
        return Seen(state.job.resumes, decide(state, self.limits))

    def claim(self, dispatch: Dispatch, resumes: int) -> None:
        job, batches = self.store.job(JOB), self.batches()
        if self.store.claim_dispatch(dispatch, in_flight_limit=self.limits.in_flight, now=self.now, resumes=resumes):
            assert (job.status, job.paused_at, job.cancelled_at) == (JobStatus.RUNNING, None, None)
            level = LEVELS[dispatch.record_type]
            assert all(batch.status in TERMINAL for below, batch in batches if below < level), "a level started early"
            for batch in dispatch.batches:
                assert (batch.batch_id, dispatch.attempt) not in self.attempts, "dispatched twice in one attempt"
                self.attempts.add((batch.batch_id, dispatch.attempt))

    def batches(self) -> list[tuple[int, Batch]]:
        return [(LEVELS[batch.record_type], batch) for batch in self.store.batches(JOB)]

    def note(self, seen: Seen) -> None:
        self.store.update_waves(JOB, seen.decision.wave_changes, now=self.now, resumes=seen.resumes)
        end = seen.decision.end
        if end is not None:
            self.store.finish_job(JOB, status=end.status, reason=end.reason, now=self.now, resumes=seen.resumes)

    @rule(away=st.booleans())
    def netsuite(self, away: bool) -> None:
        """Goes away or comes back."""
        if away is self.circuit.is_open:
            return
        self.circuit = CLOSED.unanswered("HTTP 503", self.now) if away else CLOSED.answered(self.now)

    @rule(crash_after=st.integers(0, 8))
    def tick(self, crash_after: int) -> None:
        """The dispatcher; it may be killed after some claims, before it could launch what it claimed."""
        for held in self.store.in_flight(JOB):
            if held.run_id is None:
                self.queued.setdefault(held.key, held.dispatch)
        seen = self.look()
        for dispatch in seen.decision.dispatches[:crash_after]:
            self.claim(dispatch, seen.resumes)
        if crash_after >= len(seen.decision.dispatches):
            self.note(seen)

    @rule()
    def rival_looks(self) -> None:
        """A second dispatcher looks ..."""
        self.old = self.look()

    @rule()
    def rival_acts(self) -> None:
        """... and acts on what it saw, perhaps long after."""
        self.note(self.old)
        for dispatch in self.old.decision.dispatches:
            self.claim(dispatch, self.old.resumes)

    @precondition(lambda self: self.interventions < INTERVENTIONS)
    @rule(data=st.data(), between=st.booleans())
    def intervene(self, data: st.DataObject, between: bool) -> None:
        """A person pauses, resumes, cancels, retries or resets; what does not fit at the moment is refused.

        It may happen between what a dispatcher saw and what it does.
        """
        self.interventions += 1
        if between:
            self.rival_looks()
        tries = {"limits": self.limits, "existing": self.existing, "now": self.now}
        wave = data.draw(st.integers(1, 4))
        actions: dict[str, Callable[[], object]] = {
            "pause": lambda: self.store.pause(JOB, now=self.now),
            "resume": lambda: self.store.resume(JOB, now=self.now),
            "cancel": lambda: self.store.cancel(JOB, now=self.now),
            "retry": lambda: self.store.retry(JOB, **tries),
            "reset": lambda: self.store.reset(JOB, wave, **tries),
        }
        held = {one.key for one in self.store.in_flight(JOB)}
        with suppress(Refused):
            actions[data.draw(st.sampled_from([*sorted(actions), "reset", "retry", "retry"]))]()
        gone = held - {one.key for one in self.store.in_flight(JOB)}
        for run in self.runs.values():
            run.lost = run.lost or run.key in gone
        if between:
            self.rival_acts()

    @precondition(lambda self: self.interventions < INTERVENTIONS)
    @rule(data=st.data())
    def replan(self, data: st.DataObject) -> None:
        """A later plan replaces the last batch of a type, unless an import under way has not finished it."""
        name = data.draw(st.sampled_from(sorted(self.existing)))
        last = max(self.existing[name], default=None)
        if last is not None and last not in self.store.in_flight_ranges(name):
            self.interventions += 1
            self.existing[name].remove(last)

    @precondition(lambda self: self.queued)
    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        """Dagster starts a queued run; at most once per run key, as it does."""
        self.start_run(data.draw(st.sampled_from(sorted(self.queued))))

    def start_run(self, key: str) -> None:
        dispatch = self.queued.pop(key)
        if any(run.key == key for run in self.runs.values()):
            return
        run_id = f"run-{next(self.ids)}"
        ranges = [batch.range for batch in dispatch.batches]
        started = self.store.start_batches(key, ranges, run_id=run_id, now=self.now)
        self.runs[run_id] = Run(
            run_id, key, dispatch.record_type, started.attempt, list(started.ranges), started.max_retries
        )

    @precondition(lambda self: any(run.held for run in self.runs.values()))
    @rule(data=st.data(), good=st.booleans(), category=st.sampled_from(CATEGORIES))
    def report(self, data: st.DataObject, good: bool, category: str) -> None:
        """A run completes or fails its next batch, perhaps long after it was given up."""
        run = self.runs[data.draw(st.sampled_from(sorted(one for one, run in self.runs.items() if run.held)))]
        self.report_next(run, None if good else FailureCategory(category))

    @precondition(lambda self: any(run.held for run in self.runs.values()))
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        """A run gives back what it has, because NetSuite is known to be away, perhaps long after it was given up."""
        run = self.runs[data.draw(st.sampled_from(sorted(one for one, run in self.runs.items() if run.held)))]
        given = self.store.give_back(run.key, run_id=run.run_id, reason="away", now=self.now)
        assert given == (0 if run.lost else len(run.held))
        run.held = []

    @rule(failing=st.sampled_from([0, 1, 3]))
    def work_on(self, failing: int) -> None:
        """All that is queued starts, and every run reports; the last batches of the first `failing` fail for good."""
        for key in sorted(self.queued):
            self.start_run(key)
        working = [run for run in self.runs.values() if run.held]
        for number, run in enumerate(working):
            while run.held:
                fails = number < failing and len(run.held) == 1
                self.report_next(run, FailureCategory.PERMANENT_ERROR if fails else None)

    def report_next(self, run: Run, failure: FailureCategory | None) -> None:
        batch = run.held.pop(0)
        if failure is None:
            try:
                with self.engine.begin() as connection:
                    self.store.complete_batch(
                        connection, dispatch_key=run.key, batch=batch, run_id=run.run_id, records=1, now=self.now
                    )
            except LostLease:
                assert run.lost
            else:
                assert not run.lost
            return
        due = retry_at(
            failure,
            record_type=run.record_type,
            attempt=run.attempt,
            max_retries=run.max_retries.get(batch, 0),
            dispatch_key=run.key,
            limits=self.limits,
            now=self.now,
        )
        noted = self.store.fail_batch(
            dispatch_key=run.key,
            batch=batch,
            run_id=run.run_id,
            category=failure,
            reason="refused",
            retry_at=due,
            now=self.now,
        )
        assert noted is not run.lost

    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        """The dispatcher finds a dispatch without a living run and takes its batches back."""
        held = self.store.in_flight(JOB)
        if not held:
            return
        one = held[data.draw(st.integers(0, len(held) - 1))]
        self.release(one)
        for run in self.runs.values():
            run.lost = run.lost or run.key == one.key

    @rule(seconds=st.sampled_from([-7200, -1, 1, 5, 40, 400]))
    def clock(self, seconds: int) -> None:
        self.now += dt.timedelta(seconds=seconds)

    @invariant()
    def laws_hold(self) -> None:
        batches = [batch for _, batch in self.batches()]
        assert sum(batch.status in IN_FLIGHT for batch in batches) <= self.limits.wave_size
        assert all(batch.attempt <= batch.max_retries + 1 for batch in batches)
        completed = {batch.batch_id for batch in batches if batch.status is BatchStatus.COMPLETED}
        assert self.completed <= completed, "a completed batch became something else"
        self.completed = completed
        if self.store.job(JOB).status in {JobStatus.COMPLETED, JobStatus.PARTIAL}:
            assert all(batch.status in TERMINAL for batch in batches)
        if self.store.job(JOB).status is not JobStatus.RUNNING:
            assert not any(batch.status in IN_FLIGHT for batch in batches), "ended with batches in flight"

    def teardown(self) -> None:
        if hasattr(self, "limits"):
            self.run_to_the_end()

    def run_to_the_end(self) -> None:
        self.circuit = CLOSED
        with suppress(Refused):
            self.store.resume(JOB, now=self.now)
        for run in self.runs.values():
            run.held = []
        for held in self.store.in_flight(JOB):
            self.release(held)
        for _ in range(400):
            self.tick(crash_after=99)
            self.laws_hold()
            if self.store.job(JOB).status is not JobStatus.RUNNING:
                break
            for key, dispatch in self.queued.items():
                ranges = [batch.range for batch in dispatch.batches]
                won = self.store.start_batches(key, ranges, run_id=f"last-{next(self.ids)}", now=self.now)
                for batch in won.ranges:
                    self.finish(key, batch)
            self.queued.clear()
            self.now += dt.timedelta(seconds=200)
        assert self.store.job(JOB).status is not JobStatus.RUNNING, "the job never ended"
        if self.store.job(JOB).status is not JobStatus.CANCELLED:
            summary = self.store.job_summary(JOB)
            assert all(wave.total == wave.completed + wave.failed for wave in summary.waves)

    def release(self, held: InFlight) -> None:
        due = retry_at(
            FailureCategory.UNKNOWN,
            record_type=held.dispatch.record_type,
            attempt=held.dispatch.attempt,
            max_retries=max(batch.max_retries for batch in held.dispatch.batches),
            dispatch_key=held.key,
            limits=self.limits,
            now=self.now,
        )
        assert self.store.release(held, reason="died", retry_at=due, now=self.now) == len(held.dispatch.batches)

    def finish(self, key: str, batch: BatchRange) -> None:
        run_id = next(held.run_id for held in self.store.in_flight(JOB) if held.key == key)
        assert run_id is not None
        with self.engine.begin() as connection:
            self.store.complete_batch(connection, dispatch_key=key, batch=batch, run_id=run_id, records=1, now=self.now)


def test_the_laws_hold_whatever_happens(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'waves.db'}")
    metadata = MetaData()
    wave_metadata(metadata)
    metadata.create_all(engine)
    bounds = settings(
        max_examples=20,
        stateful_step_count=30,
        deadline=None,
        derandomize=True,
        # Shrinking replays thousands of steps on a real database; the failing steps are printed all the same.
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    run_state_machine_as_test(partial(Coordination, engine), settings=bounds)  # type: ignore[arg-type]
    engine.dispose()
