"""The statement builder: rows -> upsert statements, as few and as fast as the database allows.

This is the one hot path that does without SQLAlchemy's compiler: per 1,000 wide rows its multi-VALUES insert
takes 900 ms, its executemany 140 ms and a statement with values encoded in bulk 65 ms. Which rows are sent,
and what happens when some are refused, is decided in `warehouse.upsert`.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

import sqlalchemy as sa

from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.transform.batch import Row
from netsuite_pipeline.transform.rows import columns_of
from netsuite_pipeline.warehouse.diagnostics import rows_in_text
from netsuite_pipeline.warehouse.encoding import (
    encode_sqlite,
    mysql_encoder,
    mysql_literal,
    quote_moment,
    sqlite_encoder,
    sqlite_value,
)
from netsuite_pipeline.warehouse.errors import PACKET_TOO_LARGE, RowsRefused, reason_of_code
from netsuite_pipeline.warehouse.tables import BOOKKEEPING

# Wide rows gain nothing beyond 250 rows, narrow ones little beyond 1,000 (measured on MySQL 8.4 and MariaDB
# 10.11).
CHUNK_ROWS = 1_000
CHUNK_BYTES = 512 * 1024
# Where rows are larger than the sample: several statements take less memory than one.
MOST_BYTES = 4 * 1024 * 1024
_ROW_ALIAS_SINCE = (8, 0, 19)
_WARNINGS_QUOTED = 3
# MariaDB keeps the former states of rows of a table WITH SYSTEM VERSIONING.
_TABLE_TYPE = sa.text(
    "SELECT table_type FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = :name"
)
# Of no value: the last partition for history is full (ER_VERS_PART_FULL); its rows are stored.
_ADVICE = frozenset({4114})
NO_DEFAULTS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """One statement and the rows it writes. `parameters` is None where the values are part of the text.

    `oversize` says why a single row is too large to be sent at all.
    """

    rows: Sequence[Row]
    sql: str
    parameters: list[tuple[Any, ...]] | None = None
    oversize: str | None = None


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The columns of a table that a statement writes, and where their values come from.

    `key` decides whether a row is there already: the primary key, or the columns of a unique index. `positions` maps
    columns to places in `Row.values`; `hash_column` gets `Row.hash`, `moment_column` the time of the import, and
    `constants` are the same in every row. Columns of the table that are in none of them stay as they are. Texts of
    `truncatable` columns may be cut to fit.
    """

    table: sa.Table
    key: tuple[str, ...]
    positions: Mapping[str, int]
    hash_column: str | None = None
    moment_column: str | None = None
    constants: Mapping[str, Any] = field(default_factory=dict)
    truncatable: frozenset[str] = frozenset()

    @property
    def names(self) -> tuple[str, ...]:
        """The columns in the order in which their values are sent."""
        single = (name for name in (self.hash_column, self.moment_column) if name)
        return (*self.positions, *single, *self.constants)

    @property
    def updated(self) -> tuple[str, ...]:
        """The columns that change in a row that is there already."""
        return tuple(name for name in self.names if name not in self.key)


def record_layout(record_type: RecordType, table: sa.Table) -> Layout:
    """The layout of a record type's rows in its table.

    Columns of other record types alone are set to NULL: a row that moves here from one of them must not keep its
    values. Those that the account lacks (`RecordType.absent`) are left as they are.
    """
    imported = columns_of(record_type)
    known = {*imported, *BOOKKEEPING, *record_type.absent}
    foreign = dict.fromkeys(column.name for column in table.c if column.name not in known)
    return Layout(
        table=table,
        key=tuple(column.name for column in table.primary_key),
        positions={name: position for position, name in enumerate(imported)},
        hash_column="row_hash",
        moment_column="imported_at",
        constants={"record_type": record_type.name, "deleted_at": None, **foreign},
        truncatable=frozenset(field.name for field in record_type.value_fields if field.truncate),
    )


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many affected rows the database counts for a row that was there and is updated; for a new one it is one."""

    least: int
    most: int

    def of(self, *, new: int, updated: int) -> range:
        """The counts of a statement that did what it should."""
        return range(new + updated * self.least, new + updated * self.most + 1)


_ONE = Counts(least=1, most=1)


class UpsertBuilder(Protocol):
    """Builds upsert statements for the rows of one layout."""

    counts: Counts
    layout: Layout

    def chunks(
        self, rows: Sequence[Row], imported_at: dt.datetime, defaults: Mapping[str, str] = NO_DEFAULTS
    ) -> Iterator[Chunk]:
        """The rows in their order, as statements within the limits of the database.

        The columns of `defaults` get their default, given as SQL text, in place of NULL.
        """
        ...


def upsert_builder(connection: sa.Connection, layout: Layout, *, insert_only: bool = False) -> UpsertBuilder:
    """The builder for the connection's database. With `insert_only` a row that is there already is refused."""
    if connection.dialect.name == "sqlite":
        return SQLiteUpsertBuilder(layout, insert_only=insert_only)
    packet = int(connection.exec_driver_sql("SELECT @@max_allowed_packet").scalar_one())
    dialect: Any = connection.dialect
    alias = not dialect.is_mariadb and dialect.server_version_info >= _ROW_ALIAS_SINCE
    kind = connection.execute(_TABLE_TYPE, {"name": layout.table.name}).scalar()
    return MySQLUpsertBuilder(
        layout,
        insert_only=insert_only,
        row_alias=alias,
        versioned=kind == "SYSTEM VERSIONED",
        max_packet=packet,
    )


def optimize_batch_size(row_bytes: Iterable[int]) -> int:
    """How many rows a statement should hold, judged by the sizes of some: CHUNK_BYTES of them, at most CHUNK_ROWS.

    No limit of the server's on placeholders applies: the values are in the text. A thousand columns are a few rows.
    """
    sizes = list(row_bytes)
    average = sum(sizes) / len(sizes) if sizes else 1
    return max(1, min(CHUNK_ROWS, int(CHUNK_BYTES / average)))


class MySQLUpsertBuilder:
    """Multi-row INSERT … ON DUPLICATE KEY UPDATE, with the values in the text."""

    def __init__(
        self,
        layout: Layout,
        *,
        insert_only: bool = False,
        row_alias: bool,
        versioned: bool,
        max_packet: int,
    ) -> None:
        self.layout = layout
        self._encoders = [
            (name, position, mysql_encoder(layout.table.c[name])) for name, position in layout.positions.items()
        ]
        self._constants = [mysql_literal(layout.table.c[name], value) for name, value in layout.constants.items()]
        columns = ",".join(_backticked(name) for name in layout.names)
        new = "{0}=new.{0}" if row_alias else "{0}=VALUES({0})"
        updates = ",".join(new.format(_backticked(name)) for name in layout.updated)
        self._head = f"INSERT INTO {_backticked(layout.table.name)} ({columns}) VALUES\n"
        upsert = f"\n{'AS new ' if row_alias else ''}ON DUPLICATE KEY UPDATE {updates}"
        self._tail = "" if insert_only else upsert
        # Two, or three with the row of the history (MariaDB 10.11). MySQL counts one for a row that is as it was;
        # whoever writes a moment changes every row that is there.
        most = 3 if versioned else 2
        changes = Counts(least=most if layout.moment_column else 1, most=most)
        self.counts = _ONE if insert_only else changes
        self._most_bytes = min(max_packet // 2, MOST_BYTES)
        self._max_packet = max_packet

    def chunks(
        self, rows: Sequence[Row], imported_at: dt.datetime, defaults: Mapping[str, str] = NO_DEFAULTS
    ) -> Iterator[Chunk]:
        """As `optimize_batch_size` finds best; a single row may be as large as a packet."""
        if not rows:
            return
        sample = [rows[0], rows[len(rows) // 2], rows[-1]]
        size = optimize_batch_size(map(len, self._row_texts(sample, imported_at, defaults)))
        for start in range(0, len(rows), size):
            group = rows[start : start + size]
            texts = self._row_texts(group, imported_at, defaults)
            first, taken = 0, 0
            for position, text in enumerate(texts):
                length = len(text) if text.isascii() else len(text.encode())
                if position > first and taken + length > self._most_bytes:
                    yield self._chunk(group[first:position], texts[first:position], taken)
                    first, taken = position, 0
                taken += length + 2
            yield self._chunk(group[first:], texts[first:], taken)

    def _row_texts(self, rows: Sequence[Row], imported_at: dt.datetime, defaults: Mapping[str, str]) -> list[str]:
        columns = list(zip(*(row.values for row in rows), strict=True))
        encoded = [encode(columns[position]) for _, position, encode in self._encoders]
        for index, (name, position, _) in enumerate(self._encoders):
            if name in defaults:
                pairs = zip(columns[position], encoded[index], strict=True)
                encoded[index] = ["DEFAULT" if value is None else text for value, text in pairs]
        if self.layout.hash_column:
            encoded.append([f"x'{row.hash.hex()}'" for row in rows])
        same = [quote_moment(imported_at)] if self.layout.moment_column else []
        end = ",".join(["", *same, *self._constants])
        return [f"({','.join(values)}{end})" for values in zip(*encoded, strict=True)]

    def _chunk(self, rows: Sequence[Row], texts: list[str], size: int) -> Chunk:
        values = ",\n".join(texts)
        size += len(self._head) + len(self._tail)
        oversize = None
        if size >= self._max_packet:
            oversize = f"the row takes {size} bytes and the server's max_allowed_packet is {self._max_packet}"
        return Chunk(rows=rows, sql=f"{self._head}{values}{self._tail}", oversize=oversize)


class SQLiteUpsertBuilder:
    """INSERT … ON CONFLICT DO UPDATE, run once per row by the driver."""

    counts = _ONE

    def __init__(self, layout: Layout, *, insert_only: bool = False) -> None:
        self.layout = layout
        self._encoders = [
            (position, sqlite_encoder(layout.table.c[name])) for name, position in layout.positions.items()
        ]
        self._constants = [sqlite_value(layout.table.c[name], value) for name, value in layout.constants.items()]
        columns = ",".join(_quoted(name) for name in layout.names)
        updates = ",".join(f"{_quoted(name)}=excluded.{_quoted(name)}" for name in layout.updated)
        key = ",".join(_quoted(name) for name in layout.key)
        self._head = f"INSERT INTO {_quoted(layout.table.name)} ({columns}) VALUES "
        self._tail = "" if insert_only else f" ON CONFLICT ({key}) DO UPDATE SET {updates}"

    def chunks(
        self, rows: Sequence[Row], imported_at: dt.datetime, defaults: Mapping[str, str] = NO_DEFAULTS
    ) -> Iterator[Chunk]:
        """At most CHUNK_ROWS rows per statement."""
        # SQLite has no DEFAULT for a single value.
        places = ",".join(f"COALESCE(?,{defaults[name]})" if name in defaults else "?" for name in self.layout.names)
        sql = f"{self._head}({places}){self._tail}"
        same = [imported_at.isoformat(" ", "microseconds")] if self.layout.moment_column else []
        end = (*same, *self._constants)
        for start in range(0, len(rows), CHUNK_ROWS):
            group = rows[start : start + CHUNK_ROWS]
            columns = list(zip(*(row.values for row in group), strict=True))
            encoded = [encode_sqlite(encoder, columns[position]) for position, encoder in self._encoders]
            if self.layout.hash_column:
                encoded.append([row.hash for row in group])
            yield Chunk(rows=group, sql=sql, parameters=[(*values, *end) for values in zip(*encoded, strict=True)])


def execute(connection: sa.Connection, chunk: Chunk) -> int:
    """Sends the chunk and returns the affected rows; RowsRefused if it is too large or the server warned.

    Strict mode still lets some changes pass with a note only, e.g. 1265 for a decimal that is rounded.
    """
    if chunk.oversize:
        raise RowsRefused(chunk.oversize, code=PACKET_TOO_LARGE, reason=reason_of_code(PACKET_TOO_LARGE))
    if chunk.parameters is not None:
        return connection.exec_driver_sql(chunk.sql, chunk.parameters).rowcount
    # Without parameters the driver must not look for placeholders: a '%' in a value is a '%'.
    result = connection.exec_driver_sql(chunk.sql, execution_options={"no_parameters": True})
    cursor: Any = result.context.cursor
    if cursor.warning_count:
        warnings = connection.exec_driver_sql("SHOW WARNINGS").all()
        # Of more warnings than are listed, others may be of values; then fewer rows are tried.
        if cursor.warning_count == len(warnings) and _ADVICE.issuperset(code for _, code, _ in warnings):
            return result.rowcount
        quoted = "; ".join(f"{level} {code}: {text}" for level, code, text in warnings[:_WARNINGS_QUOTED])
        code = warnings[0][1] if warnings else None
        rows = [row for _, _, text in warnings for row in rows_in_text(text)]
        raise RowsRefused(f"the database warned: {quoted}", code=code, reason=reason_of_code(code), rows=rows)
    return result.rowcount


def _backticked(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
