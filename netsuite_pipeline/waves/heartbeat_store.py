"""Signs of life of the processes that work for the pipeline, one row per run.

What follows from silence is `orchestration.supervision`'s business.
"""

import datetime as dt
from collections.abc import Collection, Mapping

from sqlalchemy import Connection, delete, insert, select, text, update

from netsuite_pipeline.waves.job_store import JobStore
from netsuite_pipeline.waves.model import utc_now
from netsuite_pipeline.waves.tables import run_heartbeats
from netsuite_pipeline.waves.transactions import chunks

_ROW = run_heartbeats.c


class HeartbeatStore(JobStore):
    """Heartbeats by the database's clock, so that clocks of several machines need not agree."""

    def beat(self, run_id: str, *, age: dt.timedelta = dt.timedelta()) -> None:
        """Notes that a run was alive `age` ago. `run_id` is a Dagster run's, or a job's that a command plans."""

        def work(connection: Connection) -> None:
            moment = {"heartbeat_at": _clock(connection) - age}
            if connection.execute(update(run_heartbeats).where(_ROW.run_id == run_id).values(moment)).rowcount == 0:
                connection.execute(insert(run_heartbeats).values(run_id=run_id, **moment))

        self._transactions.run(work)

    def silences(self) -> Mapping[str, dt.timedelta]:
        """The time since the last heartbeat of every run that is not forgotten."""

        def work(connection: Connection) -> Mapping[str, dt.timedelta]:
            now = _clock(connection)
            rows = connection.execute(select(_ROW.run_id, _ROW.heartbeat_at)).all()
            return {run_id: now - heartbeat_at for run_id, heartbeat_at in rows}

        return self._transactions.read(work)

    def forget(self, run_ids: Collection[str]) -> None:
        """Removes the heartbeats of runs that have ended."""

        def work(connection: Connection) -> None:
            for chunk in chunks(sorted(run_ids)):
                connection.execute(delete(run_heartbeats).where(_ROW.run_id.in_(chunk)))

        if run_ids:
            self._transactions.run(work)


def _clock(connection: Connection) -> dt.datetime:
    if connection.dialect.name == "sqlite":
        return utc_now()
    moment: dt.datetime = connection.execute(text("SELECT UTC_TIMESTAMP(6)")).scalar_one()
    return moment
