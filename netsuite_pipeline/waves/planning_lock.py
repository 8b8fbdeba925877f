"""One planner at a time: two that plan the same record type at once could give its new ids to overlapping
batches.

The lock belongs to a database connection, so it ends with the process that holds it, however that ends.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.waves.errors import PlanningBusy

_BUSY = "Another process is planning batches at the moment; try again in a minute."


@contextmanager
def planning_lock(engine: Engine, *, timeout: float) -> Iterator[None]:
    """Holds the right to plan batches in this warehouse; PlanningBusy if another holds it for `timeout`
    seconds.
    """
    hold = _sqlite_lock if engine.dialect.name == "sqlite" else _server_lock
    with hold(engine, timeout):
        yield


@contextmanager
def _server_lock(engine: Engine, timeout: float) -> Iterator[None]:
    # Lock names belong to the whole server and take 64 characters, hence the digest of the database's name.
    database = hashlib.blake2b((engine.url.database or "").encode(), digest_size=16).hexdigest()
    name = {"name": f"netsuite_planning_{database}"}
    with engine.connect() as connection:
        granted = connection.execute(text("SELECT GET_LOCK(:name, :timeout)"), {**name, "timeout": timeout}).scalar()
        if granted != 1:
            raise PlanningBusy(_BUSY)
        try:
            yield
        finally:
            # A lock whose connection was lost is free already.
            with suppress(DBAPIError):
                connection.execute(text("SELECT RELEASE_LOCK(:name)"), name)


@contextmanager
def _sqlite_lock(engine: Engine, timeout: float) -> Iterator[None]:
    # A file of its own: locking the warehouse itself would stop every load for as long as NetSuite is asked.
    path = f"{engine.url.database}.planning-lock"
    with closing(sqlite3.connect(path, timeout=timeout, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            raise PlanningBusy(_BUSY) from None
        yield
