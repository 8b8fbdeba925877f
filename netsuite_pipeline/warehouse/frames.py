"""Reads tables back as typed DataFrames, for checks and downstream assets.

pandas is imported only when a frame is made: it costs half a second at start-up, and a frame has no place between
NetSuite and the statement. Frames are written by `frame_upsert`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.transform.rows import columns_of
from netsuite_pipeline.warehouse.adoption import adoption_of
from netsuite_pipeline.warehouse.engine import read_connection
from netsuite_pipeline.warehouse.errors import FrameError, warehouse_error
from netsuite_pipeline.warehouse.frame_options import FrameOptions
from netsuite_pipeline.warehouse.frame_rows import partition_values
from netsuite_pipeline.warehouse.frame_table import ROW_HASH, existing_table
from netsuite_pipeline.warehouse.frame_target import FrameTarget
from netsuite_pipeline.warehouse.frame_types import FrameColumn
from netsuite_pipeline.warehouse.tables import target_metadata
from netsuite_pipeline.warehouse.targets import target_of

if TYPE_CHECKING:
    import pandas as pd

Warn = Callable[[str], None]

_LOGGER = logging.getLogger(__name__)
_EVERYTHING = FrameOptions()
# Rows that are in memory as tuples at a time.
_CHUNK_ROWS = 10_000
_PARTITIONS_PER_QUERY = 500


def read_frame(
    engine: sa.Engine,
    record_type: RecordType,
    ranges: Sequence[BatchRange],
    *,
    options: FrameOptions = _EVERYTHING,
    warn: Warn = _LOGGER.warning,
) -> pd.DataFrame:
    """The live rows of the batches, by key, without bookkeeping columns.

    Integers and references are Int64, booleans boolean, text string (all nullable), decimals Decimal objects,
    dates and times datetime64[s]; see FrameOptions for what can be chosen. FrameError for an unknown column,
    WarehouseError.
    """
    target = target_of(target_metadata([record_type]), record_type)
    live = target.live(record_type.name)
    query = sa.select().select_from(target.rows).where(*live).order_by(*target.keys)
    parts = [query.where(target.keys[0].between(span.first, span.last)) for span in _spans(ranges)]
    with _reading(engine, target.table.name) as connection:
        known = columns_of(record_type)
        if target.adopted:
            there = adoption_of(sa.inspect(connection), target.table).columns
            known = tuple(name for name in known if name in there)
        return _read(connection, target.table, known, parts, options=options, warn=warn)


def read_asset_frame(
    engine: sa.Engine,
    target: FrameTarget,
    *,
    options: FrameOptions = _EVERYTHING,
    warn: Warn = _LOGGER.warning,
) -> pd.DataFrame:
    """The rows of the target's partitions, or all rows of the table if the asset has none, without the row hash.

    As `read_frame`; columns of floating point numbers are float64, and date-times with decimals datetime64[us].
    """
    with _reading(engine, target.table) as connection:
        table = existing_table(connection, target.table)
        if table is None:
            raise FrameError(f"There is no table {target.table} yet: materialize {target.asset}, which creates it.")
        known = [column.name for column in table.c if column.name != ROW_HASH]
        return _read(connection, table, known, _partition_parts(table, target), options=options, warn=warn)


@contextmanager
def _reading(engine: sa.Engine, table: str) -> Iterator[sa.Connection]:
    try:
        with read_connection(engine) as connection:
            yield connection
    except DBAPIError as error:
        raise warehouse_error(error, doing=f"Reading {table}") from None


def _read(
    connection: sa.Connection,
    table: sa.Table,
    known: Sequence[str],
    parts: Iterable[sa.Select[Any]],
    *,
    options: FrameOptions,
    warn: Warn,
) -> pd.DataFrame:
    """The rows of one part after the other: columns of the table that are `known`, all or those of the options."""
    names = known if options.columns is None else options.columns
    if unknown := [name for name in names if name not in known]:
        raise FrameError(
            f"Table {table.name} has no column {', '.join(unknown)} to read; its columns are {', '.join(known)}."
        )
    columns = [FrameColumn(table.c[name], options) for name in names]
    for part in parts:
        # Streamed: the driver would keep all rows of the answer otherwise.
        query = part.add_columns(*(table.c[name] for name in names)).execution_options(yield_per=_CHUNK_ROWS)
        with connection.execute(query) as result:
            for rows in result.partitions():
                for column, values in zip(columns, zip(*rows, strict=True), strict=True):
                    column.add(values)
    return _frame(columns, warn)


def _partition_parts(table: sa.Table, target: FrameTarget) -> list[sa.Select[Any]]:
    query = sa.select().select_from(table).order_by(*table.primary_key)
    if target.partitions is None:
        return [query]
    values = partition_values(table, target)
    column = table.c[target.partition_column]
    starts = range(0, len(values), _PARTITIONS_PER_QUERY)
    return [query.where(column.in_(values[start : start + _PARTITIONS_PER_QUERY])) for start in starts]


def _spans(ranges: Sequence[BatchRange]) -> Iterator[BatchRange]:
    """The ranges in order, neighbours and overlaps merged: one query for a contiguous run of batches."""
    current: BatchRange | None = None
    for batch in sorted(ranges):
        if current is not None and batch.first <= current.last + 1:
            current = BatchRange(current.first, max(current.last, batch.last))
            continue
        if current is not None:
            yield current
        current = batch
    if current is not None:
        yield current


def _frame(columns: Sequence[FrameColumn], warn: Warn) -> pd.DataFrame:
    import pandas as pd

    # Without copies: pandas would put columns of one dtype into a block, and so need twice the memory.
    return pd.DataFrame({column.name: column.series(warn) for column in columns}, copy=False)
