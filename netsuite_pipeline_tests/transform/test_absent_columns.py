"""Rows of an account that lacks columns: typed in those that are there, told apart from rows of another account."""

from dataclasses import replace

import pytest

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.model import RecordType, Source, integer
from netsuite_pipeline.transform.batch import Row
from netsuite_pipeline.transform.rows import RowTransformer, columns_of

PAIR = RecordType(
    name="pair", id=-9001, table="pairs", source=Source(table="pair"), fields=(integer("left"), integer("right"))
)


def row_of(source, record_type) -> Row:
    result = RowTransformer(record_type).transform(source, BatchRange(1, 99))
    assert isinstance(result, Row), result
    return result


def test_a_row_has_the_columns_that_are_there():
    reduced = PAIR.without(["left"])
    assert columns_of(reduced) == ("refid", "external_id", "right")
    assert row_of({"refid": "7", "right": "2"}, reduced).values == (7, "7", 2)


def test_equal_values_of_other_columns_are_another_row():
    left = row_of({"refid": "7", "left": "1"}, PAIR.without(["right"]))
    right = row_of({"refid": "7", "right": "1"}, PAIR.without(["left"]))
    assert left.values == right.values
    assert left.hash != right.hash


def test_the_same_columns_and_values_are_the_same_row():
    first = row_of({"refid": "7", "left": "1"}, PAIR.without(["right"]))
    assert first.hash == row_of({"refid": "7", "left": "1"}, PAIR.without(["right"])).hash
    assert first.hash != row_of({"refid": "7", "left": "2"}, PAIR.without(["right"])).hash


@pytest.mark.parametrize("name", ["customer", "vendor"])
def test_nobody_is_nameless_whose_name_may_be_in_an_absent_column(name):
    record_type = CATALOG.get(name)
    person = {"refid": "7", "isperson": "T"}
    for absent in ("lastname", "altname"):
        assert row_of(person, record_type.without([absent]))
    assert row_of({"refid": "7"}, record_type.without(["isperson", "firstname"]))


def test_a_status_that_the_account_lacks_costs_its_meaning_and_no_row():
    order = CATALOG.get("sales_order").without(["status"])
    assert "status_name" not in columns_of(order)
    assert row_of({"refid": "7", "tranid": "SO1"}, order)


def test_what_is_made_of_several_columns_is_not_made_of_the_rest():
    customer = CATALOG.get("customer").without(["billing_addr2"])
    assert "billing_lines" not in columns_of(customer)
    assert "billing_lines" in customer.absent
    assert "billing_postal_code" in columns_of(customer)
    assert row_of({"refid": "7", "billing_addr1": "1 Mill Lane"}, customer)


def test_a_column_that_is_asked_for_and_not_stored_is_in_no_row():
    unstored = replace(PAIR, fields=(replace(integer("left"), stored=False), integer("right")))
    assert row_of({"refid": "7", "left": "1", "right": "2"}, unstored).values == (7, "7", 2)


def test_equal_values_of_renamed_columns_and_of_another_edition_are_another_row():
    source = {"refid": "7", "left": "1", "right": "2"}
    renamed = replace(PAIR, fields=(integer("west", "left"), integer("right")))
    rows = [
        row_of(source, PAIR),
        row_of({"refid": "7", "west": "1", "right": "2"}, renamed),
        row_of(source, replace(PAIR, edition=1)),
        row_of(source, replace(PAIR, edition=2)),
    ]
    assert len({row.values for row in rows}) == 1
    assert len({row.hash for row in rows}) == 4
