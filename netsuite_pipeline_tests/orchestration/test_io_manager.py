"""`load_input`: what an asset downstream gets of the batches it asks for. Writing is in `test_honest_colours`."""

from decimal import Decimal
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from netsuite_pipeline.orchestration.io_manager import WarehouseIOManager
from netsuite_pipeline.orchestration.partitions import partitions_for
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline_tests.orchestration.runs import batches, plan, run_batches

CUSTOMER = CATALOG.get("customer")


@pytest.fixture
def keys(definitions: dg.Definitions, instance: dg.DagsterInstance) -> list[str]:
    """The batches of customers, imported."""
    assert plan(definitions, instance, "customer").success
    found = batches(instance, "customer")
    assert run_batches(definitions, instance, "customer", found).success
    return found


def _consumed(instance: dg.DagsterInstance, *, partition: str | None) -> pd.DataFrame:
    """What an asset gets that takes `customer` as its input: one batch, or all of them if it has no partitions."""
    partitions_def = partitions_for(CUSTOMER) if partition else None
    frames: list[pd.DataFrame] = []

    @dg.asset(ins={"customer": dg.AssetIn(input_manager_key="warehouse")}, partitions_def=partitions_def)
    def report(customer: Any) -> None:
        frames.append(customer)

    source = dg.AssetSpec("customer", partitions_def=partitions_for(CUSTOMER))
    result = dg.materialize(
        [report, source],
        instance=instance,
        partition_key=partition,
        selection=[report],
        resources={"warehouse": WarehouseIOManager(catalog=CATALOG, pipeline=PipelineResource())},
    )
    assert result.success
    (frame,) = frames
    return frame


@pytest.mark.usefixtures("both_databases")
def test_a_partitioned_consumer_gets_the_typed_rows_of_its_batch_only(
    instance: dg.DagsterInstance, keys: list[str]
) -> None:
    frame = _consumed(instance, partition=keys[1])
    batch = BatchRange.parse(keys[1])
    assert len(frame) > 10
    assert all(refid in batch for refid in frame["refid"])
    assert {name: str(frame[name].dtype) for name in ("refid", "isperson", "email", "datecreated")} == {
        "refid": "Int64",
        "isperson": "boolean",
        "email": "string",
        "datecreated": "datetime64[s]",
    }
    assert {type(value) for value in frame["balancesearch"].dropna()} == {Decimal}
    assert "row_hash" not in frame.columns


def test_a_consumer_without_partitions_gets_every_batch(instance: dg.DagsterInstance, keys: list[str]) -> None:
    frame = _consumed(instance, partition=None)
    first, last = BatchRange.parse(keys[0]), BatchRange.parse(keys[-1])
    assert frame["refid"].is_monotonic_increasing
    assert frame["refid"].iloc[0] in first
    assert frame["refid"].iloc[-1] in last
