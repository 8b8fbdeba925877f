"""Which kind of column values seem to be of, from their text alone. Pure; for drafts that a person looks at."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from netsuite_pipeline.record_types.custom_model import ColumnKind

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)?(?:\.([0-9]+))?")
# How users have their dates shown: 31/1/2025, 31.01.2025, 2025-01-31, 31-Jan-2025, 31 January, 2025.
_DATE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\d{1,2}[- ][A-Za-z]{3,9}[- ,]{1,2}\d{4}")
_LENGTHS = (32, 64, 255, 1000, 4000)
_MONEY = (24, 8)
_QUOTIENT = (38, 20)


@dataclass(frozen=True, kw_only=True)
class Guess:
    """A kind and the sizes that belong to it."""

    kind: ColumnKind
    length: int | None = None
    precision: int | None = None
    scale: int | None = None


def guess_kind(values: Sequence[str], *, dates: bool = True) -> Guess:
    """A kind that holds all of `values`, with room to spare. `dates`: whether they may be dates.

    Digits are text: postal codes and order numbers are, and the first that has a letter would lose its row.
    """
    if values and all(value in {"T", "F"} for value in values):
        return Guess(kind=ColumnKind.BOOLEAN)
    if values and dates and all(_DATE.fullmatch(value) for value in values):
        return Guess(kind=ColumnKind.DATE)
    longest = max((len(value) for value in values), default=0)
    # Twice what was seen, because only some rows were.
    length = next((length for length in _LENGTHS if 2 * longest <= length), None)
    return Guess(kind=ColumnKind.LONG_TEXT) if length is None else Guess(kind=ColumnKind.TEXT, length=length)


def number_in(values: Sequence[str]) -> Guess | None:
    """The kind of number that holds all of `values`; None if one of them is none."""
    if values and all(_INTEGER.fullmatch(value) for value in values):
        return Guess(kind=ColumnKind.INTEGER)
    if values and all(value and value != "-" and _DECIMAL.fullmatch(value) for value in values):
        scale = max(len(match[1] or "") for value in values if (match := _DECIMAL.fullmatch(value)))
        return exact(*(_MONEY if scale <= _MONEY[1] else _QUOTIENT))
    return None


def exact(precision: int = _MONEY[0], scale: int = _MONEY[1]) -> Guess:
    """A decimal; as it stands one that holds every money amount."""
    return Guess(kind=ColumnKind.DECIMAL, precision=precision, scale=scale)
