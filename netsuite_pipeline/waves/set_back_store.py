"""Having batches tried again: those of a job that failed, or all of a wave that are not completed.

They become pending with more attempts granted, the rows of waves say what is true then, and the job runs (again).
Everything that was decided before is void (`Job.resumes`), so no level is crossed early by a decision that knew of
nothing to do below. `attempt` never goes back: dispatch keys contain it, and none is used twice.
"""

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.waves.control_store import ControlStore
from netsuite_pipeline.waves.errors import Refused, UnknownJob
from netsuite_pipeline.waves.job_end import stopping_failure
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import (
    IN_FLIGHT,
    OPEN_JOBS,
    UNFINISHED,
    BatchStatus,
    Job,
    JobStatus,
    predecessors,
)
from netsuite_pipeline.waves.ownership import is_kept_elsewhere, kept_elsewhere
from netsuite_pipeline.waves.rows import job_of
from netsuite_pipeline.waves.state_store import read_failures
from netsuite_pipeline.waves.tables import fit_reason, import_jobs, wave_batches
from netsuite_pipeline.waves.transactions import chunks
from netsuite_pipeline.waves.wave_rows import correct_wave_rows

_ROW = wave_batches.c

# The batches that exist, by record type: in Dagster, its partitions.
Existing = Mapping[str, Collection[BatchRange]]


@dataclass(frozen=True, kw_only=True)
class SetBack:
    """What became of a job that a person had tried again.

    `batches` counts those that are tried again by the status that they had. `gone` counts those that cannot be, by
    record type, because a later plan replaced their partition; they count as failed.
    """

    job: Job
    batches: Mapping[BatchStatus, int]
    gone: Mapping[str, int]


class SetBackStore(ControlStore):
    """A person's second chances for batches. Refused, and nothing changes, where there is nothing to be tried again,
    and if another `registry` than the caller's keeps the batches of the job.

    Callers hold the planning lock (`PlanningLock`), so that nobody takes `existing` partitions away meanwhile.
    """

    def retry(
        self, job_id: str, *, limits: Limits, existing: Existing, now: dt.datetime, registry: str | None = None
    ) -> SetBack:
        """Has the failed batches of a job tried again, after the next attempt as often as those of a new job.

        A job that ended goes on with what was left; one that was paused or cancelled is so no more.
        """

        def work(connection: Connection) -> SetBack:
            job = _locked(connection, job_id, registry)
            left = _left(connection, job_id)
            failed = [row for row in left if row.status == BatchStatus.FAILED]
            if not failed and not _is_held(job) and (job.status in OPEN_JOBS or not left):
                raise Refused(_nothing_to_retry(job))
            return _set_back(connection, job, left, failed, limits=limits, existing=existing, now=now, freed=True)

        return self._transactions.run(work)

    def reset(
        self,
        job_id: str,
        wave_number: int,
        *,
        limits: Limits,
        existing: Existing,
        now: dt.datetime,
        registry: str | None = None,
    ) -> SetBack:
        """Has every batch of a wave tried again that is not completed, also those in flight: runs that have them find
        their lease lost.

        A job that ended goes on, also with what was left of its other waves; one under way stays paused or cancelled.
        Refused if what has failed in other waves would stop the job at the next look.
        """

        def work(connection: Connection) -> SetBack:
            job = _locked(connection, job_id, registry)
            left = _left(connection, job_id)
            chosen = [row for row in left if row.wave_number == wave_number]
            if not chosen:
                raise nothing_to_reset(job_id, wave_number)
            freed = job.status not in OPEN_JOBS
            result = _set_back(connection, job, left, chosen, limits=limits, existing=existing, now=now, freed=freed)
            if stopping_failure(read_failures(connection, job_id), limits) is not None:
                raise Refused(_stopped_elsewhere(job_id, wave_number))
            return result

        return self._transactions.run(work)


def nothing_to_reset(job_id: str, wave_number: int) -> Refused:
    """Why a wave is not reset that is completed, or that the job does not have."""
    return Refused(f"Wave {wave_number} of import {job_id} has no batch that is not completed.")


def _stopped_elsewhere(job_id: str, wave_number: int) -> str:
    return (
        f"Wave {wave_number} of import {job_id} is not reset, because what stopped the import failed in other waves and"
        f" would stop it again: use `netsuite-pipeline waves retry {job_id}`, which tries all of it again."
    )


def _locked(connection: Connection, job_id: str, registry: str | None) -> Job:
    this = import_jobs.c.job_id == job_id
    connection.execute(update(import_jobs).where(this).values(status=import_jobs.c.status))
    row = connection.execute(select(import_jobs).where(this)).one_or_none()
    if row is None:
        raise UnknownJob(f"There is no import job {job_id!r}; `waves status` without an argument shows the latest.")
    job = job_of(row)
    if job.planned_at is None and not (job.status in OPEN_JOBS and _is_held(job)):
        what = "is still being planned" if job.status in OPEN_JOBS else "was never planned, start a new one"
        raise Refused(f"Import {job_id} has no batches to be tried again: it {what}.")
    if is_kept_elsewhere(job, registry):
        raise Refused(kept_elsewhere(job))
    return job


def _is_held(job: Job) -> bool:
    return job.paused_at is not None or job.cancelled_at is not None


def _nothing_to_retry(job: Job) -> str:
    match job.status:
        case JobStatus.COMPLETED:
            return f"Import {job.job_id} is complete: there is nothing to be tried again."
        case JobStatus.RUNNING:
            return f"No batch of import {job.job_id} has failed for good: there is nothing to be tried again."
    return (
        f"Every batch of import {job.job_id} is completed. Record types that were unavailable are not in its plan:"
        " start a new import of them."
    )


def _left(connection: Connection, job_id: str) -> Sequence[Row[Any]]:
    """All batches of the job that are not completed."""
    columns = (_ROW.id, _ROW.record_type, _ROW.batch_first, _ROW.batch_last, _ROW.wave_number, _ROW.status)
    wanted = sorted({*UNFINISHED, BatchStatus.FAILED})
    return connection.execute(select(*columns).where(_ROW.job_id == job_id, _ROW.status.in_(wanted))).all()


def _set_back(
    connection: Connection,
    job: Job,
    left: Iterable[Row[Any]],
    chosen: Sequence[Row[Any]],
    *,
    limits: Limits,
    existing: Existing,
    now: dt.datetime,
    freed: bool,
) -> SetBack:
    """Sets `chosen` back, of all that is `left`; with `freed` the job is neither paused nor cancelled afterwards."""
    again = {row.id for row in chosen}
    # Dagster would refuse the run of a batch without partition, and with it the whole tick. While a job is under way
    # nobody replaces what it has not finished, so this is about what failed, and what an ended job left.
    concerned = [row for row in left if row.id in again or row.status not in {*IN_FLIGHT, BatchStatus.FAILED}]
    gone = [row for row in concerned if BatchRange(row.batch_first, row.batch_last) not in _of(existing, row)]
    by_type = Counter(row.record_type for row in gone)
    if concerned and len(gone) == len(concerned):
        raise Refused(
            f"Nothing of import {job.job_id} can be tried again: a later plan replaced {_counted(by_type)}."
            f" Start a new import: netsuite-pipeline import start --types {','.join(sorted(by_type))} --no-dependencies"
        )
    lost = {row.id for row in gone}
    tried = [row for row in chosen if row.id not in lost]
    for record_type in {row.record_type for row in tried}:
        ids = [row.id for row in tried if row.record_type == record_type]
        _to_pending(connection, ids, attempts=limits.attempts_of(record_type), now=now)
    for record_type in by_type:
        _to_failed(connection, record_type, [row.id for row in gone if row.record_type == record_type], now=now)
    correct_wave_rows(connection, job.job_id, now=now)
    return SetBack(
        job=_run_again(connection, job, freed=freed, now=now),
        batches=Counter(BatchStatus(row.status) for row in tried),
        gone=by_type,
    )


def _of(existing: Existing, row: Row[Any]) -> Collection[BatchRange]:
    return existing.get(row.record_type, ())


def _counted(by_type: Mapping[str, int]) -> str:
    return " and ".join(f"{count} of {name}'s batches" for name, count in sorted(by_type.items()))


def _to_pending(connection: Connection, ids: Sequence[int], *, attempts: int, now: dt.datetime) -> None:
    for chunk in chunks(ids):
        connection.execute(
            update(wave_batches)
            # One that its run completed meanwhile stays completed.
            .where(_ROW.id.in_(chunk), _ROW.status.in_([*predecessors(BatchStatus.PENDING), BatchStatus.PENDING]))
            .values(
                status=BatchStatus.PENDING,
                max_retries=_ROW.attempt + attempts,
                # A run that lives all the same has nothing to hold on to.
                dispatch_key=None,
                run_id=None,
                not_before=None,
                failure_category=None,
                failure_reason=None,
                failed_at=None,
                updated_at=now,
            )
        )


def _to_failed(connection: Connection, record_type: str, ids: Sequence[int], *, now: dt.datetime) -> None:
    reason = f"A later plan replaced the partition of this batch: start a new import of {record_type}."
    for chunk in chunks(ids):
        connection.execute(
            update(wave_batches)
            .where(_ROW.id.in_(chunk), _ROW.status.in_([*predecessors(BatchStatus.FAILED), BatchStatus.FAILED]))
            .values(
                status=BatchStatus.FAILED,
                dispatch_key=None,
                run_id=None,
                not_before=None,
                # Whatever it was before must not stop the job another time.
                failure_category=FailureCategory.UNKNOWN,
                failure_reason=fit_reason(reason),
                failed_at=now,
                updated_at=now,
            )
        )


def _run_again(connection: Connection, job: Job, *, freed: bool, now: dt.datetime) -> Job:
    row = import_jobs.c
    statement = update(import_jobs).where(row.job_id == job.job_id)
    values: dict[str, Any] = {"resumes": func.coalesce(row.resumes, 0) + 1, "resumed_at": now}
    if freed:
        values |= {"paused_at": None, "cancelled_at": None}
    if job.status not in OPEN_JOBS:
        statement = statement.where(row.status.in_(predecessors(JobStatus.RUNNING)))
        values |= {"status": JobStatus.RUNNING, "finished_at": None, "failure_reason": None}
    if connection.execute(statement.values(values)).rowcount != 1:
        raise Refused(f"Import {job.job_id} is complete: there is nothing to be tried again.")
    return job_of(connection.execute(select(import_jobs).where(row.job_id == job.job_id)).one())
