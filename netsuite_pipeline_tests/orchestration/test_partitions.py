"""The registry of batches: which record types someone outside the waves may be importing."""

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from netsuite_pipeline.orchestration.backfills import backfills_under_way
from netsuite_pipeline.orchestration.partitions import PartitionRegistry
from netsuite_pipeline_tests.orchestration.runs import create_run

OPEN = {BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING}


def _launch(instance: dg.DagsterInstance, name: str, status: BulkActionStatus = BulkActionStatus.REQUESTED) -> None:
    """A backfill of customers; the number of its batches does not matter here."""
    backfill = PartitionBackfill(
        backfill_id=name,
        status=status,
        from_failure=False,
        tags={},
        backfill_timestamp=1_795_000_000.0,
        asset_selection=[dg.AssetKey("customer")],
    )
    instance.add_backfill(backfill)


@pytest.mark.parametrize("status", list(BulkActionStatus))
def test_a_backfill_keeps_the_batches_of_its_type_until_it_is_over(
    instance: dg.DagsterInstance, status: BulkActionStatus
) -> None:
    _launch(instance, "kzqxwvut", status)
    assert PartitionRegistry(instance).in_use("customer") is (status in OPEN)
    assert not PartitionRegistry(instance).in_use("vendor")


def test_a_backfill_keeps_its_batches_however_many_were_launched_and_ended_since(instance: dg.DagsterInstance) -> None:
    _launch(instance, "kzqxwvut")
    for number in range(501):
        _launch(instance, f"over-{number}", BulkActionStatus.COMPLETED_SUCCESS)
    assert PartitionRegistry(instance).in_use("customer")


def test_backfills_that_are_over_are_not_read(instance: dg.DagsterInstance) -> None:
    _launch(instance, "kzqxwvut")
    _launch(instance, "over", BulkActionStatus.COMPLETED_FAILED)
    assert [backfill.backfill_id for backfill in backfills_under_way(instance)] == ["kzqxwvut"]


def test_a_run_that_was_launched_between_two_types_keeps_its_batches(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    registry = PartitionRegistry(instance)
    assert not registry.in_use("price_level")
    create_run(definitions, instance, dg.RunRequest(job_name="import_customer"), status=dg.DagsterRunStatus.STARTED)
    assert registry.in_use("customer")
