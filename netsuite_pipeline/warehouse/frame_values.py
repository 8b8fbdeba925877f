"""The columns of a person's frame, as exactly the values that a table's columns hold, or one sentence why not.

Nothing is rounded, cut or guessed: a whole number may become a decimal, 2.0 a whole number, and every other change of
kind is refused. What the tables look like is in `frame_table`.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from netsuite_pipeline.warehouse.errors import FrameError
from netsuite_pipeline.warehouse.frame_table import FrameDecimal
from netsuite_pipeline.warehouse.frame_types import FrameKind, kind_of
from netsuite_pipeline.warehouse.migration.shapes import resolved

if TYPE_CHECKING:
    import pandas as pd

_MYSQL = mysql.dialect()
_LONG = 2**63
# Up to here every whole number is a floating point number.
_EXACT_FLOAT = 2**53
# MySQL's limits on DECIMAL.
_DIGITS, _DECIMALS = 65, 30
# Decimals get room for larger ones, and at least that of imported money columns.
_LEAST_WHOLE_DIGITS, _LEAST_DECIMALS, _ROOM = 16, 8, 4
_SHOWN = 60
_INFERRED = {
    "string": FrameKind.TEXT,
    "integer": FrameKind.INTEGER,
    "floating": FrameKind.FLOAT,
    "mixed-integer-float": FrameKind.FLOAT,
    "decimal": FrameKind.DECIMAL,
    "boolean": FrameKind.BOOLEAN,
    "date": FrameKind.DATE,
    "datetime": FrameKind.DATETIME,
    "datetime64": FrameKind.DATETIME,
}

Convert = Callable[[Any], Any]


class FrameColumnValues:
    """A column of a frame: its name, what kind of values it has (None: it has none and no dtype), and the values.

    FrameError if they are of a kind that tables do not keep, or of several.
    """

    def __init__(self, name: str, series: pd.Series[Any]) -> None:
        import pandas as pd

        if isinstance(series.dtype, pd.CategoricalDtype):
            series = series.astype(series.cat.categories.dtype)
        self.name = name
        self.kind = _kind_of_series(name, series)
        self._values = _python_values(series, self.kind)

    def for_column(self, column: sa.Column[Any], *, in_key: bool) -> list[Any]:
        """The values as the column holds them, None for NULL; FrameError naming one that it cannot hold."""
        if self.kind is None:
            return self._values
        wanted = kind_of(column.type)
        found = column.info.get("found", str(column.type))
        make = _CONVERTERS.get((self.kind, wanted))
        if make is None or not column.info.get("exact", True):
            raise FrameError(
                f"Column {self.name} of the frame holds {self.kind.value}, and the column of table {column.table.name}"
                f" is {found}: convert one of them."
            )
        convert = make(column)
        converted = []
        for value in self._values:
            try:
                converted.append(None if value is None else convert(value))
            except (ValueError, OverflowError) as error:
                raise FrameError(
                    f"Column {self.name} of the frame holds {shown(value)}, which {error}; the column of table"
                    f" {column.table.name} is {found}."
                ) from None
        if in_key and wanted is FrameKind.TEXT:
            self._refuse_trailing_blanks(converted)
        return converted

    def decimal_type(self) -> FrameDecimal:
        """A DECIMAL that holds the values and larger ones; FrameError if there is none that holds them."""
        whole = decimals = 0
        for value in self._values:
            if value is not None and (isinstance(value, int) or value.is_finite()):
                before, after = _digits_of(Decimal(value))
                whole, decimals = max(whole, before), max(decimals, after)
        if whole + decimals > _DIGITS or decimals > _DECIMALS:
            raise FrameError(
                f"Column {self.name} of the frame holds decimals with up to {whole} digits before the point and"
                f" {decimals} after it; a table has {_DIGITS}, and {_DECIMALS} of them after the point."
            )
        scale = max(decimals, min(max(decimals + _ROOM, _LEAST_DECIMALS), _DECIMALS, _DIGITS - whole))
        return FrameDecimal(min(max(whole + _ROOM, _LEAST_WHOLE_DIGITS) + scale, _DIGITS), scale)

    def _refuse_trailing_blanks(self, values: Sequence[str | None]) -> None:
        # To MySQL, 'a' and 'a ' are one key.
        blank = next((value for value in values if value is not None and value.endswith(" ")), None)
        if blank is not None:
            raise FrameError(
                f"Column {self.name} of the key holds {shown(blank)}, which ends with a blank, and databases do not"
                " agree on whether that makes another key: strip it."
            )


def _kind_of_series(name: str, series: pd.Series[Any]) -> FrameKind | None:
    import pandas as pd
    from pandas.api import types

    dtype = series.dtype
    for is_kind, kind in (
        (types.is_bool_dtype, FrameKind.BOOLEAN),
        (types.is_integer_dtype, FrameKind.INTEGER),
        (types.is_float_dtype, FrameKind.FLOAT),
        (types.is_datetime64_any_dtype, FrameKind.DATETIME),
    ):
        if not types.is_object_dtype(dtype) and is_kind(dtype):
            return kind
    if isinstance(dtype, pd.StringDtype):
        return FrameKind.TEXT
    # Without what is missing: NaT among numbers would make them a mixture.
    present = series.dropna().astype(object)
    inferred = types.infer_dtype(present)
    if inferred == "empty":
        return None
    if inferred == "mixed-integer" and set(map(type, present)) == {int, Decimal}:
        return FrameKind.DECIMAL
    if inferred not in _INFERRED:
        kinds = ", ".join(sorted({type(value).__name__ for value in present}))
        raise FrameError(
            f"Column {name} of the frame holds values that no column of a table has ({dtype}: {kinds}): convert it to"
            " numbers, text, booleans, dates or date-times, one kind in all rows."
        )
    return _INFERRED[inferred]


def _python_values(series: pd.Series[Any], kind: FrameKind | None) -> list[Any]:
    import pandas as pd

    if kind is FrameKind.DATETIME and isinstance(series.dtype, pd.DatetimeTZDtype):
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    missing = series.isna().tolist()
    return [None if gone else value for value, gone in zip(series.tolist(), missing, strict=True)]


def _whole_number(value: Any) -> int:
    number = int(value)
    if number != value:
        raise ValueError("is no whole number")
    if isinstance(value, float) and abs(number) > _EXACT_FLOAT:
        raise ValueError("is too large for a floating point number to be exact")
    if not -_LONG <= number < _LONG:
        raise ValueError("does not fit into 64 bits")
    return number


def _floating(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("is infinite")
    if number != value:
        raise ValueError("is not exact as a floating point number")
    # No zero has a sign in a DECIMAL literal, which is how MySQL reads it.
    return number or 0.0


def _decimal(column: sa.Column[Any]) -> Convert:
    precision, scale = column.type.precision, column.type.scale  # type: ignore[attr-defined]
    unit = Decimal(1).scaleb(-scale)

    def convert(value: Any) -> Decimal:
        number = Decimal(int(value)) if not isinstance(value, Decimal) else value
        if not number.is_finite():
            raise ValueError("is infinite")
        whole, decimals = _digits_of(number)
        if decimals > scale:
            raise ValueError(f"has {decimals} decimals")
        if whole > precision - scale:
            raise ValueError(f"has {whole} digits before the point")
        with localcontext(prec=_DIGITS + _DECIMALS):
            # One notation for each number: on SQLite the text is the key.
            return number.quantize(unit) if number else Decimal(0).quantize(unit)

    return convert


def _text(column: sa.Column[Any]) -> Convert:
    length = getattr(column.type, "length", None)

    def convert(value: Any) -> str:
        text = str.__str__(value)
        if length is not None and len(text) > length:
            raise ValueError(f"has {len(text)} characters")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError("contains half a surrogate pair") from None
        return text

    return convert


def _date(value: Any) -> dt.date:
    if isinstance(value, dt.datetime):
        raise ValueError("is a date-time among dates")  # noqa: TRY004 - reported with the value
    return dt.date(value.year, value.month, value.day)


def _midnight(value: Any) -> dt.date:
    moment = _moment_of(value)
    if moment.time() != dt.time():
        raise ValueError("has a time of day")
    return moment.date()


def _moment(column: sa.Column[Any]) -> Convert:
    # Six decimals unless the table has fewer, which MySQL would round to without a word.
    unit = 10 ** (6 - (getattr(resolved(column.type, _MYSQL), "fsp", None) or 0))

    def convert(value: Any) -> dt.datetime:
        moment = _moment_of(value)
        if moment.microsecond % unit:
            raise ValueError("has more decimals of a second")
        return moment

    return convert


def _moment_of(value: Any) -> dt.datetime:
    """A naive datetime, in UTC if the value has a time zone."""
    if getattr(value, "nanosecond", 0):
        raise ValueError("has nanoseconds")
    if value.tzinfo is not None:
        value = value.astimezone(dt.UTC)
    if not dt.MINYEAR <= value.year <= dt.MAXYEAR:
        raise ValueError(f"is not between the years {dt.MINYEAR} and {dt.MAXYEAR}")
    return dt.datetime(  # noqa: DTZ001 - naive, as the warehouse keeps them
        value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond
    )


def _plain(convert: Convert) -> Callable[[sa.Column[Any]], Convert]:
    return lambda _: convert


_CONVERTERS: dict[tuple[FrameKind, FrameKind], Callable[[sa.Column[Any]], Convert]] = {
    (FrameKind.INTEGER, FrameKind.INTEGER): _plain(_whole_number),
    (FrameKind.FLOAT, FrameKind.INTEGER): _plain(_whole_number),
    (FrameKind.FLOAT, FrameKind.FLOAT): _plain(_floating),
    (FrameKind.INTEGER, FrameKind.FLOAT): _plain(_floating),
    (FrameKind.DECIMAL, FrameKind.DECIMAL): _decimal,
    (FrameKind.INTEGER, FrameKind.DECIMAL): _decimal,
    (FrameKind.BOOLEAN, FrameKind.BOOLEAN): _plain(bool),
    (FrameKind.TEXT, FrameKind.TEXT): _text,
    (FrameKind.DATE, FrameKind.DATE): _plain(_date),
    (FrameKind.DATETIME, FrameKind.DATE): _plain(_midnight),
    (FrameKind.DATETIME, FrameKind.DATETIME): _moment,
}


def _digits_of(number: Decimal) -> tuple[int, int]:
    """The digits before and after the point that a finite number needs, without zeros at either end."""
    _, digits, exponent = number.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    significant = text.rstrip("0")
    if not significant:
        return 0, 0
    power = int(exponent) + len(text) - len(significant)
    return max(len(significant) + power, 0), max(-power, 0)


def shown(value: Any) -> str:
    """A value for a sentence."""
    text = str(value) if isinstance(value, (dt.date, Decimal)) else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"
