"""Short transactions that are repeated when the database gave the lock to someone else, or was away.

Which errors are passing is decided here by code; every other error goes to the caller as it is. Repeating is safe
because every update on the wave tables is guarded.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

Result = TypeVar("Result")
Item = TypeVar("Item")

# MySQL and MariaDB: 1205 lock wait timeout, 1213 deadlock victim; 1040 too many connections, 1053 shutdown, 1927 and
# 4031 connection killed, 2002 and 2003 no server, 2006 gone, 2013 and 2055 lost: a server that restarts.
_PASSING = frozenset({1205, 1213, 1040, 1053, 1927, 4031, 2002, 2003, 2006, 2013, 2055})
_SQLITE_CONTENTION = frozenset({5, 6})  # SQLITE_BUSY, SQLITE_LOCKED, without their extended bits
# With random waits of up to 5 s: half a minute for a server to come back.
_ATTEMPTS = 15
_LONGEST_WAIT_SECONDS = 5.0
# The option by which the warehouse's SQLite engine begins a transaction that takes no write lock. Servers,
# and engines that do not know it, ignore it.
_READ_ONLY = "warehouse_read_only"
# SQLite up to 3.31 takes 999 variables per statement; servers take many more.
_CHUNK = 500


def chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """The items in pieces that fit the variables of one statement."""
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))


class Transactions:
    """Runs a function in a transaction of its own, again after a deadlock, a lock wait or a busy SQLite
    file.
    """

    def __init__(self, engine: Engine, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._engine = engine
        self._retrying = Retrying(
            retry=retry_if_exception(is_contention),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.02, max=_LONGEST_WAIT_SECONDS),
            sleep=sleep,
            reraise=True,
        )

    def run(self, work: Callable[[Connection], Result]) -> Result:
        """The result of `work`, committed. `work` may be called several times and must only touch the
        database.
        """
        result: Result = self._retrying.copy()(self._once, work)
        return result

    def read(self, work: Callable[[Connection], Result]) -> Result:
        """The same for a `work` that writes nothing; on SQLite it does not wait for writers, nor they for
        it.
        """
        result: Result = self._retrying.copy()(self._look, work)
        return result

    def _look(self, work: Callable[[Connection], Result]) -> Result:
        with self._engine.connect() as connection:
            connection.execution_options(**{_READ_ONLY: True})
            return work(connection)

    def _once(self, work: Callable[[Connection], Result]) -> Result:
        with self._engine.begin() as connection:
            return work(connection)


def is_contention(error: BaseException) -> bool:
    """Whether the same transaction may succeed when it is tried again."""
    if not isinstance(error, DBAPIError) or error.orig is None:
        return False
    sqlite_code = getattr(error.orig, "sqlite_errorcode", None)
    if sqlite_code is not None:
        return (sqlite_code & 0xFF) in _SQLITE_CONTENTION
    return error.connection_invalidated or _first(error.orig.args) in _PASSING


def _first(values: Iterable[object]) -> object:
    return next(iter(values), None)
