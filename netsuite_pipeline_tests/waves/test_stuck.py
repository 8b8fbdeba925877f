"""Which waves count as stuck: something should have happened for WAVE_TIMEOUT seconds, and nothing did."""

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from netsuite_pipeline.waves.circuit import CLOSED, Circuit
from netsuite_pipeline.waves.coordinator import decide
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import Job, JobStatus
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline.waves.stuck import (
    WaveActivity,
    activity_of_state,
    activity_of_summary,
    stuck_waves,
)
from netsuite_pipeline_tests.waves.conftest import JOB, NOW, SavePlan

MINUTE = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)
RUNNING = Job(
    job_id=JOB,
    status=JobStatus.RUNNING,
    record_types=(),
    with_dependencies=True,
    trigger="cli",
    created_at=NOW - HOUR,
    planned_at=NOW - HOUR,
)
IDLE = WaveActivity(
    number=1, level=0, in_flight=0, pending=0, is_started=True, next_due=None, changed_at=NOW - 31 * MINUTE
)
FLYING = replace(IDLE, in_flight=3)


def stuck(*waves: WaveActivity, job: Job = RUNNING, circuit: Circuit = CLOSED, its_turn: bool = True) -> list[int]:
    found = stuck_waves(waves, job=job, circuit=circuit, now=NOW, timeout=1800, its_turn=its_turn)
    return [one.number for one in found]


def test_a_wave_in_flight_without_any_change_for_that_long_is_stuck() -> None:
    assert stuck(FLYING) == [1]
    assert stuck(replace(FLYING, changed_at=NOW - 29 * MINUTE)) == []


@pytest.mark.parametrize(
    "changes",
    [{"pending": 2}, {"next_due": NOW - MINUTE}, {"pending": 2, "is_started": False, "changed_at": NOW - HOUR}],
)
def test_a_wave_that_could_go_on_and_is_not_dispatched_is_stuck(changes: dict[str, Any]) -> None:
    assert stuck(replace(IDLE, **changes)) == [1]


def test_a_wave_of_an_import_that_waits_for_others_is_stuck_only_if_something_of_it_is_in_flight() -> None:
    assert stuck(replace(IDLE, pending=2), its_turn=False) == []
    assert stuck(FLYING, its_turn=False) == [1]


def test_a_wave_that_waits_for_its_next_attempt_is_not_stuck() -> None:
    assert stuck(replace(IDLE, next_due=NOW + MINUTE)) == []


def test_a_wave_whose_level_is_not_its_turn_is_not_stuck_unless_something_of_it_is_in_flight() -> None:
    lower = replace(IDLE, changed_at=NOW, in_flight=1)
    higher = replace(IDLE, number=2, level=1, pending=2, next_due=NOW - MINUTE)
    assert stuck(lower, higher) == []
    assert stuck(lower, replace(higher, in_flight=1)) == [2]


def test_a_wave_that_waits_for_the_one_before_is_not_stuck() -> None:
    before = replace(IDLE, changed_at=NOW, in_flight=1)
    assert stuck(before, replace(IDLE, number=2, pending=5, is_started=False)) == []


@pytest.mark.parametrize(
    ("job", "circuit"),
    [
        (replace(RUNNING, paused_at=NOW - HOUR), CLOSED),
        (replace(RUNNING, cancelled_at=NOW - HOUR), CLOSED),
        (RUNNING, CLOSED.unanswered("HTTP 503", NOW - HOUR)),
    ],
)
def test_of_what_is_held_up_only_what_is_in_flight_can_be_stuck(job: Job, circuit: Circuit) -> None:
    assert stuck(replace(IDLE, pending=3), job=job, circuit=circuit) == []
    assert stuck(FLYING, job=job, circuit=circuit) == [1]


@pytest.mark.parametrize(
    ("job", "circuit"),
    [
        (replace(RUNNING, planned_at=NOW - MINUTE), CLOSED),
        (replace(RUNNING, resumed_at=NOW - MINUTE), CLOSED),
        (RUNNING, CLOSED.answered(NOW - MINUTE)),
    ],
)
def test_time_counts_only_since_the_job_may_go_on(job: Job, circuit: Circuit) -> None:
    assert stuck(replace(IDLE, pending=3), job=job, circuit=circuit) == []


def test_nothing_of_an_ended_job_is_stuck() -> None:
    assert stuck(FLYING, job=replace(RUNNING, status=JobStatus.CANCELLED)) == []


def test_a_clock_that_was_put_back_makes_nothing_stuck() -> None:
    assert stuck(replace(FLYING, changed_at=NOW + HOUR)) == []


def test_the_sentence_has_the_way_out() -> None:
    (flying,) = stuck_waves([FLYING], job=RUNNING, circuit=CLOSED, now=NOW, timeout=1800)
    assert (
        "no progress since 2026-11-23 01:29 UTC, for more than WAVE_TIMEOUT=1800 s, with 3 batches" in flying.sentence
    )
    assert "`netsuite-pipeline waves reset job-1 1`" in flying.sentence
    (idle,) = stuck_waves([replace(IDLE, pending=1)], job=RUNNING, circuit=CLOSED, now=NOW, timeout=1800)
    assert "is dagster-daemon running" in idle.sentence


def test_dispatcher_and_people_see_the_same(store: WaveStore, planned: SavePlan, limits: Limits) -> None:
    planned({"subsidiary": (0, 4)})
    state = store.load_state(JOB, now=NOW)
    first, *_ = decide(state, replace(limits, run_batches=2)).dispatches
    store.claim_dispatch(first, in_flight_limit=None, now=NOW + MINUTE)
    store.start_batches(first.key, [first.batches[0].range], run_id="run", now=NOW + 2 * MINUTE)
    seen = activity_of_state(store.load_state(JOB, now=NOW))
    assert seen == activity_of_summary(store.job_summary(JOB).waves)
    assert [(one.in_flight, one.pending, one.changed_at) for one in seen] == [(2, 2, NOW + 2 * MINUTE)]
