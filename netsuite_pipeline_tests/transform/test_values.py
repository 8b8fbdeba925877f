"""Each kind of value is converted exactly or refused with its reason."""

import datetime as dt
import string
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsuite_pipeline.record_types.model import date, decimal, flag, integer, moment, quotient, reference, text
from netsuite_pipeline.transform.rejection import ConversionError, RejectReason
from netsuite_pipeline.transform.values import (
    convert_boolean,
    convert_date,
    convert_datetime,
    convert_integer,
    converter_for,
    decimal_converter,
    text_converter,
)

BIGINT = st.integers(-(2**63), 2**63 - 1)
# What JSON can hold beside a text.
STRANGE = st.one_of(st.booleans(), st.floats(), st.lists(st.integers()), st.dictionaries(st.text(), st.text()))


def refused(convert, value) -> RejectReason:
    with pytest.raises(ConversionError) as caught:
        convert(value)
    return caught.value.reason


@given(BIGINT)
def test_integer_returns_the_number_of_a_text_and_of_a_number(value):
    assert convert_integer(str(value)) == convert_integer(value) == value


@given(st.integers(2**63, 10**90) | st.integers(-(10**90), -(2**63) - 1))
def test_integer_beyond_64_bits_is_out_of_range(value):
    assert refused(convert_integer, str(value)) == RejectReason.OUT_OF_RANGE


@pytest.mark.parametrize(
    "value", ["", " 5", "5 ", "5\n", "1_000", "1,000", "1.0", "0x1F", "\u0663", "--5", "T", "9" * 5000]
)
def test_integer_refuses_what_only_looks_like_one(value):
    assert refused(convert_integer, value) == RejectReason.INVALID_NUMBER


@given(STRANGE)
def test_integer_refuses_every_other_json_value(value):
    assert refused(convert_integer, value) == RejectReason.INVALID_NUMBER


@given(st.text())
def test_integer_returns_exactly_the_number_or_refuses(value):
    try:
        number = convert_integer(value)
    except ConversionError:
        return
    assert value.lstrip("+-").lstrip("0") in {str(abs(number)), ""}


@pytest.mark.parametrize(("value", "expected"), [("T", True), ("F", False), (True, True), (False, False)])
def test_boolean_is_t_or_f(value, expected):
    assert convert_boolean(value) is expected


@given(st.text().filter(lambda value: value not in {"T", "F"}) | st.integers() | st.floats() | st.lists(st.none()))
def test_boolean_refuses_everything_else(value):
    assert refused(convert_boolean, value) == RejectReason.INVALID_BOOLEAN


@given(st.dates(min_value=dt.date(1000, 1, 1)))
def test_date_is_read_from_its_iso_text(value):
    assert convert_date(value.isoformat()) == value


@given(st.datetimes(min_value=dt.datetime.fromisoformat("1000-01-01")).map(lambda value: value.replace(microsecond=0)))
def test_datetime_is_read_from_its_iso_text(value):
    assert convert_datetime(value.isoformat(sep=" ")) == value


@pytest.mark.parametrize("convert", [convert_date, convert_datetime])
@pytest.mark.parametrize(
    "value",
    [
        "",
        "8/10/2025",
        "10.8.2025",
        "2025-8-1",
        "20250801",
        "2025-W05-1",
        "\u0662\u0660\u0662\u0665-01-01",
        20250801,
        None,
        True,
    ],
)
def test_dates_in_any_other_form_are_refused(convert, value):
    assert refused(convert, value) == RejectReason.INVALID_DATE


@pytest.mark.parametrize(
    ("convert", "value"),
    [
        (convert_date, "2025-02-29"),
        (convert_date, "2025-13-01"),
        (convert_date, "0000-01-01"),
        (convert_date, "2025-01-31 00:00:00"),
        (convert_date, "2025-01-31\n"),
        (convert_datetime, "2025-01-31"),
        (convert_datetime, "2025-01-31 24:00:00"),
        (convert_datetime, "2025-01-31 23:59:60"),
        (convert_datetime, "2025-01-31T23:59:59"),
        (convert_datetime, "2025-01-31 23:59:59Z"),
        (convert_datetime, "2025-01-31 23:59:59.5"),
    ],
)
def test_impossible_or_unasked_dates_are_refused(convert, value):
    assert refused(convert, value) == RejectReason.INVALID_DATE


@pytest.mark.parametrize(
    ("convert", "value"), [(convert_date, "0999-12-31"), (convert_datetime, "0025-01-31 00:00:00")]
)
def test_years_that_mysql_cannot_hold_are_out_of_range(convert, value):
    assert refused(convert, value) == RejectReason.OUT_OF_RANGE


@st.composite
def fitting_decimals(draw):
    """Precision, scale, and a number that DECIMAL(precision, scale) holds, up to MySQL's 65 digits."""
    precision = draw(st.integers(1, 65))
    scale = draw(st.integers(0, min(30, precision)))
    unscaled = draw(st.integers(-(10**precision) + 1, 10**precision - 1))
    return precision, scale, Decimal(f"{unscaled}E-{scale}")


@given(fitting_decimals())
def test_decimal_that_fits_is_kept_to_the_last_digit(case):
    precision, scale, number = case
    convert = decimal_converter(precision=precision, scale=scale)
    assert convert(f"{number:f}") == convert(str(number)) == number


@given(fitting_decimals(), st.integers(1, 40))
def test_zeros_behind_the_last_decimal_are_no_precision(case, zeros):
    precision, scale, number = case
    written = f"{number:f}"
    written += ("" if "." in written else ".") + "0" * zeros
    assert decimal_converter(precision=precision, scale=scale)(written) == number


@given(fitting_decimals(), st.integers(1, 20), st.integers(1, 9))
def test_one_digit_too_many_behind_the_point_is_refused(case, zeros, digit):
    precision, scale, number = case
    written = f"{number.copy_abs():f}"
    decimals = len(written.partition(".")[2])
    written += ("" if "." in written else ".") + "0" * (scale - decimals + zeros - 1) + str(digit)
    assert refused(decimal_converter(precision=precision, scale=scale), written) == RejectReason.TOO_PRECISE


@given(fitting_decimals(), st.integers(1, 20), st.integers(1, 9))
def test_a_quotient_is_rounded_to_the_last_decimal_and_by_no_more(case, zeros, digit):
    precision, scale, number = case
    convert = decimal_converter(precision=precision, scale=scale, rounded=True)
    assert convert(str(number)) == number
    written = f"{number:f}"
    decimals = len(written.partition(".")[2])
    written += ("" if "." in written else ".") + "0" * (scale - decimals + zeros) + str(digit)
    assert convert(written) == number


@pytest.mark.parametrize(
    ("value", "expected"), [("0.125", "0.12"), ("0.1351", "0.14"), ("-0.004", "0"), ("9.994", "9.99")]
)
def test_a_quotient_is_rounded_half_to_even(value, expected):
    assert str(decimal_converter(precision=3, scale=2, rounded=True)(value)) == expected


def test_a_quotient_that_is_rounded_beyond_its_column_is_out_of_range():
    assert refused(decimal_converter(precision=3, scale=2, rounded=True), "9.996") == RejectReason.OUT_OF_RANGE


def test_what_oracle_computes_to_40_digits_fits_a_column_of_quotients():
    third = converter_for(quotient("rate"))(".4285714285714285714285714285714285714286")
    assert str(third) == "0.428571428571428571428571428571"


@given(fitting_decimals(), st.integers(1, 9))
def test_one_digit_too_many_before_the_point_is_refused(case, digit):
    precision, scale, _ = case
    written = str(digit) + "0" * (precision - scale)
    convert = decimal_converter(precision=precision, scale=scale)
    assert refused(convert, written) == refused(convert, f"-{written}") == RejectReason.OUT_OF_RANGE


@pytest.mark.parametrize(
    "value",
    [
        "",
        ".",
        "-",
        "1,5",
        "1_0",
        " 1",
        "1 ",
        "1\n",
        "NaN",
        "Infinity",
        "-inf",
        "\u0663.\u0665",
        "1e",
        "1e9999",
        "0x1",
        "$5",
    ],
)
def test_decimal_refuses_what_only_looks_like_one(value):
    assert refused(decimal_converter(precision=24, scale=8), value) == RejectReason.INVALID_NUMBER


@pytest.mark.parametrize("value", [True, False, [], {}, float("nan"), float("inf")])
def test_decimal_refuses_every_other_json_value(value):
    assert refused(decimal_converter(precision=24, scale=8), value) == RejectReason.INVALID_NUMBER


@pytest.mark.parametrize(
    ("value", "expected"),
    [(".5", "0.5"), ("5.", "5"), ("+1.50", "1.50"), ("1.5E3", "1500"), (7, "7"), (95.49, "95.49")],
)
def test_decimal_reads_every_way_a_number_is_written(value, expected):
    assert decimal_converter(precision=24, scale=8)(value) == Decimal(expected)


@pytest.mark.parametrize("value", ["-0", "0E+5", "-0.000000000000", "0e-99"])
def test_every_zero_is_plain_zero(value):
    assert str(decimal_converter(precision=24, scale=8)(value)) == "0"


def test_a_json_number_beyond_the_precision_of_its_reader_is_refused():
    assert refused(decimal_converter(precision=24, scale=20), 0.1 + 0.2) == RejectReason.TOO_PRECISE


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=50))
def test_text_passes_unchanged(value):
    assert text_converter(length=50)(value) == text_converter(length=None)(value) == value


@given(st.text(alphabet=string.printable + "é漢🎉", min_size=6, max_size=50))
def test_text_is_never_cut(value):
    assert refused(text_converter(length=5), value) == RejectReason.TOO_LONG


def test_length_counts_characters_and_not_bytes():
    assert text_converter(length=3)("🎉🎉🎉") == "🎉🎉🎉"


@pytest.mark.parametrize("length", [50, None])
def test_half_a_surrogate_pair_is_refused(length):
    assert refused(text_converter(length=length), "a\ud83d") == RejectReason.INVALID_TEXT


def test_a_whole_json_number_is_text_as_netsuite_sent_it():
    assert text_converter(length=10)(42) == "42"


@given(STRANGE)
def test_text_refuses_what_only_python_could_write(value):
    assert refused(text_converter(length=None), value) == RejectReason.INVALID_TEXT


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (integer("n"), "-7", -7),
        (reference("parent"), "12", 12),
        (flag("f"), "T", True),
        (date("d"), "2026-01-31", dt.date(2026, 1, 31)),
        (moment("m"), "2026-01-31 01:02:03", dt.datetime.fromisoformat("2026-01-31T01:02:03")),
        (decimal("x"), "95.49", Decimal("95.49")),
        (text("t", 5), "hello", "hello"),
    ],
)
def test_the_declaration_alone_chooses_the_converter(field, value, expected):
    result = converter_for(field)(value)
    assert (result, type(result)) == (expected, type(expected))


@given(st.text(min_size=200, max_size=300))
def test_a_reason_quotes_a_long_value_shortened(value):
    with pytest.raises(ConversionError) as caught:
        convert_date(value)
    assert len(caught.value.detail) < 160
