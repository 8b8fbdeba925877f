"""Makes a table hold the rows of a person's frame: all of them in one transaction, or none.

Rows that are stored as they come are not written. Rows that the frame does not have stay, except in the partitions
that the frame is of: these are replaced. What the rows are is decided in `frame_rows`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.transform.batch import Row
from netsuite_pipeline.warehouse.engine import read_connection
from netsuite_pipeline.warehouse.errors import ConcurrentWrite, FrameError, warehouse_error
from netsuite_pipeline.warehouse.frame_rows import FrameRows, frame_rows, partition_values, shown_keys
from netsuite_pipeline.warehouse.frame_table import ROW_HASH, existing_table
from netsuite_pipeline.warehouse.frame_target import FrameTarget
from netsuite_pipeline.warehouse.keys import matching, slices
from netsuite_pipeline.warehouse.repeating import repeat_transient
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline.warehouse.statements import Layout, upsert_builder
from netsuite_pipeline.warehouse.tables import utc_now
from netsuite_pipeline.warehouse.upsert import RefusedRow, Upsert

if TYPE_CHECKING:
    import pandas as pd

Key = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class FrameWritten:
    """What became of a frame: its rows, and how many rows of the table were written, deleted or left alone."""

    rows: int
    inserted: int
    updated: int
    unchanged: int
    deleted: int
    seconds: float


def upsert_frame(
    engine: sa.Engine, frame: pd.DataFrame, target: FrameTarget, *, sleep: Callable[[float], None] = time.sleep
) -> FrameWritten:
    """Writes the frame, to a table that is created if it is missing.

    A transient error repeats the transaction; `sleep` takes the seconds in between. FrameError if frame and table do
    not fit together, WarehouseError if the database refuses; after either nothing was written.
    """
    started = time.perf_counter()
    target.require_key()
    try:
        with read_connection(engine) as connection:
            existing = existing_table(connection, target.table)
        rows = frame_rows(frame, target, existing)
        if rows.is_new:
            ensure_tables(engine, rows.table.metadata)
        counts = repeat_transient(partial(_write, engine, rows, target), sleep=sleep)
    except DBAPIError as error:
        raise warehouse_error(error, doing=f"Writing the frame of {target.asset} to {target.table}") from None
    return FrameWritten(rows=len(rows.rows), seconds=time.perf_counter() - started, **counts)


def _write(engine: sa.Engine, frame: FrameRows, target: FrameTarget) -> dict[str, int]:
    with engine.begin() as connection:
        stored = _stored_hashes(connection, frame)
        pending = [row for row in frame.rows if stored.get(row.key) != row.hash]
        new = {row.key for row in pending if row.key not in stored}
        gone = _gone(connection, frame, target)
        layout = Layout(
            table=frame.table,
            key=tuple(column.name for column in frame.table.primary_key),
            positions={name: position for position, name in enumerate(frame.names)},
            hash_column=ROW_HASH,
        )
        send = partial(_send, connection, layout, target, new=new)
        send([row for row in pending if row.key in new], insert_only=True)
        send([row for row in pending if row.key not in new], insert_only=False)
        _delete(connection, frame.table, gone)
    return {
        "inserted": len(new),
        "updated": len(pending) - len(new),
        "unchanged": len(frame.rows) - len(pending),
        "deleted": len(gone),
    }


def _send(
    connection: sa.Connection,
    layout: Layout,
    target: FrameTarget,
    rows: Sequence[Row],
    *,
    new: Set[Key],
    insert_only: bool,
) -> None:
    # New rows are only inserted: an upsert would change another row that has the same value in a second unique key.
    upsert = Upsert(
        connection,
        upsert_builder(connection, layout, insert_only=insert_only),
        imported_at=utc_now(),
        new=new,
        on_refused=partial(_refuse, connection, layout.table, target, new),
    )
    upsert.send(rows)
    if repairs := upsert.repairs:
        raise FrameError(
            f"Column {repairs[0].column} of table {target.table} takes no NULL, and the frame of {target.asset} has no"
            f" value in it for {shown_keys([repairs[0].key])}; nothing was written."
        )


def _refuse(
    connection: sa.Connection, table: sa.Table, target: FrameTarget, new: Set[Key], refused: RefusedRow
) -> None:
    key, columns = refused.row.key, list(table.primary_key)
    # Compared here too: to the database, keys may be equal that differ in case.
    if key in new and key in map(tuple, connection.execute(sa.select(*columns).where(*matching(columns, [key])))):
        raise ConcurrentWrite(f"Row {key} of {target.table} was inserted by another writer at the same time.")
    about = f" in column {refused.field}" if refused.field else ""
    raise FrameError(
        f"Table {target.table} does not take the row {shown_keys([key])} of the frame of {target.asset}{about}:"
        f" {refused.message}; nothing was written."
    )


def _stored_hashes(connection: sa.Connection, frame: FrameRows) -> dict[Key, bytes | None]:
    """The hashes of the frame's rows that the table has, by key; None where a row was put there by somebody else."""
    table = frame.table
    stored: dict[Key, bytes | None] = {}
    query = sa.select(*table.primary_key, table.c[ROW_HASH])
    for keys in slices([row.key for row in frame.rows]):
        for *key, row_hash in connection.execute(query.where(*matching(list(table.primary_key), keys))):
            stored[tuple(key)] = row_hash
    return stored


def _gone(connection: sa.Connection, frame: FrameRows, target: FrameTarget) -> list[Key]:
    """The keys that the run's partitions have in the table and not in the frame."""
    if target.partitions is None:
        return []
    table, kept = frame.table, {row.key for row in frame.rows}
    column = table.c[target.partition_column]
    gone: list[Key] = []
    for values in slices(partition_values(table, target)):
        found = connection.execute(sa.select(*table.primary_key).where(column.in_(values)))
        gone.extend(key for key in map(tuple, found) if key not in kept)
    return gone


def _delete(connection: sa.Connection, table: sa.Table, keys: Sequence[Key]) -> None:
    for some in slices(keys):
        connection.execute(table.delete().where(*matching(list(table.primary_key), some)))
