"""The rows of waves after a person's intervention: what their batches say, whatever the rows said before.

In ordinary times the dispatcher keeps them up to date, a look behind the batches at most (`dispatch_store`).
"""

import datetime as dt
from collections import Counter
from typing import Any

from sqlalchemy import Connection, Row, case, func, select, update

from netsuite_pipeline.waves.job_state import wave_status
from netsuite_pipeline.waves.model import OVER, BatchStatus, WaveStatus
from netsuite_pipeline.waves.tables import wave_batches, wave_coordination

_ROW = wave_coordination.c


def correct_wave_rows(connection: Connection, job_id: str, *, now: dt.datetime) -> None:
    """Writes status and counters of every wave of the job that are not as its batches say.

    Of all of them: a row that lags would hide batches in flight, once another wave of its level is its turn again.
    """
    batches, retried = _counts(connection, job_id)
    rows = connection.execute(select(wave_coordination).where(_ROW.job_id == job_id)).all()
    for row in rows:
        counts = batches.get(row.wave_number, Counter())
        status = wave_status({status for status, count in counts.items() if count})
        truth = {
            "status": status,
            "completed_batches": counts[BatchStatus.COMPLETED],
            "failed_batches": counts[BatchStatus.FAILED],
            "retried_batches": retried[row.wave_number],
        }
        if any(getattr(row, name) != value for name, value in truth.items()):
            values = {**truth, **_moments(row, status, now), "failure_reason": None, "updated_at": now}
            connection.execute(update(wave_coordination).where(_ROW.id == row.id).values(values))


def _counts(connection: Connection, job_id: str) -> tuple[dict[int, Counter[BatchStatus]], Counter[int]]:
    batch = wave_batches.c
    again = func.sum(case((batch.retry_count > 0, 1), else_=0))
    statement = (
        select(batch.wave_number, batch.status, func.count().label("batches"), again.label("retried"))
        .where(batch.job_id == job_id)
        .group_by(batch.wave_number, batch.status)
    )
    batches: dict[int, Counter[BatchStatus]] = {}
    retried: Counter[int] = Counter()
    for row in connection.execute(statement):
        batches.setdefault(row.wave_number, Counter())[BatchStatus(row.status)] = row.batches
        retried[row.wave_number] += int(row.retried)
    return batches, retried


def _moments(row: Row[Any], status: WaveStatus, now: dt.datetime) -> dict[str, dt.datetime | None]:
    if status in OVER:
        return {"completed_at": row.completed_at or now}
    # Counted from the next dispatch on: how long a wave took is not until when someone came to mend it.
    begun = None if row.status in OVER or status is WaveStatus.PENDING else row.dispatched_at
    return {"completed_at": None, "dispatched_at": begun}
