"""What a table has to hold and what it holds, as a number of rows and a checksum that any client can compute.

The expected checksum is made of the Python values, the other by the server of what is stored; a technique that
changes a value on its way cannot hide it. Only imported columns count: what a technique adds of its own is its own.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import md5
from typing import Any

import sqlalchemy as sa

from benchmarks.tables import Batch, Table
from netsuite_pipeline.record_types.model import Field, Kind

_NULL = "\\N"
_SEPARATOR = "\x1f"


@dataclass(frozen=True)
class Content:
    """`rows` of a table, and the exclusive or of 64 bits of each row's MD5."""

    rows: int
    checksum: int


def expected(table: Table, batches: Iterable[Batch]) -> Content:
    """What the table has to hold once the good rows of the batches are loaded."""
    rows, checksum = 0, 0
    for batch in batches:
        for row in batch.good:
            rows += 1
            checksum ^= _digest(table.fields, row.values)
    return Content(rows, checksum)


def stored(connection: sa.Connection, table: Table, name: str) -> Content:
    """What the table `name`, perhaps with its database in front, holds in the columns of `table`."""
    cells = ", ".join(f"COALESCE({_text_of(field)}, '\\\\N')" for field in table.fields)
    row = f"MD5(CONCAT_WS(X'1F', {cells}))"
    sql = f"SELECT COUNT(*), BIT_XOR(CAST(CONV(LEFT({row}, 16), 16, 10) AS UNSIGNED)) FROM {name}"
    rows, checksum = connection.exec_driver_sql(sql, execution_options={"no_parameters": True}).one()
    return Content(int(rows), int(checksum))


def _digest(fields: Sequence[Field], values: Sequence[Any]) -> int:
    cells = (_NULL if value is None else _text(field, value) for field, value in zip(fields, values, strict=True))
    line = _SEPARATOR.join(cells)
    return int(md5(line.encode(), usedforsecurity=False).hexdigest()[:16], 16)


def _text(field: Field, value: Any) -> str:
    match value:
        case bool():
            return str(int(value))
        case Decimal():
            return f"{value:.{field.scale}f}"
        case dt.datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S")
        case _:
            return str(value)


def _text_of(field: Field) -> str:
    # Other tools may make other columns of a value; it still has to be the same value.
    match field.kind:
        case Kind.DECIMAL:
            return f"CAST({field.name} AS DECIMAL({field.precision},{field.scale}))"
        case Kind.DATETIME:
            return f"DATE_FORMAT({field.name}, '%Y-%m-%d %H:%i:%s')"
        case Kind.DATE:
            return f"DATE_FORMAT({field.name}, '%Y-%m-%d')"
        case Kind.BOOLEAN:
            return f"{field.name} + 0"
        case _:
            return field.name
