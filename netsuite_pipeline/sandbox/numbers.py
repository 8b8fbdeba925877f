"""Numbers the way Oracle prints and rounds them, and the SQL functions that SQLite lacks."""

import sqlite3
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

# Beyond 15 digits a binary fraction shows noise (0.1 + 0.2); stored decimals are text and never pass here.
_DIGITS = ".15g"


def number_text(value: float | str | None) -> str | None:
    """Plain notation without exponent or trailing zeros: 95.0 is `95`, 0.30000000000000004 is `0.3`."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return format(Decimal(format(value, _DIGITS)), "f")


def rounded(value: float | None, digits: int) -> float | int | None:
    """Half away from zero on the decimal digits, as Oracle's ROUND; SQLite rounds the binary value."""
    if value is None:
        return None
    result = Decimal(format(value, _DIGITS)).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    return int(result) if result == int(result) else float(result)


def _upper(value: str | None) -> str | None:
    return None if value is None else str(value).upper()


def _lower(value: str | None) -> str | None:
    return None if value is None else str(value).lower()


class _ListAggregate:
    """Oracle's LISTAGG; SQLite's group_concat takes an order from version 3.44 on only."""

    def __init__(self) -> None:
        self._found: list[tuple[bool, Any, str]] = []
        self._separator = ""

    def step(self, *arguments: Any) -> None:
        value, self._separator, key = arguments
        if value is not None:
            # NULL comes last.
            self._found.append((key is None, 0 if key is None else key, value))

    def finalize(self) -> Any:
        return self._separator.join(value for _, _, value in sorted(self._found)) or None


def register_functions(connection: sqlite3.Connection) -> None:
    """Make the functions above callable in SQL; UPPER and LOWER of SQLite know ASCII only."""
    connection.create_function("number_text", 1, number_text, deterministic=True)
    connection.create_function("oracle_round", 2, rounded, deterministic=True)
    connection.create_function("oracle_upper", 1, _upper, deterministic=True)
    connection.create_function("oracle_lower", 1, _lower, deterministic=True)
    connection.create_aggregate("listagg", 3, _ListAggregate)
