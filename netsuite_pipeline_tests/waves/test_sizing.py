"""How many batches may be in flight when that follows what is seen, from states written by hand."""

import datetime as dt
from dataclasses import replace

import pytest

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.waves.coordinator import decide
from netsuite_pipeline.waves.job_state import JobState
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import Batch, BatchStatus, Job, JobStatus, Wave
from netsuite_pipeline.waves.sizing import Recent, Sizing, is_due, resized
from netsuite_pipeline.waves.store import WaveStore

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
    if not is_due(before, given.now):
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
