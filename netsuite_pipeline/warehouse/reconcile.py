"""Compares a batch with the table: which rows are new, changed, unchanged or gone, and flags the gone ones.

A batch is a primary-key range, so one range scan gives an exact answer. Writing rows is `warehouse.upsert`'s
business.
"""

import datetime as dt
from collections.abc import Sequence, Set
from dataclasses import dataclass

import sqlalchemy as sa

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.transform.batch import Row
from netsuite_pipeline.warehouse.errors import ConcurrentWrite, DeleteGuardTripped

Key = tuple[int, ...]

# Below this many rows a large share means little: 15 of 20 records deleted in NetSuite is a tidy-up.
GUARD_MIN_ROWS = 20
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

    The scan covers rows of every record type that shares the table, because a row may move from one to
    another; only live rows of this type, neither sent nor rejected, are gone.
    """
    present = _scan(connection, table, batch, record_type)
    pending, new, unchanged = [], set(), 0
    for row in rows:
        known = present.get(row.key)
        if known is None:
            new.add(row.key)
            pending.append(row)
        elif known == (row.hash, True):
            unchanged += 1
        else:
            pending.append(row)
    pending.sort(key=lambda row: row.key)
    sent = {row.key for row in rows}
    live = [key for key, (_, is_live) in present.items() if is_live]
    gone = sorted(key for key in live if key not in sent and key not in rejected)
    return Difference(pending=pending, new=new, unchanged=unchanged, gone=gone, live=len(live))


def _scan(
    connection: sa.Connection, table: sa.Table, batch: BatchRange, record_type: str
) -> dict[Key, tuple[bytes, bool]]:
    """Key -> hash, and whether the row is a live one of this record type."""
    keys = list(table.primary_key)
    own = sa.and_(table.c.record_type == record_type, table.c.deleted_at.is_(None))
    query = sa.select(*keys, table.c.row_hash, own).where(keys[0].between(batch.first, batch.last))
    width = len(keys)
    return {
        tuple(found[:width]): (found[width], bool(found[width + 1])) for found in map(tuple, connection.execute(query))
    }


def guard_deletes(change: Difference, *, record_type: str, batch: BatchRange, percent: int) -> None:
    """DeleteGuardTripped if over GUARD_MIN_ROWS rows and over `percent` of the live ones are gone."""
    gone = len(change.gone)
    if gone > GUARD_MIN_ROWS and gone * 100 > percent * change.live:
        raise DeleteGuardTripped(
            f"Batch {batch.key} of {record_type} would flag {gone} of {change.live} rows as deleted, more"
            f" than DELETE_GUARD_PERCENT={percent} allows; nothing was written. If they are really gone from"
            " NetSuite (no permission was lost), raise DELETE_GUARD_PERCENT and import the batch again."
        )


def flag_deleted(
    connection: sa.Connection, table: sa.Table, keys: Sequence[Key], *, record_type: str, now: dt.datetime
) -> None:
    """Sets deleted_at of the rows; ConcurrentWrite if another writer changed one of them meanwhile."""
    columns = list(table.primary_key)
    for start in range(0, len(keys), _KEYS_PER_STATEMENT):
        chunk = keys[start : start + _KEYS_PER_STATEMENT]
        # The condition on the first column alone is what lets the optimizer use the key for pairs.
        matches = [columns[0].in_(sorted({key[0] for key in chunk}))]
        if len(columns) > 1:
            matches.append(sa.tuple_(*columns).in_(chunk))
        statement = table.update().where(*matches, table.c.record_type == record_type, table.c.deleted_at.is_(None))
        if connection.execute(statement.values(deleted_at=now)).rowcount != len(chunk):
            raise ConcurrentWrite(f"Rows of {table.name} were changed by another writer while they were being deleted.")
