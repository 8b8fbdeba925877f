"""A sandbox account with custom fields: a custom record type, columns of customers, and NetSuite's lists of both.

The tables are put into the sandbox's catalogue for as long as the account is served.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import pytest

from netsuite_pipeline.sandbox.catalogue import TABLES, Column, Kind, Table
from netsuite_pipeline.sandbox.catalogue.model import table
from netsuite_pipeline.sandbox.dataset import Dataset
from netsuite_pipeline.sandbox.server import SandboxServer

FLEET = table(
    "customrecord_fleet",
    modified="lastmodified",
    references={"custrecord_fleet_driver": "employee", "custrecord_fleet_garage": "location"},
    integer="id custrecord_fleet_doors",
    decimal="custrecord_fleet_price",
    text="name externalid custrecord_fleet_plate custrecord_fleet_notes custrecord_fleet_state custrecord_fleet_unused",
    flag="isinactive",
    date="custrecord_fleet_bought",
    datetime="lastmodified created",
)
CUSTOM_FIELDS = table(
    "customfield",
    key=("internalid",),
    modified="lastmodifieddate",
    integer="internalid",
    text="scriptid name fieldtype fieldvaluetype",
    datetime="lastmodifieddate",
)
CUSTOM_RECORD_TYPES = table(
    "customrecordtype", key=("internalid",), modified=None, integer="internalid", text="scriptid name"
)
CUSTOMER_COLUMNS = {
    "custentity_region": Column(Kind.TEXT),
    "custentity_account_manager": Column(Kind.INTEGER, "employee"),
    "custentity_credit_score": Column(Kind.DECIMAL),
    "custentity_legacy_code": Column(Kind.TEXT),
    "custentity_note": Column(Kind.TEXT),
}
CARS = 120
# Script id -> NetSuite's name of the type; both spellings are seen.
_LISTED = {
    "CUSTENTITY_REGION": "Free-Form Text",
    "custentity_account_manager": "List/Record",
    "custentity_credit_score": "Decimal Number",
    "custentity_note": "CLOBTEXT",
    "custentity_of_another_role": "Free-Form Text",
    "custrecord_fleet_driver": "SELECT",
    "custrecord_fleet_unused": "Text Area",
    "custrecord_ships_captain": "SELECT",
}


def add_custom_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox knows them until the test ends."""
    customer = TABLES["customer"]
    extended: Mapping[str, Table] = {
        "customer": replace(customer, columns={**customer.columns, **CUSTOMER_COLUMNS}),
        **{found.name: found for found in (FLEET, CUSTOM_FIELDS, CUSTOM_RECORD_TYPES)},
    }
    for name, found in extended.items():
        monkeypatch.setitem(TABLES, name, found)  # type: ignore[arg-type]


@contextmanager
def fleet_account(monkeypatch: pytest.MonkeyPatch, *, records: int = 300) -> Iterator[SandboxServer]:
    """A served account with cars, custom columns of customers, and the lists of them."""
    add_custom_tables(monkeypatch)
    dataset = Dataset.generated(records=records, seed=13)
    dataset.put("customrecord_fleet", map(_car, range(1, CARS + 1)))
    dataset.put("customfield", map(_listed, range(len(_LISTED)), *zip(*_LISTED.items(), strict=True)))
    dataset.put("customrecordtype", [{"internalid": 217, "scriptid": "CUSTOMRECORD_FLEET", "name": "Fleet"}])
    customers = [row[0] for row in dataset.connection().execute("SELECT id FROM customer ORDER BY id")]
    dataset.put("customer", [_customer(number, identifier) for number, identifier in enumerate(customers)])
    with SandboxServer(dataset=dataset) as server:
        yield server


def _car(number: int) -> dict[str, object]:
    return {
        "id": number,
        "name": f"Car {number}",
        "isinactive": number % 7 == 0,
        "lastmodified": f"2025-03-{1 + number % 28:02} 08:15:{number % 60:02}",
        "created": f"2024-01-{1 + number % 28:02} 00:00:01",
        "custrecord_fleet_plate": f"HH-{number:04}",
        "custrecord_fleet_doors": 3 + number % 3,
        "custrecord_fleet_price": f"{10_000 + number}.{number % 90 + 10}",
        "custrecord_fleet_bought": f"2023-02-{1 + number % 28:02}",
        "custrecord_fleet_state": "ABC"[number % 3],
        "custrecord_fleet_driver": 7 if number % 2 else None,
        "custrecord_fleet_garage": 1,
        "custrecord_fleet_notes": "Long. " * 900 if number == 5 else None,
    }


def _listed(number: int, script_id: str, kind: str) -> dict[str, object]:
    return {"internalid": number, "scriptid": script_id, "name": script_id.title(), "fieldvaluetype": kind}


def _customer(number: int, identifier: int) -> dict[str, object]:
    return {
        "id": identifier,
        "custentity_region": ("North", "South", None)[number % 3],
        "custentity_account_manager": 7 if number % 2 else None,
        "custentity_credit_score": f"{number % 100}.5",
        "custentity_legacy_code": f"00{number}" if number % 4 else None,
        "custentity_note": '\N{GREEK SMALL LETTER BETA} "note"' if number % 5 == 0 else None,
    }
