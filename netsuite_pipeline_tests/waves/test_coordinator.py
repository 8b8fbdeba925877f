"""What is dispatched when, and how a job ends, from states written by hand."""

import datetime as dt
from dataclasses import replace

import pytest

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.record_types.failure_policy import FailurePolicy
from netsuite_pipeline.waves.circuit import CLOSED
from netsuite_pipeline.waves.coordinator import decide
from netsuite_pipeline.waves.job_state import Decision, Failures, JobState
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import (
    Batch,
    BatchStatus,
    Job,
    JobStatus,
    RecordTypePlan,
    Wave,
    WaveStatus,
)

NOW = dt.datetime.fromisoformat("2026-11-23T02:00:00")
SECOND = dt.timedelta(seconds=1)
PENDING, DISPATCHED, PROCESSING = BatchStatus.PENDING, BatchStatus.DISPATCHED, BatchStatus.PROCESSING
COMPLETED, FAILED, RETRYING = BatchStatus.COMPLETED, BatchStatus.FAILED, BatchStatus.RETRYING


def batch(number: int, status: BatchStatus = PENDING, record_type: str = "customer", **changes: object) -> Batch:
    over = status in {COMPLETED, FAILED}
    plain = Batch(
        batch_id=f"job_{record_type}_{number}",
        record_type=record_type,
        record_type_id=-len(record_type),
        range=BatchRange(number * 10, number * 10 + 9),
        batch_number=number,
        status=status,
        attempt=0 if status is PENDING else 1,
        finished_at=NOW if over else None,
        failure_category=FailureCategory.TIMEOUT if status in {FAILED, RETRYING} else None,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def wave(number: int, *batches: Batch, level: int = 0) -> Wave:
    return Wave(number=number, level=level, batches=batches)


def many(statuses: dict[BatchStatus, int], *, start: int = 0) -> list[Batch]:
    flat = [status for status, count in statuses.items() for _ in range(count)]
    return [batch(start + number, status) for number, status in enumerate(flat)]


def state(*waves: Wave, unavailable: tuple[str, ...] = (), now: dt.datetime = NOW) -> JobState:
    job = Job(
        job_id="job",
        status=JobStatus.RUNNING,
        record_types=("customer",),
        with_dependencies=True,
        trigger="cli",
        created_at=NOW,
    )
    types = [RecordTypePlan(record_type="customer", level=0, available=True)] if waves or not unavailable else []
    types += [
        RecordTypePlan(record_type=name, level=0, available=False, reason="no permission") for name in unavailable
    ]
    failures = [
        Failures(record_type=one.record_type, category=one.failure_category, batches=1, key=one.range.key)
        for wave in waves
        for one in wave.batches
        if one.status is FAILED and one.failure_category
    ]
    return JobState(job=job, types=tuple(types), waves=waves, now=now, failures=tuple(failures))


def sizes(decision: Decision) -> list[int]:
    return [len(dispatch.batches) for dispatch in decision.dispatches]


def keys(decision: Decision) -> list[str]:
    return [dispatch.key for dispatch in decision.dispatches]


def test_a_wave_goes_out_in_runs_of_at_most_run_batches(limits: Limits) -> None:
    decision = decide(state(wave(1, *many({PENDING: 12}))), limits)
    assert keys(decision) == ["job:w1:customer:0..49:a1", "job:w1:customer:50..99:a1", "job:w1:customer:100..119:a1"]


def test_a_run_takes_batches_of_one_record_type_only(limits: Limits) -> None:
    decision = decide(state(wave(1, batch(0), batch(0, record_type="item"), batch(1))), limits)
    assert sorted(keys(decision)) == ["job:w1:customer:0..19:a1", "job:w1:item:0..9:a1"]


def test_batches_that_are_not_neighbours_in_partition_order_do_not_share_a_run(limits: Limits) -> None:
    decision = decide(state(wave(1, batch(0), batch(1, COMPLETED), batch(2))), limits)
    assert keys(decision) == ["job:w1:customer:0..9:a1", "job:w1:customer:20..29:a1"]


def increments(count: int, *, changed: int = 0, start: int = 0) -> list[Batch]:
    return [batch(n, changed_since=NOW, expected_records=changed) for n in range(start, start + count)]


def test_ten_times_as_many_batches_of_which_little_is_read_share_a_run(limits: Limits) -> None:
    assert sizes(decide(state(wave(1, *increments(120))), limits)) == [50, 50, 20]


def test_a_run_takes_no_more_changed_records_than_whole_batches_would_have(limits: Limits) -> None:
    assert sizes(decide(state(wave(1, *increments(12, changed=900))), limits)) == [5, 5, 2]
    assert sizes(decide(state(wave(1, *increments(2, changed=90_000))), limits)) == [1, 1]


def test_whole_batches_among_increments_count_as_ever(limits: Limits) -> None:
    mixed = [*increments(4), *(batch(n) for n in range(4, 12))]
    assert sizes(decide(state(wave(1, *mixed)), limits)) == [9, 3]


def test_a_run_of_increments_larger_than_the_wave_size_is_cut_to_it(limits: Limits) -> None:
    assert sizes(decide(state(wave(1, *increments(60))), replace(limits, wave_size=30))) == [30]


def test_in_flight_never_exceeds_the_wave_size(limits: Limits) -> None:
    small = replace(limits, wave_size=12)
    assert sizes(decide(state(wave(1, *many({PENDING: 30}))), small)) == [5, 5]
    assert sizes(decide(state(wave(1, *many({PROCESSING: 4, DISPATCHED: 3, PENDING: 30}))), small)) == [5]


def test_a_run_larger_than_the_wave_size_is_cut_to_it(limits: Limits) -> None:
    assert sizes(decide(state(wave(1, *many({PENDING: 9}))), replace(limits, wave_size=3))) == [3]


@pytest.mark.parametrize(
    ("due", "runs"),
    [
        (300, [75, 75, 75, 75]),
        (144, [72, 72]),
        (157, [40, 40, 40, 37]),
        (25, [13, 12]),
        (19, [19]),
        (1, [1]),
    ],
)
def test_runs_that_are_at_work_at_the_same_time_get_equal_parts(limits: Limits, due: int, runs: list[int]) -> None:
    two = replace(limits, run_batches=75, runs_at_once=2)
    assert sizes(decide(state(wave(1, *many({PENDING: due}))), two)) == runs


def test_the_parts_of_a_wave_stay_as_they_are_while_it_gets_less(limits: Limits) -> None:
    two = replace(limits, run_batches=75, runs_at_once=2)
    rest = wave(1, *many({PROCESSING: 225, PENDING: 75}))
    assert sizes(decide(state(rest), two)) == [75]


def test_runs_are_small_enough_for_one_to_wait_behind_each_that_is_at_work(limits: Limits) -> None:
    small = replace(limits, wave_size=100, run_batches=75, runs_at_once=2)
    assert sizes(decide(state(wave(1, *many({PENDING: 100}))), small)) == [25, 25, 25, 25]
    tiny = replace(limits, wave_size=3, run_batches=75, runs_at_once=2)
    assert sizes(decide(state(wave(1, *many({PENDING: 3}))), tiny)) == [1, 1, 1]


def test_increments_are_cut_into_equal_parts_as_well_if_these_are_worth_a_run(limits: Limits) -> None:
    two = replace(limits, run_batches=75, runs_at_once=2)
    assert sizes(decide(state(wave(1, *increments(280))), two)) == [140, 140]
    assert sizes(decide(state(wave(1, *increments(120))), two)) == [100, 20]
    assert sizes(decide(state(wave(1, *increments(138, changed=300))), two)) == [69, 69]
    assert sizes(decide(state(wave(1, *increments(30, changed=300))), two)) == [30]
    mixed = [*increments(40), *(batch(n) for n in range(40, 48))]
    assert sizes(decide(state(wave(1, *mixed)), replace(two, run_batches=5))) == [44, 4]


def test_with_coordination_off_a_level_is_cut_into_equal_parts_as_well(limits: Limits) -> None:
    at_once = replace(limits, run_batches=75, runs_at_once=2, coordination=False)
    assert sizes(decide(state(wave(1, *many({PENDING: 310}))), at_once)) == [52, 52, 52, 52, 52, 50]


def test_the_next_wave_of_a_level_starts_at_the_threshold(limits: Limits) -> None:
    later = wave(2, *many({PENDING: 5}, start=10))
    below = decide(state(wave(1, *many({COMPLETED: 8, PROCESSING: 2})), later), limits)
    assert below.dispatches == ()
    assert below.waiting_for is not None
    assert "wave 2 starts 0 s after 90 % of wave 1" in below.waiting_for
    at = decide(state(wave(1, *many({COMPLETED: 8, FAILED: 1, PROCESSING: 1})), later), limits)
    assert keys(at) == ["job:w2:customer:100..149:a1"]


def test_a_retrying_batch_is_not_over(limits: Limits) -> None:
    first = wave(1, *many({COMPLETED: 8}), batch(8, RETRYING, not_before=NOW + SECOND), batch(9, PROCESSING))
    assert decide(state(first, wave(2, batch(10))), limits).dispatches == ()


def test_the_threshold_opens_one_wave_after_the_other(limits: Limits) -> None:
    waves = [wave(n, *many({PENDING: 5}, start=n * 5)) for n in (2, 3)]
    decision = decide(state(wave(1, *many({COMPLETED: 5})), *waves), limits)
    assert [dispatch.wave_number for dispatch in decision.dispatches] == [2]


@pytest.mark.parametrize(("seconds", "dispatched"), [(29, 0), (30, 1), (-3600, 1)])
def test_the_delay_counts_from_the_threshold_and_ignores_a_clock_that_was_set_back(
    limits: Limits, seconds: int, dispatched: int
) -> None:
    slow = replace(limits, inter_wave_delay=30)
    finished = [batch(n, COMPLETED, finished_at=NOW) for n in range(9)]
    late = batch(9, COMPLETED, finished_at=NOW + 20 * SECOND)
    waves = (wave(1, *finished, late), wave(2, batch(10)))
    assert len(decide(state(*waves, now=NOW + seconds * SECOND), slow).dispatches) == dispatched


def test_between_levels_there_is_no_delay(limits: Limits) -> None:
    slow = replace(limits, inter_wave_delay=30)
    decision = decide(state(wave(1, batch(0, COMPLETED)), wave(2, batch(1), level=1)), slow)
    assert len(decision.dispatches) == 1


@pytest.mark.parametrize("unfinished", [PENDING, DISPATCHED, PROCESSING, RETRYING])
@pytest.mark.parametrize("coordination", [True, False])
def test_no_level_starts_before_every_batch_of_the_lower_ones_is_over(
    limits: Limits, unfinished: BatchStatus, coordination: bool
) -> None:
    below = wave(1, *many({COMPLETED: 99}), batch(99, unfinished, not_before=NOW + SECOND))
    decision = decide(state(below, wave(2, batch(100), level=1)), replace(limits, coordination=coordination))
    assert all(dispatch.wave_number == 1 for dispatch in decision.dispatches)


def test_a_failed_dependency_does_not_hold_up_the_next_level(limits: Limits) -> None:
    decision = decide(state(wave(1, batch(0, FAILED)), wave(2, batch(1), level=1)), limits)
    assert keys(decision) == ["job:w2:customer:10..19:a1"]


def test_with_coordination_off_a_whole_level_goes_out_at_once(limits: Limits) -> None:
    off = replace(limits, wave_size=2, inter_wave_delay=999, coordination=False)
    waves = [wave(n, *many({PENDING: 2}, start=n * 2)) for n in range(1, 20)]
    assert sum(sizes(decide(state(*waves), off))) == 38


def test_retries_go_before_new_batches_once_they_are_due(limits: Limits) -> None:
    due = batch(7, RETRYING, not_before=NOW, attempt=2)
    early = batch(9, RETRYING, not_before=NOW + SECOND)
    decision = decide(state(wave(1, *many({PENDING: 3}), due, early)), replace(limits, wave_size=4))
    assert keys(decision) == ["job:w1:customer:70..79:a3", "job:w1:customer:0..29:a1"]


def test_batches_that_a_person_granted_more_attempts_do_not_share_a_run_with_others(limits: Limits) -> None:
    given = wave(1, batch(0, attempt=1, max_retries=3), batch(1, attempt=1, max_retries=4))
    assert sizes(decide(state(given), limits)) == [1, 1]


def test_batches_in_different_attempts_do_not_share_a_run(limits: Limits) -> None:
    decision = decide(state(wave(1, batch(0, RETRYING, attempt=1), batch(1, RETRYING, attempt=2))), limits)
    assert sizes(decision) == [1, 1]


@pytest.mark.parametrize("poison", [0, 9, 74])
def test_a_batch_that_kills_its_run_is_alone_in_the_last_attempt_and_fails_alone(limits: Limits, poison: int) -> None:
    limits = replace(limits, run_batches=75, wave_size=300)
    batches = [batch(number, max_retries=3) for number in range(75)]
    for _ in range(4):
        for dispatch in decide(state(wave(1, *batches)), limits).dispatches:
            numbers = [one.batch_number for one in dispatch.batches]
            # A run loads its batches in order; those from the one that kills it are given back together.
            for number in numbers:
                died = poison in numbers and number >= poison
                last = dispatch.attempt > 3
                status = (FAILED if last else RETRYING) if died else COMPLETED
                batches[number] = replace(
                    batches[number],
                    status=status,
                    attempt=dispatch.attempt,
                    failure_category=FailureCategory.UNKNOWN if died else None,
                )
    assert [one.batch_number for one in batches if one.status is not COMPLETED] == [poison]
    assert batches[poison].status is FAILED


def test_batches_of_a_run_that_died_share_few_runs_the_first_time(limits: Limits) -> None:
    limits = replace(limits, run_batches=75, wave_size=300)
    died = [
        batch(number, RETRYING, max_retries=3, failure_category=FailureCategory.UNKNOWN, not_before=NOW)
        for number in range(75)
    ]
    assert sizes(decide(state(wave(1, *died)), limits)) == [38, 37]


def test_a_retry_does_not_wait_for_a_clock_that_was_set_back(limits: Limits) -> None:
    hours_ahead = batch(0, RETRYING, not_before=NOW + 7200 * SECOND)
    assert len(decide(state(wave(1, hours_ahead)), limits).dispatches) == 1


def test_the_longest_run_key_fits_its_column(limits: Limits) -> None:
    far = BatchRange(-(10**18), 10**18)
    huge = batch(0, record_type="x" * 64, range=far)
    long_job = replace(state(wave(99_999, huge)), job=replace(state().job, job_id="j" * 64))
    [key] = keys(decide(long_job, limits))
    assert len(key) <= 191


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ({PENDING: 2}, WaveStatus.PENDING),
        ({PENDING: 1, PROCESSING: 1}, WaveStatus.DISPATCHING),
        ({PROCESSING: 1, COMPLETED: 1}, WaveStatus.PROCESSING),
        ({RETRYING: 1, FAILED: 1}, WaveStatus.PROCESSING),
        ({COMPLETED: 2}, WaveStatus.COMPLETED),
        ({COMPLETED: 1, FAILED: 1}, WaveStatus.FAILED),
    ],
)
def test_a_wave_is_where_its_batches_are(
    limits: Limits, statuses: dict[BatchStatus, int], expected: WaveStatus
) -> None:
    changes = decide(state(wave(1, *many(statuses))), limits).wave_changes
    assert (changes[0].status if changes else WaveStatus.PENDING) is expected


def test_a_wave_that_says_so_already_is_not_written_again(limits: Limits) -> None:
    known = replace(wave(1, *many({COMPLETED: 2})), status=WaveStatus.COMPLETED, completed=2)
    assert decide(state(known), limits).wave_changes == ()


def test_a_job_without_records_is_completed(limits: Limits) -> None:
    end = decide(state(), limits).end
    assert end is not None
    assert end.status is JobStatus.COMPLETED


@pytest.mark.parametrize(
    ("statuses", "unavailable", "status", "reason"),
    [
        ({COMPLETED: 2}, (), JobStatus.COMPLETED, None),
        ({COMPLETED: 1, FAILED: 2}, (), JobStatus.PARTIAL, "2 of customer's batches failed"),
        ({COMPLETED: 1}, ("price_level",), JobStatus.PARTIAL, "price_level is unavailable (no permission)"),
        ({FAILED: 2}, (), JobStatus.FAILED, "2 of customer's batches failed"),
        ({}, ("price_level", "location"), JobStatus.FAILED, "location is unavailable"),
    ],
)
def test_a_job_ends_as_well_as_it_went(
    limits: Limits,
    statuses: dict[BatchStatus, int],
    unavailable: tuple[str, ...],
    status: JobStatus,
    reason: str | None,
) -> None:
    waves = [wave(1, *many(statuses))] if statuses else []
    end = decide(state(*waves, unavailable=unavailable), limits).end
    assert end is not None
    assert end.status is status
    assert (end.reason is None) if reason is None else (reason in str(end.reason))


def test_a_permanent_failure_stops_the_job_if_it_is_told_to(limits: Limits) -> None:
    strict = replace(limits, continue_on_permanent=False)
    broken = batch(0, FAILED, failure_category=FailureCategory.PERMANENT_ERROR)
    draining = decide(state(wave(1, broken, batch(1, PROCESSING), batch(2))), strict)
    assert (draining.dispatches, draining.end) == ((), None)
    assert draining.waiting_for == "Stopping: 1 batches are still in flight."
    stopped = decide(state(wave(1, broken, batch(1, COMPLETED), batch(2))), strict)
    assert stopped.end is not None
    assert stopped.end.status is JobStatus.FAILED
    assert "batch 0..9 of customer failed for good" in str(stopped.end.reason)
    assert [change.status for change in stopped.wave_changes] == [WaveStatus.DISPATCHING]
    assert keys(decide(state(wave(1, broken, batch(2))), limits)) == ["job:w1:customer:20..29:a1"]


@pytest.mark.parametrize("setting", [True, False])
@pytest.mark.parametrize("goes_on", [True, False])
def test_a_type_decides_whether_its_permanent_failures_stop_the_job(
    limits: Limits, setting: bool, goes_on: bool
) -> None:
    own = {"customer": FailurePolicy(continue_on_permanent=goes_on)}
    told = replace(limits, continue_on_permanent=setting, policies=own)
    given = state(wave(1, batch(0, FAILED, failure_category=FailureCategory.PERMANENT_ERROR), batch(2)))
    decision = decide(given, told)
    assert (decision.end is None) is goes_on
    assert bool(decision.dispatches) is goes_on
    if decision.end is not None:
        assert decision.end.reason == (
            "Stopped, because batch 0..9 of customer failed for good and customer declares that it stops the import."
        )


def test_what_one_type_declares_of_permanent_failures_holds_for_no_other(limits: Limits) -> None:
    strict = replace(limits, policies={"item": FailurePolicy(continue_on_permanent=False)})
    broken = batch(0, FAILED, failure_category=FailureCategory.PERMANENT_ERROR)
    assert decide(state(wave(1, broken, batch(2))), strict).end is None
    lenient = replace(strict, continue_on_permanent=False, policies={"item": FailurePolicy(continue_on_permanent=True)})
    end = decide(state(wave(1, broken, batch(2))), lenient).end
    assert end is not None
    assert "WAVE_CONTINUE_ON_PERMANENT is off" in str(end.reason)


def test_a_refused_login_stops_the_job_whatever_the_settings_say(limits: Limits) -> None:
    # Every further run would try the login again, and five failures lock it.
    refused = batch(0, FAILED, failure_category=FailureCategory.AUTHENTICATION)
    assert limits.continue_on_permanent
    limits = replace(limits, policies={"customer": FailurePolicy(continue_on_permanent=True)})
    draining = decide(state(wave(1, refused, batch(1, PROCESSING), batch(2))), limits)
    assert (draining.dispatches, draining.end) == ((), None)
    stopped = decide(state(wave(1, refused, batch(1, COMPLETED), batch(2))), limits)
    assert stopped.end is not None
    assert stopped.end.status is JobStatus.FAILED
    assert "NetSuite refused the login when batch 0..9 of customer was read" in str(stopped.end.reason)


def test_batches_whose_source_was_away_do_not_hold_up_the_next_wave_of_their_level(limits: Limits) -> None:
    postponed = [
        batch(n, RETRYING, not_before=NOW + SECOND, finished_at=NOW, failure_category=FailureCategory.API_UNAVAILABLE)
        for n in range(5)
    ]
    waves = (wave(1, *postponed, *many({COMPLETED: 5}, start=5)), wave(2, batch(10)))
    assert keys(decide(state(*waves), limits)) == ["job:w2:customer:100..109:a1"]


def test_batches_whose_source_was_away_hold_up_the_next_level(limits: Limits) -> None:
    postponed = batch(0, RETRYING, not_before=NOW + SECOND, failure_category=FailureCategory.API_UNAVAILABLE)
    assert decide(state(wave(1, postponed), wave(2, batch(1), level=1)), limits).dispatches == ()


def with_job(given: JobState, **changes: object) -> JobState:
    return replace(given, job=replace(given.job, **changes))  # type: ignore[arg-type]


def test_a_paused_job_dispatches_nothing_and_says_so(limits: Limits) -> None:
    paused = with_job(state(wave(1, batch(0), batch(1, PROCESSING))), paused_at=NOW)
    decision = decide(paused, limits)
    assert decision.dispatches == ()
    assert decision.waiting_for == "Paused since 2026-11-23 02:00 UTC, 1 batches in flight."


def test_a_paused_job_whose_last_batch_is_over_ends(limits: Limits) -> None:
    end = decide(with_job(state(wave(1, batch(0, COMPLETED))), paused_at=NOW), limits).end
    assert end is not None
    assert end.status is JobStatus.COMPLETED


def test_a_cancelled_job_ends_when_nothing_is_in_flight_any_more(limits: Limits) -> None:
    draining = decide(with_job(state(wave(1, batch(0, PROCESSING), batch(1))), cancelled_at=NOW), limits)
    assert (draining.dispatches, draining.end) == ((), None)
    over = decide(with_job(state(wave(1, batch(0, COMPLETED), batch(1))), cancelled_at=NOW), limits)
    assert over.end is not None
    assert over.end.status is JobStatus.CANCELLED


OPEN = CLOSED.unanswered("HTTP 503", NOW)


def test_nothing_is_dispatched_while_netsuite_does_not_answer(limits: Limits) -> None:
    away = replace(state(wave(1, batch(0))), circuit=OPEN)
    decision = decide(away, limits)
    assert decision.dispatches == ()
    assert decision.waiting_for is not None
    assert "NetSuite has not answered since 2026-11-23 02:00 UTC (HTTP 503)" in decision.waiting_for


def test_a_job_that_waited_too_long_for_netsuite_fails(limits: Limits) -> None:
    away = with_job(replace(state(wave(1, batch(0))), circuit=OPEN), planned_at=NOW)
    patience = dt.timedelta(seconds=limits.outage_timeout)
    assert decide(replace(away, now=NOW + patience - SECOND), limits).end is None
    end = decide(replace(away, now=NOW + patience), limits).end
    assert end is not None
    assert (end.status, "WAVE_OUTAGE_TIMEOUT=3600" in str(end.reason)) == (JobStatus.FAILED, True)


def unread(number: int, status: WaveStatus, *, level: int = 0) -> Wave:
    over = status is WaveStatus.COMPLETED
    return Wave(number=number, level=level, batches=(), status=status, completed=3 if over else 0, unread=3)


def test_waves_whose_batches_were_not_read_decide_the_same(limits: Limits) -> None:
    rest = (
        unread(1, WaveStatus.COMPLETED),
        wave(2, batch(3, COMPLETED)),
        wave(3, batch(4)),
        unread(4, WaveStatus.PENDING),
    )
    assert keys(decide(state(*rest), limits)) == ["job:w3:customer:40..49:a1"]
    over = decide(state(unread(1, WaveStatus.COMPLETED), wave(2, batch(3, COMPLETED))), limits)
    assert over.end is not None
    assert over.end.status is JobStatus.COMPLETED


@pytest.mark.parametrize("status", [JobStatus.PLANNING, JobStatus.COMPLETED])
def test_only_a_running_job_is_dispatched(limits: Limits, status: JobStatus) -> None:
    running = state(wave(1, batch(0)))
    decision = decide(replace(running, job=replace(running.job, status=status)), limits)
    assert (decision.dispatches, decision.end) == ((), None)


def test_a_job_that_was_cancelled_while_it_is_planned_says_that_it_ends_with_the_plan(limits: Limits) -> None:
    planned = state(wave(1, batch(0)))
    job = replace(planned.job, status=JobStatus.PLANNING)
    assert "cancelled" not in str(decide(replace(planned, job=job), limits).waiting_for)
    cancelled = decide(replace(planned, job=replace(job, cancelled_at=NOW)), limits)
    assert str(cancelled.waiting_for).endswith("and the import is cancelled when it is there.")
