"""Which committed batches Dagster has still to be told about, and noting that it was.

A batch is completed when its data is committed, whatever Dagster knows; telling Dagster is
`orchestration.colours`' business.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select, update

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.waves.model import BatchStatus
from netsuite_pipeline.waves.statistics_store import StatisticsStore
from netsuite_pipeline.waves.tables import wave_batches

_ROW = wave_batches.c


@dataclass(frozen=True, kw_only=True)
class Committed:
    """Batches that one run committed."""

    run_id: str
    record_type: str
    ranges: tuple[BatchRange, ...]


class ReportStore(StatisticsStore):
    """The bookkeeping between the wave tables and Dagster's events."""

    def unreported(self, job_id: str) -> list[Committed]:
        """The completed batches of a job that nobody has settled with Dagster yet, by run."""
        statement = (
            select(_ROW.run_id, _ROW.record_type, _ROW.batch_first, _ROW.batch_last)
            .where(_ROW.job_id == job_id, _ROW.status == BatchStatus.COMPLETED, _ROW.reported_at.is_(None))
            .order_by(_ROW.run_id, _ROW.batch_number)
        )
        rows = self._transactions.read(lambda connection: connection.execute(statement).all())
        runs: dict[str, list[Row[Any]]] = {}
        for row in rows:
            runs.setdefault(row.run_id, []).append(row)
        return [_committed(run_id, group) for run_id, group in runs.items()]

    def mark_reported(self, run_id: str, *, now: dt.datetime) -> int:
        """Notes that Dagster knows of every batch the run committed. Returns their number."""
        statement = (
            update(wave_batches)
            .where(_ROW.run_id == run_id, _ROW.status == BatchStatus.COMPLETED, _ROW.reported_at.is_(None))
            .values(reported_at=now)
        )
        return self._transactions.run(lambda connection: connection.execute(statement).rowcount)


def _committed(run_id: str, rows: Sequence[Row[Any]]) -> Committed:
    return Committed(
        run_id=run_id,
        record_type=rows[0].record_type,
        ranges=tuple(BatchRange(row.batch_first, row.batch_last) for row in rows),
    )
