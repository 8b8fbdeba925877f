"""YAML alone: a custom record type and custom columns are imported, with asset, partitions, job and lineage."""

import json
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from netsuite_pipeline.orchestration.location import build_definitions
from netsuite_pipeline.orchestration.names import import_job_name
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.custom import load_catalog
from netsuite_pipeline.record_types.declared.items import ITEM_TYPES
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.missing_columns import account_of, missing_columns
from netsuite_pipeline_tests.end_to_end.exactness import assert_exact
from netsuite_pipeline_tests.orchestration.runs import batches, materializations, plan, run_batches

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "record_types.example.yaml"


@pytest.fixture
def catalog(environment: None, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """The record types with the example of the documentation as RECORD_TYPES_FILE."""
    monkeypatch.setenv("RECORD_TYPES_FILE", str(EXAMPLE))
    return load_catalog(Settings.load())


@pytest.fixture
def custom_definitions(catalog: Catalog) -> dg.Definitions:
    """The code location of that file."""
    return build_definitions(catalog, Settings.load())


def test_a_custom_record_type_has_asset_partitions_job_and_lineage(custom_definitions: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(custom_definitions)
    asset = custom_definitions.resolve_asset_graph().get(dg.AssetKey("customrecord_fleet"))
    assert isinstance(asset.partitions_def, dg.DynamicPartitionsDefinition)
    assert {key.path[-1] for key in asset.parent_keys} == {"location", "employee"}
    job = custom_definitions.resolve_job_def(import_job_name("customrecord_fleet"))
    assert job.asset_layer.selected_asset_keys == {dg.AssetKey("customrecord_fleet")}


@pytest.mark.usefixtures("both_databases")
def test_custom_records_and_columns_are_imported_and_a_second_time_nothing_is_written(
    custom_definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    for name in ("customrecord_fleet", "customer"):
        assert plan(custom_definitions, instance, name).success
        for _ in range(2):
            assert run_batches(custom_definitions, instance, name, batches(instance, name)).success
        for second, first in materializations(instance, name).values():
            assert first["written"] == first["fetched"] > 0
            assert second["written"] == 0


@pytest.mark.usefixtures("both_databases")
def test_the_sandbox_lacks_nothing_of_the_example_and_every_value_arrives(
    sandbox: SandboxServer, catalog: Catalog, custom_definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    touched = [record_type for record_type in catalog if _added(record_type)]
    assert len(touched) == len(("customrecord_fleet", "customer", "sales_order", "transaction_line")) + len(ITEM_TYPES)
    assert plan(custom_definitions, instance, *(record_type.name for record_type in touched)).success
    for record_type in touched:
        keys = batches(instance, record_type.name)
        assert run_batches(custom_definitions, instance, record_type.name, keys).success

    settings = Settings.load()
    engine = connect(settings.warehouse_url.get_secret_value())
    assert missing_columns(engine, account_of(settings)) == {}
    for record_type in touched:
        assert_exact(sandbox.dataset, engine, record_type)
        assert _without_values(engine, record_type.table, _added(record_type)) == []
    kept = _kept_as_json(engine)
    assert any(kept.values())
    assert kept == {known: values for known, values in _served_for_json(sandbox).items() if known in kept}
    engine.dispose()


def _added(record_type: RecordType) -> list[str]:
    """The columns that the table has because of the example."""
    if record_type.name not in CATALOG:
        return [field.name for field in record_type.fields if field.stored]
    builtin = {field.name for field in CATALOG.get(record_type.name).fields}
    return [field.name for field in record_type.fields if field.stored and field.name not in builtin]


def _without_values(engine: Engine, table: str, columns: list[str]) -> list[str]:
    counted = ", ".join(f"COUNT({column})" for column in columns)
    with engine.connect() as connection:
        counts = connection.execute(text(f"SELECT {counted} FROM {table}")).one()
    return [column for column, count in zip(columns, counts, strict=True) if count == 0]


def _kept_as_json(engine: Engine) -> dict[int, object]:
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT refid, custom_fields FROM customers")).all()
    return {row[0]: row[1] and json.loads(row[1]) for row in rows}


def _served_for_json(sandbox: SandboxServer) -> dict[int, object]:
    found: dict[int, object] = {}
    query = "SELECT id, custentity_legacy_code, custentity_note FROM customer"
    for identifier, code, note in sandbox.dataset.connection().execute(query):
        kept = {"custentity_legacy_code": code, "custentity_note": note}
        found[identifier] = {name: value for name, value in kept.items() if value} or None
    return found
