"""What is made of an address: never an error, never longer than its column, and the same when made again."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsuite_pipeline.record_types.addresses import address, address_lines, country_code, postal_code
from netsuite_pipeline.record_types.model import Derived, Part

BILLING = address("billing", "entityaddress", of="customer.defaultbillingaddress")
LENGTHS = {field.name: field.length for field in BILLING.fields}
SENT = {name: st.none() | st.text(max_size=length) for name, length in LENGTHS.items()}
TEXTS = st.none() | st.text()
DIRTY = st.text(st.sampled_from(" \t\r\n\x0b\x85\u2028\u3000aß\u0149\U0001f600"), max_size=20)


def derived(addresses: Part, **values: str | None) -> dict[str, str | None]:
    row = dict.fromkeys(field.name for field in addresses.fields) | values
    return {rule.field.name: rule.compute(row) for rule in addresses.rules if isinstance(rule, Derived)}


@pytest.mark.parametrize(
    ("parts", "lines"),
    [
        (("12 Mill Lane", None, None), "12 Mill Lane"),
        ((" 12 Mill Lane\r\n\r\n  Unit 4 ", "2nd floor", "Dock 2\n"), "12 Mill Lane\nUnit 4\n2nd floor\nDock 2"),
        ((None, " ", "Dock 2"), "Dock 2"),
        (("12  Mill Lane", "", None), "12  Mill Lane"),
        (("\n", " ", None), None),
        ((None, None, None), None),
    ],
)
def test_lines_are_split_and_trimmed_and_blank_ones_dropped(parts, lines):
    assert address_lines(*parts) == lines


@pytest.mark.parametrize(
    ("country", "code"),
    [("US", "US"), ("us", "US"), (" Gb\n", "GB"), ("_unitedStates", None), ("USA", None), ("U", None), ("", None)],
)
def test_a_country_is_two_letters_or_nothing(country, code):
    assert country_code(country) == code


@pytest.mark.parametrize("country", ["ß", "ÄÖ", "1A", "Ⅻ", "\uff41\uff42", "U S", None])
def test_what_only_looks_like_two_letters_is_no_country(country):
    assert country_code(country) is None


@pytest.mark.parametrize(
    ("code", "normalized"),
    [("78701", "78701"), (" ls1   4ap ", "LS1 4AP"), ("530-0001", "530-0001"), (" \t", None), ("", None), (None, None)],
)
def test_a_postal_code_has_capitals_and_single_blanks(code, normalized):
    assert postal_code(code) == normalized


@given(TEXTS | DIRTY, TEXTS | DIRTY, TEXTS | DIRTY)
def test_lines_made_of_lines_are_the_same_lines(one, two, three):
    lines = address_lines(one, two, three)
    assert address_lines(lines) == lines
    assert lines is None or all(line and line == line.strip() for line in lines.split("\n"))


@given(TEXTS | DIRTY)
def test_what_is_normalized_stays_as_it_is(text):
    for normalize in (country_code, postal_code):
        assert normalize(normalize(text)) == normalize(text)


def test_capitals_of_every_character_there_is_stay_capitals_and_take_three_at_most():
    for character in map(chr, range(sys.maxunicode + 1)):
        code = postal_code(character)
        assert code is None or (postal_code(code) == code and len(code) <= 3)


@given(st.fixed_dictionaries(SENT))
def test_a_derived_column_holds_whatever_is_made_of_what_its_columns_hold(row):
    for rule in BILLING.rules:
        value = rule.compute(row)
        assert value is None or 0 < len(value) <= rule.field.length


@pytest.mark.parametrize("character", ["x", "\U0001f600", "\u0390"])
def test_the_fullest_address_fits(character):
    full = {name: character * length for name, length in LENGTHS.items()}
    values = derived(BILLING, **full)
    for rule in BILLING.rules:
        value = values[rule.field.name]
        assert value is None or len(value) <= rule.field.length


def test_no_address_has_nothing_derived():
    assert derived(BILLING) == {"billing_lines": None, "billing_country_code": None, "billing_postal_code": None}
