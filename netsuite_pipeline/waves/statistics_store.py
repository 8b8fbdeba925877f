"""The figures of a job that `statistics` computes with, in a few aggregate statements."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, case, func, select

from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.waves.errors import UnknownJob
from netsuite_pipeline.waves.model import OVER, UNFINISHED, BatchStatus, Job
from netsuite_pipeline.waves.progress import ProgressStore
from netsuite_pipeline.waves.rows import job_of
from netsuite_pipeline.waves.tables import import_jobs, wave_batches, wave_coordination

_ROW = wave_batches.c


@dataclass(frozen=True, kw_only=True)
class WaveFigures:
    """One wave: how many of its batches are over, and how long it took if all are and that is known."""

    number: int
    total: int
    over: int
    seconds: float | None


@dataclass(frozen=True, kw_only=True)
class FailureFigures:
    """Batches whose last failure had this category, by what became of them. The category is None if a person had them
    tried again since.
    """

    category: FailureCategory | None
    batches: Mapping[BatchStatus, int]


@dataclass(frozen=True, kw_only=True)
class JobFigures:
    """A job in numbers. `recent_*` count what was completed after `recent_since`; times are naive UTC."""

    job: Job
    batches: Mapping[BatchStatus, int]
    waves: tuple[WaveFigures, ...]
    failures: tuple[FailureFigures, ...]
    records: int
    expected_left: int
    attempts: int
    first_dispatched: dt.datetime | None
    recent_since: dt.datetime
    recent_batches: int
    recent_records: int


class StatisticsStore(ProgressStore):
    """The reading side of the wave tables, in numbers."""

    def job_figures(self, job_id: str, *, recent_since: dt.datetime) -> JobFigures:
        """The figures of a job; UnknownJob if there is none."""

        def work(connection: Connection) -> tuple[Any, ...]:
            job = connection.execute(select(import_jobs).where(import_jobs.c.job_id == job_id)).one_or_none()
            statements = (_by_status(job_id, recent_since), _by_wave(job_id), _by_category(job_id))
            return job, *(connection.execute(statement).all() for statement in statements)

        job, by_status, by_wave, by_category = self._transactions.read(work)
        if job is None:
            raise UnknownJob(f"There is no import job {job_id!r}; `waves status` without an argument shows the latest.")
        failures: dict[str | None, dict[BatchStatus, int]] = {}
        for row in by_category:
            failures.setdefault(row.failure_category, {})[BatchStatus(row.status)] = row.batches
        return JobFigures(
            job=job_of(job),
            batches={BatchStatus(row.status): row.batches for row in by_status},
            waves=tuple(_wave_figures(row) for row in by_wave),
            failures=tuple(
                FailureFigures(category=FailureCategory(name) if name else None, batches=batches)
                for name, batches in sorted(failures.items(), key=lambda item: item[0] or "")
            ),
            records=sum(int(row.records) for row in by_status),
            expected_left=sum(int(row.expected) for row in by_status if row.status in UNFINISHED),
            attempts=sum(int(row.attempts) for row in by_status),
            first_dispatched=min((row.first for row in by_status if row.first is not None), default=None),
            recent_since=recent_since,
            recent_batches=sum(int(row.recent_batches) for row in by_status),
            recent_records=sum(int(row.recent_records) for row in by_status),
        )


def _sum(value: Any) -> Any:
    return func.coalesce(func.sum(value), 0)


def _by_status(job_id: str, recent_since: dt.datetime) -> Select[Any]:
    recent = (_ROW.status == BatchStatus.COMPLETED) & (_ROW.completed_at > recent_since)
    return (
        select(
            _ROW.status,
            func.count().label("batches"),
            _sum(_ROW.records).label("records"),
            _sum(_ROW.expected_records).label("expected"),
            _sum(_ROW.attempt).label("attempts"),
            func.min(_ROW.dispatched_at).label("first"),
            _sum(case((recent, 1), else_=0)).label("recent_batches"),
            _sum(case((recent, _ROW.records), else_=0)).label("recent_records"),
        )
        .where(_ROW.job_id == job_id)
        .group_by(_ROW.status)
    )


def _by_wave(job_id: str) -> Select[Any]:
    wave = wave_coordination.c
    over = case((_ROW.status.in_(sorted({BatchStatus.COMPLETED, BatchStatus.FAILED})), 1), else_=0)
    columns = (wave.wave_number, wave.status, wave.dispatched_at, wave.completed_at)
    return (
        select(*columns, func.count(_ROW.id).label("total"), _sum(over).label("over"))
        .select_from(wave_coordination)
        .outerjoin(wave_batches, (_ROW.job_id == wave.job_id) & (_ROW.wave_number == wave.wave_number))
        .where(wave.job_id == job_id)
        .group_by(*columns)
        .order_by(wave.wave_number)
    )


def _by_category(job_id: str) -> Select[Any]:
    tried_again = (_ROW.attempt > 1) | _ROW.status.in_(sorted({BatchStatus.FAILED, BatchStatus.RETRYING}))
    return (
        select(_ROW.failure_category, _ROW.status, func.count().label("batches"))
        .where(_ROW.job_id == job_id, tried_again)
        .group_by(_ROW.failure_category, _ROW.status)
    )


def _wave_figures(row: Any) -> WaveFigures:
    timed = row.status in OVER and row.dispatched_at is not None and row.completed_at is not None
    seconds = max((row.completed_at - row.dispatched_at).total_seconds(), 0.0) if timed else None
    return WaveFigures(number=row.wave_number, total=row.total, over=int(row.over), seconds=seconds)
