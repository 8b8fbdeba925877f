"""`load_input`: what an asset downstream gets of the batches it asks for. Writing is in `test_honest_colours`."""

from decimal import Decimal
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from netsuite_pipeline.orchestration.io_manager import WarehouseIOManager
from netsuite_pipeline.orchestration.partitions import partitions_for
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.orchestration.tags import RANGE_END, RANGE_START
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline_tests.orchestration.runs import batches, error_of, plan, run_batches

CUSTOMER = CATALOG.get("customer")


@pytest.fixture
def keys(definitions: dg.Definitions, instance: dg.DagsterInstance) -> list[str]:
    """The batches of customers, imported."""
    assert plan(definitions, instance, "customer").success
    found = batches(instance, "customer")
    assert run_batches(definitions, instance, "customer", found).success
    return found


def _consumed(
    instance: dg.DagsterInstance,
    *,
    partition: str | None = None,
    span: tuple[str, str] | None = None,
    mapping: dg.PartitionMapping | None = None,
    options: dict[str, Any] | None = None,
    known: bool = True,
) -> pd.DataFrame:
    """What an asset gets that takes `customer` as its input.

    One batch or a range of them if it has their partitions, else all; unless `known`, its project does not know the
    partitions of `customer`.
    """
    frames: list[pd.DataFrame] = []

    @dg.asset(
        ins={
            "customer": dg.AssetIn(input_manager_key="warehouse", partition_mapping=mapping, metadata=options or {}),
        },
        partitions_def=partitions_for(CUSTOMER) if partition or span else None,
        backfill_policy=dg.BackfillPolicy.single_run() if span else None,
    )
    def report(customer: pd.DataFrame) -> None:
        frames.append(customer)

    source = dg.AssetSpec("customer", partitions_def=partitions_for(CUSTOMER) if known else None)
    result = dg.materialize(
        [report, source],
        instance=instance,
        partition_key=partition,
        tags={RANGE_START: span[0], RANGE_END: span[1]} if span else None,
        selection=[report],
        resources={"warehouse": WarehouseIOManager(catalog=CATALOG, pipeline=PipelineResource())},
        raise_on_error=False,
    )
    if not result.success:
        raise AssertionError(error_of(result))
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


def test_consumers_get_a_range_of_batches_or_all_of_them_as_their_partitions_say(
    instance: dg.DagsterInstance, keys: list[str]
) -> None:
    ranges = [BatchRange.parse(key) for key in keys]
    everything = _consumed(instance)
    assert everything["refid"].is_monotonic_increasing
    assert everything["refid"].iloc[0] in ranges[0]
    assert everything["refid"].iloc[-1] in ranges[-1]
    spanned = _consumed(instance, span=(keys[1], keys[2]))
    assert spanned["refid"].iloc[0] in ranges[1]
    assert spanned["refid"].iloc[-1] in ranges[2]
    mapped = _consumed(instance, partition=keys[0], mapping=dg.AllPartitionMapping())
    pd.testing.assert_frame_equal(mapped, everything)
    # A project that names `customer` without its partitions asks for no batches.
    pd.testing.assert_frame_equal(_consumed(instance, known=False), everything)


def test_a_consumer_chooses_columns_floats_and_a_time_zone(instance: dg.DagsterInstance) -> None:
    options = {
        "columns": ["datecreated", "balancesearch", "refid"],
        "decimals": "float",
        "time_zone": "America/Los_Angeles",
    }
    assert {name: str(dtype) for name, dtype in _consumed(instance, options=options).dtypes.items()} == {
        "datecreated": "datetime64[s, America/Los_Angeles]",
        "balancesearch": "float64",
        "refid": "Int64",
    }


def test_before_the_first_batch_a_consumer_gets_no_rows_of_the_same_types(instance: dg.DagsterInstance) -> None:
    frame = _consumed(instance)
    assert len(frame) == 0
    assert str(frame["refid"].dtype) == "Int64"
    assert str(frame["datecreated"].dtype) == "datetime64[s]"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"columns": ["colour"]}, "Table customers has no column colour to read; its columns are refid"),
        ({"colums": ["refid"]}, "The input customer has the option 'colums', which does not exist"),
    ],
)
def test_a_wrong_option_of_a_consumer_is_one_sentence(
    instance: dg.DagsterInstance, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(AssertionError, match=sentence):
        _consumed(instance, options=options)
