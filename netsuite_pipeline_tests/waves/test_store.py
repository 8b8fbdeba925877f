"""The store on both databases: every transition is guarded, and nobody can take a batch twice."""

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, event, update

from netsuite_pipeline.record_types.batch import BatchRange, Increment
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.waves.circuit import CLOSED
from netsuite_pipeline.waves.coordinator import decide
from netsuite_pipeline.waves.errors import LostLease, UnknownJob, WaveError
from netsuite_pipeline.waves.job_state import WaveChange
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import (
    Batch,
    BatchStatus,
    Dispatch,
    ImportMode,
    JobStatus,
    RecordTypePlan,
    TypeStatus,
    Wave,
    WaveStatus,
    batch_id,
)
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline.waves.tables import import_jobs

JOB = "job-1"
SECOND = dt.timedelta(seconds=1)
SavePlan = Callable[..., list[RecordTypePlan]]


def dispatches(store: WaveStore, limits: Limits, now: dt.datetime, job: str = JOB) -> tuple[Dispatch, ...]:
    return decide(store.load_state(job, now=now), limits).dispatches


def claimed(store: WaveStore, limits: Limits, now: dt.datetime) -> Dispatch:
    dispatch = dispatches(store, limits, now)[0]
    assert store.claim_dispatch(dispatch, in_flight_limit=limits.in_flight, now=now)
    return dispatch


def ranges(dispatch: Dispatch) -> list[BatchRange]:
    return [batch.range for batch in dispatch.batches]


def statuses(store: WaveStore, now: dt.datetime) -> list[BatchStatus]:
    return [batch.status for batch in store.batches(JOB)]


def complete(store: WaveStore, dispatch: Dispatch, batch: BatchRange, run_id: str, now: dt.datetime) -> None:
    with store.engine.begin() as connection:
        store.complete_batch(connection, dispatch_key=dispatch.key, batch=batch, run_id=run_id, records=10, now=now)


def test_a_job_is_created_once(store: WaveStore, now: dt.datetime) -> None:
    def create(trigger: str) -> bool:
        return store.create_job(JOB, record_types=["customer"], with_dependencies=True, trigger=trigger, now=now)

    assert create("cli")
    assert not create("ui")
    assert store.job(JOB).trigger == "cli"
    assert store.job(JOB).record_types == ("customer",)
    assert store.job(JOB).status is JobStatus.PLANNING


def test_a_plan_that_is_made_again_is_made_with_the_declarations_of_now(store: WaveStore, now: dt.datetime) -> None:
    def create(declarations: str) -> None:
        store.create_job(JOB, record_types=[], with_dependencies=True, trigger="ui", declarations=declarations, now=now)

    create("before")
    create("after a restart")
    assert store.job(JOB).declarations == "after a restart"

    store.save_plan(JOB, types=[], waves=[], now=now)
    create("too late")
    assert store.job(JOB).declarations == "after a restart"


def test_a_job_id_that_would_not_fit_a_run_key_is_refused(store: WaveStore, now: dt.datetime) -> None:
    with pytest.raises(WaveError, match="64 letters"):
        store.create_job("a job", record_types=[], with_dependencies=True, trigger="cli", now=now)


def test_an_unknown_job_is_said_to_be_unknown(store: WaveStore, now: dt.datetime) -> None:
    for ask in (store.job, store.job_summary, lambda job: store.load_state(job, now=now)):
        with pytest.raises(UnknownJob, match="no import job 'nope'"):
            ask("nope")
    with pytest.raises(UnknownJob):
        store.save_plan("nope", types=[], waves=[], now=now)


def test_a_job_is_planned_once(store: WaveStore, planned: SavePlan, now: dt.datetime) -> None:
    planned({"subsidiary": (0, 3)})
    assert not store.save_plan(JOB, types=[], waves=[], now=now)
    assert len(statuses(store, now)) == 3


def test_what_was_planned_is_what_is_loaded(store: WaveStore, planned: SavePlan, now: dt.datetime) -> None:
    types = planned({"subsidiary": (0, 3), "customer": (1, 2)}, wave_size=2, first=-15)
    state = store.load_state(JOB, now=now)
    assert state.types == tuple(types)
    assert [(wave.number, wave.level, len(wave.batches), wave.unread) for wave in state.waves] == [
        (1, 0, 2, 0),
        (2, 0, 0, 1),
        (3, 1, 2, 0),
    ]
    first = state.waves[0].batches[0]
    assert (first.batch_id, first.range) == ("job-1_-1_-15..-6", BatchRange(-15, -6))
    assert (first.status, first.attempt, first.expected_records) == (BatchStatus.PENDING, 0, 10)


def test_a_look_of_the_dispatcher_reads_no_more_batches_of_a_longer_job(
    store: WaveStore, planned: SavePlan, now: dt.datetime
) -> None:
    planned({"subsidiary": (0, 30), "customer": (1, 30)}, wave_size=2)
    over = [
        WaveChange(number=number, status=WaveStatus.COMPLETED, completed=2, failed=0, retried=0)
        for number in range(1, 11)
    ]
    store.update_waves(JOB, over, now=now)
    read = [wave.number for wave in store.load_state(JOB, now=now).waves if wave.batches]
    assert read == [10, 11, 16]
    everything = store.load_state(JOB, now=now, whole_level=True)
    assert [wave.number for wave in everything.waves if wave.batches] == list(range(10, 31))


def test_the_circuit_of_an_account_is_closed_until_it_is_stored(store: WaveStore, now: dt.datetime) -> None:
    assert store.circuit("123 host") == CLOSED
    for circuit in (CLOSED.unanswered("HTTP 503", now), CLOSED.answered(now)):
        store.save_circuit("123 host", circuit)
        assert store.circuit("123 host") == circuit
        assert store.circuit("456 host") == CLOSED


@pytest.mark.parametrize(
    ("category", "doubtful"),
    [
        (FailureCategory.API_UNAVAILABLE, True),
        (FailureCategory.TIMEOUT, True),
        (FailureCategory.API_RATE_LIMIT, False),
        (FailureCategory.DATABASE, False),
    ],
)
def test_a_batch_that_got_no_answer_puts_the_source_in_doubt_until_it_was_asked(
    store: WaveStore,
    planned: SavePlan,
    limits: Limits,
    now: dt.datetime,
    category: FailureCategory,
    doubtful: bool,
) -> None:
    planned({"customer": (0, 1)})
    assert not store.is_in_doubt(CLOSED)
    dispatch = claimed(store, limits, now)
    store.start_batches(dispatch.key, ranges(dispatch), run_id="run-1", now=now)
    store.fail_batch(
        dispatch_key=dispatch.key,
        batch=ranges(dispatch)[0],
        run_id="run-1",
        category=category,
        reason="no answer",
        retry_at=now + SECOND,
        now=now,
    )
    assert store.is_in_doubt(CLOSED) is doubtful
    assert not store.is_in_doubt(CLOSED.answered(now))


def test_open_jobs_are_listed_oldest_first_until_they_end(store: WaveStore, now: dt.datetime) -> None:
    for number, job in enumerate(("b", "a")):
        store.create_job(job, record_types=[], with_dependencies=True, trigger="cli", now=now + number * SECOND)
    assert [job.job_id for job in store.open_jobs()] == ["b", "a"]
    assert store.fail_job("b", "NetSuite refused.", now=now)
    assert [job.job_id for job in store.open_jobs()] == ["a"]
    latest = store.latest_job()
    assert latest is not None
    assert latest.job_id == "a"
    assert store.job("b").failure_reason == "NetSuite refused."


def test_there_is_no_latest_job_in_an_empty_store(store: WaveStore) -> None:
    assert store.latest_job() is None


def test_a_dispatch_is_claimed_once(store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime) -> None:
    planned({"customer": (0, 3)})
    dispatch = claimed(store, limits, now)
    assert not store.claim_dispatch(dispatch, in_flight_limit=300, now=now)
    assert statuses(store, now) == [BatchStatus.DISPATCHED] * 3


def test_a_dispatch_of_which_one_batch_is_taken_claims_none(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"customer": (0, 3)})
    whole = dispatches(store, limits, now)[0]
    last = Dispatch(job_id=JOB, wave_number=1, record_type="customer", attempt=1, batches=whole.batches[-1:])
    assert store.claim_dispatch(last, in_flight_limit=300, now=now)
    assert not store.claim_dispatch(whole, in_flight_limit=300, now=now)
    assert statuses(store, now) == [BatchStatus.PENDING, BatchStatus.PENDING, BatchStatus.DISPATCHED]


def test_decisions_on_an_old_state_cannot_exceed_the_wave_size(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"customer": (0, 10)})
    first, second = dispatches(store, limits, now)
    assert store.claim_dispatch(first, in_flight_limit=9, now=now)
    assert not store.claim_dispatch(second, in_flight_limit=9, now=now)
    assert store.claim_dispatch(second, in_flight_limit=None, now=now)


def test_nothing_is_claimed_for_a_job_that_has_ended(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"customer": (0, 3)})
    dispatch = dispatches(store, limits, now)[0]
    store.fail_job(JOB, "stopped", now=now)
    assert not store.claim_dispatch(dispatch, in_flight_limit=300, now=now)


def test_of_two_dispatchers_at_once_one_wins_each_dispatch(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"customer": (0, 60)})
    decided = dispatches(store, limits, now)
    gate = threading.Barrier(2)
    won: list[list[str]] = [[], []]

    def run(mine: list[str]) -> None:
        rival = WaveStore(store.engine)
        gate.wait()
        for dispatch in decided:
            if rival.claim_dispatch(dispatch, in_flight_limit=40, now=now):
                mine.append(dispatch.key)

    threads = [threading.Thread(target=run, args=(mine,)) for mine in won]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won[0]) + len(won[1]) == 8
    assert not set(won[0]) & set(won[1])
    assert statuses(store, now).count(BatchStatus.DISPATCHED) == 40


def test_a_dispatch_without_a_run_is_issued_again_until_one_is_known(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"customer": (0, 3)})
    dispatch = claimed(store, limits, now)
    [again] = store.in_flight(JOB)
    assert again.run_id is None
    assert again.dispatch.key == dispatch.key
    assert ranges(again.dispatch) == ranges(dispatch)
    assert store.record_delivery(dispatch.key, run_id="run-1", now=now) == 3
    assert store.record_delivery(dispatch.key, run_id="run-2", now=now) == 0
    assert [held.run_id for held in store.in_flight(JOB)] == ["run-1"]


def test_the_pulse_is_of_open_jobs_and_changes_when_the_last_batch_of_a_dispatch_is_over(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    def pulse() -> list[tuple[str, JobStatus, int, bool]]:
        return [(one.job_id, one.status, one.dispatches, one.is_quiet) for one in store.pulse()]

    assert store.pulse() == ()
    store.create_job("job-0", record_types=[], with_dependencies=True, trigger="cli", now=now)
    planned({"customer": (0, 7)})
    planning = ("job-0", JobStatus.PLANNING, 0, False)
    assert pulse() == [planning, (JOB, JobStatus.RUNNING, 0, True)]
    for dispatch in dispatches(store, limits, now):
        store.claim_dispatch(dispatch, in_flight_limit=None, now=now)
        store.start_batches(dispatch.key, ranges(dispatch), run_id="run", now=now)
    assert pulse() == [planning, (JOB, JobStatus.RUNNING, 2, False)]
    first, last = ranges(dispatch)
    complete(store, dispatch, first, "run", now)
    assert pulse() == [planning, (JOB, JobStatus.RUNNING, 2, False)]
    complete(store, dispatch, last, "run", now)
    assert pulse() == [planning, (JOB, JobStatus.RUNNING, 1, False)]
    assert not store.pulse()[1].paused
    store.pause(JOB, now=now)
    assert store.pulse()[1].paused
    store.fail_job(JOB, "enough", now=now)
    assert pulse()[:1] == [planning]


def test_a_run_starts_the_batches_of_its_dispatch_and_may_do_so_again(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"customer": (0, 3)})
    dispatch = claimed(store, limits, now)
    for _ in range(2):
        started = store.start_batches(dispatch.key, ranges(dispatch), run_id="run-1", now=now)
        assert (started.attempt, list(started.ranges)) == (1, ranges(dispatch))
    assert store.start_batches(dispatch.key, ranges(dispatch), run_id="run-2", now=now).ranges == ()


def test_a_run_is_told_which_of_its_batches_are_increments_and_as_of_when(
    store: WaveStore, limits: Limits, now: dt.datetime
) -> None:
    since, as_of = now.replace(hour=1), now.replace(hour=2, microsecond=123456)
    batches = [
        Batch(
            batch_id=batch_id(JOB, -1, within),
            record_type="customer",
            record_type_id=-1,
            range=within,
            batch_number=number,
            expected_records=7,
            changed_since=since if number else None,
        )
        for number, within in enumerate((BatchRange(0, 9), BatchRange(10, 19)))
    ]
    store.create_job(
        JOB, record_types=["customer"], with_dependencies=True, trigger="cli", now=now, mode=ImportMode.INCREMENTAL
    )
    waves = [Wave(number=1, level=0, batches=tuple(batches))]
    assert store.save_plan(JOB, types=[], waves=waves, now=now, as_of=as_of)
    job = store.job(JOB)
    assert (job.mode, job.as_of) == (ImportMode.INCREMENTAL, as_of)
    dispatch = claimed(store, limits, now)
    assert [batch.changed_since for batch in dispatch.batches] == [None, since]
    started = store.start_batches(dispatch.key, ranges(dispatch), run_id="run-1", now=now)
    assert started.increments == {BatchRange(10, 19): Increment(since=since, expected=7)}
    assert started.as_of == as_of


def test_a_job_of_a_version_that_knew_full_imports_only_is_full(store: WaveStore, now: dt.datetime) -> None:
    store.create_job(JOB, record_types=["customer"], with_dependencies=True, trigger="cli", now=now)
    with store.engine.begin() as connection:
        connection.execute(update(import_jobs).values(mode=None))
    assert (store.job(JOB).mode, store.job(JOB).as_of) == (ImportMode.FULL, None)


def test_a_run_does_not_start_what_was_delivered_to_another(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"customer": (0, 3)})
    dispatch = claimed(store, limits, now)
    store.record_delivery(dispatch.key, run_id="run-1", now=now)
    assert store.start_batches(dispatch.key, ranges(dispatch), run_id="run-2", now=now).ranges == ()


def test_a_batch_turns_completed_with_the_data_of_its_transaction(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"customer": (0, 3)})
    dispatch = claimed(store, limits, now)
    store.start_batches(dispatch.key, ranges(dispatch), run_id="run-1", now=now)
    first = ranges(dispatch)[0]
    connection = store.engine.connect()
    store.complete_batch(connection, dispatch_key=dispatch.key, batch=first, run_id="run-1", records=10, now=now)
    connection.rollback()
    connection.close()
    assert statuses(store, now)[0] is BatchStatus.PROCESSING
    complete(store, dispatch, first, "run-1", now)
    assert statuses(store, now) == [BatchStatus.COMPLETED, BatchStatus.PROCESSING, BatchStatus.PROCESSING]
    with pytest.raises(LostLease):
        complete(store, dispatch, first, "run-1", now)


def test_a_run_whose_batches_were_released_cannot_change_them_any_more(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"customer": (0, 2)})
    dispatch = claimed(store, limits, now)
    store.start_batches(dispatch.key, ranges(dispatch), run_id="run-1", now=now)
    [held] = store.in_flight(JOB)
    assert store.release(held, reason="the run ended without a word", retry_at=now + SECOND, now=now) == 2
    assert statuses(store, now) == [BatchStatus.RETRYING] * 2
    with pytest.raises(LostLease, match="taken from run run-1"):
        complete(store, dispatch, ranges(dispatch)[0], "run-1", now)
    assert not store.fail_batch(
        dispatch_key=dispatch.key,
        batch=ranges(dispatch)[0],
        run_id="run-1",
        category=FailureCategory.TIMEOUT,
        reason="late",
        retry_at=None,
        now=now,
    )
    assert store.give_back(dispatch.key, run_id="run-1", reason="late", now=now) == 0
    assert store.start_batches(dispatch.key, ranges(dispatch), run_id="run-1", now=now).ranges == ()
    assert dispatches(store, limits, now) == ()
    again = claimed(store, limits, now + SECOND)
    assert again.attempt == 2
    assert again.key != dispatch.key
    with pytest.raises(LostLease):
        complete(store, again, ranges(dispatch)[0], "run-1", now)


def test_a_release_of_a_dispatch_leaves_what_another_run_took_over(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"customer": (0, 2)})
    dispatch = claimed(store, limits, now)
    [seen] = store.in_flight(JOB)
    store.start_batches(dispatch.key, ranges(dispatch), run_id="run-1", now=now)
    assert store.release(seen, reason="no run was ever seen", retry_at=None, now=now) == 0
    assert statuses(store, now) == [BatchStatus.PROCESSING] * 2


@pytest.mark.parametrize(("retry", "expected"), [(True, BatchStatus.RETRYING), (False, BatchStatus.FAILED)])
def test_a_failed_batch_waits_for_its_retry_or_has_failed_for_good(
    store: WaveStore,
    planned: SavePlan,
    limits: Limits,
    now: dt.datetime,
    retry: bool,
    expected: BatchStatus,
) -> None:
    planned({"customer": (0, 1)})
    dispatch = claimed(store, limits, now)
    store.start_batches(dispatch.key, ranges(dispatch), run_id="run-1", now=now)
    assert store.fail_batch(
        dispatch_key=dispatch.key,
        batch=ranges(dispatch)[0],
        run_id="run-1",
        category=FailureCategory.TIMEOUT,
        reason="no answer \ud83d " + "x" * 100_000,
        retry_at=now + SECOND if retry else None,
        now=now,
    )
    [batch] = store.load_state(JOB, now=now).waves[0].batches
    assert batch.status is expected
    assert batch.not_before == (now + SECOND if retry else None)
    assert batch.finished_at == now
    assert batch.failure_category is FailureCategory.TIMEOUT


def test_moments_keep_their_microseconds(store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime) -> None:
    planned({"customer": (0, 1)})
    moment = now + dt.timedelta(microseconds=123_456)
    dispatch = claimed(store, limits, moment)
    store.start_batches(dispatch.key, ranges(dispatch), run_id="run-1", now=moment)
    complete(store, dispatch, ranges(dispatch)[0], "run-1", moment)
    assert store.load_state(JOB, now=now).waves[0].batches[0].finished_at == moment


def test_a_job_with_unfinished_batches_cannot_be_called_completed(
    store: WaveStore, planned: SavePlan, now: dt.datetime
) -> None:
    planned({"customer": (0, 1)})
    assert not store.finish_job(JOB, status=JobStatus.COMPLETED, reason=None, now=now)
    assert store.job(JOB).status is JobStatus.RUNNING


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELLED])
def test_a_job_does_not_end_early_while_a_run_has_batches(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime, status: JobStatus
) -> None:
    planned({"customer": (0, 7)})
    dispatch = claimed(store, limits, now)
    assert not store.finish_job(JOB, status=status, reason="away", now=now)
    for held in store.in_flight(JOB):
        store.release(held, reason="died", retry_at=now, now=now)
    assert store.finish_job(JOB, status=status, reason="away", now=now)
    assert dispatch.attempt == 1


def test_waves_that_an_early_end_leaves_undone_fail_with_the_job_and_not_before(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"customer": (0, 3)}, wave_size=2)
    away = replace(limits, outage_timeout=60)
    circuit = CLOSED.unanswered("HTTP 503", now)
    late = now + dt.timedelta(seconds=61)
    decision = decide(store.load_state(JOB, now=late, circuit=circuit), away)
    store.update_waves(JOB, decision.wave_changes, now=late)
    assert decision.end is not None
    # It was cut off here; meanwhile NetSuite is back, and the job goes on.
    assert dispatches(store, limits, late)

    assert store.finish_job(JOB, status=decision.end.status, reason=decision.end.reason, now=late)
    waves = store.load_state(JOB, now=late).waves
    assert {wave.status for wave in waves} == {WaveStatus.FAILED}


def test_rows_of_waves_that_call_undone_batches_over_are_corrected(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"customer": (0, 3)})
    wrong = WaveChange(number=1, status=WaveStatus.FAILED, completed=0, failed=0, retried=0)
    store.update_waves(JOB, [wrong], now=now)
    assert not dispatches(store, limits, now)
    store.correct_waves(JOB, now=now)
    assert dispatches(store, limits, now)


def test_rows_of_waves_stay_as_an_end_left_them_that_somebody_else_noted(
    store: WaveStore, planned: SavePlan, now: dt.datetime
) -> None:
    planned({"customer": (0, 3)})
    assert store.finish_job(JOB, status=JobStatus.FAILED, reason="away", now=now)
    assert not store.finish_job(JOB, status=JobStatus.FAILED, reason="away", now=now)
    store.correct_waves(JOB, now=now)
    assert [wave.status for wave in store.load_state(JOB, now=now).waves] == [WaveStatus.FAILED]


def test_a_job_ends_once(store: WaveStore, planned: SavePlan, now: dt.datetime) -> None:
    planned({})
    assert store.finish_job(JOB, status=JobStatus.COMPLETED, reason=None, now=now)
    assert not store.finish_job(JOB, status=JobStatus.FAILED, reason="late", now=now)
    assert store.job(JOB).status is JobStatus.COMPLETED
    assert store.job(JOB).finished_at == now


def test_an_older_wave_change_does_not_overwrite_a_newer_one(
    store: WaveStore, planned: SavePlan, now: dt.datetime
) -> None:
    planned({"customer": (0, 3)})

    def change(status: WaveStatus, completed: int) -> WaveChange:
        return WaveChange(number=1, status=status, completed=completed, failed=0, retried=0)

    store.update_waves(JOB, [change(WaveStatus.PROCESSING, 2)], now=now)
    store.update_waves(JOB, [change(WaveStatus.PROCESSING, 1)], now=now)
    store.update_waves(JOB, [change(WaveStatus.DISPATCHING, 3)], now=now)
    wave = store.load_state(JOB, now=now).waves[0]
    assert (wave.status, wave.completed) == (WaveStatus.PROCESSING, 2)
    store.update_waves(JOB, [change(WaveStatus.COMPLETED, 3)], now=now)
    assert store.load_state(JOB, now=now).waves[0].status is WaveStatus.COMPLETED


def test_batches_of_running_jobs_count_as_in_flight_until_they_are_over(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"customer": (0, 2), "item": (0, 1)})
    assert store.in_flight_ranges("customer") == {BatchRange(0, 9), BatchRange(10, 19)}
    dispatch = next(one for one in dispatches(store, limits, now) if one.record_type == "customer")
    assert store.claim_dispatch(dispatch, in_flight_limit=300, now=now)
    store.start_batches(dispatch.key, ranges(dispatch), run_id="run-1", now=now)
    complete(store, dispatch, BatchRange(0, 9), "run-1", now)
    assert store.in_flight_ranges("customer") == {BatchRange(10, 19)}
    for held in store.in_flight(JOB):
        store.release(held, reason="died", retry_at=now, now=now)
    store.fail_job(JOB, "stopped", now=now)
    assert store.in_flight_ranges("customer") == set()


def test_a_summary_counts_from_the_batches(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"price_level": (0, 0), "subsidiary": (0, 3), "customer": (1, 2)})
    dispatch = claimed(store, limits, now)
    store.start_batches(dispatch.key, ranges(dispatch), run_id="run-1", now=now)
    complete(store, dispatch, ranges(dispatch)[0], "run-1", now + SECOND)
    store.fail_batch(
        dispatch_key=dispatch.key,
        batch=ranges(dispatch)[1],
        run_id="run-1",
        category=FailureCategory.PERMANENT_ERROR,
        reason="NetSuite refused the query.",
        retry_at=None,
        now=now,
    )
    summary = store.job_summary(JOB)
    by_type = {one.record_type: one for one in summary.types}
    assert list(by_type) == ["price_level", "subsidiary", "customer"]
    subsidiary = by_type["subsidiary"]
    assert subsidiary.status is TypeStatus.PLANNED
    assert subsidiary.batches == {
        BatchStatus.COMPLETED: 1,
        BatchStatus.FAILED: 1,
        BatchStatus.PROCESSING: 1,
    }
    assert (subsidiary.records, subsidiary.source_records, subsidiary.retries) == (10, 30, 0)
    assert (subsidiary.first_dispatched, subsidiary.last_completed) == (now, now + SECOND)
    assert by_type["price_level"].total_batches == 0
    assert by_type["customer"].batches == {BatchStatus.PENDING: 2}
    waves = [(wave.number, wave.total, wave.completed, wave.failed, wave.in_flight) for wave in summary.waves]
    assert waves == [(1, 3, 1, 1, 1), (2, 2, 0, 0, 0)]
    assert (summary.total_batches, summary.in_flight) == (5, 1)
    [failed] = summary.failed_batches
    assert (failed.key, failed.category, failed.attempts) == ("10..19", "permanent_error", 1)
    assert failed.reason == "NetSuite refused the query."


def test_the_first_dispatch_stays_on_record_when_a_batch_is_tried_again(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime
) -> None:
    planned({"customer": (0, 1)})
    claimed(store, limits, now)
    store.release(store.in_flight(JOB)[0], reason="gone", retry_at=now, now=now)
    claimed(store, limits, now + SECOND)
    [customer] = store.job_summary(JOB).types
    assert (customer.first_dispatched, customer.retries) == (now, 1)
    assert store.job_summary(JOB).waves[0].retried == 1


@pytest.fixture
def statements(engine: Engine) -> Any:
    """The statements that the engine sends, as they are sent."""
    sent: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


def test_a_batch_costs_at_most_four_statements(
    store: WaveStore, planned: SavePlan, limits: Limits, now: dt.datetime, statements: list[str]
) -> None:
    planned({"customer": (0, 5)})
    dispatch = dispatches(store, limits, now)[0]
    statements.clear()
    store.claim_dispatch(dispatch, in_flight_limit=300, now=now)
    store.start_batches(dispatch.key, ranges(dispatch), run_id="run-1", now=now)
    for batch in ranges(dispatch):
        complete(store, dispatch, batch, "run-1", now)
    written = [statement for statement in statements if not statement.startswith("BEGIN")]
    assert len(written) <= 4 * 5


def test_a_summary_costs_the_same_for_one_batch_and_for_many(
    store: WaveStore, planned: SavePlan, statements: list[str]
) -> None:
    planned({"customer": (0, 1)})
    planned({"customer": (0, 600)}, job="big")
    counts = []
    for job in (JOB, "big"):
        statements.clear()
        store.job_summary(job)
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 5


def test_a_batch_event_finds_its_row_by_index(
    store: WaveStore,
    planned: SavePlan,
    engine: Engine,
    statements: list[str],
    now: dt.datetime,
    limits: Limits,
) -> None:
    planned({"customer": (0, 600)})
    dispatch = claimed(store, limits, now)
    store.start_batches(dispatch.key, ranges(dispatch), run_id="run-1", now=now)
    with engine.begin() as connection:
        explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
        rows = connection.exec_driver_sql(
            f"{explain} SELECT id FROM wave_batches WHERE dispatch_key = '{dispatch.key}' AND batch_first = 10"
        ).all()
    assert "idx_wave_batches_dispatch" in str(rows)
