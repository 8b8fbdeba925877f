"""One converter per kind of value: NetSuite's text -> a Python value, or ConversionError.

A converter never repairs or cuts, and rounds only where a declaration says so. What the column cannot hold exactly is
refused, with the reason that `import_rejects` keeps. Which converter a column gets is decided by its declaration alone.
"""

import datetime as dt
import re
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, TypeVar

from netsuite_pipeline.record_types.model import Field, Kind
from netsuite_pipeline.transform.rejection import ConversionError, RejectReason

Converter = Callable[[Any], Any]
_Day = TypeVar("_Day", bound=dt.date)

# ASCII digits only: int() and Decimal() also take underscores, blanks and the digits of every script. The bound
# on digits is far above any column's and far below what int() refuses.
_INTEGER = re.compile(r"[+-]?[0-9]{1,99}")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATETIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_SAFE_DIGITS = 18
_BIGINT = range(-(2**63), 2**63)
# MySQL's DATE and DATETIME start at year 1000 (manual, "The DATE, DATETIME, and TIMESTAMP Types").
_FIRST_YEAR = 1000
# A TEXT column without a declared length is LONGTEXT; this is its limit in bytes.
_LONGTEXT_BYTES = 2**32 - 1
# Every decimal of up to 15 digits survives the way through a binary fraction.
_FLOAT_DIGITS = 15
_ZERO = Decimal(0)
_SHOWN = 80


def converter_for(field: Field) -> Converter:
    """The converter of a declared column. It maps a value that is not None; NULL needs no conversion."""
    match field.kind:
        case Kind.INTEGER | Kind.REFERENCE:
            return convert_integer
        case Kind.BOOLEAN:
            return convert_boolean
        case Kind.DATE:
            return convert_date
        case Kind.DATETIME:
            return convert_datetime
        case Kind.DECIMAL:
            return decimal_converter(precision=field.precision or 24, scale=field.scale or 0, rounded=field.rounded)
        case Kind.TEXT:
            # What is too long for the column is cut where the table is known, and recorded there.
            return text_converter(length=None if field.truncate else field.length)


def convert_integer(value: Any) -> int:
    """`"-7"` -> -7. Refuses what is not a whole number or does not fit a signed 64-bit column."""
    if type(value) is str and len(value) <= _SAFE_DIGITS and value.isascii() and value.isdigit():
        return int(value)
    if type(value) is not int:
        if not isinstance(value, str) or _INTEGER.fullmatch(value) is None:
            raise ConversionError(RejectReason.INVALID_NUMBER, f"{_shown(value)} is not a whole number")
        value = int(value)
    if value not in _BIGINT:
        raise ConversionError(RejectReason.OUT_OF_RANGE, f"{value} does not fit a 64-bit integer")
    return int(value)


def convert_boolean(value: Any) -> bool:
    """`"T"` -> True, `"F"` -> False, as NetSuite writes booleans; JSON booleans pass."""
    if value == "T" or value is True:
        return True
    if value == "F" or value is False:
        return False
    raise ConversionError(RejectReason.INVALID_BOOLEAN, f"{_shown(value)} is neither T nor F")


def convert_date(value: Any) -> dt.date:
    """`"2026-01-31"` -> date. Only the pattern that our queries ask for with TO_CHAR is accepted."""
    if not isinstance(value, str) or _DATE.fullmatch(value) is None:
        raise ConversionError(RejectReason.INVALID_DATE, f"{_shown(value)} is not a date like 2026-01-31")
    try:
        day = dt.date.fromisoformat(value)
    except ValueError:
        raise ConversionError(RejectReason.INVALID_DATE, f"{value} does not exist") from None
    return _in_range(day)


def convert_datetime(value: Any) -> dt.datetime:
    """`"2026-01-31 23:59:59"` -> naive datetime in the account's zone, as NetSuite rendered it."""
    if not isinstance(value, str) or _DATETIME.fullmatch(value) is None:
        raise ConversionError(RejectReason.INVALID_DATE, f"{_shown(value)} is not a time like 2026-01-31 23:59:59")
    try:
        moment = dt.datetime.fromisoformat(value)
    except ValueError:
        raise ConversionError(RejectReason.INVALID_DATE, f"{value} does not exist") from None
    return _in_range(moment)


def decimal_converter(*, precision: int, scale: int, rounded: bool = False) -> Converter:
    """A converter to exact decimals that fit DECIMAL(precision, scale); only if `rounded`, to `scale` decimals.

    Nothing here uses decimal's default context, which would round to 28 digits in silence.
    """
    whole_digits = precision - scale
    last = Decimal(1).scaleb(-scale)
    exact = Context(prec=precision + 1, rounding=ROUND_HALF_EVEN)

    def fitting(number: Decimal, value: Any) -> Decimal:
        if number.adjusted() >= whole_digits:
            raise ConversionError(
                RejectReason.OUT_OF_RANGE, f"{_shown(value)} has more than {whole_digits} digits before the point"
            )
        return number

    def convert_decimal(value: Any) -> Decimal:
        number = _decimal_of(value)
        if not number:
            # -0 and 0E+5 are the same money as 0.
            return _ZERO
        fitting(number, value)
        if decimals_of(number) <= scale:
            return number
        if rounded:
            return fitting(number.quantize(last, context=exact), value) or _ZERO
        raise ConversionError(RejectReason.TOO_PRECISE, f"{_shown(value)} has more than {scale} decimals")

    return convert_decimal


def text_converter(*, length: int | None) -> Converter:
    """A converter that passes text of at most `length` characters (None: up to LONGTEXT's 4 GiB)."""
    most = _LONGTEXT_BYTES if length is None else length

    def convert_text(value: Any) -> str:
        if type(value) is str and len(value) <= most and value.isascii():
            return value
        if type(value) is int:
            value = str(value)
        elif not isinstance(value, str):
            # The text of a JSON fraction, boolean or list is Python's, not what NetSuite sent.
            raise ConversionError(RejectReason.INVALID_TEXT, f"{_shown(value)} is not text")
        if length is not None and len(value) > length:
            raise ConversionError(RejectReason.TOO_LONG, f"{len(value)} characters, the column holds {length}")
        if not value.isascii():
            try:
                size = len(value.encode())
            except UnicodeEncodeError:
                raise ConversionError(RejectReason.INVALID_TEXT, "contains half a surrogate pair") from None
        else:
            size = len(value)
        if size > _LONGTEXT_BYTES:
            raise ConversionError(RejectReason.TOO_LONG, f"{size} bytes, the column holds {_LONGTEXT_BYTES}")
        return str(value)

    return convert_text


def _decimal_of(value: Any) -> Decimal:
    if isinstance(value, str) and _DECIMAL.fullmatch(value) is not None:
        return Decimal(value)
    if type(value) is int:
        return Decimal(value)
    if type(value) is float:
        text = repr(value)
        if _DECIMAL.fullmatch(text) is not None:
            number = Decimal(text)
            if len(number.as_tuple().digits) > _FLOAT_DIGITS:
                raise ConversionError(
                    RejectReason.TOO_PRECISE, f"{text} came as a JSON number, which is not exact beyond 15 digits"
                )
            return number
    raise ConversionError(RejectReason.INVALID_NUMBER, f"{_shown(value)} is not a number")


def decimals_of(number: Decimal) -> int:
    """Digits after the point, without trailing zeros."""
    _, digits, exponent = number.as_tuple()
    # _DECIMAL lets no infinity and no NaN pass, whose exponents are letters.
    decimals = -int(exponent)
    for digit in reversed(digits):
        if digit or decimals <= 0:
            break
        decimals -= 1
    return max(decimals, 0)


def _in_range(day: _Day) -> _Day:
    if day.year < _FIRST_YEAR:
        raise ConversionError(RejectReason.OUT_OF_RANGE, f"year {day.year} is before {_FIRST_YEAR}")
    return day


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"
