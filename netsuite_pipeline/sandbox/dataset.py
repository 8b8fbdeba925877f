"""The sandbox's stored data: an SQLite file, its tables, and changes made while it is served.

Rows are made in `generation` or read from a file in `csv_file`; SuiteQL is compiled in `statements`, run in `engine`.
"""

import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

from netsuite_pipeline.sandbox.catalogue import TABLES, Kind, Table
from netsuite_pipeline.sandbox.entity_mirror import mirror_triggers
from netsuite_pipeline.sandbox.generation import company
from netsuite_pipeline.sandbox.generation.rows import Rows
from netsuite_pipeline.sandbox.generation.sizes import Sizes
from netsuite_pipeline.sandbox.numbers import register_functions

# Indexes beyond the keys: what imports filter by.
_INDEXES = (
    'CREATE INDEX transaction_type ON "transaction" (type, id)',
    "CREATE INDEX item_type ON item (itemtype, id)",
    "CREATE INDEX line_item ON transactionline (item)",
    "CREATE INDEX customer_relation ON customersubsidiaryrelationship (entity)",
    "CREATE INDEX vendor_relation ON vendorsubsidiaryrelationship (entity)",
    "CREATE INDEX charge_type ON charge (chargetype)",
)
# Record type ids as NetSuite numbers them in deletedrecord; tables without one get 0.
_RECORD_TYPE_IDS = {"customer": -2, "vendor": -3, "employee": -4, "job": -7, "item": -10, "transaction": -30}


class DatasetError(ValueError):
    """A change that names a table, column or key the sandbox does not have."""


class Dataset:
    """The data of one sandbox. Thread-safe: one connection per thread, one writer at a time.

    `version` grows with every change. Datetimes are kept in `zone`, the account's time zone.
    """

    def __init__(
        self, *, zone: str = "America/Los_Angeles", clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.zone = ZoneInfo(zone)
        self.version = 0
        self._clock = clock
        self._directory = Path(tempfile.mkdtemp(prefix="netsuite-sandbox-"))
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._lock = threading.RLock()
        self._create_tables()

    @classmethod
    def generated(
        cls,
        *,
        records: int,
        seed: int,
        customers: int | None = None,
        zone: str = "America/Los_Angeles",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Self:
        """A dataset of about `records` records; the same arguments give the same rows."""
        dataset = cls(zone=zone, clock=clock)
        for rows in company(Sizes.of(records, customers=customers), seed):
            dataset.load(rows)
        dataset.connection().executescript("; ".join(_INDEXES) + "; ANALYZE")
        return dataset

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection and delete the file."""
        with self._lock:
            while self._connections:
                self._connections.pop().close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def connection(self) -> sqlite3.Connection:
        """The connection of the calling thread."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            # Closed from the thread that closes the dataset, hence no check for the same thread.
            connection = sqlite3.connect(
                self._directory / "data.sqlite", isolation_level=None, check_same_thread=False, timeout=60
            )
            # Durability is of no use to a throw-away file. Oracle's LIKE is case-sensitive.
            connection.executescript(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA case_sensitive_like=ON; "
                "PRAGMA cache_size=-65536"
            )
            register_functions(connection)
            self._local.connection = connection
            with self._lock:
                self._connections.append(connection)
        return connection

    def now(self) -> datetime:
        """The current time in UTC, as the account's clock tells it."""
        return self._clock()

    def local_now(self) -> str:
        """The current time as NetSuite would store it: account-local, to the second."""
        return self._clock().astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S")

    def load(self, rows: Rows) -> None:
        """Insert rows; a table of no rows may have no columns either."""
        if not rows.columns:
            return
        columns = ", ".join(f'"{column}"' for column in rows.columns)
        marks = ", ".join("?" * len(rows.columns))
        self._write([(f'INSERT INTO "{rows.table}" ({columns}) VALUES ({marks})', rows.values)])

    def put(self, table: str, records: Iterable[Mapping[str, object]]) -> int:
        """Insert or update rows by key; only the given columns change. Returns how many rows were written.

        The modified column moves to now unless given. '' is NULL, as in Oracle; a bare day gets midnight.
        """
        declared = self._keyed_table(table)
        statements: list[tuple[str, Iterable[tuple[object, ...]]]] = []
        for record in records:
            row = {name.lower(): value for name, value in record.items()}
            unknown = row.keys() - declared.columns.keys()
            missing = [name for name in declared.key if row.get(name) is None]
            if unknown or missing:
                raise DatasetError(
                    f"A row of {table} cannot be written: unknown columns {sorted(unknown)}, missing key {missing}."
                )
            if declared.modified is not None:
                row.setdefault(declared.modified, self.local_now())
            statements.append(_upsert(declared, row))
        self._write(statements)
        return len(statements)

    def delete(self, table: str, identifier: int) -> int:
        """Delete the row with this id (a transaction takes its lines along) and note it in `deletedrecord`.

        Returns how many rows of `table` were deleted. Lines deleted on their own leave no trace, as in
        NetSuite.
        """
        declared = self._keyed_table(table)
        column = declared.key[0]
        where = f'FROM "{table}" WHERE "{column}" = ?'
        with self._lock:
            existing = self.connection().execute(f"SELECT * {where}", (identifier,)).fetchall()
            if not existing:
                return 0
            statements: list[tuple[str, Iterable[tuple[object, ...]]]] = [(f"DELETE {where}", [(identifier,)])]
            if table == "transaction":
                statements.append(('DELETE FROM transactionline WHERE "transaction" = ?', [(identifier,)]))
            if table != "transactionline":
                statements.append(_tombstone(table, identifier, self.local_now()))
            self._write(statements)
        return len(existing)

    def table(self, name: str) -> Table:
        """The declaration of a table; DatasetError naming the known ones otherwise."""
        if name not in TABLES:
            raise DatasetError(f"The sandbox has no table {name!r}. Known: {', '.join(sorted(TABLES))}.")
        return TABLES[name]

    def _keyed_table(self, name: str) -> Table:
        declared = self.table(name)
        if not declared.key:
            raise DatasetError(f"Rows of {name} have no key and cannot be changed.")
        return declared

    def _write(self, statements: Iterable[tuple[str, Iterable[tuple[object, ...]]]]) -> None:
        with self._lock:
            connection = self.connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                for statement, rows in statements:
                    connection.executemany(statement, rows)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
            self.version += 1

    def _create_tables(self) -> None:
        for table in TABLES.values():
            columns = [f'"{name}"{_affinity(table, name)}' for name in table.columns]
            if len(table.key) > 1:
                keys = ", ".join(f'"{name}"' for name in table.key)
                columns.append(f"UNIQUE ({keys})")
            self.connection().execute(f'CREATE TABLE "{table.name}" ({", ".join(columns)})')
            if table.modified is not None:
                self.connection().execute(
                    f'CREATE INDEX "{table.name}_modified" ON "{table.name}" ("{table.modified}")'
                )
        for trigger in mirror_triggers():
            self.connection().execute(trigger)


def _affinity(table: Table, column: str) -> str:
    kind = "INTEGER" if table.columns[column].kind is Kind.INTEGER else "TEXT"
    return f" {kind} PRIMARY KEY" if table.key == (column,) else f" {kind}"


def _upsert(table: Table, row: Mapping[str, object]) -> tuple[str, Iterable[tuple[object, ...]]]:
    names = list(row)
    columns = ", ".join(f'"{name}"' for name in names)
    updates = ", ".join(f'"{name}" = excluded."{name}"' for name in names)
    keys = ", ".join(f'"{name}"' for name in table.key)
    values = tuple(_stored(table.columns[name].kind, value) for name, value in row.items())
    statement = f'INSERT INTO "{table.name}" ({columns}) VALUES ({", ".join("?" * len(names))})'
    return f"{statement} ON CONFLICT ({keys}) DO UPDATE SET {updates}", [values]


def _stored(kind: Kind, value: object) -> object:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "T" if value else "F"
    text = str(value)
    if kind in {Kind.DATE, Kind.DATETIME} and len(text) == len("2025-01-31"):
        return f"{text} 00:00:00"
    return text


def _tombstone(table: str, identifier: int, now: str) -> tuple[str, Iterable[tuple[object, ...]]]:
    values = {
        "recordid": identifier,
        "recordtypeid": _RECORD_TYPE_IDS.get(table, 0),
        "scriptid": table.upper(),
        "name": f"{table} {identifier}",
        "context": "UIF",
        "deleteddate": now,
        "type": table.upper(),
        "iscustomlist": "F",
        "iscustomrecord": "F",
        "iscustomtransaction": "F",
    }
    marks = ", ".join("?" * len(values))
    return (
        f"INSERT OR REPLACE INTO deletedrecord ({', '.join(values)}) VALUES ({marks})",
        [tuple(values.values())],
    )
