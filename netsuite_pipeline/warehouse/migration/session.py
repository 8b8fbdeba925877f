"""A connection that changes tables: alone, and patient.

On SQLite everything is one transaction, so that a killed process has changed nothing. MySQL commits every DDL
statement by itself; there `checkpoint` commits the record of it, and a lock that belongs to the connection keeps
other upgrades out, however this process ends.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.warehouse.engine import shown
from netsuite_pipeline.warehouse.errors import Fault, fault_of
from netsuite_pipeline.warehouse.migration.errors import ChangesBusy, change_error

_LOCK_SECONDS = 30
# How long a statement waits for transactions that use the table; new ones queue behind it meanwhile.
_TABLE_LOCK_SECONDS = 120


class Session:
    """The connection, and when what it did is final."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.transactional = connection.dialect.name == "sqlite"

    def checkpoint(self) -> None:
        """Commits on servers; SQLite commits everything at the end."""
        if not self.transactional:
            self.connection.commit()


@contextmanager
def changing(engine: sa.Engine, *, doing: str) -> Iterator[Session]:
    """The only session that changes tables of this warehouse; ChangesBusy when another does not end.

    What the database refuses is raised as WarehouseError that begins with `doing`.
    """
    try:
        with _connection(engine) as connection:
            # Never back into the pool: its settings and its lock end with it.
            connection.detach()
            session = Session(connection)
            _prepare(session, engine)
            yield session
            connection.commit()
    except DBAPIError as error:
        if engine.dialect.name == "sqlite" and fault_of(error) is Fault.TRANSIENT:
            raise ChangesBusy(_busy(engine)) from None
        raise change_error(error, doing=doing) from None


@contextmanager
def _connection(engine: sa.Engine) -> Iterator[sa.Connection]:
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            yield connection
        return
    # Connections of the pool give up after ten minutes without an answer; copying a large table takes longer.
    event.listen(engine, "do_connect", _wait_for_answers)
    try:
        engine.dispose()
        with engine.connect() as connection:
            event.remove(engine, "do_connect", _wait_for_answers)
            yield connection
    finally:
        if event.contains(engine, "do_connect", _wait_for_answers):
            event.remove(engine, "do_connect", _wait_for_answers)


def _wait_for_answers(_dialect: Any, _record: Any, _arguments: Any, parameters: dict[str, Any]) -> None:
    parameters["read_timeout"] = None


def _prepare(session: Session, engine: sa.Engine) -> None:
    connection = session.connection
    if session.transactional:
        # Copying a table drops the old one: that must not delete rows that refer to it, nor fail because of a
        # view (sqlite.org/lang_altertable.html, section 7). Only outside of a transaction.
        cursor = connection.connection.cursor()
        cursor.execute("PRAGMA foreign_keys = OFF")
        cursor.execute("PRAGMA legacy_alter_table = ON")
        cursor.close()
        return
    connection.exec_driver_sql(f"SET SESSION lock_wait_timeout = {_TABLE_LOCK_SECONDS}")
    # Lock names belong to the whole server and take 64 characters, hence the digest of the database's name.
    database = hashlib.blake2b((engine.url.database or "").encode(), digest_size=16).hexdigest()
    granted = connection.execute(
        sa.text("SELECT GET_LOCK(:name, :seconds)"), {"name": f"netsuite_schema_{database}", "seconds": _LOCK_SECONDS}
    ).scalar()
    if granted != 1:
        raise ChangesBusy(_busy(engine))


def _busy(engine: sa.Engine) -> str:
    return (
        f"Another process is changing the tables of {shown(engine.url)}, and nothing was done: wait until it has"
        " ended, then try again."
    )
