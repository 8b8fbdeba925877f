"""Whole columns at once: the fast way for values that are plainly good, three times as fast as one after the other.

A column in which anything is unusual goes through the converter of single values (`values`), which alone decides what a
value is and what is wrong with it; both give the same values.
"""

import datetime as dt
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from netsuite_pipeline.record_types.model import Field, Kind
from netsuite_pipeline.transform.values import Converter, converter_for

# What a column holds -> its values; None stays None. ConversionError if one of them cannot be converted.
ColumnConverter = Callable[[Sequence[Any]], Sequence[Any]]

_BOOLEANS = {"T": True, "F": False, None: None}
_ZERO = Decimal(0)
# MySQL's dates start at year 1000.
_YEAR = "[1-9][0-9]{3}"
_DATE = f"{_YEAR}-[0-9]{{2}}-[0-9]{{2}}"
_TIME = "[0-9]{2}:[0-9]{2}:[0-9]{2}"
# Far below what a text column holds, so that nobody has to measure texts one by one.
_CHARACTERS = 2**24


def column_converter(field: Field) -> ColumnConverter:
    """The converter of a declared column for many rows."""
    single = converter_for(field)
    match field.kind:
        case Kind.INTEGER | Kind.REFERENCE:
            return _parsed(single, "[0-9]{1,18}", int)
        case Kind.BOOLEAN:
            return _booleans(single)
        case Kind.DATE:
            return _parsed(single, _DATE, dt.date.fromisoformat)
        case Kind.DATETIME:
            return _parsed(single, f"{_DATE} {_TIME}", dt.datetime.fromisoformat)
        case Kind.DECIMAL:
            return _parsed(single, _fitting(precision=field.precision or 24, scale=field.scale or 0), _number)
        case Kind.TEXT:
            return _texts(single, length=None if field.truncate else field.length)


def _one_by_one(convert: Converter, column: Sequence[Any]) -> Sequence[Any]:
    return [None if value is None else convert(value) for value in column]


def _parsed(single: Converter, pattern: str, parse: Callable[[str], Any]) -> ColumnConverter:
    """For texts of one pattern: a look at all of them together, then `parse` for each."""
    # A value that holds a line's end looks like two of them here, and `parse` refuses it.
    plain = re.compile(f"{pattern}(?:\n{pattern})*")

    def convert(column: Sequence[Any]) -> Sequence[Any]:
        present = [value for value in column if value is not None]
        if not present:
            return column
        try:
            if plain.fullmatch("\n".join(present)) is None:
                return _one_by_one(single, column)
            if len(present) == len(column):
                return list(map(parse, column))
            return [None if value is None else parse(value) for value in column]
        except (TypeError, ValueError, ArithmeticError):
            return _one_by_one(single, column)

    return convert


def _booleans(single: Converter) -> ColumnConverter:
    def convert(column: Sequence[Any]) -> Sequence[Any]:
        try:
            return [_BOOLEANS[value] for value in column]
        except (KeyError, TypeError):
            return _one_by_one(single, column)

    return convert


def _texts(single: Converter, *, length: int | None) -> ColumnConverter:
    most = _CHARACTERS if length is None else min(length, _CHARACTERS)

    def convert(column: Sequence[Any]) -> Sequence[Any]:
        present = [value for value in column if value is not None]
        try:
            # Half a surrogate pair cannot be encoded.
            "".join(present).encode()
        except (TypeError, UnicodeEncodeError):
            return _one_by_one(single, column)
        if max(map(len, present), default=0) > most:
            return _one_by_one(single, column)
        return column

    return convert


def _fitting(*, precision: int, scale: int) -> str:
    """The pattern of texts that fit DECIMAL(precision, scale) whatever their digits are."""
    whole = precision - scale
    if not whole:
        return f"-?0?\\.[0-9]{{1,{scale}}}"
    return f"-?[0-9]{{1,{whole}}}" + (f"(?:\\.[0-9]{{1,{scale}}})?" if scale else "")


def _number(text: str) -> Decimal:
    # -0 is the same money as 0.
    return Decimal(text) or _ZERO
