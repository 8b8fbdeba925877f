"""What the dispatcher writes: claimed dispatches, released ones, the rows of waves; and what is in flight.

Deciding what to dispatch is `coordinator`'s business; what a run reports about its batches is in
`batch_store`.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, case, func, select, update

from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.waves.job_state import WaveChange
from netsuite_pipeline.waves.job_store import lock_job
from netsuite_pipeline.waves.model import (
    IN_FLIGHT,
    OPEN_JOBS,
    BatchStatus,
    Dispatch,
    JobStatus,
    WaveStatus,
    predecessors,
)
from netsuite_pipeline.waves.rows import batch_of
from netsuite_pipeline.waves.state_store import BATCH_COLUMNS, StateStore
from netsuite_pipeline.waves.tables import (
    fit_reason,
    import_jobs,
    wave_batches,
    wave_coordination,
)
from netsuite_pipeline.waves.transactions import chunks
from netsuite_pipeline.waves.wave_rows import correct_wave_rows


@dataclass(frozen=True, kw_only=True)
class InFlight:
    """A claimed dispatch with its batches that are not over yet.

    `run_id` is None until a run is known to carry it.
    """

    dispatch: Dispatch
    key: str
    run_id: str | None


@dataclass(frozen=True, kw_only=True)
class JobPulse:
    """What may change with every batch, and what lets the dispatcher act when it does: a dispatch is over."""

    job_id: str
    status: JobStatus
    paused: bool
    dispatches: int

    @property
    def is_quiet(self) -> bool:
        """Whether the job goes on, or ends, although nothing of it is in flight."""
        return self.status is JobStatus.RUNNING and not self.paused and self.dispatches == 0


# Of all open jobs; empty when none is under way.
Pulse = tuple[JobPulse, ...]

_DISPATCHABLE = (
    import_jobs.c.status == JobStatus.RUNNING,
    import_jobs.c.paused_at.is_(None),
    import_jobs.c.cancelled_at.is_(None),
)


class _Beaten(Exception):  # noqa: N818
    """Someone else has one of the batches; whatever was claimed with it has to be rolled back."""


class DispatchStore(StateStore):
    """The dispatcher's side of the wave tables."""

    def claim_dispatch(
        self, dispatch: Dispatch, *, in_flight_limit: int | None, now: dt.datetime, resumes: int = 0
    ) -> bool:
        """Takes exactly these batches for one dispatch, all or none; False if someone else was faster.

        Also False when the job has ended, is paused or cancelled, or when with these batches more than
        `in_flight_limit` of its batches would be in flight: decisions on older states cannot add up to more than the
        limit. And when a person had batches tried again since the decision, which knew of so many `resumes`: a lower
        level may be unfinished again.
        """

        def work(connection: Connection) -> bool:
            if not lock_job(connection, dispatch.job_id, *_DISPATCHABLE, resumes=resumes):
                return False
            if in_flight_limit is not None:
                in_flight = connection.execute(_count_in_flight(dispatch.job_id)).scalar_one()
                if in_flight + len(dispatch.batches) > in_flight_limit:
                    return False
            if _claim(connection, dispatch, now) != len(dispatch.batches):
                raise _Beaten
            return True

        try:
            return self._transactions.run(work)
        except _Beaten:
            return False

    def pulse(self) -> Pulse:
        """How many dispatches each open job has in flight, in one statement that reads no more than these batches."""
        row = wave_batches.c
        counted = (
            select(func.count(row.dispatch_key.distinct()))
            .where(row.job_id == import_jobs.c.job_id, row.status.in_(sorted(IN_FLIGHT)))
            .scalar_subquery()
        )
        statement = (
            select(import_jobs.c.job_id, import_jobs.c.status, import_jobs.c.paused_at, counted.label("dispatches"))
            .where(import_jobs.c.status.in_(sorted(OPEN_JOBS)))
            .order_by(import_jobs.c.job_id)
        )
        rows = self._transactions.read(lambda connection: connection.execute(statement).all())
        return tuple(
            JobPulse(
                job_id=one.job_id,
                status=JobStatus(one.status),
                paused=one.paused_at is not None,
                dispatches=one.dispatches,
            )
            for one in rows
        )

    def in_flight(self, job_id: str) -> list[InFlight]:
        """The dispatches of a job that are not over, to be compared with the runs that carry them."""
        statement = (
            select(
                *BATCH_COLUMNS,
                wave_batches.c.dispatch_key,
                wave_batches.c.run_id,
            )
            .where(wave_batches.c.job_id == job_id, wave_batches.c.status.in_(sorted(IN_FLIGHT)))
            .order_by(wave_batches.c.dispatch_key, wave_batches.c.batch_number)
        )
        rows = self._transactions.read(lambda connection: connection.execute(statement).all())
        groups: dict[tuple[str, str | None], list[Row[Any]]] = {}
        for row in rows:
            groups.setdefault((row.dispatch_key, row.run_id), []).append(row)
        return [_in_flight_of(job_id, key, run_id, group) for (key, run_id), group in groups.items()]

    def record_delivery(self, dispatch_key: str, *, run_id: str, now: dt.datetime) -> int:
        """Notes which run carries a dispatch, before that run reports by itself. Returns the number of
        batches.
        """
        statement = (
            update(wave_batches)
            .where(
                wave_batches.c.dispatch_key == dispatch_key,
                wave_batches.c.status == BatchStatus.DISPATCHED,
                wave_batches.c.run_id.is_(None),
            )
            .values(run_id=run_id, updated_at=now)
        )
        return self._transactions.run(lambda connection: connection.execute(statement).rowcount)

    def release(self, held: InFlight, *, reason: str, retry_at: dt.datetime | None, now: dt.datetime) -> int:
        """Takes back the batches of a run that ended without a word about them. Returns their number.

        They are tried again at `retry_at` (see `failure_policy.retry_at`, category unknown), or have failed
        for good if that is None. A run that still lives after all finds its lease lost.
        """
        target = BatchStatus.FAILED if retry_at is None else BatchStatus.RETRYING
        run_id = wave_batches.c.run_id
        statement = (
            update(wave_batches)
            .where(
                wave_batches.c.dispatch_key == held.key,
                run_id.is_(None) if held.run_id is None else run_id == held.run_id,
                wave_batches.c.status.in_(sorted(IN_FLIGHT)),
            )
            .values(
                status=target,
                not_before=retry_at,
                failed_at=now,
                failure_category=FailureCategory.UNKNOWN,
                failure_reason=fit_reason(reason),
                updated_at=now,
            )
        )
        return self._transactions.run(lambda connection: connection.execute(statement).rowcount)

    def update_waves(self, job_id: str, changes: Iterable[WaveChange], *, now: dt.datetime, resumes: int = 0) -> None:
        """Writes what the rows of waves should say. A change older than what a row says is left out, and all are that
        were decided before the last of so many `resumes`: a wave with batches to do must not be called over.
        """
        statements = [_wave_update(job_id, change, now) for change in changes]

        def work(connection: Connection) -> None:
            if not lock_job(connection, job_id, resumes=resumes):
                return
            for statement in statements:
                connection.execute(statement)

        if statements:
            self._transactions.run(work)

    def correct_waves(self, job_id: str, *, now: dt.datetime) -> None:
        """Writes what the rows of waves should say by their batches, whatever they say: they called a job over that has
        batches to do. Those of a job that has ended, perhaps by somebody else meanwhile, stay as its end left them.
        """

        def work(connection: Connection) -> None:
            running = (import_jobs.c.job_id == job_id, import_jobs.c.status == JobStatus.RUNNING)
            # An update that changes nothing, for the lock; see `job_store.lock_job`, which asks for `resumes` as well.
            if connection.execute(update(import_jobs).where(*running).values(status=JobStatus.RUNNING)).rowcount == 1:
                correct_wave_rows(connection, job_id, now=now)

        self._transactions.run(work)


def _count_in_flight(job_id: str) -> Select[tuple[int]]:
    return (
        select(func.count())
        .select_from(wave_batches)
        .where(wave_batches.c.job_id == job_id, wave_batches.c.status.in_(sorted(IN_FLIGHT)))
    )


def _claim(connection: Connection, dispatch: Dispatch, now: dt.datetime) -> int:
    claimed = 0
    for chunk in chunks(dispatch.batches):
        statement = (
            update(wave_batches)
            .where(
                wave_batches.c.job_id == dispatch.job_id,
                wave_batches.c.batch_id.in_([batch.batch_id for batch in chunk]),
                wave_batches.c.status.in_(predecessors(BatchStatus.DISPATCHED)),
                wave_batches.c.attempt == dispatch.attempt - 1,
            )
            .values(
                status=BatchStatus.DISPATCHED,
                dispatch_key=dispatch.key,
                attempt=dispatch.attempt,
                retry_count=dispatch.attempt - 1,
                run_id=None,
                not_before=None,
                # The first dispatch stays on record; how often there were others is in `attempt`.
                dispatched_at=func.coalesce(wave_batches.c.dispatched_at, now),
                updated_at=now,
            )
        )
        claimed += connection.execute(statement).rowcount
    return claimed


def _wave_update(job_id: str, change: WaveChange, now: dt.datetime) -> Any:
    row = wave_coordination.c
    is_over = change.status in {WaveStatus.COMPLETED, WaveStatus.FAILED}
    return (
        update(wave_coordination)
        .where(
            row.job_id == job_id,
            row.wave_number == change.number,
            row.status.in_([*predecessors(change.status), change.status]),
            row.completed_batches <= change.completed,
            row.failed_batches <= change.failed,
            row.retried_batches <= change.retried,
        )
        .values(
            status=change.status,
            completed_batches=change.completed,
            failed_batches=change.failed,
            retried_batches=change.retried,
            dispatched_at=row.dispatched_at
            if change.status is WaveStatus.PENDING
            else func.coalesce(row.dispatched_at, now),
            completed_at=case((row.completed_at.is_(None), now), else_=row.completed_at) if is_over else None,
            updated_at=now,
        )
    )


def _in_flight_of(job_id: str, key: str, run_id: str | None, rows: Sequence[Row[Any]]) -> InFlight:
    dispatch = Dispatch(
        job_id=job_id,
        wave_number=rows[0].wave_number,
        record_type=rows[0].record_type,
        attempt=rows[0].attempt,
        batches=tuple(batch_of(row) for row in rows),
    )
    return InFlight(dispatch=dispatch, key=key, run_id=run_id)
