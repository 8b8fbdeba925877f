"""What a person does to an import, on both databases: pause, resume, cancel, retry and reset."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.record_types.failure_policy import FailurePolicy, RetryPolicy
from netsuite_pipeline.waves.coordinator import decide
from netsuite_pipeline.waves.errors import PlanningBusy, Refused, UnknownJob
from netsuite_pipeline.waves.job_state import Decision
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import BatchStatus, Dispatch, Job, JobStatus, RecordTypePlan, WaveStatus
from netsuite_pipeline.waves.planning_lock import PlanningLock
from netsuite_pipeline.waves.retrying import retry_job
from netsuite_pipeline.waves.set_back_store import SetBack
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.waves.conftest import JOB, LIMITS, NOW

HOUR = dt.timedelta(hours=1)
SavePlan = Callable[..., list[RecordTypePlan]]
PENDING, COMPLETED, FAILED = BatchStatus.PENDING, BatchStatus.COMPLETED, BatchStatus.FAILED


def look(store: WaveStore, limits: Limits, now: dt.datetime) -> Decision:
    """A whole look of the dispatcher, except that nobody launches what it claimed."""
    state = store.load_state(JOB, now=now)
    decision = decide(state, limits)
    carry_out(store, decision, limits, now=now, resumes=state.job.resumes)
    return decision


def carry_out(store: WaveStore, decision: Decision, limits: Limits, *, now: dt.datetime, resumes: int) -> list[bool]:
    store.update_waves(JOB, decision.wave_changes, now=now, resumes=resumes)
    claims = [
        store.claim_dispatch(one, in_flight_limit=limits.in_flight, now=now, resumes=resumes)
        for one in decision.dispatches
    ]
    if decision.end:
        end = decision.end
        store.finish_job(JOB, status=end.status, reason=end.reason, now=now, resumes=resumes)
    return claims


def run(
    store: WaveStore,
    dispatch: Dispatch,
    now: dt.datetime,
    *,
    failing: Sequence[int] = (),
    category: FailureCategory = FailureCategory.DATABASE,
) -> None:
    """A run that fails the batches which begin with these ids, for good, and completes the others."""
    ranges = [batch.range for batch in dispatch.batches]
    run_id = f"run of {dispatch.key}"
    store.start_batches(dispatch.key, ranges, run_id=run_id, now=now)
    held = {"dispatch_key": dispatch.key, "run_id": run_id, "now": now}
    for one in ranges:
        if one.first in failing:
            store.fail_batch(batch=one, category=category, reason="no", retry_at=None, **held)
        else:
            with store.engine.begin() as connection:
                store.complete_batch(connection, batch=one, records=10, **held)


def run_to_the_end(store: WaveStore, limits: Limits, now: dt.datetime, *, failing: Sequence[int] = ()) -> Job:
    """Looks and runs until the job has ended."""
    for _ in range(20):
        for dispatch in look(store, limits, now).dispatches:
            run(store, dispatch, now, failing=failing)
        if store.job(JOB).status is not JobStatus.RUNNING:
            return store.job(JOB)
    raise AssertionError("the job never ended")


def everything(store: WaveStore) -> Mapping[str, set[BatchRange]]:
    """Partitions as they were when the job was planned."""
    existing: dict[str, set[BatchRange]] = {}
    for batch in store.batches(JOB):
        existing.setdefault(batch.record_type, set()).add(batch.range)
    return existing


def retry(store: WaveStore, now: dt.datetime, limits: Limits = LIMITS) -> SetBack:
    return store.retry(JOB, limits=limits, existing=everything(store), now=now)


def reset(store: WaveStore, wave: int, now: dt.datetime, limits: Limits = LIMITS) -> SetBack:
    return store.reset(JOB, wave, limits=limits, existing=everything(store), now=now)


def statuses(store: WaveStore) -> list[BatchStatus]:
    return [batch.status for batch in store.batches(JOB)]


def waves(store: WaveStore) -> list[tuple[WaveStatus, int, int]]:
    """What the rows of the waves say."""
    return [(one.status, one.completed, one.failed) for one in store.load_state(JOB, now=NOW).waves]


def test_a_paused_job_is_given_nothing_until_it_is_resumed(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"subsidiary": (0, 2)})
    before = decide(store.load_state(JOB, now=now), limits)
    assert store.pause(JOB, now=now).paused_at == now
    assert carry_out(store, before, limits, now=now, resumes=0) == [False]
    assert look(store, limits, now).dispatches == ()
    assert store.resume(JOB, now=now + HOUR).paused_at is None
    assert carry_out(store, before, limits, now=now, resumes=0) == [True]


def test_pausing_and_cancelling_twice_keeps_the_first_moment(
    store: WaveStore, planned: SavePlan, now: dt.datetime
) -> None:
    planned({"subsidiary": (0, 2)})
    store.pause(JOB, now=now)
    assert store.pause(JOB, now=now + HOUR).paused_at == now
    store.cancel(JOB, now=now)
    assert store.cancel(JOB, now=now + HOUR).cancelled_at == now


def test_resuming_a_job_that_is_not_paused_changes_nothing(
    store: WaveStore, planned: SavePlan, now: dt.datetime
) -> None:
    planned({"subsidiary": (0, 2)})
    before = store.job(JOB)
    assert store.resume(JOB, now=now + HOUR) == before


def test_a_cancelled_job_is_given_nothing_and_ends_when_nothing_is_in_flight(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"subsidiary": (0, 10)})
    five, other_five = decide(store.load_state(JOB, now=now), limits).dispatches
    assert store.claim_dispatch(five, in_flight_limit=None, now=now)
    store.cancel(JOB, now=now)
    assert not store.claim_dispatch(other_five, in_flight_limit=None, now=now)
    look(store, limits, now)
    assert store.job(JOB).status is JobStatus.RUNNING
    run(store, five, now)
    look(store, limits, now)
    assert store.job(JOB).status is JobStatus.CANCELLED
    assert statuses(store) == [COMPLETED] * 5 + [PENDING] * 5
    assert store.cancel(JOB, now=now).status is JobStatus.CANCELLED


@pytest.mark.parametrize("do", [WaveStore.pause, WaveStore.resume])
def test_a_job_that_is_being_cancelled_cannot_be_paused_or_resumed(
    store: WaveStore, planned: SavePlan, now: dt.datetime, do: Callable[..., Job]
) -> None:
    planned({"subsidiary": (0, 1)})
    store.cancel(JOB, now=now)
    with pytest.raises(Refused, match=r"it is being cancelled.*`waves retry` takes that back"):
        do(store, JOB, now=now)


@pytest.mark.parametrize("do", [WaveStore.pause, WaveStore.resume, WaveStore.cancel])
def test_an_ended_job_cannot_be_paused_resumed_or_cancelled(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime, do: Callable[..., Job]
) -> None:
    planned({"subsidiary": (0, 1)})
    ended = run_to_the_end(store, limits, now)
    with pytest.raises(Refused, match="it has ended as completed"):
        do(store, JOB, now=now)
    assert store.job(JOB) == ended
    with pytest.raises(UnknownJob):
        do(store, "nope", now=now)


def test_a_job_cancelled_while_it_was_planned_ends_as_cancelled_when_the_plan_is_there(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    store.create_job(JOB, record_types=["subsidiary"], with_dependencies=True, trigger="cli", now=now)
    store.cancel(JOB, now=now)
    planned({"subsidiary": (0, 2)})
    assert look(store, limits, now).dispatches == ()
    assert store.job(JOB).status is JobStatus.CANCELLED
    retry(store, now)
    assert run_to_the_end(store, limits, now).status is JobStatus.COMPLETED


def test_a_job_paused_while_it_was_planned_waits_when_the_plan_is_there(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    store.create_job(JOB, record_types=["subsidiary"], with_dependencies=True, trigger="cli", now=now)
    store.pause(JOB, now=now)
    planned({"subsidiary": (0, 2)})
    assert (look(store, limits, now).waiting_for or "").startswith("Paused since")
    store.resume(JOB, now=now)
    assert run_to_the_end(store, limits, now).status is JobStatus.COMPLETED


def test_cancelling_is_taken_back_by_a_retry_before_the_plan_is_there(store: WaveStore, now: dt.datetime) -> None:
    store.create_job(JOB, record_types=[], with_dependencies=True, trigger="cli", now=now)
    with pytest.raises(Refused, match="is still being planned"):
        retry(store, now)
    store.cancel(JOB, now=now)
    job = retry(store, now).job
    assert (job.status, job.cancelled_at) == (JobStatus.PLANNING, None)


def test_retry_imports_what_failed_and_nothing_else(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"subsidiary": (0, 5), "customer": (1, 5)})
    assert run_to_the_end(store, limits, now, failing=[20]).status is JobStatus.PARTIAL
    assert waves(store) == [(WaveStatus.FAILED, 4, 1), (WaveStatus.FAILED, 4, 1)]

    again = retry(store, now + HOUR)
    assert again.batches == {FAILED: 2}
    assert (again.job.status, again.job.finished_at, again.job.failure_reason) == (JobStatus.RUNNING, None, None)
    assert waves(store) == [(WaveStatus.DISPATCHING, 4, 0), (WaveStatus.DISPATCHING, 4, 0)]
    assert [batch.attempt for batch in store.batches(JOB)].count(1) == 10

    assert run_to_the_end(store, limits, now + HOUR).status is JobStatus.COMPLETED
    assert [batch.attempt for batch in store.batches(JOB)].count(2) == 2
    assert waves(store) == [(WaveStatus.COMPLETED, 5, 0), (WaveStatus.COMPLETED, 5, 0)]


def test_retry_grants_as_many_attempts_as_a_new_batch_has(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"subsidiary": (0, 2)})
    run_to_the_end(store, limits, now, failing=[10])
    retry(store, now, replace(limits, retry_attempts=2))
    assert [(batch.attempt, batch.max_retries) for batch in store.batches(JOB)] == [(1, 3), (1, 3)]
    run_to_the_end(store, limits, now, failing=[10])
    retry(store, now, replace(limits, retry_attempts=2))
    assert [(batch.attempt, batch.max_retries) for batch in store.batches(JOB)] == [(1, 3), (2, 4)]


def test_a_retry_grants_each_type_what_a_plan_would(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"subsidiary": (0, 1), "price_level": (0, 1)})
    run_to_the_end(store, limits, now, failing=[0])
    own = FailurePolicy(retries=(RetryPolicy(category=FailureCategory.TIMEOUT, attempts=9),))
    retry(store, now, replace(limits, policies={"price_level": own}))
    granted = {batch.record_type: batch.max_retries for batch in store.batches(JOB)}
    assert granted == {"subsidiary": 4, "price_level": 10}


def test_a_retry_forgets_why_it_failed(store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime) -> None:
    planned({"subsidiary": (0, 2)})
    run(store, look(store, limits, now).dispatches[0], now, failing=[0], category=FailureCategory.AUTHENTICATION)
    look(store, limits, now)
    assert store.job(JOB).status is JobStatus.FAILED
    retry(store, now)
    assert store.batches(JOB)[0].failure_category is None
    assert store.job_summary(JOB).failed_batches == ()
    assert run_to_the_end(store, limits, now).status is JobStatus.COMPLETED


def test_a_retry_goes_on_with_what_a_stopped_job_never_began(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"subsidiary": (0, 4), "customer": (1, 4)}, wave_size=2)
    small = replace(limits, wave_size=2)
    run(store, look(store, small, now).dispatches[0], now, failing=[0], category=FailureCategory.AUTHENTICATION)
    look(store, small, now)
    assert [status for status, *_ in waves(store)] == [WaveStatus.FAILED] * 4
    assert retry(store, now).batches == {FAILED: 1}
    assert waves(store) == [(WaveStatus.DISPATCHING, 1, 0)] + [(WaveStatus.PENDING, 0, 0)] * 3
    assert run_to_the_end(store, small, now).status is JobStatus.COMPLETED
    assert statuses(store) == [COMPLETED] * 8


def test_a_retried_batch_of_a_lower_level_holds_up_the_higher_ones_until_it_is_over(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"subsidiary": (0, 2), "customer": (1, 8)}, wave_size=4)
    small = replace(limits, wave_size=4, run_batches=2)
    run(store, look(store, small, now).dispatches[0], now, failing=[0])
    first, _ = look(store, small, now).dispatches
    assert first.record_type == "customer"
    run(store, first, now, failing=[10])
    retry(store, now)
    (only,) = look(store, small, now).dispatches
    assert (only.record_type, [batch.range.first for batch in only.batches]) == ("subsidiary", [0])
    store.pause(JOB, now=now)
    store.resume(JOB, now=now)
    assert look(store, small, now).dispatches == ()
    run(store, only, now)
    assert {one.record_type for one in look(store, small, now).dispatches} == {"customer"}


def test_what_was_decided_before_a_retry_is_void(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"subsidiary": (0, 2), "customer": (1, 2)})
    run(store, look(store, limits, now).dispatches[0], now, failing=[0])
    # This look saw level 0 over and begins level 1; a person is faster.
    stale = decide(store.load_state(JOB, now=now), limits)
    assert [one.record_type for one in stale.dispatches] == ["customer"]
    assert [change.status for change in stale.wave_changes] == [WaveStatus.FAILED]
    retry(store, now)
    assert carry_out(store, stale, limits, now=now, resumes=0) == [False]
    assert waves(store)[0] == (WaveStatus.DISPATCHING, 1, 0)
    assert run_to_the_end(store, limits, now).status is JobStatus.COMPLETED


def test_an_end_that_was_decided_before_a_retry_is_void(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"subsidiary": (0, 4)}, wave_size=2)
    store.cancel(JOB, now=now)
    stale = decide(store.load_state(JOB, now=now), limits)
    assert stale.end is not None
    retry(store, now)
    carry_out(store, stale, limits, now=now, resumes=0)
    assert store.job(JOB).status is JobStatus.RUNNING
    assert run_to_the_end(store, limits, now).status is JobStatus.COMPLETED


def test_a_retry_of_a_running_job_retries_what_failed_so_far_and_ends_a_pause(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"subsidiary": (0, 10)})
    first, second = look(store, limits, now).dispatches
    run(store, first, now, failing=[0])
    store.pause(JOB, now=now)
    again = retry(store, now)
    assert (again.batches, again.job.paused_at) == ({FAILED: 1}, None)
    (only,) = look(store, limits, now).dispatches
    assert (only.key, only.attempt) == ("job-1:w1:subsidiary:0..9:a2", 2)
    run(store, second, now)
    run(store, only, now)
    assert run_to_the_end(store, limits, now).status is JobStatus.COMPLETED


def test_a_retry_without_anything_to_retry_is_refused_and_says_why(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"subsidiary": (0, 1)})
    with pytest.raises(Refused, match="No batch of import job-1 has failed for good"):
        retry(store, now)
    run_to_the_end(store, limits, now)
    with pytest.raises(Refused, match="is complete"):
        retry(store, now)
    with pytest.raises(UnknownJob):
        store.retry("nope", limits=LIMITS, existing={}, now=now)


def test_a_job_that_only_lacked_unavailable_types_needs_a_new_import(
    store: WaveStore, limits: Limits, now: dt.datetime
) -> None:
    store.create_job(JOB, record_types=["charge"], with_dependencies=True, trigger="cli", now=now)
    with pytest.raises(Refused, match="is still being planned"):
        retry(store, now)
    missing = RecordTypePlan(record_type="charge", level=0, available=False, reason="feature is off")
    store.save_plan(JOB, types=[missing], waves=[], now=now)
    look(store, limits, now)
    assert store.job(JOB).status is JobStatus.FAILED
    with pytest.raises(Refused, match="unavailable are not in its plan: start a new import"):
        retry(store, now)


def test_a_job_that_was_never_planned_cannot_be_retried(store: WaveStore, now: dt.datetime) -> None:
    store.create_job(JOB, record_types=[], with_dependencies=True, trigger="cli", now=now)
    store.fail_job(JOB, "Planning failed", now=now)
    with pytest.raises(Refused, match="was never planned, start a new one"):
        retry(store, now)


def test_batches_whose_partition_was_replaced_stay_failed_and_say_so(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"subsidiary": (0, 3), "customer": (1, 3)})
    run(
        store,
        look(store, limits, now).dispatches[0],
        now,
        failing=[0, 20],
        category=FailureCategory.AUTHENTICATION,
    )
    look(store, limits, now)
    existing = {name: {one for one in ranges if one.first != 20} for name, ranges in everything(store).items()}
    again = store.retry(JOB, limits=LIMITS, existing=existing, now=now)
    assert (again.batches, again.gone) == ({FAILED: 1}, {"subsidiary": 1, "customer": 1})
    assert run_to_the_end(store, limits, now).status is JobStatus.PARTIAL
    failed = store.job_summary(JOB).failed_batches
    assert [(one.record_type, one.key, one.category) for one in failed] == [
        ("customer", "20..29", "unknown"),
        ("subsidiary", "20..29", "unknown"),
    ]
    assert "start a new import of customer" in failed[0].reason


def test_a_retry_of_replaced_batches_only_is_refused_and_changes_nothing(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"subsidiary": (0, 3)})
    ended = run_to_the_end(store, limits, now, failing=[20])
    before = store.batches(JOB)
    with pytest.raises(Refused, match="import start --types subsidiary --no-dependencies"):
        store.retry(JOB, limits=LIMITS, existing={"subsidiary": {BatchRange(0, 9)}}, now=now)
    assert (store.job(JOB), store.batches(JOB)) == (ended, before)


def test_reset_has_all_that_is_not_completed_tried_again_and_runs_lose_their_lease(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"subsidiary": (0, 15)})
    done, started, queued = look(store, limits, now).dispatches
    run(store, done, now, failing=[0])
    store.start_batches(started.key, [one.range for one in started.batches], run_id="hung", now=now)
    again = reset(store, 1, now + HOUR)
    assert again.batches == {FAILED: 1, BatchStatus.PROCESSING: 5, BatchStatus.DISPATCHED: 5}
    assert waves(store) == [(WaveStatus.DISPATCHING, 4, 0)]
    assert store.in_flight(JOB) == []
    assert not store.fail_batch(
        dispatch_key=started.key,
        batch=started.batches[0].range,
        run_id="hung",
        category=FailureCategory.TIMEOUT,
        reason="late",
        retry_at=None,
        now=now,
    )
    assert store.start_batches(queued.key, [queued.batches[0].range], run_id="late", now=now).ranges == ()
    assert {one.attempt for one in look(store, limits, now + HOUR).dispatches} == {2}
    assert {batch.max_retries for batch in store.batches(JOB) if batch.status is not COMPLETED} == {4}


def test_a_dispatcher_that_gives_up_what_was_reset_meanwhile_changes_nothing(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"subsidiary": (0, 2)})
    look(store, limits, now)
    (held,) = store.in_flight(JOB)
    reset(store, 1, now)
    assert store.release(held, reason="died", retry_at=None, now=now) == 0
    assert statuses(store) == [PENDING, PENDING]


def test_reset_leaves_a_pause_of_a_running_job_and_ends_that_of_an_ended_one(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"subsidiary": (0, 2)})
    look(store, limits, now)
    store.pause(JOB, now=now)
    assert reset(store, 1, now).job.paused_at == now
    assert look(store, limits, now).dispatches == ()
    store.cancel(JOB, now=now)
    look(store, limits, now)
    assert store.job(JOB).status is JobStatus.CANCELLED
    job = reset(store, 1, now).job
    assert (job.status, job.paused_at, job.cancelled_at) == (JobStatus.RUNNING, None, None)
    assert run_to_the_end(store, limits, now).status is JobStatus.COMPLETED


@pytest.mark.parametrize("category", [FailureCategory.AUTHENTICATION, FailureCategory.PERMANENT_ERROR])
def test_a_reset_is_refused_where_a_failure_of_another_wave_would_stop_the_job_again(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime, category: FailureCategory
) -> None:
    strict = replace(limits, continue_on_permanent=False)
    planned({"subsidiary": (0, 4)}, wave_size=2)
    (first,) = look(store, strict, now).dispatches
    run(store, first, now, failing=[0, 10], category=category)
    look(store, strict, now)
    before = (store.job(JOB), store.batches(JOB), waves(store))
    assert before[0].status is JobStatus.FAILED
    with pytest.raises(Refused, match=r"Wave 2 of import job-1 is not reset.*`netsuite-pipeline waves retry job-1`"):
        reset(store, 2, now, strict)
    assert (store.job(JOB), store.batches(JOB), waves(store)) == before
    assert reset(store, 1, now, strict).job.status is JobStatus.RUNNING
    assert run_to_the_end(store, strict, now).status is JobStatus.COMPLETED


def test_a_reset_of_a_wave_is_not_refused_for_failures_that_stop_nothing(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"subsidiary": (0, 2), "customer": (1, 2)}, wave_size=2)
    for _ in range(2):
        for dispatch in look(store, limits, now).dispatches:
            run(store, dispatch, now, failing=[0], category=FailureCategory.PERMANENT_ERROR)
    look(store, limits, now)
    assert store.job(JOB).status is JobStatus.PARTIAL
    assert reset(store, 2, now).job.status is JobStatus.RUNNING


@pytest.mark.parametrize("wave", [1, 7])
def test_a_wave_without_anything_to_reset_is_refused(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime, wave: int
) -> None:
    planned({"subsidiary": (0, 2)})
    run_to_the_end(store, limits, now)
    with pytest.raises(Refused, match=f"Wave {wave} of import job-1 has no batch that is not completed"):
        reset(store, wave, now)


def test_a_retry_waits_for_a_planner_and_gives_up_in_the_end(
    store: WaveStore, planned: SavePlan, now: dt.datetime
) -> None:
    planned({"subsidiary": (0, 2)})
    with PlanningLock(store.engine, timeout=0), pytest.raises(PlanningBusy):
        retry_job(JOB, store=store, registry=_Registry(), limits=LIMITS, now=now, lock_timeout=0)


def test_a_resumed_job_has_not_waited_for_netsuite_during_its_pause(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"subsidiary": (0, 2)})
    store.save_circuit("account", store.circuit("account").unanswered("HTTP 503", now))
    away = store.circuit("account")
    store.pause(JOB, now=now)
    late = now + 10 * HOUR
    assert decide(store.load_state(JOB, now=late, circuit=away), limits).end is None
    store.resume(JOB, now=late)
    assert decide(store.load_state(JOB, now=late, circuit=away), limits).end is None
    assert decide(store.load_state(JOB, now=late + 2 * HOUR, circuit=away), limits).end is not None


def test_a_retried_job_has_not_waited_for_netsuite_yet(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"subsidiary": (0, 2)})
    away = store.circuit("account").unanswered("HTTP 503", now)
    late = now + 10 * HOUR
    end = decide(store.load_state(JOB, now=late, circuit=away), limits).end
    assert end is not None
    store.finish_job(JOB, status=end.status, reason=end.reason, now=late)
    retry(store, late)
    assert decide(store.load_state(JOB, now=late, circuit=away), limits).end is None


class _Registry:
    def existing(self, record_type: str) -> list[BatchRange]:
        return []

    def in_use(self, record_type: str) -> bool:
        return False

    def apply(self, record_type: str, *, add: object, remove: object) -> None:
        raise AssertionError("nothing is planned here")
