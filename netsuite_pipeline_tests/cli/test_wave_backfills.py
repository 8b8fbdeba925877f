"""Backfills that were launched in Dagster's UI, in `waves status`."""

import json

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from netsuite_pipeline.orchestration.location import build_definitions
from netsuite_pipeline.orchestration.names import partitions_name
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.settings import Settings
from netsuite_pipeline_tests.cli.conftest import Command

KEYS = ["1..10", "11..20", "21..30", "31..40"]
CUSTOMER = dg.AssetKey("customer")


@pytest.fixture
def graph() -> AssetGraph:
    return build_definitions(CATALOG, Settings.load()).resolve_asset_graph()


def subset(graph: AssetGraph, *keys: str) -> AssetGraphSubset:
    return AssetGraphSubset.from_asset_partition_set({AssetKeyPartitionKey(CUSTOMER, key) for key in keys}, graph)


def launch(graph: AssetGraph, status: BulkActionStatus) -> None:
    """What the page of customers launches: of four batches one is imported, one failed, one in a queue."""
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions(partitions_name("customer"), KEYS)
        backfill = PartitionBackfill.from_asset_graph_subset(
            backfill_id="kzqxwvut",
            backfill_timestamp=1_795_000_000.0,
            tags={},
            dynamic_partitions_store=instance,
            asset_graph_subset=subset(graph, *KEYS),
            title=None,
            description=None,
            run_config=None,
        )
        data = backfill.asset_backfill_data
        assert data is not None
        under_way = data._replace(
            requested_subset=subset(graph, *KEYS[:3]),
            materialized_subset=subset(graph, KEYS[0]),
            failed_and_downstream_subset=subset(graph, KEYS[1]),
        )
        instance.add_backfill(backfill.with_asset_backfill_data(under_way, instance, graph))
        if status is not BulkActionStatus.REQUESTED:
            stored = instance.get_backfill("kzqxwvut")
            assert stored is not None
            instance.update_backfill(stored.with_status(status))


def test_a_backfill_under_way_is_a_line_of_its_own(command: Command, graph: AssetGraph) -> None:
    launch(graph, BulkActionStatus.REQUESTED)
    answer = command("waves", "status")
    assert answer.output == "▶ Backfill kzqxwvut (customer): requested, 2/4 batches, 1 in flight, 1 failed\n"


def test_a_backfill_stands_beside_the_latest_import(command: Command, graph: AssetGraph) -> None:
    command("import", "start", "--types", "price_level")
    launch(graph, BulkActionStatus.REQUESTED)
    output = command("waves", "status").output
    assert "Wave 1 (level 0): pending" in output
    assert "▶ Backfill kzqxwvut (customer)" in output
    (document,) = json.loads(command("waves", "status", "--json").output)["backfills"]
    assert {name: document[name] for name in ("batches", "completed", "failed", "in_flight")} == {
        "batches": 4,
        "completed": 1,
        "failed": 1,
        "in_flight": 1,
    }


@pytest.mark.parametrize("status", [BulkActionStatus.COMPLETED_SUCCESS, BulkActionStatus.CANCELED])
def test_a_backfill_that_is_over_is_not_shown(command: Command, graph: AssetGraph, status: BulkActionStatus) -> None:
    launch(graph, status)
    assert "Backfill" not in command("waves", "status").output
