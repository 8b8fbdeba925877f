"""How the warehouse is connected to: one engine per process, with every session set up the same way.

Session settings are set here and not on the server, so that a lenient server cannot make imports lenient.
What is written through an engine is the business of the other modules.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random

from netsuite_pipeline.warehouse.errors import WarehouseError, warehouse_error

# Strict without exception, and no NO_BACKSLASH_ESCAPES: `warehouse.encoding` escapes with backslashes.
# NO_AUTO_VALUE_ON_ZERO, because in an adopted table a record with the id 0 would get a number instead.
SQL_MODE = (
    "STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,"
    "NO_AUTO_VALUE_ON_ZERO"
)
_CONNECT_SECONDS = 15
# A statement writes at most 4 MiB; ten minutes without an answer is a dead server or a dead network.
_ANSWER_SECONDS = 600
# Below the 30 minutes after which firewalls and proxies commonly forget an idle connection.
_RECYCLE_SECONDS = 1500
_SQLITE_BUSY_SECONDS = 60
# What `warehouse.reconcile` reads of a batch as one text takes 45 bytes a row; MySQL's default is 1,024 bytes.
_CONCATENATED_BYTES = 4 * 1024 * 1024

_READ_ONLY = "warehouse_read_only"


def connect(url: str) -> Engine:
    """An engine on the warehouse, after one connection proved that it answers.

    `url` is an SQLAlchemy URL of MySQL or MariaDB (pymysql) or of an SQLite file, whose folder is created.
    Raises WarehouseError with one sentence, in which the URL stands without password and options.
    """
    parsed = make_url(url)
    engine = _sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _mysql(parsed)
    try:
        with read_connection(engine):
            pass
    except DBAPIError as error:
        engine.dispose()
        raise warehouse_error(error, doing=f"Connecting to {shown(parsed)}") from None
    except TypeError:
        engine.dispose()
        options = ", ".join(sorted(parsed.query))
        raise WarehouseError(
            f"Connecting to {shown(parsed)} failed: the driver does not take all of its options ({options});"
            " correct WAREHOUSE_URL."
        ) from None
    return engine


def shown(url: URL) -> str:
    """The URL as it may appear in messages: no password, no options (they can hold secrets too)."""
    return url.set(query={}).render_as_string(hide_password=True)


@contextmanager
def read_connection(engine: Engine) -> Iterator[Connection]:
    """A connection that only reads; on SQLite neither it nor a writer waits for the other."""
    with engine.connect() as connection:
        connection.execution_options(**{_READ_ONLY: True})
        yield connection


@contextmanager
def snapshot_connection(engine: Engine) -> Iterator[Connection]:
    """A connection that only reads, and sees the database as it was at its first query until the end."""
    with read_connection(engine) as connection:
        if engine.dialect.name != "sqlite":
            # SQLite's read transactions are snapshots anyway, and its driver knows no such level.
            connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


def _mysql(url: URL) -> Engine:
    # SQLAlchemy's mysql dialect serves MariaDB too; one dialect name means one set of table options.
    return create_engine(
        url.set(drivername="mysql+pymysql"),
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        pool_recycle=_RECYCLE_SECONDS,
        hide_parameters=True,
        connect_args={
            "charset": "utf8mb4",
            "connect_timeout": _CONNECT_SECONDS,
            "read_timeout": _ANSWER_SECONDS,
            "write_timeout": _ANSWER_SECONDS,
            "init_command": f"SET SESSION sql_mode = '{SQL_MODE}', SESSION time_zone = '+00:00',"
            # Rounding is a note, and so is a blank that is cut off; a warning without a count would not be seen.
            " SESSION sql_notes = 1, SESSION max_error_count = 64,"
            f" SESSION group_concat_max_len = {_CONCATENATED_BYTES}",
        },
    )


def _sqlite(url: URL) -> Engine:
    folder = Path(url.database or "").parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WarehouseError(f"The folder of {shown(url)} cannot be created: {error.strerror}.") from None
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": _SQLITE_BUSY_SECONDS})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transaction control would begin late and break SAVEPOINT (SQLAlchemy documentation,
    # "SQLite", "Serializable isolation / Savepoints / Transactional DDL").
    connection.isolation_level = None
    cursor = connection.cursor()
    _switch_to_wal(cursor)
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _switch_to_wal(cursor: sqlite3.Cursor) -> None:
    # The file keeps its mode. Switching does not wait for other processes that do the same at their first start.
    if cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",):
        return
    retrying = Retrying(
        retry=retry_if_exception_type(sqlite3.OperationalError),
        stop=stop_after_delay(_SQLITE_BUSY_SECONDS),
        wait=wait_random(0.01, 0.1),
        reraise=True,
    )
    retrying(cursor.execute, "PRAGMA journal_mode = WAL")


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that turns into a writer fails at once when another wrote meanwhile; an immediate
    # one waits its turn (sqlite.org/lang_transaction.html).
    read_only = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
