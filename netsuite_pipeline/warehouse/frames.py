"""Reads imported rows back as a typed DataFrame, for checks and downstream assets.

pandas is imported only here and only when needed: it costs half a second at start-up, and a frame has no
place between NetSuite and the statement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.model import Field, Kind, RecordType
from netsuite_pipeline.transform.rows import columns_of
from netsuite_pipeline.warehouse.engine import read_connection
from netsuite_pipeline.warehouse.errors import warehouse_error
from netsuite_pipeline.warehouse.tables import target_metadata

if TYPE_CHECKING:
    import pandas as pd

# Seconds and not nanoseconds: the latter end in 2262, and NetSuite knows open ends such as 9999-12-31.
_TIME = "datetime64[s]"
_DTYPES: dict[Kind, str] = {
    Kind.INTEGER: "Int64",
    Kind.REFERENCE: "Int64",
    Kind.TEXT: "string",
    Kind.DECIMAL: "object",
    Kind.BOOLEAN: "boolean",
    Kind.DATE: _TIME,
    Kind.DATETIME: _TIME,
}


def read_frame(
    engine: sa.Engine,
    record_type: RecordType,
    ranges: Sequence[BatchRange],
    *,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """The live rows of the batches, by key, without bookkeeping columns.

    Integers and references are Int64, booleans boolean, text string (all nullable), decimals Decimal objects,
    dates and times datetime64[s]. `columns` limits and orders the columns; an unknown one raises ValueError
    naming the known.
    """
    known = columns_of(record_type)
    names = tuple(known if columns is None else columns)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"{record_type.name} has no column {', '.join(unknown)}; its columns are {', '.join(known)}.")
    table = target_metadata([record_type]).tables[record_type.table]
    rows: list[Sequence[Any]] = []
    try:
        with read_connection(engine) as connection:
            for span in _spans(ranges):
                rows.extend(connection.execute(_query(table, record_type, span, names)).all())
    except DBAPIError as error:
        raise warehouse_error(error, doing=f"Reading {record_type.table}") from None
    return _frame(record_type, names, rows)


def _query(
    table: sa.Table, record_type: RecordType, span: BatchRange, names: tuple[str, ...]
) -> sa.Select[tuple[Any, ...]]:
    keys = list(table.primary_key)
    return (
        sa.select(*(table.c[name] for name in names))
        .where(
            keys[0].between(span.first, span.last),
            table.c.record_type == record_type.name,
            table.c.deleted_at.is_(None),
        )
        .order_by(*keys)
    )


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


def _frame(record_type: RecordType, names: tuple[str, ...], rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    import pandas as pd

    kinds = {field.name: _dtype(field) for field in (*record_type.key, *record_type.value_fields)}
    values = list(zip(*rows, strict=True)) if rows else [() for _ in names]
    return pd.DataFrame(
        {
            name: pd.Series(_series_values(column, kinds.get(name, "string")), dtype=kinds.get(name, "string"))
            for name, column in zip(names, values, strict=True)
        }
    )


def _series_values(column: Sequence[Any], dtype: str) -> Any:
    import numpy as np

    # numpy converts dates of any year; pandas would go through nanoseconds.
    return np.array(column, dtype=_TIME) if dtype == _TIME else list(column)


def _dtype(field: Field) -> str:
    return _DTYPES[field.kind]
