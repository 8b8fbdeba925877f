"""Values as SQL text for MySQL and MariaDB, and as driver values for SQLite, a whole column at a time.

Every encoder takes values of one type and None: a value of another type raises TypeError and can never slip into a
statement unquoted. Statements are put together in `warehouse.statements`.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

import orjson
import sqlalchemy as sa

from netsuite_pipeline.warehouse.tables import ExactDecimal

ColumnEncoder = Callable[[Sequence[Any]], list[str]]
ValueEncoder = Callable[[Any], Any]

_NONE = type(None)
_text = str.replace


def quote_text(value: str) -> str:
    r"""A MySQL string literal.

    Backslash and quote are all that must be escaped, NUL, newlines and \x1a included (manual,
    `mysql_real_escape_string`: the others are escaped only for legible logs). Holds for utf8mb4 and without
    NO_BACKSLASH_ESCAPES, both of which `warehouse.engine` sets.
    """
    return "'" + _text(_text(value, "\\", "\\\\"), "'", "\\'") + "'"


def quote_decimal(value: Decimal) -> str:
    """Plain digits, which MySQL reads as an exact number (an exponent would make it a float)."""
    return Decimal.__format__(value, "f")


def quote_moment(value: dt.datetime) -> str:
    """A date and time literal, with microseconds where there are any."""
    return f"'{dt.datetime.__str__(value)}'"


def _texts(values: Sequence[Any]) -> list[str]:
    # Most columns hold neither character; joining them to find out takes half the time of replacing in each.
    joined = "".join([value for value in values if value is not None])
    if "\\" in joined or "'" in joined:
        return ["NULL" if value is None else quote_text(value) for value in values]
    return ["NULL" if value is None else f"'{value}'" for value in values]


def _decimals(values: Sequence[Any]) -> list[str]:
    written = ["NULL" if value is None else Decimal.__str__(value) for value in values]
    if "E" in "".join(written):
        return ["NULL" if value is None else quote_decimal(value) for value in values]
    return written


def _bytes(values: Sequence[Any]) -> list[str]:
    return ["NULL" if value is None else f"x'{bytes.hex(value)}'" for value in values]


def _as_json(kind: type, values: Sequence[Any]) -> list[str]:
    """Numbers, booleans and days as JSON writes them is how SQL reads them. (A moment: 0.1 us, 1.7 by itself.)"""
    if not {kind, _NONE}.issuperset(map(type, values)):
        raise TypeError(f"a column of {kind.__name__} holds another type")
    if not values:
        return []
    text = orjson.dumps(values)[1:-1].decode()
    return text.replace("null", "NULL").replace('"', "'").split(",")


def _integers(values: Sequence[Any]) -> list[str]:
    return _as_json(int, values)


def _floats(values: Sequence[Any]) -> list[str]:
    # Not JSON, to which an infinite number is null: this way the database refuses it.
    return ["NULL" if value is None else float.__repr__(value) for value in values]


def _booleans(values: Sequence[Any]) -> list[str]:
    return _as_json(bool, values)


def _dates(values: Sequence[Any]) -> list[str]:
    return _as_json(dt.date, values)


def _moments(values: Sequence[Any]) -> list[str]:
    return [text.replace("T", " ") for text in _as_json(dt.datetime, values)]


def _sqlite_moment(value: dt.datetime) -> str:
    # Always with microseconds, as SQLAlchemy writes and compares them.
    return dt.datetime.isoformat(value, " ", "microseconds")


_MYSQL: dict[type, ColumnEncoder] = {
    int: _integers,
    float: _floats,
    bool: _booleans,
    Decimal: _decimals,
    dt.date: _dates,
    dt.datetime: _moments,
    bytes: _bytes,
    str: _texts,
}

_SQLITE: dict[type, ValueEncoder | None] = {
    int: None,
    float: None,
    bool: None,
    Decimal: quote_decimal,
    dt.date: dt.date.__str__,
    dt.datetime: _sqlite_moment,
    bytes: None,
    str: None,
}


def python_type(column: sa.Column[Any]) -> type:
    """The Python type that the column's values have in a row."""
    if isinstance(column.type, ExactDecimal):
        return Decimal
    kind: type = column.type.python_type
    return kind


def mysql_encoder(column: sa.Column[Any]) -> ColumnEncoder:
    """The encoder of the column's values to SQL text."""
    return _MYSQL[python_type(column)]


def mysql_literal(column: sa.Column[Any], value: Any) -> str:
    """One value of a column as SQL text."""
    return mysql_encoder(column)([value])[0]


def sqlite_encoder(column: sa.Column[Any]) -> ValueEncoder | None:
    """The encoder to driver values other than None; None where the driver takes them as they are."""
    return _SQLITE[python_type(column)]


def encode_sqlite(encoder: ValueEncoder | None, values: Iterable[Any]) -> Iterable[Any]:
    """A column of values as driver values."""
    return values if encoder is None else [None if value is None else encoder(value) for value in values]


def sqlite_value(column: sa.Column[Any], value: Any) -> Any:
    """One value of a column as the driver takes it."""
    return next(iter(encode_sqlite(sqlite_encoder(column), [value])))
