"""One planner at a time: two that plan the same record type at once could give its new ids to overlapping
batches.

The lock belongs to a database connection, so it ends with the process that holds it, however that ends. It also ends
with the connection alone, of which only a question tells.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from functools import partial
from typing import Self

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, PendingRollbackError

from netsuite_pipeline.waves.errors import LockLost, PlanningBusy

_BUSY = "Another process is planning batches at the moment; try again in a minute."
_LOST = "The lock on planning batches was lost meanwhile, so this plan was given up; start it again."
# MySQL's own default. Some servers end a connection that is idle for a minute, and a question can take several.
_IDLE_SECONDS = 28_800
# What a lost connection raises, at first and from then on.
_GONE = (DBAPIError, PendingRollbackError)

# Asks whether the lock is still its own.
IsHeld = Callable[[], bool]


class PlanningLock:
    """The right to plan batches in a warehouse, for as long as a `with` block lasts; it may be used for several."""

    def __init__(self, engine: Engine, *, timeout: float) -> None:
        """Entering a block raises PlanningBusy if another holds the lock for `timeout` seconds."""
        self._engine = engine
        self._timeout = timeout
        self._holding = ExitStack()
        self._is_held: IsHeld = _never
        self.was_left = False

    def __enter__(self) -> Self:
        hold = _on_sqlite if self._engine.dialect.name == "sqlite" else _on_server
        holding: AbstractContextManager[IsHeld] = hold(self._engine, self._timeout)
        self._is_held = self._holding.enter_context(holding)
        self.was_left = False
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def check(self) -> None:
        """LockLost if others may have planned since the block was entered."""
        if not self._is_held():
            raise LockLost(_LOST)

    def leave(self) -> None:
        """Lets others plan, e.g. when it takes long; `check` fails from then on, and the lock `was_left`."""
        self.was_left = True
        self._close()

    def _close(self) -> None:
        self._is_held = _never
        self._holding.close()


def _never() -> bool:
    return False


@contextmanager
def _on_server(engine: Engine, timeout: float) -> Iterator[IsHeld]:
    # Lock names belong to the whole server and take 64 characters, hence the digest of the database's name.
    database = hashlib.blake2b((engine.url.database or "").encode(), digest_size=16).hexdigest()
    name = {"name": f"netsuite_planning_{database}"}
    with engine.connect() as connection:
        # Servers may end an idle transaction sooner than an idle connection.
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text(f"SET SESSION wait_timeout = {_IDLE_SECONDS}"))
        granted = connection.execute(text("SELECT GET_LOCK(:name, :timeout)"), {**name, "timeout": timeout}).scalar()
        if granted != 1:
            raise PlanningBusy(_BUSY)
        try:
            yield partial(_is_own, connection, name)
        finally:
            # A lock whose connection was lost is free already.
            with suppress(*_GONE):
                connection.execute(text("SELECT RELEASE_LOCK(:name)"), name)


def _is_own(connection: Connection, name: dict[str, str]) -> bool:
    try:
        return connection.execute(text("SELECT IS_USED_LOCK(:name) = CONNECTION_ID()"), name).scalar() == 1
    except _GONE:
        return False


@contextmanager
def _on_sqlite(engine: Engine, timeout: float) -> Iterator[IsHeld]:
    # A file of its own: locking the warehouse itself would stop every load for as long as NetSuite is asked.
    path = f"{engine.url.database}.planning-lock"
    with closing(sqlite3.connect(path, timeout=timeout, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            raise PlanningBusy(_BUSY) from None
        # Nobody else can end it.
        yield lambda: True
