"""Declarations that contradict each other are refused when the catalog is built; levels follow from dependencies."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.catalog import Catalog, CatalogError
from netsuite_pipeline.record_types.declared.items import SUBTYPES
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.record_types.failure_policy import FailurePolicy, RetryPolicy
from netsuite_pipeline.record_types.ids import IDS
from netsuite_pipeline.record_types.model import Check, Lookup, RecordType, Source, decimal, integer, reference, text
from netsuite_pipeline.record_types.rules import enum


def declare(name: str, *depends_on: str, **changes) -> RecordType:
    values = {
        "name": name,
        "id": -9999,
        "table": f"{name}s",
        "source": Source(table=name),
        "fields": (text("name", 10),),
        "depends_on": depends_on,
        **changes,
    }
    return RecordType(**values)


def retrying(category: FailureCategory, **said) -> FailurePolicy:
    return FailurePolicy(retries=(RetryPolicy(category=category, **said),))


# Ids are stored with every import: this table changes by additions only.
DECLARED_IDS = {
    "project": -1,
    "vendor": -2,
    "customer": -3,
    "item": -6,
    "employee": -16,
    "sales_order": -19,
    "invoice": -21,
    "opportunity": -31,
    "item_fulfillment": -53,
    "location": -103,
    "subsidiary": -117,
    "price_level": -186,
    "inventory_item": -1010,
    "non_inventory_item": -1011,
    "service_item": -1012,
    "description_item": -1013,
    "subtotal_item": -1014,
    "markup_item": -1015,
    "other_charge_item": -1016,
    "discount_item": -1017,
    "transaction_line": -1020,
    "charge": -1030,
    "charge_type": -1031,
}
LEVELS = [
    {"subsidiary", "location", "price_level", "charge_type"},
    {"customer", "vendor", "employee", "item", *SUBTYPES},
    {"project", "opportunity", "transaction_line", "item_fulfillment"},
    {"sales_order", "invoice", "charge"},
]
ITEMS = {"item", *SUBTYPES}


def check(field: str, reason: str) -> Check:
    return Check(reason=reason, field=field, complaint=lambda values: None)


def look_up(alias: str, on: str | None = None) -> Lookup:
    return Lookup(alias=alias, table="address", on=on or f"{alias}.nkey = a.address")


def looking_up(*lookups: Lookup) -> Source:
    return Source(table="a", lookups=lookups)


def test_the_declared_types_and_their_ids():
    assert {record_type.name: record_type.id for record_type in CATALOG} == DECLARED_IDS == IDS


def test_levels_of_the_declared_types():
    for level, names in enumerate(LEVELS):
        assert {name for name in CATALOG.names if CATALOG.level(name) == level} == names


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("customer", {"price_level", "location", "subsidiary"}),
        ("project", {"customer"}),
        ("sales_order", {"customer", "subsidiary", "location", "opportunity", "transaction_line"}),
        ("invoice", {"customer", "subsidiary", "location", "opportunity", "transaction_line", *ITEMS}),
        ("item_fulfillment", {"customer", "subsidiary", "location"}),
        ("transaction_line", ITEMS),
        ("charge", {"project", "charge_type", *ITEMS}),
    ],
)
def test_a_type_waits_for_what_its_records_refer_to(name, needs):
    assert needs <= set(CATALOG.get(name).depends_on)


def test_a_type_comes_after_everything_it_depends_on():
    seen: set[str] = set()
    for record_type in CATALOG:
        assert seen.issuperset(record_type.depends_on)
        seen.add(record_type.name)


def test_selecting_with_dependencies_takes_the_whole_chain_in_order():
    names = [record_type.name for record_type in CATALOG.select(["customer"], dependencies=True)]
    assert names == ["subsidiary", "location", "price_level", "customer"]


def test_selecting_without_dependencies_takes_the_named_types_only_in_order():
    names = [found.name for found in CATALOG.select(["sales_order", "customer"], dependencies=False)]
    assert names == ["customer", "sales_order"]


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(CatalogError, match=r"'custmer'.*customer"):
        CATALOG.select(["custmer"], dependencies=True)


def test_membership_and_length():
    assert "customer" in CATALOG
    assert "custmer" not in CATALOG
    assert len(CATALOG) == len(CATALOG.names) == 23


def test_one_more_declaration_makes_a_larger_catalog_and_leaves_the_first_alone():
    larger = CATALOG.extended(declare("department", "subsidiary"))
    assert larger.level("department") == 1
    assert "department" not in CATALOG


def test_every_item_is_imported_by_exactly_one_type():
    conditions = {name: CATALOG.get(name).source.where for name in [*SUBTYPES, "item"]}
    for name, code in SUBTYPES.items():
        assert conditions[name] == f"item.itemtype = '{code}'"
        assert f"'{code}'" in str(conditions["item"])
    assert "IS NULL OR" in str(conditions["item"])


@given(st.integers(1, 8).flatmap(lambda size: st.lists(st.sets(st.integers(0, 7)), min_size=size, max_size=size)))
def test_a_level_is_one_more_than_the_highest_below_it(parents):
    # Type n may depend on lower numbers only, so there is no circle.
    edges = [[f"t{parent}" for parent in below if parent < number] for number, below in enumerate(parents)]
    catalog = Catalog(declare(f"t{number}", *below, id=-number - 1) for number, below in enumerate(edges))
    for number, below in enumerate(edges):
        assert catalog.level(f"t{number}") == 1 + max((catalog.level(parent) for parent in below), default=-1)


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        ([declare("a", id=-1), declare("a", id=-2)], "name 'a'"),
        ([declare("a", id=-1), declare("b", id=-1)], "id -1"),
        ([declare("a", "nowhere")], "'nowhere', which is not declared"),
        ([declare("a", fields=(reference("owner", "nowhere"),))], "'nowhere', which is not declared"),
        ([declare("a", "b", id=-1), declare("b", "a", id=-2)], "in a circle"),
        ([declare("a", "a")], "in a circle"),
        ([declare("a", fields=(text("name", 10), text("name", 20)))], "twice or a reserved one: name"),
        ([declare("a", fields=(text("refid", 10),))], "twice or a reserved one: refid"),
        ([declare("a", fields=(text("row_hash", 10),))], "twice or a reserved one: row_hash"),
        ([declare("a", fields=(text("Name", 10),))], "unlike 'Name'"),
        ([declare("a", fields=(text("full name", 10),))], "unlike 'full name'"),
        ([declare("a", table="a; DROP")], "unlike 'a; DROP'"),
        ([declare("A b")], "unlike 'A b'"),
        ([declare("a", fields=(text("name", 10, "a.name "),))], "'a.name ', the source of name"),
        ([declare("a", source=looking_up(look_up("b"), look_up("b")))], "lookup 'b' needs an alias of its own"),
        ([declare("a", source=looking_up(look_up("a")))], "lookup 'a' needs an alias of its own"),
        (
            [declare("a", source=looking_up(look_up("b", on="c.nkey = a.c")))],
            "lookup 'b' needs .* a condition with that",
        ),
        ([declare("a", source=looking_up(look_up("c"), look_up("b", on="b.nkey = c.id")))], "with no other lookup's"),
        ([declare("a", rules=(enum("colour", {}, name="shade"),))], "about 'colour', which is no column"),
        ([declare("a", rules=(check("colour", "odd"),))], "about 'colour', which is no column"),
        ([declare("a", rules=(check("name", "x" * 33),))], "at most 32 .* unlike 'xxx"),
        ([declare("a", rules=(check("name", "two words"),))], "unlike 'two words'"),
        ([declare("a", rules=(enum("name", {}, name="name"),))], "twice or a reserved one: name"),
        ([declare("a", rules=(enum("name", {}, name="deleted_at"),))], "twice or a reserved one: deleted_at"),
        (
            [declare("a", failure_policy=retrying(FailureCategory.DATABASE, attempts=99))],
            "Record type 'a', failures of database: attempts cannot be 99; write 1 to 20",
        ),
        (
            [declare("a", id=-1, table="t"), declare("b", id=-2, table="t", fields=(text("name", 20),))],
            "'name|t.name is declared differently",
        ),
        (
            [declare("a", id=-1, table="t"), declare("b", id=-2, table="t", key=(integer("other", nullable=False),))],
            "must have the same key",
        ),
    ],
)
def test_contradicting_declarations_are_refused(declared, reason):
    with pytest.raises(CatalogError, match=reason):
        Catalog(declared)


def test_types_that_share_a_table_may_each_have_columns_of_their_own():
    one = declare("a", id=-1, table="t")
    other = replace(one, name="b", id=-2, fields=(text("name", 10), decimal("weight")))
    assert len(Catalog([one, other])) == 2


def test_a_failure_policy_is_a_declaration_and_changes_no_row():
    plain = declare("a")
    others = [
        replace(plain, failure_policy=retrying(FailureCategory.TIMEOUT, delay=9)),
        replace(plain, failure_policy=retrying(FailureCategory.TIMEOUT, delay=8)),
        replace(plain, failure_policy=FailurePolicy(continue_on_permanent=False)),
    ]
    assert len({Catalog([one]).digest for one in (plain, *others)}) == 4
    # What is stored would be read again if this differed.
    assert {one.digest("account") for one in (plain, *others)} == {plain.digest("account")}
