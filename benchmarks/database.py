"""The private MariaDB server of the benchmarks: memory for what is measured, and quiet before each measurement.

What is loaded into it is the business of `techniques` and `whole_chain`.
"""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa

from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline_tests.mariadb_server import MariaDBServer

# The server of the tests is small, so that many fit a machine; here it is the size that people give theirs.
_SETTINGS = {"innodb_buffer_pool_size": 1 << 30, "innodb_log_file_size": 1 << 30}
_QUIET_SECONDS = 20.0
_QUIET_HISTORY = 20


class Database:
    """A running server. Every technique gets a database of its own on it; `close` gives the own connection back."""

    def __init__(self, server: MariaDBServer) -> None:
        self._server = server
        self._engine = sa.create_engine(server.url("mysql"), isolation_level="AUTOCOMMIT")
        self._connection = self._engine.connect()

    def close(self) -> None:
        """Closes the connection that questions are asked on."""
        self._connection.close()
        self._engine.dispose()

    def create(self, name: str) -> str:
        """An empty database, and its URL."""
        return self._server.create_database(name)

    def engine(self, name: str) -> sa.Engine:
        """The product's engine on a database: strict mode, READ COMMITTED."""
        return connect(self._server.url(name))

    def drop(self, name: str) -> None:
        """Drops a database if it is there."""
        self._server.drop_database(name)

    def folder(self, name: str) -> Path:
        """A folder, made if it is missing, of which the server may read the files."""
        folder = self._server.folder / name
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        return folder

    def set(self, name: str, value: int) -> None:
        """Changes a setting of the whole server."""
        self._connection.exec_driver_sql(f"SET GLOBAL {name} = {value}")

    @property
    def version(self) -> str:
        """What the server calls itself."""
        return str(self._connection.exec_driver_sql("SELECT VERSION()").scalar_one())

    def statements(self) -> int:
        """How many statements clients have sent, this question included."""
        return self._status("Questions")

    def settle(self) -> None:
        """Waits until the server has cleaned up behind what ran before, for a bounded time."""
        deadline = time.monotonic() + _QUIET_SECONDS
        while self._status("Innodb_history_list_length") > _QUIET_HISTORY and time.monotonic() < deadline:
            time.sleep(0.05)

    def _status(self, name: str) -> int:
        return int(self._connection.exec_driver_sql(f"SHOW GLOBAL STATUS LIKE '{name}'").one()[1])


@contextmanager
def private_database() -> Iterator[Database]:
    """A server of its own, as large as people's, for as long as it is measured."""
    with MariaDBServer() as server, closing(Database(server)) as database:
        for name, value in _SETTINGS.items():
            database.set(name, value)
        yield database
