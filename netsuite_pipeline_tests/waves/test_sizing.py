"""How many batches may be in flight when that follows what is seen, from states written by hand."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, event, update

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.waves.coordinator import decide
from netsuite_pipeline.waves.job_state import JobState
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import Batch, BatchStatus, Job, JobStatus, Wave
from netsuite_pipeline.waves.sizing import Recent, Sizing, is_due, resized, seen_since
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline.waves.tables import wave_batches
from netsuite_pipeline_tests.waves.conftest import JOB, SavePlan

NOW = dt.datetime.fromisoformat("2026-11-23T02:00:00")
SECOND = dt.timedelta(seconds=1)
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def sized(limits: Limits) -> Limits:
    return replace(limits, wave_size=100, wave_size_min=10, dynamic_sizing=True)


def state(now: dt.datetime = NOW, *, waited: dt.timedelta = SECOND, **counts: int) -> JobState:
    """A wave with so many batches of each status, those in a queue for so long."""
    statuses = [BatchStatus(status) for status, count in counts.items() for _ in range(count)]
    batches = [
        Batch(
            batch_id=f"job_{number}",
            record_type="customer",
            record_type_id=-3,
            range=BatchRange(number * 10, number * 10 + 9),
            batch_number=number,
            status=status,
            finished_at=now - SECOND,
            changed_at=now - waited,
            failure_category=FailureCategory.TIMEOUT if status is BatchStatus.RETRYING else None,
        )
        for number, status in enumerate(statuses)
    ]
    job = Job(
        job_id="job",
        status=JobStatus.RUNNING,
        record_types=("customer",),
        with_dependencies=False,
        trigger="cli",
        created_at=NOW,
    )
    return JobState(job=job, types=(), waves=(Wave(number=1, level=0, batches=tuple(batches)),), now=now)


def at(size: int, *, per_minute: float = 0.0, ago: dt.timedelta = MINUTE) -> Sizing:
    return Sizing(size=size, reason="before", at=NOW - ago, per_minute=per_minute)


def change(before: Sizing | None, given: JobState, limits: Limits) -> tuple[int, str] | None:
    if not is_due(before and before.at, given.now):
        return None
    statuses = [batch.status for wave in given.waves for batch in wave.batches]
    failed = statuses.count(BatchStatus.RETRYING) + statuses.count(BatchStatus.FAILED)
    seen = Recent(completed=statuses.count(BatchStatus.COMPLETED), failed=failed)
    after = resized(before, given, limits, seen)
    return None if after is None else (after.size, after.reason)


def test_a_job_begins_with_the_most_and_keeps_it_while_all_is_well(sized: Limits) -> None:
    assert change(None, state(processing=50, dispatched=50), sized) is None


def test_failures_halve_it(sized: Limits) -> None:
    given = state(completed=17, retrying=3, processing=80)
    assert change(None, given, sized) == (50, "15% of the last 20 batches failed")


def test_a_few_failures_of_a_few_batches_say_nothing(sized: Limits) -> None:
    assert change(None, state(completed=1, retrying=1, processing=80), sized) is None


def test_a_long_wait_for_runs_takes_a_quarter(sized: Limits) -> None:
    given = state(dispatched=80, completed=10, waited=6 * MINUTE)
    assert change(None, given, sized) == (75, "a batch has waited 360 s for its run")


def test_a_batch_that_has_waited_long_counts_once_until_it_has_waited_as_long_again(sized: Limits) -> None:
    given = state(dispatched=80, completed=10, waited=20 * MINUTE)
    assert change(at(75, ago=5 * MINUTE), given, sized) is None
    assert change(at(75, ago=6 * MINUTE), given, sized) == (56, "a batch has waited 360 s for its run")


def test_it_grows_while_all_are_in_flight_and_none_waits(sized: Limits) -> None:
    given = state(completed=50, processing=40)
    assert change(at(40), given, sized) == (50, "all are in flight, none waits for long and none fails")


def test_it_does_not_grow_without_a_need(sized: Limits) -> None:
    assert change(at(40), state(completed=50, processing=20), sized) is None


def test_more_in_flight_that_finishes_less_is_taken_back(sized: Limits) -> None:
    given = state(completed=10, processing=60)
    assert change(at(60, per_minute=20.0), given, sized) == (45, "2.0 batches were finished per minute, 20.0 before")


def test_it_stays_within_its_bounds(sized: Limits) -> None:
    assert change(at(12), state(retrying=20), sized) == (10, "100% of the last 20 batches failed")
    assert change(at(10), state(retrying=20), sized) is None
    assert change(at(95), state(completed=50, processing=95), sized) == (
        100,
        "all are in flight, none waits for long and none fails",
    )


@pytest.mark.parametrize(("ago", "decides"), [(SECOND, False), (59 * SECOND, False), (MINUTE, True), (-MINUTE, True)])
def test_a_decision_is_left_to_show_its_effect_for_a_minute(sized: Limits, ago: dt.timedelta, decides: bool) -> None:
    assert (change(at(80, ago=ago), state(retrying=20), sized) is not None) is decides


@pytest.mark.parametrize(
    ("ago", "since"), [(None, 5 * MINUTE), (2 * MINUTE, 2 * MINUTE), (9 * MINUTE, 5 * MINUTE), (-MINUTE, 5 * MINUTE)]
)
def test_only_what_happened_after_the_last_change_counts_and_not_longer_than_five_minutes(
    ago: dt.timedelta | None, since: dt.timedelta
) -> None:
    before = None if ago is None else at(50, ago=ago)
    assert seen_since(before, NOW) == NOW - since


def test_the_pace_is_that_of_the_time_since_the_last_change(sized: Limits) -> None:
    given = state(completed=20, processing=60)
    before = at(60, per_minute=20.0)
    assert resized(before, given, sized, Recent(completed=20, seconds=300.0)) is not None
    after = resized(before, given, sized, Recent(completed=20, seconds=60.0))
    assert after is not None
    assert (after.size, after.per_minute) == (75, 20.0)


def test_runs_fit_the_batches_that_may_be_in_flight(sized: Limits) -> None:
    few = replace(sized, in_flight_now=3)
    assert (few.in_flight, few.dispatch_batches, few.dispatch_increments) == (3, 3, 3)
    assert [len(one.batches) for one in decide(state(pending=20), few).dispatches] == [3]


def test_decisions_are_kept_newest_first_with_their_reasons(store: WaveStore) -> None:
    first, second = at(50, ago=2 * MINUTE), at(75, per_minute=12.5)
    for sizing in (first, second):
        store.note_sizing("job-1", sizing)
    assert list(store.sizings("job-1")) == [second, first]
    assert not store.sizings("job-2")


def test_a_size_that_a_run_would_exceed_is_not_taken_for_full_while_nothing_is_in_flight(sized: Limits) -> None:
    large = replace(sized, wave_size=300, run_batches=75, runs_at_once=2)
    assert change(at(50), state(pending=200), large) is None


def _finish(
    store: WaveStore, numbers: Iterable[int], status: BatchStatus, moment: dt.datetime, **values: dt.datetime | None
) -> None:
    """Batches of these numbers completed or failed then."""
    name = "completed_at" if status is BatchStatus.COMPLETED else "failed_at"
    with store.engine.begin() as connection:
        connection.execute(
            update(wave_batches)
            .where(wave_batches.c.batch_number.in_(list(numbers)))
            .values(status=status, **{name: moment}, **values)
        )


def test_what_became_of_batches_is_counted_from_then_to_now(store: WaveStore, planned: SavePlan) -> None:
    planned({"customer": (0, 20)})
    since = NOW - MINUTE
    _finish(store, [0], BatchStatus.COMPLETED, since)
    _finish(store, [1, 2], BatchStatus.COMPLETED, since + SECOND)
    _finish(store, [3, 4, 5], BatchStatus.COMPLETED, since + SECOND, reported_at=since + 2 * SECOND)
    _finish(store, [6], BatchStatus.FAILED, since)
    _finish(store, [7], BatchStatus.FAILED, NOW)
    # Failed and already dispatched again, or imported at last: the one counts as failed, the other does not.
    _finish(store, [8], BatchStatus.PROCESSING, NOW)
    _finish(store, [9], BatchStatus.COMPLETED, NOW, failed_at=NOW - SECOND)
    _finish(store, [10], BatchStatus.RETRYING, NOW + SECOND)
    assert store.recent(JOB, since=since, now=NOW) == Recent(completed=6, failed=2, seconds=60.0)


def test_counting_what_happened_lately_goes_by_an_index_that_knows_of_status_and_time(
    store: WaveStore, planned: SavePlan, engine: Engine
) -> None:
    planned({"customer": (0, 600)})
    _finish(store, range(590), BatchStatus.COMPLETED, NOW - 10 * MINUTE, reported_at=NOW - 9 * MINUTE)
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    store.recent(JOB, since=NOW - 5 * MINUTE, now=NOW)
    event.remove(engine, "before_cursor_execute", note)
    [(statement, parameters)] = [one for one in sent if one[0].startswith("SELECT")]
    explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    with engine.begin() as connection:
        rows = connection.exec_driver_sql(f"{explain} {statement}", parameters).all()
    assert str(rows).count("idx_wave_batches_job_status") >= 2
