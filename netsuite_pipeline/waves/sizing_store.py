"""Where the decisions of dynamic sizing are kept, with their reasons. What is decided is `sizing`'s business."""

from collections.abc import Sequence

from sqlalchemy import insert, select

from netsuite_pipeline.waves.dispatch_store import DispatchStore
from netsuite_pipeline.waves.sizing import Sizing
from netsuite_pipeline.waves.tables import fit_reason, wave_sizings

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
