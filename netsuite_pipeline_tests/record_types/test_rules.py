"""Rules add readable columns and refuse rows that no business could use; they change nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsuite_pipeline.record_types.model import Values
from netsuite_pipeline.record_types.rules import PERSON_OR_COMPANY, enum

NAMES = ("altname", "companyname", "firstname", "lastname")
TEXTS = st.none() | st.text(max_size=10)
NAMED = {True: ("firstname", "lastname", "altname"), False: ("companyname", "altname"), None: NAMES}


def reasons(values: Values) -> list[str]:
    return [check.reason for check in PERSON_OR_COMPANY if check.complaint(values)]


def entity(*, isperson: bool | None, **names: str | None) -> Values:
    return {"isperson": isperson, "entityid": "1001", **dict.fromkeys(NAMES), **names}


@given(st.dictionaries(st.text(max_size=3), st.text(max_size=64)), TEXTS)
def test_a_code_gets_its_name_and_an_unknown_one_gets_none(names, code):
    assert enum("status", names, name="status_name").compute({"status": code}) == names.get(code)


def test_a_name_column_says_which_column_it_is_derived_from_and_how():
    rule = enum("status", {"A": "open", "B": "paid"}, name="status_name")
    assert (rule.field.name, rule.of, rule.field.length) == ("status_name", ("status",), 64)
    assert rule.says == "status: A = open, B = paid; else NULL"


def test_a_meaning_that_its_column_could_not_hold_is_refused_when_declared():
    with pytest.raises(ValueError, match="longer than 64"):
        enum("status", {"A": "x" * 65}, name="status_name")


@given(st.fixed_dictionaries({"isperson": st.sampled_from([True, False, None])} | dict.fromkeys(NAMES, TEXTS)))
def test_people_and_companies_need_a_name_of_their_kind(values):
    values["entityid"] = "1001"
    named = any((values[name] or "").strip() for name in NAMED[values["isperson"]])
    expected = {True: ["person_without_name"], False: ["company_without_name"], None: []}
    assert reasons(values) == ([] if named else expected[values["isperson"]])


@pytest.mark.parametrize("name", ["firstname", "lastname", "altname"])
def test_one_name_is_enough_for_a_person(name):
    assert reasons(entity(isperson=True, **{name: "Li"})) == []


def test_a_company_name_is_no_name_of_a_person_nor_the_other_way_round():
    assert reasons(entity(isperson=True, companyname="Acme")) == ["person_without_name"]
    assert reasons(entity(isperson=False, firstname="Li", lastname="Shmoe")) == ["company_without_name"]


@pytest.mark.parametrize("isperson", [True, False])
def test_an_entityid_that_is_a_name_is_enough_and_a_number_is_none(isperson):
    assert reasons(entity(isperson=isperson, entityid="Acme Ltd")) == []
    assert len(reasons(entity(isperson=isperson, entityid="4711"))) == 1
    assert len(reasons(entity(isperson=isperson, entityid=None))) == 1


def test_blanks_are_no_name():
    assert reasons(entity(isperson=False, companyname=" \t")) == ["company_without_name"]


def test_nothing_is_asked_of_a_record_that_does_not_say_what_it_is():
    assert reasons(entity(isperson=None)) == []
