"""The numbers of an import: what the store counts, and what follows from it."""

import datetime as dt
from dataclasses import replace

import pytest

from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.waves.coordinator import decide
from netsuite_pipeline.waves.errors import UnknownJob
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import BatchStatus, Job, JobStatus
from netsuite_pipeline.waves.statistics import SET_BACK, WINDOW, CurrentWave, FailureCounts, Pace, statistics_of
from netsuite_pipeline.waves.statistics_store import FailureFigures, JobFigures, WaveFigures
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.waves.conftest import JOB, NOW, SavePlan

MINUTE = dt.timedelta(minutes=1)
RUNNING = Job(
    job_id=JOB,
    status=JobStatus.RUNNING,
    record_types=(),
    with_dependencies=True,
    trigger="cli",
    created_at=NOW - 20 * MINUTE,
)
FIGURES = JobFigures(
    job=RUNNING,
    batches={BatchStatus.COMPLETED: 60, BatchStatus.FAILED: 1, BatchStatus.PROCESSING: 9, BatchStatus.PENDING: 30},
    waves=(
        WaveFigures(number=1, total=40, over=40, seconds=100.0),
        WaveFigures(number=2, total=20, over=20, seconds=200.0),
        WaveFigures(number=3, total=40, over=1, seconds=None),
    ),
    failures=(),
    records=60_000,
    expected_left=36_000,
    attempts=75,
    first_dispatched=NOW - 10 * MINUTE,
    recent_since=NOW - WINDOW,
    recent_batches=30,
    recent_records=30_000,
)


def test_the_time_remaining_follows_from_the_last_minutes_and_not_from_the_beginning() -> None:
    found = statistics_of(FIGURES, now=NOW)
    assert found.pace == Pace(seconds=300.0, batches_per_second=0.1, records_per_second=100.0)
    assert found.seconds_left == 360.0
    assert found.records_per_second == 100.0


def test_a_job_that_was_begun_or_resumed_lately_is_measured_since_then() -> None:
    for later in (
        replace(FIGURES, first_dispatched=NOW - MINUTE),
        replace(FIGURES, job=replace(RUNNING, resumed_at=NOW - MINUTE)),
    ):
        pace = statistics_of(later, now=NOW).pace
        assert pace is not None
        assert (pace.seconds, pace.records_per_second) == (60.0, 500.0)


def test_batches_tell_the_time_remaining_where_records_do_not() -> None:
    assert statistics_of(replace(FIGURES, expected_left=0), now=NOW).seconds_left == 39 / 0.1


def test_nobody_can_tell_the_time_remaining_while_nothing_is_completed() -> None:
    found = statistics_of(replace(FIGURES, recent_batches=0, recent_records=0), now=NOW)
    assert (found.pace is not None, found.seconds_left) == (True, None)


@pytest.mark.parametrize(
    "job",
    [
        replace(RUNNING, paused_at=NOW),
        replace(RUNNING, status=JobStatus.PARTIAL, finished_at=NOW),
        replace(RUNNING, status=JobStatus.PLANNING),
    ],
)
def test_a_job_that_is_not_at_work_has_no_pace(job: Job) -> None:
    found = statistics_of(replace(FIGURES, job=job), now=NOW)
    assert (found.pace, found.seconds_left) == (None, None)


def test_progress_is_counted_in_batches_and_waves() -> None:
    found = statistics_of(FIGURES, now=NOW)
    assert (found.total_batches, found.percent) == (100, 61)
    assert (found.total_waves, found.waves_over, found.current_wave) == (3, 2, CurrentWave(number=3, percent=2))
    assert found.average_wave_seconds == 150.0


def test_failures_are_told_apart_by_what_became_of_them() -> None:
    figures = (
        FailureFigures(category=FailureCategory.TIMEOUT, batches={BatchStatus.COMPLETED: 2, BatchStatus.RETRYING: 1}),
        FailureFigures(category=FailureCategory.DATABASE, batches={BatchStatus.FAILED: 1, BatchStatus.PROCESSING: 1}),
        FailureFigures(category=None, batches={BatchStatus.COMPLETED: 4}),
    )
    found = statistics_of(replace(FIGURES, failures=figures), now=NOW)
    assert found.failures == {
        "timeout": FailureCounts(retried_successfully=2, retrying=1),
        "database": FailureCounts(permanent=1, retrying=1),
        SET_BACK: FailureCounts(retried_successfully=4),
    }
    assert found.all_failures == FailureCounts(retried_successfully=6, permanent=1, retrying=2)
    assert found.all_failures.total == 9


def test_an_import_without_batches_is_done() -> None:
    empty = replace(FIGURES, batches={}, waves=(), first_dispatched=None, expected_left=0, records=0)
    found = statistics_of(empty, now=NOW)
    assert (found.percent, found.current_wave, found.records_per_second) == (100, None, None)


def test_the_store_counts_what_happened(store: WaveStore, planned: SavePlan, limits: Limits) -> None:
    planned({"subsidiary": (0, 3), "customer": (1, 2)})
    (dispatch,) = decide(store.load_state(JOB, now=NOW), limits).dispatches
    store.claim_dispatch(dispatch, in_flight_limit=None, now=NOW)
    ranges = [batch.range for batch in dispatch.batches]
    store.start_batches(dispatch.key, ranges, run_id="run", now=NOW)
    for minutes, one in ((1, ranges[0]), (8, ranges[1])):
        now = NOW + minutes * MINUTE
        with store.engine.begin() as connection:
            store.complete_batch(connection, dispatch_key=dispatch.key, batch=one, run_id="run", records=7, now=now)
    store.fail_batch(
        dispatch_key=dispatch.key,
        batch=ranges[2],
        run_id="run",
        category=FailureCategory.TIMEOUT,
        reason="slow",
        retry_at=None,
        now=NOW + 8 * MINUTE,
    )
    state = store.load_state(JOB, now=NOW + 9 * MINUTE)
    store.update_waves(JOB, decide(state, limits).wave_changes, now=NOW + 9 * MINUTE)

    figures = store.job_figures(JOB, recent_since=NOW + 5 * MINUTE)
    assert figures.batches == {BatchStatus.COMPLETED: 2, BatchStatus.FAILED: 1, BatchStatus.PENDING: 2}
    assert (figures.records, figures.expected_left, figures.attempts) == (14, 20, 3)
    assert (figures.first_dispatched, figures.recent_batches, figures.recent_records) == (NOW, 1, 7)
    assert figures.failures == (FailureFigures(category=FailureCategory.TIMEOUT, batches={BatchStatus.FAILED: 1}),)
    assert [(wave.number, wave.total, wave.over) for wave in figures.waves] == [(1, 3, 3), (2, 2, 0)]
    with pytest.raises(UnknownJob):
        store.job_figures("nope", recent_since=NOW)
