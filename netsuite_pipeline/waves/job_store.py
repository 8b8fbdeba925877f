"""Jobs in the wave tables: created, planned once, ended once.

What happens to single batches is in `batch_store`, dispatching in `dispatch_store`.
"""

import datetime as dt
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Update, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.waves.errors import UnknownJob
from netsuite_pipeline.waves.model import (
    IN_FLIGHT,
    NO_OWNER,
    OPEN_JOBS,
    OVER,
    UNFINISHED,
    Batch,
    BatchStatus,
    ImportMode,
    Job,
    JobStatus,
    Owner,
    RecordTypePlan,
    TypeStatus,
    Wave,
    WaveStatus,
    check_job_id,
    predecessors,
)
from netsuite_pipeline.waves.rows import job_of
from netsuite_pipeline.waves.tables import (
    fit_reason,
    import_job_types,
    import_jobs,
    wave_batches,
    wave_coordination,
)
from netsuite_pipeline.waves.transactions import Transactions, chunks


class JobStore:
    """Creates, plans and ends jobs. Every method is one short transaction."""

    def __init__(self, engine: Engine, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.engine = engine
        self._transactions = Transactions(engine, sleep=sleep)

    def create_job(
        self,
        job_id: str,
        *,
        record_types: Sequence[str],
        with_dependencies: bool,
        trigger: str,
        now: dt.datetime,
        mode: ImportMode = ImportMode.FULL,
        declarations: str | None = None,
        registry: str | None = None,
    ) -> bool:
        """Notes that an import was asked for, of batches that `registry` keeps. False if the job exists already.

        Then nothing changes, except that a job that is still being planned is planned with these `declarations` now.
        """
        values = {
            "job_id": check_job_id(job_id),
            "status": JobStatus.PLANNING,
            "record_types": json.dumps(list(record_types)),
            "with_dependencies": with_dependencies,
            "trigger": trigger,
            "created_at": now,
            "mode": mode,
            "declarations": declarations,
            "registry": registry,
        }
        try:
            self._transactions.run(lambda connection: connection.execute(insert(import_jobs).values(values)))
        except IntegrityError:
            self.job(job_id)
            planning = (import_jobs.c.job_id == job_id, import_jobs.c.status == JobStatus.PLANNING)
            again = update(import_jobs).where(*planning).values(declarations=declarations)
            self._transactions.run(lambda connection: connection.execute(again))
            return False
        return True

    def job(self, job_id: str) -> Job:
        """The job; UnknownJob if there is none."""
        statement = select(import_jobs).where(import_jobs.c.job_id == job_id)
        row = self._transactions.read(lambda connection: connection.execute(statement).one_or_none())
        if row is None:
            raise UnknownJob(f"There is no import job {job_id!r}; `waves status` without an argument shows the latest.")
        return job_of(row)

    def open_jobs(self) -> list[Job]:
        """All jobs that are being planned or running, oldest first."""
        statement = (
            select(import_jobs)
            .where(import_jobs.c.status.in_(sorted(OPEN_JOBS)))
            .order_by(import_jobs.c.created_at, import_jobs.c.job_id)
        )
        return [job_of(row) for row in self._transactions.read(lambda connection: connection.execute(statement).all())]

    def latest_job(self) -> Job | None:
        """The job that was created last, None if there never was one."""
        newest = (import_jobs.c.created_at.desc(), import_jobs.c.job_id.desc())
        statement = select(import_jobs).order_by(*newest).limit(1)
        row = self._transactions.read(lambda connection: connection.execute(statement).one_or_none())
        return None if row is None else job_of(row)

    def save_plan(
        self,
        job_id: str,
        *,
        types: Sequence[RecordTypePlan],
        waves: Sequence[Wave],
        now: dt.datetime,
        as_of: dt.datetime | None = None,
        owner: Owner = NO_OWNER,
    ) -> bool:
        """Stores the whole plan and sets the job running. False, and nothing changes, if it was planned
        before.

        `as_of` is NetSuite's time before it was asked anything. UnknownJob if the job was not created.
        """

        def work(connection: Connection) -> bool:
            planned = (
                update(import_jobs)
                .where(import_jobs.c.job_id == job_id, import_jobs.c.status == JobStatus.PLANNING)
                .values(status=JobStatus.RUNNING, planned_at=now, as_of=as_of)
            )
            if connection.execute(planned).rowcount != 1:
                return False
            _insert(connection, import_job_types, [_type_values(job_id, plan) for plan in types])
            _insert(connection, wave_coordination, [_wave_values(job_id, wave, now) for wave in waves])
            whose = {"integration_id": owner.integration_id, "tenant_database": owner.database}
            batches = [_batch_values(job_id, wave, batch, now) | whose for wave in waves for batch in wave.batches]
            _insert(connection, wave_batches, batches)
            return True

        saved = self._transactions.run(work)
        if not saved:
            self.job(job_id)
        return saved

    def finish_job(
        self, job_id: str, *, status: JobStatus, reason: str | None, now: dt.datetime, resumes: int | None = None
    ) -> bool:
        """Ends a job. False, and nothing changes, if it has ended, has batches in flight or, unless it failed or was
        cancelled, has unfinished ones; also if a person resumed it since that was decided, when it had so many
        `resumes`. Waves that an early end leaves undone have failed.
        """
        early = status in {JobStatus.FAILED, JobStatus.CANCELLED}
        # An early end leaves batches undone, but none to runs that nobody looks after any more.
        forbidden = IN_FLIGHT if early else UNFINISHED
        left = (
            select(func.count())
            .select_from(wave_batches)
            .where(wave_batches.c.job_id == job_id, wave_batches.c.status.in_(sorted(forbidden)))
        )
        failure_reason = None if reason is None else fit_reason(reason)

        def work(connection: Connection) -> bool:
            if resumes is not None and not lock_job(connection, job_id, resumes=resumes):
                return False
            if connection.execute(left).scalar_one():
                return False
            if not _move_job(connection, job_id, status, finished_at=now, failure_reason=failure_reason):
                return False
            # In this transaction: rows that were called over before the job was would never be looked at again.
            if early:
                connection.execute(_close_waves(job_id, failure_reason, now))
            return True

        return self._transactions.run(work)

    def fail_job(self, job_id: str, reason: str, *, now: dt.datetime) -> bool:
        """Ends a job that cannot go on, in whatever open state it is."""
        return self.finish_job(job_id, status=JobStatus.FAILED, reason=reason, now=now)

    def in_flight_ranges(self, record_type: str) -> set[BatchRange]:
        """The batches of a record type that a running job has not finished. They must not be replaced."""
        statement = (
            select(wave_batches.c.batch_first, wave_batches.c.batch_last)
            .join(import_jobs, import_jobs.c.job_id == wave_batches.c.job_id)
            .where(
                import_jobs.c.status.in_(sorted(OPEN_JOBS)),
                wave_batches.c.record_type == record_type,
                wave_batches.c.status.in_(sorted(UNFINISHED)),
            )
        )
        rows = self._transactions.read(lambda connection: connection.execute(statement).all())
        return {BatchRange(first, last) for first, last in rows}


def lock_job(connection: Connection, job_id: str, *conditions: ColumnElement[bool], resumes: int) -> bool:
    """Keeps others from the job until the transaction ends; False if it is not as the decision took it to be."""
    # An update that changes nothing takes the row's lock on MySQL and the file's write lock on SQLite, where
    # SELECT ... FOR UPDATE does not exist: changes of one job come one after the other.
    unchanged = func.coalesce(import_jobs.c.resumes, 0) == resumes
    statement = (
        update(import_jobs)
        .where(import_jobs.c.job_id == job_id, unchanged, *conditions)
        .values(status=import_jobs.c.status)
    )
    return connection.execute(statement).rowcount == 1


def _move_job(connection: Connection, job_id: str, status: JobStatus, **values: Any) -> bool:
    statement = (
        update(import_jobs)
        .where(import_jobs.c.job_id == job_id, import_jobs.c.status.in_(predecessors(status)))
        .values(status=status, **values)
    )
    return connection.execute(statement).rowcount == 1


def _close_waves(job_id: str, reason: str | None, now: dt.datetime) -> Update:
    row = wave_coordination.c
    return (
        update(wave_coordination)
        .where(row.job_id == job_id, row.status.not_in(sorted(OVER)))
        .values(status=WaveStatus.FAILED, failure_reason=reason, completed_at=now, updated_at=now)
    )


def _insert(connection: Connection, table: Any, rows: Sequence[dict[str, Any]]) -> None:
    for chunk in chunks(rows):
        connection.execute(insert(table), list(chunk))


def _type_values(job_id: str, plan: RecordTypePlan) -> dict[str, Any]:
    return {
        "job_id": job_id,
        "record_type": plan.record_type,
        "level": plan.level,
        "status": TypeStatus.PLANNED if plan.available else TypeStatus.UNAVAILABLE,
        "reason": None if plan.reason is None else fit_reason(plan.reason),
        "source_records": plan.expected_records,
    }


def _wave_values(job_id: str, wave: Wave, now: dt.datetime) -> dict[str, Any]:
    return {
        "job_id": job_id,
        "wave_number": wave.number,
        "dependency_level": wave.level,
        "total_batches": len(wave.batches),
        "status": wave.status,
        "created_at": now,
        "updated_at": now,
    }


def _batch_values(job_id: str, wave: Wave, batch: Batch, now: dt.datetime) -> dict[str, Any]:
    return {
        "job_id": job_id,
        "wave_number": wave.number,
        "batch_id": batch.batch_id,
        "record_type": batch.record_type,
        "record_type_id": batch.record_type_id,
        "batch_number": batch.batch_number,
        "batch_first": batch.range.first,
        "batch_last": batch.range.last,
        "expected_records": batch.expected_records,
        "changed_since": batch.changed_since,
        "is_dependency": batch.is_dependency,
        "status": BatchStatus.PENDING,
        "attempt": 0,
        "retry_count": 0,
        "max_retries": batch.max_retries,
        "created_at": now,
        "updated_at": now,
    }
