"""Signs of life of the processes that work for the pipeline, one row per run, and of whoever listens to them.

While the database is away nobody can be heard, and that is no silence. What follows from silence is
`orchestration.supervision`'s business.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from contextlib import suppress

from sqlalchemy import Connection, delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from netsuite_pipeline.waves.job_store import JobStore
from netsuite_pipeline.waves.model import utc_now
from netsuite_pipeline.waves.tables import run_heartbeats
from netsuite_pipeline.waves.transactions import chunks

_ROW = run_heartbeats.c
# The listener's own rows; neither runs nor jobs can have such ids. It was deaf from its last look before to its first
# look after a time in which the database could not be written, or in which it was away itself.
_LOOK, _DEAF_FROM, _DEAF_UNTIL = "listener: look", "listener: deaf from", "listener: deaf until"
_LISTENER = frozenset({_LOOK, _DEAF_FROM, _DEAF_UNTIL})
_LOOK_EVERY = dt.timedelta(seconds=5)
# A living run that was heard of just before the listener's last look cannot seem dead within this.
_DEAF_AFTER = dt.timedelta(seconds=20)
# Several attempts of a heartbeat, whose waits between them grow.
_TOO_SHORT_TO_BE_HEARD = dt.timedelta(seconds=30)
# A listener whose looks are always late must hear of a death in the end.
_LONGEST_DEAF = dt.timedelta(seconds=600)


class HeartbeatStore(JobStore):
    """Heartbeats by the database's clock, so that clocks of several machines need not agree."""

    def beat(self, run_id: str, *, age: dt.timedelta = dt.timedelta()) -> None:
        """Notes that a run was alive `age` ago. `run_id` is a Dagster run's, or a job's that a command plans."""
        self._transactions.run(lambda connection: _note(connection, {run_id: _clock(connection) - age}))

    def listen(self) -> None:
        """Notes that someone is there who judges silences, and whether that was not so for a while."""
        now, known = self._transactions.read(_heard)
        last = known.get(_LOOK)
        if last is not None and dt.timedelta() <= now - last < _LOOK_EVERY:
            return
        gap = {_DEAF_FROM: _deaf_from(last, known), _DEAF_UNTIL: now} if last and now - last > _DEAF_AFTER else {}
        # Someone else who looks for the first time at this moment notes the same.
        with suppress(IntegrityError):
            self._transactions.run(lambda connection: _note(connection, {_LOOK: now, **gap}))

    def silences(self) -> Mapping[str, dt.timedelta]:
        """The time since the last heartbeat of every run that is not forgotten; not when nobody could be heard."""
        now, known = self._transactions.read(_heard)
        runs = {run_id: moment for run_id, moment in known.items() if run_id not in _LISTENER}
        return {run_id: _audible(moment, now, known) for run_id, moment in runs.items()}

    def audible(self, age: dt.timedelta) -> dt.timedelta:
        """How much of the time since `age` ago heartbeats could be heard."""
        now, known = self._transactions.read(_heard)
        return _audible(now - age, now, known)

    def forget(self, run_ids: Collection[str]) -> None:
        """Removes the heartbeats of runs that have ended."""

        def work(connection: Connection) -> None:
            for chunk in chunks(sorted(run_ids)):
                connection.execute(delete(run_heartbeats).where(_ROW.run_id.in_(chunk)))

        if run_ids:
            self._transactions.run(work)


def _heard(connection: Connection) -> tuple[dt.datetime, Mapping[str, dt.datetime]]:
    now = _clock(connection)
    rows = connection.execute(select(_ROW.run_id, _ROW.heartbeat_at)).all()
    return now, {row.run_id: row.heartbeat_at for row in rows}


def _note(connection: Connection, moments: Mapping[str, dt.datetime]) -> None:
    for run_id, moment in moments.items():
        changed = update(run_heartbeats).where(_ROW.run_id == run_id).values(heartbeat_at=moment)
        if connection.execute(changed).rowcount == 0:
            connection.execute(insert(run_heartbeats).values(run_id=run_id, heartbeat_at=moment))


def _deaf_from(last: dt.datetime, known: Mapping[str, dt.datetime]) -> dt.datetime:
    """Where the time begins in which nobody listened since `last`: with the one before, if hardly anyone can have been
    heard between them.
    """
    began, ended = known.get(_DEAF_FROM), known.get(_DEAF_UNTIL)
    if began is None or ended is None or last - ended >= _TOO_SHORT_TO_BE_HEARD or last - began >= _LONGEST_DEAF:
        return last
    return began


def _audible(since: dt.datetime, now: dt.datetime, known: Mapping[str, dt.datetime]) -> dt.timedelta:
    """The time between the two, less what of it nobody listened; only the last such time is known, and the current."""
    last = known.get(_LOOK, now)
    gaps = [(last, now)] if now - last > _DEAF_AFTER else []
    if _DEAF_FROM in known and _DEAF_UNTIL in known:
        gaps.append((known[_DEAF_FROM], known[_DEAF_UNTIL]))
    deaf = [min(end, now) - max(start, since) for start, end in gaps]
    return now - since - sum((one for one in deaf if one > dt.timedelta()), dt.timedelta())


def _clock(connection: Connection) -> dt.datetime:
    if connection.dialect.name == "sqlite":
        return utc_now()
    moment: dt.datetime = connection.execute(text("SELECT UTC_TIMESTAMP(6)")).scalar_one()
    return moment
