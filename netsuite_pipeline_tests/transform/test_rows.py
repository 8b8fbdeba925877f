"""A row becomes typed columns in a fixed order, or one rejection that says why."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.record_types.model import Check, RecordType, Source, date, decimal, flag, integer, text
from netsuite_pipeline.record_types.rules import enum
from netsuite_pipeline.transform.batch import FailedBatch, Row, TransformedBatch
from netsuite_pipeline.transform.rejection import Rejection, RejectReason
from netsuite_pipeline.transform.rows import RowTransformer, columns_of, hash_values

THING = RecordType(
    name="thing",
    id=-9001,
    table="things",
    source=Source(table="thing"),
    fields=(text("name", 10), decimal("amount"), flag("isinactive"), date("startdate")),
)
LINE = RecordType(
    name="line",
    id=-9002,
    table="lines",
    source=Source(table="line"),
    key=(integer("transaction_id", "parent", nullable=False), integer("refid", "id", nullable=False)),
    fields=(text("memo", 10),),
)

DEBT = RecordType(
    name="debt",
    id=-9003,
    table="debts",
    source=Source(table="debt"),
    fields=(text("status", 10), decimal("amount")),
    rules=(
        Check(
            reason="in_credit",
            field="amount",
            complaint=lambda values: "owes less than nothing" if (values["amount"] or 0) < 0 else None,
        ),
        Check(reason="unlucky", field="refid", complaint=lambda values: "unlucky" if values["refid"] == 13 else None),
        enum("status", {"A": "open"}, name="status_name"),
    ),
)
BATCH = BatchRange(1, 100)


def row_of(source, record_type=THING) -> Row:
    result = RowTransformer(record_type).transform(source, BATCH)
    assert isinstance(result, Row), result
    return result


def rejection_of(source, record_type=THING) -> Rejection:
    result = RowTransformer(record_type).transform(source, BATCH)
    assert isinstance(result, Rejection), result
    return result


def test_a_row_is_typed_in_the_order_of_the_columns():
    row = row_of(
        {"links": [], "name": "a", "refid": "7", "amount": "1.5", "isinactive": "F", "startdate": "2026-01-31"}
    )
    assert columns_of(THING) == ("refid", "external_id", "name", "amount", "isinactive", "startdate")
    assert row.values == (7, "7", "a", Decimal("1.5"), False, dt.date(2026, 1, 31))
    assert row.key == (7,)


def test_what_netsuite_leaves_out_is_null():
    assert row_of({"refid": "7"}).values == (7, "7", None, None, None, None)


def test_the_external_id_of_a_key_of_two_columns_joins_them():
    assert row_of({"transaction_id": "7", "refid": "0", "memo": "m"}, LINE).values == (7, 0, "7:0", "m")


def test_names_are_compared_in_lower_case():
    assert row_of({"REFID": "7", "Name": "a", "LINKS": []}) == row_of({"refid": "7", "name": "a"})


@pytest.mark.parametrize("record_type", CATALOG, ids=lambda record_type: record_type.name)
def test_every_row_of_a_type_has_all_its_columns(record_type):
    row = row_of({field.name: "7" for field in record_type.key}, record_type)
    assert len(row.values) == len(columns_of(record_type)) == len(set(columns_of(record_type)))


@pytest.mark.parametrize(
    ("change", "reason", "field", "key"),
    [
        ({"refid": None}, RejectReason.MISSING_KEY, "refid", None),
        ({"refid": "x"}, RejectReason.INVALID_NUMBER, "refid", None),
        ({"refid": "101"}, RejectReason.OUTSIDE_BATCH, "refid", (101,)),
        ({"surprise": "1"}, RejectReason.UNKNOWN_COLUMN, "surprise", (7,)),
        ({"name": "x" * 11}, RejectReason.TOO_LONG, "name", (7,)),
        ({"amount": "much"}, RejectReason.INVALID_NUMBER, "amount", (7,)),
        ({"isinactive": "yes"}, RejectReason.INVALID_BOOLEAN, "isinactive", (7,)),
        ({"startdate": "2026-02-30"}, RejectReason.INVALID_DATE, "startdate", (7,)),
    ],
)
def test_a_bad_row_is_rejected_with_reason_field_key_and_payload(change, reason, field, key):
    source = {"refid": "7", "name": "a", **change}
    rejection = rejection_of(source)
    assert (rejection.reason, rejection.field, rejection.key) == (reason, field, key)
    assert rejection.payload == source
    assert rejection.detail


def test_a_row_without_any_key_is_rejected():
    assert rejection_of({"name": "a"}).reason == RejectReason.MISSING_KEY


def test_half_a_key_is_no_key():
    rejection = rejection_of({"transaction_id": "7"}, LINE)
    assert (rejection.reason, rejection.field, rejection.key) == (RejectReason.MISSING_KEY, "refid", None)


def test_the_payload_is_the_row_as_it_was_sent():
    source = {"REFID": "7", "Amount": "much"}
    assert rejection_of(source).payload == source


def test_derived_columns_come_last_and_the_code_stays_as_it_was_sent():
    assert columns_of(DEBT) == ("refid", "external_id", "status", "amount", "status_name")
    assert row_of({"refid": "7", "status": "A"}, DEBT).values == (7, "7", "A", None, "open")


@pytest.mark.parametrize("status", ["a", "Z", "A "])
def test_a_code_without_a_known_meaning_is_loaded_without_one(status):
    assert row_of({"refid": "7", "status": status}, DEBT).values == (7, "7", status, None, None)


def test_derived_columns_are_part_of_the_hash():
    closed = replace(DEBT, rules=(*DEBT.rules[:2], enum("status", {"A": "closed"}, name="status_name")))
    source = {"refid": "7", "status": "A"}
    assert row_of(source, DEBT).hash != row_of(source, closed).hash


def test_a_check_rejects_the_row_with_a_reason_of_its_own():
    source = {"refid": "7", "status": "A", "amount": "-0.01"}
    rejection = rejection_of(source, DEBT)
    assert (rejection.reason, rejection.field, rejection.key) == ("in_credit", "amount", (7,))
    assert (rejection.detail, rejection.payload) == ("owes less than nothing", source)


def test_checks_see_the_key_too():
    assert rejection_of({"refid": "13"}, DEBT).reason == "unlucky"


def test_a_row_is_typed_before_it_is_checked():
    assert rejection_of({"refid": "13", "amount": "much"}, DEBT).reason == RejectReason.INVALID_NUMBER


@pytest.mark.parametrize("name", ["customer", "vendor"])
def test_a_batch_of_people_and_companies_has_the_same_columns_in_every_row(name):
    record_type = CATALOG.get(name)
    person = row_of(
        {"refid": "7", "isperson": "T", "lastname": "Li", "lastmodifieddate": "2026-01-31 01:02:03"}, record_type
    )
    company = row_of({"refid": "8", "isperson": "F", "companyname": "Acme", "subsidiary_id": "1"}, record_type)
    assert len(person.values) == len(company.values) == len(columns_of(record_type))
    nameless = rejection_of({"refid": "9", "isperson": "F", "lastname": "Li"}, record_type)
    assert (nameless.reason, nameless.field) == ("company_without_name", "companyname")


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.text(alphabet=st.characters(exclude_categories=["Cs"])),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.dates(),
    st.datetimes(),
)


@given(st.lists(VALUES, max_size=5), st.lists(VALUES, max_size=5))
def test_rows_hash_alike_exactly_when_their_values_are_alike(one, other):
    def typed(values):
        return [(type(value), value) for value in values]

    assert (hash_values(tuple(one)) == hash_values(tuple(other))) == (typed(one) == typed(other))


@given(st.decimals(allow_nan=False, allow_infinity=False, places=30))
def test_decimals_of_one_value_hash_alike_and_of_the_next_value_differently(number):
    longer = Decimal(f"{number:f}000")
    assert hash_values((number,)) == hash_values((longer,))
    assert hash_values((number,)) != hash_values((Decimal(f"{number:f}001"),))


def test_values_do_not_flow_from_one_column_into_the_next():
    assert (
        len({hash_values(pair) for pair in [("ab", ""), ("a", "b"), ("", "ab"), ("ab", None), ("1", 1), (1, "1")]}) == 6
    )


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_text_ends_as_a_row_or_as_a_rejection(name, amount):
    result = RowTransformer(THING).transform({"refid": "7", "name": name, "amount": amount}, BATCH)
    assert isinstance(result, Row | Rejection)


def test_a_batch_with_a_keyless_rejection_says_nothing_about_what_is_gone():
    keyed, keyless = rejection_of({"refid": "7", "amount": "x"}), rejection_of({"name": "a"})

    def batch(*rejections):
        return TransformedBatch(
            record_type=THING,
            range=BATCH,
            expected=1,
            fetched=1,
            rows=[],
            read_at=dt.datetime(2026, 11, 23),  # noqa: DTZ001 - naive UTC
            rejections=list(rejections),
        )

    assert batch().may_reconcile
    assert batch(keyed).may_reconcile
    assert not batch(keyed, keyless).may_reconcile


def test_a_failed_batch_carries_its_category_and_reason():
    failed = FailedBatch(record_type=THING, range=BATCH, category=FailureCategory.TIMEOUT, reason="no answer")
    assert (failed.range.key, failed.category.value, failed.reason) == ("1..100", "timeout", "no answer")
