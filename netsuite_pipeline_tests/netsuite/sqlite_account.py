"""An account without HTTP: runs our SuiteQL on SQLite and answers as NetSuite does, with texts and without NULLs.

For what depends on the data and not on the connection; tests may change rows or answers between two queries.
"""

import math
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from netsuite_pipeline.netsuite.page import PAGE_SIZE, Page
from netsuite_pipeline.record_types.model import RecordType, Source, integer, moment, text

THING = RecordType(
    name="thing",
    id=-9001,
    table="things",
    source=Source(table="thing"),
    fields=(text("name", 50), moment("lastmodifieddate")),
)

LINE = RecordType(
    name="line",
    id=-9002,
    table="lines",
    source=Source(table="line", where="line.kind = 'a' OR line.kind = 'b'"),
    key=(
        integer("transaction_id", "line.parent", nullable=False),
        integer("refid", "line.id", nullable=False),
    ),
    fields=(text("memo", 50),),
)


class SqliteAccount:
    """Things by id, and lines by (parent, id)."""

    def __init__(self, ids: Iterable[int] = (), lines: Iterable[tuple[int, int]] = ()) -> None:
        self.queries: list[str] = []
        self.before: Callable[[str], None] = lambda _: None
        self.tamper: Callable[[str, list[dict[str, Any]]], list[dict[str, Any]]] = lambda _, page: page
        self._lock = threading.RLock()
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        self._database.create_function("TO_CHAR", 2, lambda value, _: value)
        self._database.create_function("TO_DATE", 2, lambda value, _: value)
        self._database.create_function("FLOOR", 1, math.floor)
        self._database.execute("CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT, lastmodifieddate TEXT)")
        self._database.execute("CREATE TABLE line (parent INTEGER, id INTEGER, kind TEXT, memo TEXT)")
        self.insert(ids)
        self._database.executemany("INSERT INTO line VALUES (?, ?, 'a', 'memo')", lines)

    def insert(self, ids: Iterable[int]) -> None:
        with self._lock:
            self._database.executemany("INSERT INTO thing VALUES (?, 'name', NULL)", ((id_,) for id_ in ids))

    def run(self, sql: str, values: Sequence[Any] = ()) -> None:
        with self._lock:
            self._database.execute(sql, values)

    def close(self) -> None:
        self._database.close()

    def query(self, sql: str, *, cancelled: threading.Event | None = None) -> Page:
        self.before(sql)
        with self._lock:
            self.queries.append(sql)
            cursor = self._database.execute(sql)
            names = [column[0] for column in cursor.description]
            found = cursor.fetchmany(PAGE_SIZE)
            more = cursor.fetchone() is not None
        items = [
            {"links": [], **{name: str(value) for name, value in zip(names, row, strict=True) if value is not None}}
            for row in found
        ]
        return Page(items=self.tamper(sql, items), total=None, has_more=more)
