"""How many rows would not survive a narrower type, asked of the database before anything is narrowed."""

import re

import sqlalchemy as sa

_SIZES = re.compile(r"([A-Z]+)(?:\((\d+)(?:,\s*(\d+))?\))?")
_INTEGERS = {
    "TINYINT": 8,
    "BOOLEAN": 8,
    "BOOL": 8,
    "SMALLINT": 16,
    "MEDIUMINT": 24,
    "INTEGER": 32,
    "INT": 32,
    "BIGINT": 64,
}
_TEXT_BYTES = {"TINYTEXT": 2**8 - 1, "TEXT": 2**16 - 1, "MEDIUMTEXT": 2**24 - 1}


def rows_that_do_not_fit(connection: sa.Connection, table: str, column: str, *, target: str) -> int:
    """The number of rows whose value the type `target`, as the database names it, would change or refuse."""
    condition = _condition(connection, column, target.upper())
    if condition is None:
        return 0
    counting = sa.select(sa.func.count()).select_from(sa.table(table)).where(condition)
    return int(connection.execute(counting).scalar() or 0)


def _condition(connection: sa.Connection, name: str, target: str) -> sa.ColumnElement[bool] | None:
    match = _SIZES.match(target)
    if match is None:
        return None
    kind, first, second = match.groups()
    column: sa.ColumnClause[object] = sa.column(name)
    sqlite = connection.dialect.name == "sqlite"
    if kind in _INTEGERS:
        # All integers of SQLite's have 64 bits, whatever they are called.
        return None if sqlite else _outside(column, bits=_INTEGERS[kind], unsigned="UNSIGNED" in target)
    if kind == "VARCHAR" and first:
        length = sa.func.length(column) if sqlite else sa.func.char_length(column)
        return length > int(first)
    if kind in _TEXT_BYTES:
        return None if sqlite else sa.func.octet_length(column) > _TEXT_BYTES[kind]
    if kind == "DATE":
        # A date of SQLite's is a text of ten characters.
        return sa.func.length(column) > len("2026-01-31") if sqlite else column != sa.cast(column, sa.Date)
    if kind in {"DECIMAL", "NUMERIC"}:
        return column != sa.cast(column, sa.Numeric(int(first or 10), int(second or 0)))
    if kind == "DATETIME" and not sqlite:
        # In text: a plain DATETIME rounds away what it cannot hold, and rounding shows as another value.
        digits = f"({first})" if first else ""
        return column != sa.literal_column(f"CAST({_quoted(connection, name)} AS DATETIME{digits})")
    return None


def _outside(column: sa.ColumnClause[object], *, bits: int, unsigned: bool) -> sa.ColumnElement[bool]:
    low, high = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return sa.or_(column < low, column > high, column != sa.func.floor(column))


def _quoted(connection: sa.Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote(name)
