"""The database: whether it answers, and whether it is one that keeps what imports write.

What the user may do there is in `privileges`, whether the tables are as declared in `tables`.
"""

import datetime as dt
import re
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import sqlalchemy as sa

from netsuite_pipeline.doctor.finding import Answer, Check, Group, NotChecked, error, ok, warning
from netsuite_pipeline.doctor.settings import LOAD, Configuration
from netsuite_pipeline.warehouse.engine import SQL_MODE, read_connection, shown
from netsuite_pipeline.warehouse.errors import WarehouseError
from netsuite_pipeline.warehouse.logins import RefusedLogins
from netsuite_pipeline.warehouse.statements import CHUNK_BYTES, MOST_BYTES

REACHABLE = "database.reachable"

_TESTED = {"MySQL": (8, 0), "MariaDB": (10, 11)}
_MOST_SKEW = dt.timedelta(seconds=2)
# Of a run, beside its writers: heartbeat, bookkeeping of waves, memory of columns. Of the daemon, its sensors.
_CONNECTIONS_PER_RUN = 3
_CONNECTIONS_OF_DAEMON = 4


class Warehouse:
    """The database as one doctor looks at it. `opened` gives the engine, None for an SQLite file that is not there."""

    def __init__(self, configuration: Configuration, opened: Callable[[], sa.Engine | None]) -> None:
        self.configuration = configuration
        self._opened = opened
        self._engine: sa.Engine | None = None

    @property
    def engine(self) -> sa.Engine:
        """The engine; NotChecked where there is no database yet. WarehouseError."""
        if self._engine is None:
            self._engine = self._opened()
        if self._engine is None:
            raise NotChecked("there is no database yet")
        return self._engine

    @property
    def server(self) -> sa.Engine:
        """The engine on MySQL or MariaDB; NotChecked for SQLite."""
        if self.engine.dialect.name == "sqlite":
            raise NotChecked("it is SQLite")
        return self.engine

    def refusals(self, digest: str) -> RefusedLogins | None:
        """What is known of the credentials with that digest; None if the database does not tell."""
        try:
            engine = self.engine
        except (NotChecked, WarehouseError):
            return None
        return RefusedLogins(lambda: nullcontext(engine), digest)

    def variables(self, *names: str) -> tuple[Any, ...]:
        """System variables of the server, e.g. `max_allowed_packet`."""
        with read_connection(self.server) as connection:
            query = f"SELECT {', '.join(f'@@{name}' for name in names)}"
            return tuple(connection.exec_driver_sql(query).one())


def database_checks(warehouse: Warehouse) -> tuple[Check, ...]:
    """The checks of the server and the session."""

    def check(name: str, attempted: str, look: Callable[[], Answer]) -> Check:
        return Check(id=f"database.{name}", group=Group.DATABASE, attempted=attempted, look=look, needs=(REACHABLE,))

    return (
        Check(
            id=REACHABLE,
            group=Group.DATABASE,
            attempted="connect to WAREHOUSE_URL",
            look=lambda: _reachable(warehouse),
            needs=(LOAD,),
            remedy="check that the server runs, that a firewall lets this machine reach it, and WAREHOUSE_URL",
        ),
        check("version", "version of the server", lambda: version_answer(_version(warehouse))),
        check("sql_mode", "sql_mode of the session", lambda: mode_answer(warehouse.variables("SESSION.sql_mode")[0])),
        check("charset", "character set of the session", lambda: _charset(warehouse)),
        check("clock", "the server's clock against this machine's", lambda: _clock(warehouse)),
        check(
            "packet",
            "max_allowed_packet against the statements of imports",
            lambda: packet_answer(int(warehouse.variables("GLOBAL.max_allowed_packet")[0])),
        ),
    )


def connection_checks(warehouse: Warehouse, *, runs: Callable[[], int | None]) -> tuple[Check, ...]:
    """The check that follows from Dagster's limits, once they are known: `runs` may import at once, None if unknown."""
    return (
        Check(
            id="database.connections",
            group=Group.DATABASE,
            attempted="max_connections against runs and writers",
            look=lambda: _connections(
                warehouse, runs=runs(), writers=warehouse.configuration.settings.warehouse_writers
            ),
            needs=(REACHABLE,),
        ),
    )


def version_answer(version: str) -> Answer:
    """What is said of a server of this version, as `SELECT VERSION()` tells it."""
    product = "MariaDB" if "mariadb" in version.lower() else "MySQL"
    # Replicas of old clients' sake: 5.5.5-10.11.6-MariaDB.
    numbers = re.search(r"(\d+)\.(\d+)(?:\.\d+)?", version.removeprefix("5.5.5-"))
    found = f"{product} {numbers[0]}" if numbers else version
    if numbers and (int(numbers[1]), int(numbers[2])) < _TESTED[product]:
        least = ".".join(map(str, _TESTED[product]))
        return warning(f"{found}; imports are tested on {least} and later", f"upgrade the server to {product} {least}")
    return ok(found)


def mode_answer(mode: str) -> Answer:
    """Whether the session refuses what does not fit."""
    missing = sorted(set(SQL_MODE.split(",")) - set(mode.upper().split(",")))
    if not missing:
        return ok("strict, as every session of imports sets it")
    return error(
        f"{', '.join(missing)} missing although the session sets it",
        "a proxy between this machine and the server may drop SET statements: configure it to pass init_connect on",
    )


def packet_answer(packet: int) -> Answer:
    """Whether the statements of imports fit: half a packet at most, up to MOST_BYTES."""
    found = f"{_mebibytes(packet)}; a statement has {_mebibytes(MOST_BYTES)} at most"
    if packet < 2 * CHUNK_BYTES:
        return error(f"{_mebibytes(packet)}, which wide rows exceed", "SET GLOBAL max_allowed_packet = 67108864")
    if packet < 2 * MOST_BYTES:
        return warning(
            f"{_mebibytes(packet)}: statements are smaller than they could be, and a row that exceeds it is rejected",
            "SET GLOBAL max_allowed_packet = 67108864, and the same in the server's configuration",
        )
    return ok(found)


def connections_answer(*, most: int, used: int, runs: int, writers: int) -> Answer:
    """Whether `runs` runs with `writers` writers each find a connection."""
    needed = runs * (writers + _CONNECTIONS_PER_RUN) + _CONNECTIONS_OF_DAEMON
    found = f"max_connections={most}, {used} in use; {runs} runs with {writers} writers need up to {needed}"
    if needed > most:
        return error(found, "raise max_connections, or lower WAREHOUSE_WRITERS or the pool's limit")
    if needed > most - used:
        return warning(found, "raise max_connections, unless those in use are the imports' own")
    return ok(found)


def skew_answer(skew: dt.timedelta) -> Answer:
    """What it means that the server's clock is ahead of ours by `skew`."""
    found = f"{abs(skew).total_seconds():.1f} s apart"
    if abs(skew) > _MOST_SKEW:
        return warning(
            found, "set both clocks by NTP: heartbeats and watermarks are compared between the machines of imports"
        )
    return ok(found)


def _reachable(warehouse: Warehouse) -> Answer:
    try:
        url = shown(warehouse.engine.url)
    except NotChecked:
        return warning(
            "the SQLite file is not there yet",
            "correct WAREHOUSE_URL, or make the tables with: netsuite-pipeline db upgrade",
        )
    if warehouse.engine.dialect.name == "sqlite":
        return warning(f"{url}; SQLite is for trying", "name a MySQL or MariaDB database for production")
    return ok(url)


def _version(warehouse: Warehouse) -> str:
    with read_connection(warehouse.server) as connection:
        return str(connection.exec_driver_sql("SELECT VERSION()").scalar_one())


def _charset(warehouse: Warehouse) -> Answer:
    names = ("character_set_client", "character_set_connection", "character_set_results")
    values = dict(zip(names, warehouse.variables(*(f"SESSION.{name}" for name in names)), strict=True))
    wrong = [f"{name}={value}" for name, value in values.items() if value != "utf8mb4"]
    if wrong:
        return error(
            ", ".join(wrong), "a server with skip-character-set-client-handshake, or a proxy, overrules: mend it there"
        )
    return ok("utf8mb4")


def _clock(warehouse: Warehouse) -> Answer:
    with read_connection(warehouse.server) as connection:
        sent = dt.datetime.now(dt.UTC)
        theirs = connection.exec_driver_sql("SELECT UTC_TIMESTAMP(6)").scalar_one()
        midway = sent + (dt.datetime.now(dt.UTC) - sent) / 2
    return skew_answer(theirs.replace(tzinfo=dt.UTC) - midway)


def _connections(warehouse: Warehouse, *, runs: int | None, writers: int) -> Answer:
    most, for_user = map(int, warehouse.variables("GLOBAL.max_connections", "GLOBAL.max_user_connections"))
    with read_connection(warehouse.server) as connection:
        used = int(connection.exec_driver_sql("SHOW GLOBAL STATUS LIKE 'Threads_connected'").one()[1])
    if runs is None:
        raise NotChecked("how many runs import at once is not known without Dagster's instance")
    # Zero: no limit for a user.
    return connections_answer(most=min(most, for_user or most), used=used, runs=runs, writers=writers)


def _mebibytes(count: int) -> str:
    return f"{count / 1024 / 1024:.4g} MiB"
