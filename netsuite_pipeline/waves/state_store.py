"""The state that the dispatcher decides on, read in one transaction, and the batches of a job.

What follows from it is `coordinator`'s business; claiming and releasing is in `dispatch_store`.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.waves.circuit import CLOSED, Circuit
from netsuite_pipeline.waves.circuit_store import CircuitStore
from netsuite_pipeline.waves.errors import UnknownJob
from netsuite_pipeline.waves.job_state import Failures, JobState
from netsuite_pipeline.waves.model import OVER, Batch, BatchStatus, WaveStatus
from netsuite_pipeline.waves.rows import batch_of, job_of, type_plan_of, wave_of
from netsuite_pipeline.waves.tables import import_job_types, import_jobs, wave_batches, wave_coordination
from netsuite_pipeline.waves.transactions import chunks

BATCH_COLUMNS = (
    wave_batches.c.wave_number,
    wave_batches.c.batch_id,
    wave_batches.c.record_type,
    wave_batches.c.record_type_id,
    wave_batches.c.batch_number,
    wave_batches.c.batch_first,
    wave_batches.c.batch_last,
    wave_batches.c.expected_records,
    wave_batches.c.changed_since,
    wave_batches.c.is_dependency,
    wave_batches.c.status,
    wave_batches.c.attempt,
    wave_batches.c.not_before,
    wave_batches.c.completed_at,
    wave_batches.c.failed_at,
    wave_batches.c.failure_category,
    wave_batches.c.max_retries,
    wave_batches.c.updated_at,
)


class StateStore(CircuitStore):
    """The reading side of the dispatcher."""

    def load_state(
        self, job_id: str, *, now: dt.datetime, whole_level: bool = False, circuit: Circuit = CLOSED
    ) -> JobState:
        """The state on which `coordinator.decide` decides, read in one transaction; UnknownJob if there is
        none.

        Batches are read of waves under way, of the next one of their level and of the level after it (of all of these
        with `whole_level`) and of the one before: what that costs does not grow with the job.
        """

        def work(connection: Connection) -> tuple[Any, ...]:
            job = connection.execute(select(import_jobs).where(import_jobs.c.job_id == job_id)).one_or_none()
            types = select(import_job_types).where(import_job_types.c.job_id == job_id)
            ordered = select(wave_coordination).where(wave_coordination.c.job_id == job_id)
            waves = connection.execute(ordered.order_by(wave_coordination.c.wave_number)).all()
            return (
                job,
                connection.execute(types.order_by(import_job_types.c.level, import_job_types.c.record_type)).all(),
                waves,
                list(_batches_of(connection, job_id, _numbers_to_read(waves, whole_level=whole_level))),
                read_failures(connection, job_id),
            )

        job, types, waves, batches, failures = self._transactions.read(work)
        if job is None:
            raise UnknownJob(f"There is no import job {job_id!r}.")
        by_wave: dict[int, list[Batch]] = {}
        for row in batches:
            by_wave.setdefault(row.wave_number, []).append(batch_of(row))
        return JobState(
            job=job_of(job),
            types=tuple(type_plan_of(row) for row in types),
            waves=tuple(wave_of(row, by_wave.get(row.wave_number, [])) for row in waves),
            now=now,
            failures=failures,
            circuit=circuit,
        )

    def batches(self, job_id: str, *, wave_number: int | None = None) -> list[Batch]:
        """All batches of a job, or of one wave of it, by wave and in dispatch order."""
        statement = select(*BATCH_COLUMNS).where(wave_batches.c.job_id == job_id)
        if wave_number is not None:
            statement = statement.where(wave_batches.c.wave_number == wave_number)
        row = wave_batches.c
        ordered = statement.order_by(row.wave_number, row.record_type_id, row.batch_number)
        return [batch_of(one) for one in self._transactions.read(lambda connection: connection.execute(ordered).all())]


def _numbers_to_read(waves: Sequence[Row[Any]], *, whole_level: bool) -> list[int]:
    """The waves whose batches decide something, by their rows in ascending order.

    A row that says a wave is over is right, since only a person who resets it changes that. One that says that none of
    its batches was dispatched may lag by a look of the dispatcher, for waves that it has just begun.
    """
    numbers = {wave.wave_number for wave in waves if wave.status not in {*OVER, WaveStatus.PENDING}}
    levels = sorted({wave.dependency_level for wave in waves if wave.status not in OVER})
    # The lowest of them may be over by now, and then it is the turn of the one after it.
    for level in levels[:2]:
        peers = [wave for wave in waves if wave.dependency_level == level]
        pending = [index for index, wave in enumerate(peers) if wave.status == WaveStatus.PENDING]
        # The delay between two waves counts from when the first of them was far enough.
        before = [index - 1 for index in pending[:1] if index]
        chosen = pending if whole_level else pending[:1]
        numbers.update(peers[index].wave_number for index in (*before, *chosen))
    return sorted(numbers)


def _batches_of(connection: Connection, job_id: str, numbers: Sequence[int]) -> Iterator[Row[Any]]:
    for chunk in chunks(numbers):
        statement = select(*BATCH_COLUMNS).where(wave_batches.c.job_id == job_id, wave_batches.c.wave_number.in_(chunk))
        yield from connection.execute(statement)


def read_failures(connection: Connection, job_id: str) -> tuple[Failures, ...]:
    """What of the job has failed for good, as it is in this transaction."""
    row = wave_batches.c
    statement = (
        select(
            row.record_type,
            row.failure_category,
            func.count().label("batches"),
            # Batches do not overlap, so both are of the same one.
            func.min(row.batch_first).label("first"),
            func.min(row.batch_last).label("last"),
        )
        .where(row.job_id == job_id, row.status == BatchStatus.FAILED)
        .group_by(row.record_type, row.failure_category)
        .order_by(row.record_type, row.failure_category)
    )
    return tuple(_failures_of(found) for found in connection.execute(statement))


def _failures_of(row: Row[Any]) -> Failures:
    return Failures(
        record_type=row.record_type,
        category=FailureCategory(row.failure_category),
        batches=row.batches,
        key=BatchRange(row.first, row.last).key,
    )
