"""Which imports go first: a night's changes before full imports, and full imports of several companies in turn. Pure.

Dagster's queue launches runs by their priority, and runs of the same one in the order in which they came. A person's
runs and backfills have none, which is 0.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace

from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import ImportMode, Job, JobStatus
from netsuite_pipeline.waves.ownership import is_kept_elsewhere

NIGHTLY_PRIORITY = 10
# Of so many seconds' worth of queue each batch is taken to be. Ten runs that twenty companies share take longer.
_SECONDS_PER_BATCH = 5
_EPOCH = dt.datetime.fromisoformat("2020-01-01")


@dataclass(frozen=True, kw_only=True)
class Precedence:
    """What a full import makes room for: an import of changes, and the older full import that has what this leaves."""

    nightly: Job
    full: Job | None = None


def run_priority(mode: ImportMode, *, ahead: int, now: dt.datetime) -> int:
    """The priority of a run where companies share Dagster's runs; its import has `ahead` batches in flight before it.

    A full import's falls with the time at which its turn is expected. So a long queue of one company does not go before
    the first runs of another, and whatever waits comes before all that is asked for later.
    """
    if mode is ImportMode.INCREMENTAL:
        return NIGHTLY_PRIORITY
    return -int((now - _EPOCH).total_seconds()) - _SECONDS_PER_BATCH * ahead


def goes_first(job: Job, open_jobs: Iterable[Job]) -> Precedence | None:
    """What a full import leaves room to, as long as it is under way and nobody holds it up; `open_jobs` are the
    company's, oldest first. Of those of another Dagster instance nobody knows whether they ever go on.
    """
    if job.mode is not ImportMode.FULL:
        return None
    under_way = [one for one in open_jobs if _is_under_way(one) and not is_kept_elsewhere(one, job.registry)]
    nightly = next((one for one in under_way if one.mode is ImportMode.INCREMENTAL), None)
    if nightly is None:
        return None
    oldest = next((one for one in under_way if one.mode is ImportMode.FULL), None)
    return Precedence(nightly=nightly, full=None if oldest is None or oldest.job_id == job.job_id else oldest)


def beside_a_nightly(limits: Limits, precedence: Precedence) -> Limits:
    """What a full import may have in flight meanwhile. It is not cut for several runs: by default, all is one run.

    The oldest one has at least a batch, so that it goes on however long that takes. The others have nothing: a batch of
    each would be a run of each, and together they would have all the runs that the pool allows.
    """
    if limits.in_flight is None or not limits.nightly_reserve:
        return limits
    if precedence.full is not None:
        return replace(limits, in_flight_now=0)
    left = max(1, limits.wave_size * (100 - limits.nightly_reserve) // 100)
    if left >= limits.in_flight:
        return limits
    return replace(limits, in_flight_now=left, runs_at_once=None)


def makes_room_for(precedence: Precedence, limits: Limits) -> str | None:
    """What is held back, as a sentence for people; None if nothing is."""
    left = beside_a_nightly(limits, precedence).in_flight
    if left is None or left == limits.in_flight:
        return None
    first, reserve = f"Import of changes {precedence.nightly.job_id} goes first", limits.nightly_reserve
    if precedence.full is not None:
        return (
            f"{first}, and the older import {precedence.full.job_id} has what it leaves: until one of them is over, no"
            f" batch of this one is dispatched (WAVE_NIGHTLY_RESERVE={reserve})."
        )
    return (
        f"{first}: until it is over, batches of this one in flight are limited to {left}"
        f" (WAVE_NIGHTLY_RESERVE={reserve})."
    )


def _is_under_way(job: Job) -> bool:
    return job.status is JobStatus.RUNNING and job.paused_at is None and job.cancelled_at is None
