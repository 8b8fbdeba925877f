"""Drafts from a live account: the columns that exist, kinds from the list of custom fields, the rest guessed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from netsuite_pipeline.netsuite.client import NetSuiteClient
from netsuite_pipeline.netsuite.draft_text import draft_text
from netsuite_pipeline.netsuite.drafting import Draft, DraftError, draft
from netsuite_pipeline.netsuite.errors import RecordTypeUnavailable
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.custom import extended_catalog
from netsuite_pipeline.record_types.custom_model import ColumnKind
from netsuite_pipeline.sandbox.dataset import Dataset
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings

CARS = 20
# Script id -> NetSuite's name of the type; both spellings are seen.
LISTED = {
    "CUSTENTITY_REGION": "Free-Form Text",
    "custentity_account_manager": "List/Record",
    "custentity_credit_score": "Decimal Number",
    "custentity_note": "CLOBTEXT",
    "custentity_of_another_role": "Free-Form Text",
    "custrecord_fleet_driver": "SELECT",
    "custrecord_fleet_unused": "Text Area",
    "custrecord_ships_captain": "SELECT",
}


@pytest.fixture
def account() -> Iterator[SandboxServer]:
    """An account whose role sees some of its custom fields in NetSuite's list, and others that are not its own."""
    dataset = Dataset.generated(records=300, seed=13)
    dataset.connection().execute("DELETE FROM customfield")
    rows = [
        {"internalid": number, "scriptid": script_id, "name": script_id.title(), "fieldvaluetype": kind}
        for number, (script_id, kind) in enumerate(LISTED.items())
    ]
    dataset.put("customfield", rows)
    with SandboxServer(dataset=dataset) as server:
        yield server


@pytest.fixture
def client(account: SandboxServer) -> Iterator[NetSuiteClient]:
    known = account.credentials
    settings = Settings.model_validate(
        {
            "netsuite_account_id": known.account,
            "netsuite_base_url": account.base_url,
            "netsuite_auth": "tba",
            "netsuite_consumer_key": known.consumer_key,
            "netsuite_consumer_secret": known.consumer_secret,
            "netsuite_token_id": known.token_id,
            "netsuite_token_secret": known.token_secret,
        }
    )
    with NetSuiteClient.connect(settings) as client:
        yield client


def drafted(client: NetSuiteClient, name: str) -> Draft:
    return draft(client, name, catalog=CATALOG, builtin=CATALOG)


def test_a_custom_record_is_drafted_with_every_column_that_holds_a_value(client: NetSuiteClient) -> None:
    found = drafted(client, "customrecord_fleet")
    assert (found.id, found.table, found.modified, found.rows) == (217, "fleet", "lastmodified", CARS)
    kinds = {column.source: column.kind.kind for column in found.columns if column.guessed}
    assert kinds == {
        "name": ColumnKind.TEXT,
        "isinactive": ColumnKind.BOOLEAN,
        "lastmodified": ColumnKind.DATETIME,
        "created": ColumnKind.DATETIME,
        "custrecord_fleet_plate": ColumnKind.TEXT,
        "custrecord_fleet_doors": ColumnKind.TEXT,
        "custrecord_fleet_price": ColumnKind.TEXT,
        "custrecord_fleet_bought": ColumnKind.DATE,
        "custrecord_fleet_state": ColumnKind.TEXT,
        "custrecord_fleet_garage": ColumnKind.TEXT,
        "custrecord_fleet_notes": ColumnKind.LONG_TEXT,
    }


def test_the_list_of_custom_fields_gives_kinds_and_columns_that_are_null_everywhere(client: NetSuiteClient) -> None:
    listed = {column.source: column for column in drafted(client, "customrecord_fleet").columns if not column.guessed}
    assert listed.keys() == {"custrecord_fleet_driver", "custrecord_fleet_unused"}
    assert listed["custrecord_fleet_driver"].kind.kind is ColumnKind.REFERENCE
    assert (listed["custrecord_fleet_unused"].kind.kind, listed["custrecord_fleet_unused"].kind.length) == (
        ColumnKind.TEXT,
        4000,
    )


def test_a_built_in_type_is_drafted_with_its_custom_columns_alone(client: NetSuiteClient) -> None:
    found = drafted(client, "customer")
    assert found.table is None
    assert {column.source: (column.kind.kind, column.guessed) for column in found.columns} == {
        "custentity_account_manager": (ColumnKind.REFERENCE, False),
        "custentity_credit_score": (ColumnKind.DECIMAL, False),
        "custentity_is_key_account": (ColumnKind.BOOLEAN, True),
        "custentity_legacy_code": (ColumnKind.TEXT, True),
        "custentity_note": (ColumnKind.LONG_TEXT, False),
        "custentity_region": (ColumnKind.TEXT, False),
    }


@pytest.mark.parametrize("name", ["customrecord_fleet", "customer", "department"])
def test_a_draft_loads_without_a_change(client: NetSuiteClient, tmp_path: Path, name: str) -> None:
    found = drafted(client, name)
    file = tmp_path / "types.yaml"
    file.write_text(draft_text(found, account="1234567"))
    record_type = extended_catalog(CATALOG, file).get(name)
    assert {column.source for column in found.columns} <= {field.source for field in record_type.source_fields}
    # What is declared by now is not drafted again.
    if name == "customer":
        again = draft(client, name, catalog=extended_catalog(CATALOG, file), builtin=CATALOG)
        assert again.columns == ()


def test_what_is_guessed_is_marked(client: NetSuiteClient) -> None:
    lines = draft_text(drafted(client, "customrecord_fleet"), account="1234567").splitlines()
    assert lines[0] == "# Drafted from account 1234567: customrecord_fleet, of which 20 rows were looked at."
    assert (
        "      custrecord_fleet_doors: {kind: text, length: 32}  # guessed from 20 values, all numbers: kind: integer"
        " if it can hold nothing else"
    ) in lines
    assert any("all numbers: kind: decimal, precision: 24, scale: 8 if" in line for line in lines)
    driver = next(line for line in lines if "fleet_driver" in line)
    assert driver == (
        '      custrecord_fleet_driver: {kind: reference}  # custom field "Custrecord_Fleet_Driver", SELECT; add'
        " references: … if the type it refers to is imported"
    )


def test_without_the_list_of_custom_fields_all_is_guessed_and_said_so(
    account: SandboxServer, client: NetSuiteClient
) -> None:
    for table in ("customfield", "customrecordtype"):
        account.availability.set_table(table, available=False)
    found = drafted(client, "customrecord_fleet")
    assert all(column.guessed for column in found.columns)
    assert found.id == 1
    assert found.notes[0].startswith("Custom fields cannot be looked up, all is guessed: ")
    assert f"# {found.notes[0]}" in draft_text(found, account="1234567")


def test_what_cannot_be_drafted_is_said(client: NetSuiteClient) -> None:
    with pytest.raises(RecordTypeUnavailable):
        drafted(client, "customrecord_ships")
    with pytest.raises(DraftError, match="is no name of a table"):
        drafted(client, "customer; x")
    with pytest.raises(DraftError, match="its rows have no id"):
        drafted(client, "dual")
