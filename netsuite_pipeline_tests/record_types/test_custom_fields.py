"""Columns of a user's file as fields and rules: enums, names in queries, and what is kept together as JSON."""

from netsuite_pipeline.netsuite.suiteql import page_query
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.transform.batch import Row
from netsuite_pipeline.transform.rows import RowTransformer, columns_of
from netsuite_pipeline_tests.record_types.yaml_files import CUSTOMER, FLEET, Load, names


def test_json_columns_keep_each_value_as_sent_sorted_and_without_nulls(load: Load) -> None:
    fleet = load(FLEET + "    json_columns: [zeta, Alpha, never]\n").get("fleet")
    assert columns_of(fleet) == ("refid", "external_id", "name", "custom_fields")
    row = {"refid": "1", "name": "a", "zeta": "007", "alpha": "\N{GREEK SMALL LETTER BETA}\n"}
    transformed = RowTransformer(fleet).transform(row, BatchRange(1, 9))
    assert isinstance(transformed, Row)
    assert transformed.values == (1, "1", "a", '{"alpha": "\N{GREEK SMALL LETTER BETA}\\n", "zeta": "007"}')
    empty = RowTransformer(fleet).transform({"refid": "2"}, BatchRange(1, 9))
    assert isinstance(empty, Row)
    assert empty.values == (2, "2", None, None)


def test_a_json_column_stays_as_it_is_while_the_account_lacks_a_part_of_it(load: Load) -> None:
    fleet = load(FLEET + "    json_columns: [first, second]\n").get("fleet").without(["first"])
    transformed = RowTransformer(fleet).transform({"refid": "1", "second": "2"}, BatchRange(1, 9))
    assert isinstance(transformed, Row)
    assert transformed.values == (1, "1", None)
    assert fleet.absent == ("custom_fields", "first")


def test_a_part_of_the_json_that_is_a_word_of_sql_has_another_name_in_the_query_alone(load: Load) -> None:
    fleet = load(FLEET + "    json_columns: [level, Order]\n").get("fleet")
    query = page_query(fleet, BatchRange(1, 9), None)
    assert "fleet.level AS level_value, fleet.Order AS order_value" in query
    transformed = RowTransformer(fleet).transform(
        {"refid": "1", "level_value": "2", "order_value": "3"}, BatchRange(1, 9)
    )
    assert isinstance(transformed, Row)
    assert transformed.values[-1] == '{"level": "2", "order": "3"}'


def test_the_advice_for_two_json_lists_works(load: Load) -> None:
    catalog = load("extend:\n  items:\n    json_columns: [custitem_a, custitem_b]\n")
    assert all("custom_fields" in names(found) for found in catalog if found.table == "items")


def test_what_one_type_keeps_in_json_another_of_the_table_may_have_as_a_column(load: Load) -> None:
    catalog = load(
        "extend:\n  inventory_item:\n    json_columns: [custitem_a]\n"
        "  service_item:\n    columns:\n      custitem_a: {kind: integer}\n"
    )
    assert "custitem_a" in names(catalog.get("service_item")) - names(catalog.get("inventory_item"))


def test_words_that_yaml_takes_for_something_else_stay_text(load: Load) -> None:
    fleet = load(FLEET + "      state: {kind: enum, names: {N: No, 1: On, 2: 1:30}}\n").get("fleet")
    transformed = RowTransformer(fleet).transform({"refid": "1", "state": "N"}, BatchRange(1, 9))
    assert isinstance(transformed, Row)
    assert dict(zip(columns_of(fleet), transformed.values, strict=True))["state_name"] == "No"


def test_a_reserved_name_is_free_for_what_is_called_otherwise_in_the_end(load: Load) -> None:
    customer = load(CUSTOMER + "level: {kind: reference}\n      date: {kind: date, as: dated_on}\n").get("customer")
    assert {"level_id", "dated_on"} <= names(customer)
