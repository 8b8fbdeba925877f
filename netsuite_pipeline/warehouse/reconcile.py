"""Compares a batch with the table: which rows are new, changed, unchanged or gone, and flags the gone ones.

A batch is a primary-key range, so one range scan gives an exact answer. Writing rows is `warehouse.upsert`'s
business.
"""

import datetime as dt
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.transform.batch import Row
from netsuite_pipeline.warehouse.errors import ConcurrentWrite

Key = tuple[int, ...]

_KEYS_PER_STATEMENT = 500


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What a batch would change. `pending`: new and changed rows by key; `live`: the type's rows so far."""

    pending: list[Row]
    new: Set[Key]
    unchanged: int
    gone: list[Key]
    live: int


def difference(
    connection: sa.Connection,
    table: sa.Table,
    batch: BatchRange,
    *,
    record_type: str,
    rows: Sequence[Row],
    rejected: Set[Key],
) -> Difference:
    """Compares by hash. A row is unchanged only if it is this type's and not flagged as deleted.

    A row may have moved here from another record type that shares the table; only live rows of this type, neither
    sent nor rejected, are gone.
    """
    present = _scan(connection, table, batch, record_type)
    missing = [row.key for row in rows if row.key not in present]
    new = set(missing) - _of_other_types(connection, table, batch, record_type=record_type, keys=missing)
    pending = [row for row in rows if present.get(row.key) != (row.hash, True)]
    unchanged = len(rows) - len(pending)
    pending.sort(key=lambda row: row.key)
    sent = {row.key for row in rows}
    live = [key for key, (_, is_live) in present.items() if is_live]
    gone = sorted(key for key in live if key not in sent and key not in rejected)
    return Difference(pending=pending, new=new, unchanged=unchanged, gone=gone, live=len(live))


def _scan(
    connection: sa.Connection, table: sa.Table, batch: BatchRange, record_type: str
) -> dict[Key, tuple[bytes, bool]]:
    """Key -> hash, and whether the row is live, of this record type's rows only.

    A type with few rows in a table that it shares has a batch over the whole span of ids; the other types' rows in it
    can be all of the table.
    """
    keys = list(table.primary_key)
    query = sa.select(*keys, table.c.row_hash, table.c.deleted_at.is_(None)).where(
        keys[0].between(batch.first, batch.last), table.c.record_type == record_type
    )
    width = len(keys)
    return {
        tuple(found[:width]): (found[width], bool(found[width + 1])) for found in map(tuple, connection.execute(query))
    }


def _of_other_types(
    connection: sa.Connection, table: sa.Table, batch: BatchRange, *, record_type: str, keys: Sequence[Key]
) -> set[Key]:
    """Those of `keys` that the table has as rows of another record type."""
    columns = list(table.primary_key)
    other = table.c.record_type != record_type
    shared = sa.select(sa.literal(1)).where(columns[0].between(batch.first, batch.last), other).limit(1)
    if not keys or connection.execute(shared).first() is None:
        return set()
    found: set[Key] = set()
    for start in range(0, len(keys), _KEYS_PER_STATEMENT):
        query = sa.select(*columns).where(*_matching(columns, keys[start : start + _KEYS_PER_STATEMENT]), other)
        found.update(tuple(row) for row in connection.execute(query))
    return found


def _matching(columns: Sequence[sa.Column[Any]], keys: Sequence[Key]) -> list[sa.ColumnElement[bool]]:
    # The condition on the first column alone is what lets the optimizer use the key for pairs.
    first = columns[0].in_(sorted({key[0] for key in keys}))
    return [first, sa.tuple_(*columns).in_(keys)] if len(columns) > 1 else [first]


def flag_deleted(
    connection: sa.Connection, table: sa.Table, keys: Sequence[Key], *, record_type: str, now: dt.datetime
) -> None:
    """Sets deleted_at of the rows; ConcurrentWrite if another writer changed one of them meanwhile."""
    columns = list(table.primary_key)
    for start in range(0, len(keys), _KEYS_PER_STATEMENT):
        chunk = keys[start : start + _KEYS_PER_STATEMENT]
        statement = table.update().where(
            *_matching(columns, chunk), table.c.record_type == record_type, table.c.deleted_at.is_(None)
        )
        if connection.execute(statement.values(deleted_at=now)).rowcount != len(chunk):
            raise ConcurrentWrite(f"Rows of {table.name} were changed by another writer while they were being deleted.")
