"""Accounts that lack tables, columns and features: NetSuite's errors, and nothing else is affected."""

from typing import Any

import pytest

from netsuite_pipeline.sandbox.availability import Feature, depends_on
from netsuite_pipeline.sandbox.catalogue import TABLES

UNPROCESSED = "Invalid search query. Detailed unprocessed description follows. "


def columns_of(feature: Feature) -> set[str]:
    return {f"{t.name}.{name}" for t in TABLES.values() for name in t.columns if depends_on(feature, t.name, name)}


@pytest.mark.parametrize(
    ("feature", "tables", "column"),
    [
        ("projects", ["job", "jobstatus"], "charge.projecttask"),
        ("multiple_prices", ["pricelevel"], "transactionline.price"),
        (
            "oneworld",
            ["subsidiary", "customersubsidiaryrelationship", "vendorsubsidiaryrelationship"],
            "employee.subsidiary",
        ),
        ("charge_based_billing", ["charge"], "transactionline.chargetype"),
    ],
)
def test_a_feature_that_is_off_takes_its_tables_and_columns_away(
    make_caller: Any, feature: str, tables: list[str], column: str
) -> None:
    caller = make_caller(records=100, features_off=[feature])
    for name in tables:
        expected = f"{UNPROCESSED}Search error occurred: Record '{name}' was not found."
        assert caller.refusal(f"SELECT id FROM {name}") == expected
    table, name = column.split(".")
    assert f"Unknown identifier '{name}'" in caller.refusal(f"SELECT {name} FROM {table}")
    for other in ("customer", "vendor", "item", "transaction", "location"):
        assert caller.rows(f"SELECT * FROM {other}")


def test_without_oneworld_no_column_names_a_subsidiary() -> None:
    gone = columns_of(Feature.ONEWORLD)
    named = {f"{table.name}.{name}" for table in TABLES.values() for name in table.columns if "subsidiary" in name}
    assert named <= gone
    assert {"item.subsidiary", "location.subsidiary", "transactionline.subsidiary", "charge.subsidiary"} <= gone
    assert "customer.currency" not in gone


def test_features_off_leave_the_core_columns_alone() -> None:
    assert columns_of(Feature.MULTIPLE_PRICES) == {"customer.pricelevel", "transactionline.price"}
    for feature in Feature:
        assert not any(name.endswith((".id", ".lastmodifieddate", ".transaction")) for name in columns_of(feature))


def test_all_features_off_still_answer_for_the_rest(make_caller: Any) -> None:
    caller = make_caller(records=100, features_off=list(Feature))
    row = caller.rows("SELECT * FROM transactionline WHERE mainline = 'F'")[0]
    assert not {"subsidiary", "price", "chargetype", "eliminate"} & row.keys()
    assert {"transaction", "id", "item", "foreignamount"} <= row.keys()


def test_missing_columns_are_named_one_at_a_time(make_caller: Any) -> None:
    caller = make_caller(records=100, without=["customer.terms", "customer.territory", "location"])
    sql = "SELECT id, terms, territory, entityid FROM customer"
    assert "Unknown identifier 'terms'" in caller.refusal(sql)
    assert "territory'" not in caller.refusal(sql)
    assert "Unknown identifier 'territory'" in caller.refusal(sql.replace("terms, ", ""))
    assert caller.rows("SELECT id, entityid FROM customer")
    assert "Record 'location' was not found" in caller.refusal("SELECT id FROM location")


def test_an_account_has_no_table_of_charge_types_unless_it_is_switched_on(make_caller: Any) -> None:
    caller = make_caller(records=100)
    assert caller.refusal("SELECT id, name FROM chargetype") == f"{UNPROCESSED}Invalid search type: chargetype."
    caller.sandbox.availability.set_table("chargetype", available=True)
    assert len(caller.rows("SELECT id, name FROM chargetype")) == 9


def test_a_feature_is_switched_over_http(make_caller: Any) -> None:
    caller = make_caller(records=100)
    url = caller.sandbox.base_url + "/sandbox/features/projects"
    assert caller.http.post(url, json={"available": False}).json() == {"feature": "projects", "available": False}
    assert "Record 'job' was not found" in caller.refusal("SELECT id FROM job")
    caller.http.post(url, json={"available": True})
    assert caller.rows("SELECT id FROM job")
    for path, content in (("features/nothing", {"available": False}), ("features/projects", {"available": 1})):
        assert caller.http.post(f"{caller.sandbox.base_url}/sandbox/{path}", json=content).status_code == 400


@pytest.mark.parametrize(
    ("lacking", "text"),
    [
        ({"without": ["nothing"]}, "no table 'nothing'"),
        ({"without": ["nothing.id"]}, "no table 'nothing'"),
        ({"without": ["customer.nothing"]}, "no column 'nothing'"),
        ({"features_off": ["nothing"]}, "no feature 'nothing'"),
    ],
)
def test_what_does_not_exist_cannot_be_switched_off(make_caller: Any, lacking: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make_caller(records=0, **lacking)
