"""What the declarations of this company's records promise, beyond being consistent."""

import pytest

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.declared.transactions import TYPE_CODES
from netsuite_pipeline.record_types.model import Derived, Kind, RecordType

TABLES = {
    "customers",
    "projects",
    "vendors",
    "employees",
    "items",
    "sales_orders",
    "invoices",
    "item_fulfillments",
    "opportunities",
    "transaction_lines",
    "subsidiaries",
    "locations",
    "price_levels",
    "charges",
    "chargetypes",
}


def sources(name: str) -> dict[str, str]:
    return {field.name: field.source for field in CATALOG.get(name).source_fields}


def meaning(name: str, letter: str | None) -> tuple[str, str | None]:
    rules = (rule for rule in CATALOG.get(name).rules if isinstance(rule, Derived))
    (rule,) = [rule for rule in rules if rule.of == ("status",)]
    return rule.field.name, rule.compute({"status": letter})


def test_the_target_tables():
    assert {record_type.table for record_type in CATALOG} == TABLES


@pytest.mark.parametrize("name", [*TYPE_CODES])
def test_lines_are_imported_of_every_type_of_transaction_that_is_imported(name):
    lines, header = (CATALOG.get(found).source.where or "" for found in ("transaction_line", name))
    assert header == f"transaction.type = '{TYPE_CODES[name]}'"
    assert f"'{TYPE_CODES[name]}'" in lines


@pytest.mark.parametrize(
    ("name", "letter", "expected"),
    [
        ("opportunity", "C", ("status_name", "closed_won")),
        ("sales_order", "B", ("status_name", "pending_fulfillment")),
        ("sales_order", "G", ("status_name", "billed")),
        ("invoice", "A", ("status_name", "open")),
        ("invoice", "B", ("status_name", "paid")),
        ("invoice", "D", ("status_name", "pending_approval")),
        ("invoice", "E", ("status_name", "rejected")),
        ("item_fulfillment", "A", ("ship_status", "picked")),
        ("item_fulfillment", "B", ("ship_status", "packed")),
        ("item_fulfillment", "C", ("ship_status", "shipped")),
        ("invoice", "Z", ("status_name", None)),
        ("invoice", None, ("status_name", None)),
    ],
)
def test_a_status_letter_means_what_it_means_in_its_type(name, letter, expected):
    assert meaning(name, letter) == expected


def test_project_statuses_are_read_by_name_and_others_stay_as_they_are():
    assert meaning("project", "In Progress") == ("status_name", "in_progress")
    assert meaning("project", "Waiting for the cat") == ("status_name", None)


@pytest.mark.parametrize("name", ["customer", "vendor"])
def test_the_primary_subsidiary_is_looked_up_without_a_join(name):
    record_type = CATALOG.get(name)
    assert record_type.source.join is None
    assert all("subsidiary" not in lookup.table for lookup in record_type.source.lookups)
    assert sources(name)["subsidiary_id"] == (
        f"(SELECT MIN(relation.subsidiary) FROM {name}subsidiaryrelationship relation"
        f" WHERE relation.entity = {name}.id AND relation.isprimarysub = 'T')"
    )


ADDRESS_COLUMNS = ("addressee", "attention", "addr1", "addr2", "addr3", "city", "state", "zip", "country", "addrphone")


@pytest.mark.parametrize(
    ("name", "use", "join"),
    [
        ("customer", "billing", "entityaddress.nkey = customer.defaultbillingaddress"),
        ("customer", "shipping", "entityaddress.nkey = customer.defaultshippingaddress"),
        ("vendor", "billing", "entityaddress.nkey = vendor.defaultbillingaddress"),
        ("project", "shipping", "entityaddress.nkey = job.defaultshippingaddress"),
        ("location", "main", "locationmainaddress.nkey = location.mainaddress"),
        ("subsidiary", "main", "subsidiarymainaddress.nkey = subsidiary.mainaddress"),
        ("sales_order", "billing", "transactionbillingaddress.nkey = transaction.billingaddress"),
        ("invoice", "shipping", "transactionshippingaddress.nkey = transaction.shippingaddress"),
        ("item_fulfillment", "shipping", "transactionshippingaddress.nkey = transaction.shippingaddress"),
    ],
)
def test_an_address_is_looked_up_by_its_key_beside_the_id(name, use, join):
    (lookup,) = [lookup for lookup in CATALOG.get(name).source.lookups if lookup.alias == use]
    assert lookup.on.replace(f"{use}.", f"{lookup.table}.") == join
    found = sources(name)
    assert {column: found[f"{use}_{column}"] for column in ADDRESS_COLUMNS} == {
        column: f"{use}.{column}" for column in ADDRESS_COLUMNS
    }
    key = join.rpartition(".")[2]
    assert found[f"{key}_id"] == key


def test_lines_are_read_without_addresses():
    assert CATALOG.get("transaction_line").source.lookups == ()
    assert "address" not in " ".join(sources("transaction_line").values())


@pytest.mark.parametrize("name", ["opportunity", "item_fulfillment"])
def test_who_is_billed_elsewhere_has_no_billing_address(name):
    assert not any(column.startswith("billing_") for column in sources(name))


def test_other_charges_are_titled_by_their_item_id():
    assert sources("other_charge_item")["title"] == sources("other_charge_item")["itemid"] == "itemid"
    assert "title" not in sources("item")


@pytest.mark.parametrize("record_type", CATALOG, ids=lambda record_type: record_type.name)
def test_a_name_says_what_the_column_holds(record_type: RecordType):
    for field in record_type.value_fields:
        assert field.name.endswith("_id") == (field.kind is Kind.REFERENCE), field.name


@pytest.mark.parametrize("record_type", CATALOG, ids=lambda record_type: record_type.name)
def test_the_column_that_moves_with_a_record_is_imported(record_type: RecordType):
    # A line's is that of its transaction, which is not a column of the line.
    source = record_type.source
    modified = source.stray_modified.rpartition(".")[2] if source.stray_modified else source.modified
    assert modified is None or sources(record_type.name)[modified] == modified
    assert (modified is None) == (record_type.name == "charge_type")
