"""Where the decisions of dynamic sizing are kept, with their reasons. What is decided is `sizing`'s business."""

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import func, insert, select

from netsuite_pipeline.waves.dispatch_store import DispatchStore
from netsuite_pipeline.waves.model import IN_FLIGHT, BatchStatus
from netsuite_pipeline.waves.sizing import Recent, Sizing
from netsuite_pipeline.waves.tables import fit_reason, wave_batches, wave_sizings

_ROW = wave_sizings.c
_LATEST = 100
# Those of the pending ones that did were set back by a person, and their failures are forgotten.
_MAY_HAVE_FAILED = IN_FLIGHT | {BatchStatus.RETRYING, BatchStatus.FAILED}


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

    def recent(self, job_id: str, *, since: dt.datetime, now: dt.datetime) -> Recent:
        """What became of the batches of a job after `since`, up to now."""
        row = wave_batches.c
        counted = select(func.count()).select_from(wave_batches).where(row.job_id == job_id)
        completed = counted.where(
            row.status == BatchStatus.COMPLETED,
            # Dagster is told later than that: so much the index knows, and what is older is not read.
            row.reported_at.is_(None) | (row.reported_at > since),
            row.completed_at > since,
            row.completed_at <= now,
        )
        failed = counted.where(row.status.in_(sorted(_MAY_HAVE_FAILED)), row.failed_at > since, row.failed_at <= now)
        statement = select(completed.scalar_subquery(), failed.scalar_subquery())
        counts = self._transactions.read(lambda connection: connection.execute(statement).one())
        return Recent(completed=counts[0], failed=counts[1], seconds=(now - since).total_seconds())

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
