"""Which imports go first, and what full imports leave to a night's changes."""

import datetime as dt
from dataclasses import replace

import pytest

from netsuite_pipeline.settings import Settings
from netsuite_pipeline.waves.lanes import Precedence, beside_a_nightly, goes_first, makes_room_for, run_priority
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import ImportMode, Job, JobStatus

NOW = dt.datetime.fromisoformat("2026-11-23T02:00:00")
LIMITS = Limits.of(Settings())


def job(mode: ImportMode = ImportMode.INCREMENTAL, status: JobStatus = JobStatus.RUNNING, **changes: object) -> Job:
    plain = Job(
        job_id=mode.value,
        status=status,
        record_types=(),
        with_dependencies=True,
        trigger="test",
        created_at=NOW,
        mode=mode,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


FULL = job(ImportMode.FULL)
YOUNGER = job(ImportMode.FULL, job_id="younger")
OLDEST = Precedence(nightly=job())
BEHIND = Precedence(nightly=job(), full=FULL)


def test_a_full_import_makes_room_for_a_nightly_and_a_nightly_for_nobody() -> None:
    assert goes_first(FULL, [FULL, job()]) == OLDEST
    assert goes_first(job(job_id="another"), [FULL, job()]) is None
    assert goes_first(FULL, [FULL]) is None


@pytest.mark.parametrize(
    "held_up",
    [job(paused_at=NOW), job(cancelled_at=NOW), job(status=JobStatus.PLANNING)],
    ids=["paused", "cancelled", "planning"],
)
def test_a_nightly_that_dispatches_nothing_keeps_nothing_back(held_up: Job) -> None:
    assert goes_first(FULL, [FULL, held_up]) is None


def test_of_several_full_imports_the_oldest_has_what_the_nightly_leaves() -> None:
    open_jobs = [FULL, YOUNGER, job()]
    assert goes_first(FULL, open_jobs) == OLDEST
    assert goes_first(YOUNGER, open_jobs) == BEHIND
    assert beside_a_nightly(LIMITS, OLDEST).in_flight == 30
    assert beside_a_nightly(LIMITS, BEHIND).in_flight == 0


@pytest.mark.parametrize(
    "held_up",
    [replace(FULL, paused_at=NOW), replace(FULL, cancelled_at=NOW), replace(FULL, status=JobStatus.PLANNING)],
    ids=["paused", "cancelled", "planning"],
)
def test_a_full_import_that_dispatches_nothing_keeps_no_other_waiting(held_up: Job) -> None:
    assert goes_first(YOUNGER, [held_up, YOUNGER, job()]) == OLDEST


def test_where_nothing_is_kept_for_the_night_full_imports_do_not_wait_for_each_other() -> None:
    none = replace(LIMITS, nightly_reserve=0)
    assert beside_a_nightly(none, BEHIND) == none
    assert makes_room_for(BEHIND, none) is None


@pytest.mark.parametrize(
    ("reserve", "size", "now", "left"),
    [(90, 300, None, 30), (0, 300, None, 300), (50, 300, None, 150), (90, 300, 20, 20), (99, 5, None, 1)],
)
def test_what_is_left_is_a_share_of_the_wave_size_and_at_least_a_batch(
    reserve: int, size: int, now: int | None, left: int
) -> None:
    limits = replace(LIMITS, nightly_reserve=reserve, wave_size=size, in_flight_now=now)
    assert beside_a_nightly(limits, OLDEST).in_flight == left


def test_by_default_a_full_import_keeps_one_run_of_the_two_that_the_pool_allows() -> None:
    left = beside_a_nightly(LIMITS, OLDEST)
    assert left.in_flight is not None
    assert left.dispatch_batches <= left.in_flight < 2 * left.dispatch_batches


def test_without_coordination_there_is_no_reserve() -> None:
    off = replace(LIMITS, coordination=False)
    assert beside_a_nightly(off, OLDEST).in_flight is None
    assert makes_room_for(OLDEST, off) is None


def test_what_is_held_back_is_said_and_only_then() -> None:
    assert makes_room_for(OLDEST, LIMITS) == (
        "Import of changes incremental goes first: until it is over, batches of this one in flight are"
        " limited to 30 (WAVE_NIGHTLY_RESERVE=90)."
    )
    assert makes_room_for(BEHIND, LIMITS) == (
        "Import of changes incremental goes first, and the older import full has what it leaves: until one of them is"
        " over, no batch of this one is dispatched (WAVE_NIGHTLY_RESERVE=90)."
    )
    assert makes_room_for(OLDEST, replace(LIMITS, nightly_reserve=0)) is None


def test_the_first_run_of_one_company_goes_before_the_last_of_a_long_queue_of_another() -> None:
    queue = [run_priority(ImportMode.FULL, ahead=ahead, now=NOW) for ahead in (0, 275)]
    later = run_priority(ImportMode.FULL, ahead=0, now=NOW + dt.timedelta(seconds=60))
    assert queue[0] > later > queue[1]


def test_nobody_who_waits_is_overtaken_for_ever() -> None:
    last = run_priority(ImportMode.FULL, ahead=300, now=NOW)
    assert run_priority(ImportMode.FULL, ahead=0, now=NOW + dt.timedelta(hours=1)) < last


def test_a_nightly_goes_before_people_and_people_before_full_imports() -> None:
    nightly = run_priority(ImportMode.INCREMENTAL, ahead=300, now=NOW)
    assert nightly > 0 > run_priority(ImportMode.FULL, ahead=0, now=NOW)
