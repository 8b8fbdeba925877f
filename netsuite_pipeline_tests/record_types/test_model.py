"""The vocabulary of a declaration."""

import pytest

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.model import (
    Check,
    Kind,
    Lookup,
    RecordType,
    Source,
    date,
    decimal,
    flag,
    integer,
    moment,
    quotient,
)
from netsuite_pipeline.record_types.model import reference as reference_field
from netsuite_pipeline.record_types.model import text as text_field
from netsuite_pipeline.record_types.rules import enum


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        (integer("n"), Kind.INTEGER),
        (reference_field("parent"), Kind.REFERENCE),
        (text_field("t", 5), Kind.TEXT),
        (decimal("x"), Kind.DECIMAL),
        (quotient("x"), Kind.DECIMAL),
        (flag("f"), Kind.BOOLEAN),
        (date("d"), Kind.DATE),
        (moment("m"), Kind.DATETIME),
    ],
)
def test_each_word_declares_its_kind(field, kind):
    assert field.kind is kind
    assert field.nullable


def test_a_reference_is_named_after_its_last_part():
    field = reference_field("mainline.subsidiary", "subsidiary")
    assert (field.name, field.source, field.references) == ("subsidiary_id", "mainline.subsidiary", "subsidiary")
    assert reference_field("parent", name="owner").name == "owner"


def test_a_column_may_have_another_name_than_its_source():
    assert (text_field("title", 5, "altname").name, text_field("title", 5, "altname").source) == ("title", "altname")


@pytest.mark.parametrize("source", ["id", "altName", "mainline.location", "customer.custentity_1"])
def test_a_column_is_no_expression(source):
    assert not text_field("t", 5, source).is_expression


@pytest.mark.parametrize("source", ["NVL(a, b)", "BUILTIN.DF(job.status)", "(SELECT MIN(r.id) FROM r)", "a b", "a.b.c"])
def test_anything_else_is_an_expression(source):
    assert text_field("t", 5, source).is_expression


def test_derived_columns_follow_those_of_netsuite_and_are_not_asked_for():
    shade = enum("colour", {"r": "red"}, name="shade")
    check = Check(reason="odd", field="colour", complaint=lambda values: None)
    record_type = RecordType(
        name="a", id=1, table="t", source=Source(table="s"), fields=(text_field("colour", 1),), rules=(check, shade)
    )
    assert [field.name for field in record_type.source_fields] == ["refid", "colour"]
    assert [field.name for field in record_type.value_fields] == ["colour", "shade"]
    assert record_type.checks == (check,)


def test_a_record_type_is_keyed_by_its_id_unless_declared_otherwise():
    record_type = RecordType(name="a_b", id=1, table="t", source=Source(table="s"), fields=(flag("f"),))
    assert [field.name for field in record_type.source_fields] == ["refid", "f"]
    assert record_type.batch_field.source == "id"
    assert record_type.label == "A b"


def test_lines_are_batched_by_their_transaction():
    assert CATALOG.get("transaction_line").batch_field.name == "transaction_id"


@pytest.mark.parametrize("text", ["main.city", "UPPER(Main.city)", "a.b = main.nkey"])
def test_a_lookup_is_used_where_its_alias_has_a_dot_behind_it(text):
    assert Lookup(alias="main", table="address", on="main.nkey = t.address").is_used_in(text)


@pytest.mark.parametrize("text", ["main", "domain.city", "t.main.city", "mainline.city", "t.main"])
def test_a_lookup_is_not_used_where_its_alias_is_part_of_something_else(text):
    assert not Lookup(alias="main", table="address", on="main.nkey = t.address").is_used_in(text)


@pytest.mark.parametrize("record_type", CATALOG, ids=lambda record_type: record_type.name)
def test_every_decimal_of_the_catalog_fits_mysql(record_type):
    for field in record_type.fields:
        if field.kind is Kind.DECIMAL:
            assert field.precision is not None
            assert field.scale is not None
            assert 0 <= field.scale <= min(30, field.precision) <= 65
