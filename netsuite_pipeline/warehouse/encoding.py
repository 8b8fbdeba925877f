"""Values as SQL text for MySQL and MariaDB, and as driver values for SQLite, a whole column at a time.

Every encoder is an unbound method of the one type it takes: a value of another type raises TypeError and can
never slip into a statement unquoted. Statements are put together in `warehouse.statements`.
"""

import datetime as dt
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from netsuite_pipeline.warehouse.tables import ExactDecimal

Encoder = Callable[[Any], Any]

_text = str.replace


def quote_text(value: str) -> str:
    r"""A MySQL string literal.

    Backslash and quote are all that must be escaped, NUL, newlines and \x1a included (manual,
    `mysql_real_escape_string`: the others are escaped only for legible logs). Holds for utf8mb4 and without
    NO_BACKSLASH_ESCAPES, both of which `warehouse.engine` sets.
    """
    return "'" + _text(_text(value, "\\", "\\\\"), "'", "\\'") + "'"


def quote_bytes(value: bytes) -> str:
    """A hexadecimal literal."""
    return f"x'{bytes.hex(value)}'"


def quote_decimal(value: Decimal) -> str:
    """Plain digits, which MySQL reads as an exact number (an exponent would make it a float)."""
    return Decimal.__format__(value, "f")


def _quote_boolean(value: bool) -> str:  # noqa: FBT001 - an encoder takes one value
    return "01"[bool.__index__(value)]


def _quote_date(value: dt.date) -> str:
    return f"'{dt.date.__str__(value)}'"


def quote_moment(value: dt.datetime) -> str:
    """A date and time literal, with microseconds where there are any."""
    return f"'{dt.datetime.__str__(value)}'"


def _sqlite_moment(value: dt.datetime) -> str:
    # Always with microseconds, as SQLAlchemy writes and compares them.
    return dt.datetime.isoformat(value, " ", "microseconds")


_MYSQL: dict[type, Encoder] = {
    int: int.__repr__,
    bool: _quote_boolean,
    Decimal: quote_decimal,
    dt.date: _quote_date,
    dt.datetime: quote_moment,
    bytes: quote_bytes,
    str: quote_text,
}

_SQLITE: dict[type, Encoder | None] = {
    int: None,
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


def mysql_encoder(column: sa.Column[Any]) -> Encoder:
    """The encoder to SQL text for a column's values other than None."""
    return _MYSQL[python_type(column)]


def sqlite_encoder(column: sa.Column[Any]) -> Encoder | None:
    """The encoder to driver values other than None; None where the driver takes them as they are."""
    return _SQLITE[python_type(column)]


def encode_mysql(encoder: Encoder, values: Iterable[Any]) -> list[str]:
    """A column of values as SQL text."""
    return ["NULL" if value is None else encoder(value) for value in values]


def encode_sqlite(encoder: Encoder | None, values: Iterable[Any]) -> Iterable[Any]:
    """A column of values as driver values."""
    return values if encoder is None else [None if value is None else encoder(value) for value in values]


def mysql_literal(column: sa.Column[Any], value: Any) -> str:
    """One value of a column as SQL text."""
    return encode_mysql(mysql_encoder(column), [value])[0]


def sqlite_value(column: sa.Column[Any], value: Any) -> Any:
    """One value of a column as the driver takes it."""
    return next(iter(encode_sqlite(sqlite_encoder(column), [value])))
