"""How far a job is, for people: per record type and per wave, counted from the batches.

Read-only. The counters in the rows of waves are the dispatcher's notes; they are not used here, so that a
status is right between two looks of the dispatcher.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, case, func, select, union

from netsuite_pipeline.waves.batch_store import BatchStore
from netsuite_pipeline.waves.errors import UnknownJob
from netsuite_pipeline.waves.model import IN_FLIGHT, BatchStatus, Job, TypeStatus, WaveStatus
from netsuite_pipeline.waves.rows import job_of
from netsuite_pipeline.waves.tables import import_job_types, import_jobs, wave_batches, wave_coordination


@dataclass(frozen=True, kw_only=True)
class TypeSummary:
    """One record type of a job. `source_records` is NetSuite's count at planning, None if the type is
    unavailable.

    `records` counts those of completed batches; `retries` the attempts beyond the first. Times are naive UTC.
    """

    record_type: str
    level: int
    status: TypeStatus
    reason: str | None
    source_records: int | None
    records: int
    batches: Mapping[BatchStatus, int]
    retries: int
    first_dispatched: dt.datetime | None
    last_completed: dt.datetime | None

    @property
    def total_batches(self) -> int:
        """All batches of the type in this job."""
        return sum(self.batches.values())

    @property
    def is_incomplete(self) -> bool:
        """Whether the job ends without all of the type: it is unavailable, or batches failed for good."""
        return self.status is TypeStatus.UNAVAILABLE or self.batches.get(BatchStatus.FAILED, 0) > 0


@dataclass(frozen=True, kw_only=True)
class WaveSummary:
    """One wave of a job; the numbers count its batches, `retried` those with more than one attempt. `next_due` is when
    the first of the `retrying` is, `changed_at` when a batch last changed (naive UTC).
    """

    number: int
    level: int
    status: WaveStatus
    total: int
    completed: int
    failed: int
    retried: int
    retrying: int
    in_flight: int
    next_due: dt.datetime | None = None
    changed_at: dt.datetime | None = None

    @property
    def pending(self) -> int:
        """Batches that are neither over nor in flight nor waiting for another attempt."""
        return self.total - self.completed - self.failed - self.retrying - self.in_flight


@dataclass(frozen=True, kw_only=True)
class FailedBatch:
    """A batch that failed for good, and why."""

    record_type: str
    key: str
    attempts: int
    category: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class JobSummary:
    """A job with its record types (in dependency order), its waves and a sample of its failed batches."""

    job: Job
    types: tuple[TypeSummary, ...]
    waves: tuple[WaveSummary, ...]
    failed_batches: tuple[FailedBatch, ...]

    @property
    def total_batches(self) -> int:
        """All batches of the job."""
        return sum(wave.total for wave in self.waves)

    @property
    def in_flight(self) -> int:
        """Batches dispatched or in processing."""
        return sum(wave.in_flight for wave in self.waves)


_FAILED_SAMPLE = 20


class ProgressStore(BatchStore):
    """The reading side of the wave tables."""

    def job_summary(self, job_id: str) -> JobSummary:
        """How far a job is, in four statements however many batches it has; UnknownJob if there is none."""

        def work(connection: Connection) -> tuple[Any, ...]:
            statements = (_by_type(job_id), _by_wave(job_id), _failed_sample(job_id))
            job = connection.execute(select(import_jobs).where(import_jobs.c.job_id == job_id)).one_or_none()
            return job, *(connection.execute(statement).all() for statement in statements)

        job, types, waves, failed = self._transactions.read(work)
        if job is None:
            raise UnknownJob(f"There is no import job {job_id!r}; `waves status` without an argument shows the latest.")
        return JobSummary(
            job=job_of(job),
            types=_type_summaries(types),
            waves=tuple(_wave_summary(row) for row in waves),
            failed_batches=tuple(
                FailedBatch(
                    record_type=row.record_type,
                    key=f"{row.batch_first}..{row.batch_last}",
                    attempts=row.attempt,
                    category=row.failure_category,
                    reason=row.failure_reason,
                )
                for row in failed
            ),
        )

    def incomplete_types(self, job_id: str) -> frozenset[str]:
        """The record types whose summary `is_incomplete`, without counting all batches."""
        batch, planned = wave_batches.c, import_job_types.c
        statement = union(
            select(batch.record_type).where(batch.job_id == job_id, batch.status == BatchStatus.FAILED),
            select(planned.record_type).where(planned.job_id == job_id, planned.status == TypeStatus.UNAVAILABLE),
        )
        return frozenset(self._transactions.read(lambda connection: connection.execute(statement).scalars().all()))


def _by_type(job_id: str) -> Select[Any]:
    batch, planned = wave_batches.c, import_job_types.c
    return (
        select(
            planned.record_type,
            planned.level,
            planned.status,
            planned.reason,
            planned.source_records,
            batch.status.label("batch_status"),
            func.count(batch.id).label("batches"),
            func.coalesce(func.sum(batch.records), 0).label("records"),
            func.coalesce(func.sum(batch.retry_count), 0).label("retries"),
            func.min(batch.dispatched_at).label("first_dispatched"),
            func.max(batch.completed_at).label("last_completed"),
        )
        .select_from(import_job_types)
        .outerjoin(wave_batches, (batch.job_id == planned.job_id) & (batch.record_type == planned.record_type))
        .where(planned.job_id == job_id)
        .group_by(
            planned.record_type,
            planned.level,
            planned.status,
            planned.reason,
            planned.source_records,
            batch.status,
        )
        .order_by(planned.level, planned.record_type)
    )


def _by_wave(job_id: str) -> Select[Any]:
    batch, wave = wave_batches.c, wave_coordination.c

    def counted(condition: Any) -> Any:
        return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)

    return (
        select(
            wave.wave_number,
            wave.dependency_level,
            wave.status,
            func.count(batch.id).label("total"),
            counted(batch.status == BatchStatus.COMPLETED).label("completed"),
            counted(batch.status == BatchStatus.FAILED).label("failed"),
            counted(batch.retry_count > 0).label("retried"),
            counted(batch.status == BatchStatus.RETRYING).label("retrying"),
            counted(batch.status.in_(sorted(IN_FLIGHT))).label("in_flight"),
            func.min(case((batch.status == BatchStatus.RETRYING, batch.not_before))).label("next_due"),
            func.max(batch.updated_at).label("changed_at"),
        )
        .select_from(wave_coordination)
        .outerjoin(wave_batches, (batch.job_id == wave.job_id) & (batch.wave_number == wave.wave_number))
        .where(wave.job_id == job_id)
        .group_by(wave.wave_number, wave.dependency_level, wave.status)
        .order_by(wave.wave_number)
    )


def _failed_sample(job_id: str) -> Select[Any]:
    batch = wave_batches.c
    return (
        select(
            batch.record_type,
            batch.batch_first,
            batch.batch_last,
            batch.attempt,
            batch.failure_category,
            batch.failure_reason,
        )
        .where(batch.job_id == job_id, batch.status == BatchStatus.FAILED)
        .order_by(batch.record_type, batch.batch_number)
        .limit(_FAILED_SAMPLE)
    )


def _type_summaries(rows: Sequence[Row[Any]]) -> tuple[TypeSummary, ...]:
    by_type: dict[str, list[Row[Any]]] = {}
    for row in rows:
        by_type.setdefault(row.record_type, []).append(row)
    return tuple(_type_summary(group) for group in by_type.values())


def _type_summary(rows: Sequence[Row[Any]]) -> TypeSummary:
    planned = rows[0]
    dispatched = [row.first_dispatched for row in rows if row.first_dispatched is not None]
    completed = [row.last_completed for row in rows if row.last_completed is not None]
    return TypeSummary(
        record_type=planned.record_type,
        level=planned.level,
        status=TypeStatus(planned.status),
        reason=planned.reason,
        source_records=planned.source_records,
        records=sum(int(row.records) for row in rows),
        batches={BatchStatus(row.batch_status): row.batches for row in rows if row.batch_status is not None},
        retries=sum(int(row.retries) for row in rows),
        first_dispatched=min(dispatched, default=None),
        last_completed=max(completed, default=None),
    )


def _wave_status(row: Row[Any]) -> WaveStatus:
    stored = WaveStatus(row.status)
    if stored is WaveStatus.PENDING and row.completed + row.failed + row.in_flight + row.retrying:
        return WaveStatus.DISPATCHING
    return stored


def _wave_summary(row: Row[Any]) -> WaveSummary:
    return WaveSummary(
        number=row.wave_number,
        level=row.dependency_level,
        status=_wave_status(row),
        total=row.total,
        completed=int(row.completed),
        failed=int(row.failed),
        retried=int(row.retried),
        retrying=int(row.retrying),
        in_flight=int(row.in_flight),
        next_due=row.next_due,
        changed_at=row.changed_at,
    )
