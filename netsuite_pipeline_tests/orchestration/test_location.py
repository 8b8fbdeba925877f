"""One declaration gives asset, partitions, job, lineage and import; nothing else has to be touched."""

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from netsuite_pipeline.orchestration.location import build_definitions
from netsuite_pipeline.orchestration.names import import_job_name
from netsuite_pipeline.orchestration.resources import warehouse_metadata
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.model import RecordType, Source, flag, moment, reference
from netsuite_pipeline.record_types.model import text as text_field
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline_tests.orchestration.runs import batches, materializations, plan, run_batches

DEPARTMENT = RecordType(
    name="department",
    id=-102,
    table="departments",
    source=Source(table="department"),
    depends_on=("subsidiary",),
    fields=(
        text_field("name", 255),
        text_field("fullname", 255),
        reference("parent", "department"),
        flag("isinactive"),
        moment("lastmodifieddate"),
    ),
)


def test_the_definitions_module_loads_without_credentials_and_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    from netsuite_pipeline.definitions import defs

    dg.Definitions.validate_loadable(defs)
    assert {sensor.name for sensor in defs.sensors or []} == {"wave_dispatcher", "batch_discovery"}


def test_every_record_type_has_one_asset_with_partitions_and_an_import_job(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    names = {key.path[-1] for key in graph.get_all_asset_keys()}
    assert names == set(CATALOG.names)
    partitions = set()
    for name in CATALOG.names:
        asset = graph.get(dg.AssetKey(name))
        assert isinstance(asset.partitions_def, dg.DynamicPartitionsDefinition)
        partitions.add(asset.partitions_def.name)
        job = definitions.resolve_job_def(import_job_name(name))
        assert job.asset_layer.selected_asset_keys == {dg.AssetKey(name)}
        assert job.partitions_def == asset.partitions_def
    assert len(partitions) == len(CATALOG)


def test_lineage_is_depends_on_and_every_batch_waits_for_all_batches_of_a_parent(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for record_type in CATALOG:
        asset = graph.get(dg.AssetKey(record_type.name))
        assert {key.path[-1] for key in asset.parent_keys} == set(record_type.depends_on)
        for parent in asset.parent_keys:
            mapping = asset.partition_mappings[parent]
            assert isinstance(mapping, dg.AllPartitionMapping)


def test_runs_of_a_backfill_take_as_many_batches_as_the_settings_say() -> None:
    definitions = build_definitions(CATALOG, Settings(run_batches=7))
    for key in definitions.resolve_asset_graph().get_all_asset_keys():
        policy = definitions.resolve_asset_graph().get(key).backfill_policy
        assert policy is not None
        assert policy.max_partitions_per_run == 7


@pytest.mark.usefixtures("both_databases")
def test_one_more_record_type_takes_one_declaration(sandbox: SandboxServer, instance: dg.DagsterInstance) -> None:
    catalog = CATALOG.extended(DEPARTMENT)
    definitions = build_definitions(catalog, Settings.load())
    assert plan(definitions, instance, "department", dependencies=True).success
    keys = batches(instance, "department")

    for _ in range(2):
        assert run_batches(definitions, instance, "department", keys).success

    engine = connect(Settings.load().warehouse_url.get_secret_value())
    assert "departments" in warehouse_metadata(catalog).tables
    assert _live(engine) == _served(sandbox)
    engine.dispose()
    for second, first in materializations(instance, "department").values():
        assert first["written"] == first["fetched"]
        assert second["written"] == 0


def _live(engine: Engine) -> dict[int, tuple[object, ...]]:
    columns = "refid, name, fullname, parent_id"
    with engine.connect() as connection:
        rows = connection.execute(text(f"SELECT {columns} FROM departments WHERE deleted_at IS NULL")).all()
    return {row[0]: tuple(row[1:]) for row in rows}


def _served(sandbox: SandboxServer) -> dict[int, tuple[object, ...]]:
    columns = "id, name, fullname, parent"
    rows = sandbox.dataset.connection().execute(f"SELECT {columns} FROM department").fetchall()
    assert rows
    return {row[0]: tuple(row[1:]) for row in rows}
