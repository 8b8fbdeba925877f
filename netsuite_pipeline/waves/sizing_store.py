"""Where the decisions of dynamic sizing are kept, with their reasons. What is decided is `sizing`'s business."""

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import case, func, insert, select

from netsuite_pipeline.waves.dispatch_store import DispatchStore
from netsuite_pipeline.waves.sizing import WINDOW, Recent, Sizing
from netsuite_pipeline.waves.tables import fit_reason, wave_batches, wave_sizings

_ROW = wave_sizings.c
_LATEST = 100


class SizingStore(DispatchStore):
    """One row per decision, so that people can see why an import slowed down."""

    def sizings(self, job_id: str) -> Sequence[Sizing]:
        """The latest decisions for a job, newest first."""
        statement = select(wave_sizings).where(_ROW.job_id == job_id).order_by(_ROW.decided_at.desc()).limit(_LATEST)
        rows = self._transactions.read(lambda connection: connection.execute(statement).all())
        return [
            Sizing(size=row.wave_size, reason=row.reason, at=row.decided_at, per_minute=row.batches_per_minute)
            for row in rows
        ]

    def recent(self, job_id: str, *, now: dt.datetime) -> Recent:
        """What became of the batches of a job lately."""
        row, since = wave_batches.c, now - WINDOW
        statement = select(
            func.sum(case((row.completed_at > since, 1), else_=0)),
            func.sum(case((row.completed_at.is_(None) & (row.failed_at > since), 1), else_=0)),
        ).where(row.job_id == job_id)
        completed, failed = self._transactions.read(lambda connection: connection.execute(statement).one())
        return Recent(completed=int(completed or 0), failed=int(failed or 0))

    def note_sizing(self, job_id: str, sizing: Sizing) -> None:
        """Adds a decision."""
        values = {
            "job_id": job_id,
            "decided_at": sizing.at,
            "wave_size": sizing.size,
            "batches_per_minute": sizing.per_minute,
            "reason": fit_reason(sizing.reason),
        }
        self._transactions.run(lambda connection: connection.execute(insert(wave_sizings).values(values)))
