"""What the account added itself: cars, columns of other tables, and NetSuite's lists of both."""

from typing import Any

import pytest

from netsuite_pipeline.sandbox.catalogue.custom import CUSTOM_FIELDS
from netsuite_pipeline.sandbox.dataset import Dataset


def number(dataset: Dataset, sql: str) -> int:
    return int(dataset.connection().execute(sql).fetchone()[0])


@pytest.mark.parametrize(("records", "cars"), [(0, 0), (100, 20), (3_000, 30)])
def test_an_account_has_some_cars_whatever_its_size(records: int, cars: int) -> None:
    with Dataset.generated(records=records, seed=2) as generated:
        assert number(generated, "SELECT COUNT(*) FROM customrecord_fleet") == cars


def test_custom_columns_hold_values_in_some_rows_and_nothing_in_others(dataset: Dataset) -> None:
    filled = {
        field.name: number(dataset, f'SELECT COUNT("{field.name}") > 0 FROM "{field.table}"') for field in CUSTOM_FIELDS
    }
    assert [name for name, found in filled.items() if not found] == ["custrecord_fleet_unused"]
    for table in ("customer", "transaction", "transactionline", "item"):
        some = next(field.name for field in CUSTOM_FIELDS if field.table == table)
        assert number(dataset, f'SELECT COUNT(*) FROM "{table}" WHERE "{some}" IS NULL') > 0


def test_who_sold_a_car_drives_it_no_more(dataset: Dataset) -> None:
    sold = "SELECT COUNT(*) FROM customrecord_fleet WHERE custrecord_fleet_state = 'C'"
    assert number(dataset, sold) > 0
    assert number(dataset, f"{sold} AND (custrecord_fleet_driver IS NOT NULL OR isinactive = 'F')") == 0


def test_only_sales_orders_promise_a_day_and_it_comes_after_the_order(dataset: Dataset) -> None:
    promised = 'SELECT COUNT(*) FROM "transaction" WHERE custbody_promised IS NOT NULL'
    assert number(dataset, f"{promised} AND type = 'SalesOrd' AND custbody_promised > createddate") > 0
    assert number(dataset, f"{promised} AND (type <> 'SalesOrd' OR custbody_promised < createddate)") == 0


def test_lots_are_on_lines_of_goods_alone(dataset: Dataset) -> None:
    kinds = dataset.connection().execute(
        "SELECT DISTINCT itemtype, iscogs FROM transactionline WHERE custcol_lot IS NOT NULL"
    )
    assert set(kinds) == {("InvtPart", "F"), ("Assembly", "F"), ("Kit", "F")}


def test_custom_fields_are_listed_with_netsuites_types(reader: Any) -> None:
    rows = reader.rows("SELECT scriptid, name, fieldvaluetype FROM customfield")
    listed = {row["scriptid"]: (row["name"], row["fieldvaluetype"]) for row in rows}
    assert listed.keys() == {field.name.upper() for field in CUSTOM_FIELDS}
    assert listed["CUSTENTITY_ACCOUNT_MANAGER"] == ("Account Manager", "List/Record")
    assert reader.value("SELECT internalid FROM customrecordtype WHERE scriptid = 'CUSTOMRECORD_FLEET'") == "217"


def test_the_name_of_a_custom_reference_is_shown(reader: Any) -> None:
    car = reader.rows(
        "SELECT custrecord_fleet_garage AS garage, BUILTIN.DF(custrecord_fleet_garage) AS shown FROM customrecord_fleet"
        " WHERE custrecord_fleet_garage IS NOT NULL"
    )[0]
    assert car["shown"] == reader.value(f"SELECT name FROM location WHERE id = {car['garage']}")


def test_an_account_can_lack_what_is_custom(make_caller: Any) -> None:
    caller = make_caller(records=100, without=["customrecord_fleet", "customfield", "customer.custentity_region"])
    for table in ("customrecord_fleet", "customfield"):
        assert f"Record '{table}' was not found" in caller.refusal(f"SELECT * FROM {table}")
    assert "Unknown identifier 'custentity_region'" in caller.refusal("SELECT custentity_region FROM customer")
    assert caller.rows("SELECT custentity_legacy_code FROM customer")
