"""YAML alone: a custom record type and custom columns are imported, with asset, partitions, job and lineage."""

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from netsuite_pipeline.orchestration.location import build_definitions
from netsuite_pipeline.orchestration.tags import import_job_name
from netsuite_pipeline.record_types.custom import load_catalog
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline_tests.fleet import CARS, fleet_account
from netsuite_pipeline_tests.orchestration.runs import batches, materializations, plan, run_batches

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "record_types.example.yaml"


@pytest.fixture
def account(environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxServer]:
    """An account with custom fields, and the example of the documentation as RECORD_TYPES_FILE."""
    with fleet_account(monkeypatch) as server:
        monkeypatch.setenv("NETSUITE_BASE_URL", server.base_url)
        monkeypatch.setenv("RECORD_TYPES_FILE", str(EXAMPLE))
        yield server


@pytest.fixture
def custom_definitions(account: SandboxServer) -> dg.Definitions:
    """The code location of that file."""
    settings = Settings.load()
    return build_definitions(load_catalog(settings), settings)


def test_a_custom_record_type_has_asset_partitions_job_and_lineage(custom_definitions: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(custom_definitions)
    asset = custom_definitions.resolve_asset_graph().get(dg.AssetKey("customrecord_fleet"))
    assert isinstance(asset.partitions_def, dg.DynamicPartitionsDefinition)
    assert {key.path[-1] for key in asset.parent_keys} == {"location", "employee"}
    job = custom_definitions.resolve_job_def(import_job_name("customrecord_fleet"))
    assert job.asset_layer.selected_asset_keys == {dg.AssetKey("customrecord_fleet")}


@pytest.mark.usefixtures("both_databases")
def test_custom_records_and_columns_are_imported_and_a_second_time_nothing_is_written(
    account: SandboxServer, custom_definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    assert plan(custom_definitions, instance, "customrecord_fleet", "customer").success
    for name in ("customrecord_fleet", "customer"):
        keys = batches(instance, name)
        assert len(keys) > 1
        for _ in range(2):
            assert run_batches(custom_definitions, instance, name, keys).success
        for second, first in materializations(instance, name).values():
            assert first["written"] == first["fetched"]
            assert second["written"] == 0

    engine = connect(Settings.load().warehouse_url.get_secret_value())
    assert _cars(engine) == _cars_served(account)
    customers = _customers(engine)
    assert customers == {known: row for known, row in _customers_served(account).items() if known in customers}
    assert len(customers) > 50
    engine.dispose()


def _cars(engine: Engine) -> list[tuple[object, ...]]:
    columns = "refid, plate, driver_id, garage_id, bought_on, price, state, state_name"
    with engine.connect() as connection:
        rows = connection.execute(text(f"SELECT {columns} FROM fleet ORDER BY refid")).all()
    return [(*row[:4], str(row[4]), float(row[5]), *row[6:]) for row in rows]


def _cars_served(account: SandboxServer) -> list[tuple[object, ...]]:
    columns = (
        "id, custrecord_fleet_plate, custrecord_fleet_driver, custrecord_fleet_garage,"
        " substr(custrecord_fleet_bought, 1, 10), custrecord_fleet_price, custrecord_fleet_state"
    )
    rows = account.dataset.connection().execute(f"SELECT {columns} FROM customrecord_fleet ORDER BY id").fetchall()
    assert len(rows) == CARS
    names = {"A": "In use", "B": "In repair", "C": "Sold"}
    return [(*row[:5], float(row[5]), row[6], names[row[6]]) for row in rows]


def _customers(engine: Engine) -> dict[int, tuple[object, ...]]:
    columns = "refid, custentity_region, custentity_account_manager_id, custentity_credit_score, custom_fields"
    with engine.connect() as connection:
        rows = connection.execute(text(f"SELECT {columns} FROM customers")).all()
    return {row[0]: (row[1], row[2], float(row[3]), row[4] and json.loads(row[4])) for row in rows}


def _customers_served(account: SandboxServer) -> dict[int, tuple[object, ...]]:
    columns = (
        "id, custentity_region, custentity_account_manager, custentity_credit_score, custentity_legacy_code,"
        " custentity_note"
    )
    found: dict[int, tuple[object, ...]] = {}
    for row in account.dataset.connection().execute(f"SELECT {columns} FROM customer"):
        kept = {"custentity_legacy_code": row[4], "custentity_note": row[5]}
        found[row[0]] = (*row[1:3], float(row[3]), {name: value for name, value in kept.items() if value} or None)
    return found
