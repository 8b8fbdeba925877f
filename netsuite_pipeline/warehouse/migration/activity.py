"""Whether an import is under way, which may write at any moment into what a downgrade takes away.

The tables are those of `waves.tables`, which the warehouse knows by name only.
"""

import datetime as dt

import sqlalchemy as sa

from netsuite_pipeline.warehouse.tables import MOMENT, utc_now

# Runs send a heartbeat every five seconds, and after this silence they are taken for dead.
_SILENCE = dt.timedelta(seconds=30)
# Who listens to them is no run and writes nothing but that.
_LISTENER = "listener:%"
_OPEN = ("planning", "running")

_JOBS = sa.table("import_jobs", sa.column("job_id"), sa.column("status"))
_HEARTBEATS = sa.table("run_heartbeats", sa.column("run_id"), sa.column("heartbeat_at", MOMENT))


def import_under_way(connection: sa.Connection) -> str:
    """What shows that an import is under way; empty if nothing does."""
    inspector = sa.inspect(connection)
    if inspector.has_table(_JOBS.name):
        job = connection.execute(sa.select(_JOBS).where(_JOBS.c.status.in_(_OPEN)).limit(1)).first()
        if job is not None:
            return f"import {job.job_id} is {job.status}"
    if inspector.has_table(_HEARTBEATS.name):
        runs = sa.select(_HEARTBEATS).where(_HEARTBEATS.c.run_id.not_like(_LISTENER))
        latest = connection.execute(runs.order_by(_HEARTBEATS.c.heartbeat_at.desc()).limit(1)).first()
        if latest is not None and _clock(connection) - latest.heartbeat_at < _SILENCE:
            return f"run {latest.run_id} is alive"
    return ""


def _clock(connection: sa.Connection) -> dt.datetime:
    # Heartbeats are by the database's clock.
    if connection.dialect.name == "sqlite":
        return utc_now()
    moment: dt.datetime = connection.execute(sa.text("SELECT UTC_TIMESTAMP(6)")).scalar_one()
    return moment
