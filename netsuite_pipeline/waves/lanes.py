"""Which imports go first: a night's changes before full imports, and full imports of several companies in turn. Pure.

Dagster's queue launches runs by their priority, and runs of the same one in the order in which they came. A person's
runs and backfills have none, which is 0.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace

from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import ImportMode, Job, JobStatus

NIGHTLY_PRIORITY = 10
# Of so many seconds' worth of queue each batch is taken to be. Ten runs that twenty companies share take longer.
_SECONDS_PER_BATCH = 5
_EPOCH = dt.datetime.fromisoformat("2020-01-01")


def run_priority(mode: ImportMode, *, ahead: int, now: dt.datetime) -> int:
    """The priority of a run where companies share Dagster's runs; its import has `ahead` batches in flight before it.

    A full import's falls with the time at which its turn is expected. So a long queue of one company does not go before
    the first runs of another, and whatever waits comes before all that is asked for later.
    """
    if mode is ImportMode.INCREMENTAL:
        return NIGHTLY_PRIORITY
    return -int((now - _EPOCH).total_seconds()) - _SECONDS_PER_BATCH * ahead


def goes_first(job: Job, open_jobs: Iterable[Job]) -> Job | None:
    """The import of changes that a full import leaves room to: it is under way, and nobody holds it up."""
    if job.mode is not ImportMode.FULL:
        return None
    return next((one for one in open_jobs if _is_a_nightly_under_way(one)), None)


def beside_a_nightly(limits: Limits) -> Limits:
    """What a full import may have in flight meanwhile. It is not cut for several runs: by default, all is one run.

    At least a batch, so that it goes on however long that takes.
    """
    if limits.in_flight is None:
        return limits
    left = max(1, limits.wave_size * (100 - limits.nightly_reserve) // 100)
    if left >= limits.in_flight:
        return limits
    return replace(limits, in_flight_now=left, runs_at_once=None)


def makes_room_for(nightly: Job, limits: Limits) -> str | None:
    """What is held back, as a sentence for people; None if nothing is."""
    left = beside_a_nightly(limits).in_flight
    if left is None or left == limits.in_flight:
        return None
    return (
        f"Import of changes {nightly.job_id} goes first: until it is over, batches of this one in flight are limited"
        f" to {left} (WAVE_NIGHTLY_RESERVE={limits.nightly_reserve})."
    )


def _is_a_nightly_under_way(job: Job) -> bool:
    is_held_up = job.paused_at is not None or job.cancelled_at is not None
    return job.mode is ImportMode.INCREMENTAL and job.status is JobStatus.RUNNING and not is_held_up
