"""A declaration without the columns that an account lacks."""

import pytest

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.model import Check, RecordType, Source, integer, text
from netsuite_pipeline.record_types.rules import enum


def _complaint(values):
    return None if values["name"] or values["nickname"] else "nameless"


PERSON = RecordType(
    name="person",
    id=-9001,
    table="people",
    source=Source(table="person"),
    fields=(text("name", 50), text("nickname", 50), text("status", 8), integer("age")),
    rules=(
        enum("status", {"A": "active"}, name="status_name"),
        Check(reason="nameless", field="name", complaint=_complaint),
    ),
)


def test_the_columns_are_left_out_and_remembered():
    reduced = PERSON.without(["age", "name"])
    assert [field.name for field in reduced.fields] == ["nickname", "status"]
    assert [field.name for field in reduced.value_fields] == ["nickname", "status", "status_name"]
    assert reduced.absent == ("age", "name")
    assert (reduced.name, reduced.table, reduced.key) == (PERSON.name, PERSON.table, PERSON.key)


def test_what_is_derived_from_an_absent_column_is_absent_too():
    reduced = PERSON.without(["status"])
    assert reduced.absent == ("status", "status_name")
    assert [field.name for field in reduced.value_fields] == ["name", "nickname", "age"]


def test_leaving_out_in_two_steps_is_leaving_out_at_once():
    assert PERSON.without(["status"]).without(["age"]).absent == PERSON.without(["age", "status"]).absent


def test_without_nothing_it_is_the_same_declaration():
    assert PERSON.without([]) is PERSON


def test_every_column_but_the_key_may_be_absent():
    reduced = PERSON.without(field.name for field in PERSON.fields)
    assert reduced.source_fields == PERSON.key


def test_the_key_cannot_be_left_out():
    with pytest.raises(ValueError, match="cannot do without its key: refid"):
        PERSON.without(["age", "refid"])


def test_a_check_that_needs_an_absent_column_finds_nothing_wrong():
    (check,) = PERSON.without(["nickname"]).checks
    assert check.complaint({"name": None, "status": None, "age": 3}) is None
    assert check.complaint({"name": "Li", "status": None, "age": 3}) is None


def test_a_check_goes_on_with_the_columns_that_are_there():
    (check,) = PERSON.without(["age"]).checks
    assert check.complaint({"name": None, "nickname": None, "status": "A"}) == "nameless"


def test_a_check_that_misspells_a_column_is_a_defect_still():
    (check,) = PERSON.without(["age"]).checks
    with pytest.raises(KeyError, match="name"):
        check.complaint({"status": "A"})


@pytest.mark.parametrize("record_type", CATALOG, ids=lambda record_type: record_type.name)
def test_every_declared_type_can_do_without_any_of_its_columns(record_type):
    for field in record_type.fields:
        reduced = record_type.without([field.name])
        assert field.name in reduced.absent
        assert {column.name for column in reduced.value_fields} | set(reduced.absent) == {
            column.name for column in record_type.value_fields
        }
