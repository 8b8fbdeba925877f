"""People's own assets that return DataFrames, in a project that has the pipeline's IO manager, through real runs."""

from collections.abc import Callable
from typing import Any

import dagster as dg
import pandas as pd
import pytest
import sqlalchemy as sa

from netsuite_pipeline.orchestration.io_manager import WarehouseIOManager
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.orchestration.tags import RANGE_END, RANGE_START
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline_tests.orchestration.runs import error_of

FRAME = pd.DataFrame({"id": [1]})
MONTHS = dg.StaticPartitionsDefinition(["2026-01", "2026-02", "2026-03"])


def materialize(
    instance: dg.DagsterInstance, *assets: dg.AssetsDefinition, **options: Any
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        assets,
        instance=instance,
        resources={"warehouse": WarehouseIOManager(catalog=CATALOG, pipeline=PipelineResource())},
        raise_on_error=False,
        **options,
    )


def asset_of(value: Any, *, name: str = "sales", **metadata: Any) -> dg.AssetsDefinition:
    """An asset that returns the value."""

    @dg.asset(name=name, io_manager_key="warehouse", metadata=metadata)
    def asset() -> Any:
        return value

    return asset


def metadata_of(result: dg.ExecuteInProcessResult, name: str) -> dict[str, Any]:
    assert result.success, error_of(result)
    (event,) = result.asset_materializations_for_node(name)
    return {label: value.value for label, value in event.metadata.items() if label != "seconds"}


@pytest.mark.usefixtures("both_databases")
def test_a_frame_is_upserted_and_a_consumer_gets_it_typed(instance: dg.DagsterInstance) -> None:
    frame = pd.DataFrame({"region": ["s", "n"], "month": [1, 2], "total": pd.array([None, 7], dtype="Int64")})
    consumed: list[pd.DataFrame] = []

    @dg.asset(io_manager_key="warehouse", metadata={"key": ["region", "month"], "table": "sales_by_month"})
    def sales() -> pd.DataFrame:
        return frame

    @dg.asset(ins={"sales": dg.AssetIn(input_manager_key="warehouse", metadata={"columns": ["total", "region"]})})
    def report(sales: pd.DataFrame) -> None:
        consumed.append(sales)

    counts = {"rows": 2, "inserted": 0, "updated": 0, "unchanged": 2, "deleted": 0}
    first = metadata_of(materialize(instance, sales, report), "sales")
    assert first == {**counts, "inserted": 2, "unchanged": 0}
    assert metadata_of(materialize(instance, sales, report), "sales") == counts
    for read in consumed:
        assert [str(dtype) for dtype in read.dtypes] == ["Int64", "string"]
        assert read.astype(object).where(read.notna(), None).to_numpy().tolist() == [[7, "n"], [None, "s"]]


def test_the_table_has_the_name_of_the_asset_unless_another_is_given(instance: dg.DagsterInstance) -> None:
    assert materialize(instance, asset_of(pd.DataFrame({"id": [1]}), name="numbers", key=["id"])).success
    engine = connect(Settings.load().warehouse_url.get_secret_value())
    assert sa.inspect(engine).get_table_names() == ["numbers"]
    engine.dispose()


@pytest.mark.usefixtures("both_databases")
def test_a_run_replaces_its_partitions_and_consumers_get_theirs(instance: dg.DagsterInstance) -> None:
    rows = [("a", "2026-01"), ("b", "2026-01"), ("c", "2026-02"), ("d", "2026-03")]
    consumed: list[list[str]] = []

    @dg.asset(
        io_manager_key="warehouse",
        metadata={"key": ["id"], "partition_column": "month"},
        partitions_def=MONTHS,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def sales(context: dg.AssetExecutionContext) -> pd.DataFrame:
        return pd.DataFrame([row for row in rows if row[1] in context.partition_keys], columns=["id", "month"])

    def consumer(name: str, partitions_def: dg.PartitionsDefinition[str] | None) -> dg.AssetsDefinition:
        @dg.asset(name=name, ins={"sales": dg.AssetIn(input_manager_key="warehouse")}, partitions_def=partitions_def)
        def asset(sales: pd.DataFrame) -> None:
            consumed.append(list(sales["id"]))

        return asset

    monthly, total = consumer("monthly", MONTHS), consumer("total", None)
    span = {RANGE_START: "2026-01", RANGE_END: "2026-03"}
    for _ in range(2):
        assert materialize(instance, sales, tags=span).success
    rows.remove(("a", "2026-01"))
    once = metadata_of(materialize(instance, sales, partition_key="2026-01"), "sales")
    assert once == {"dagster/partition_row_count": 1, "inserted": 0, "updated": 0, "unchanged": 1, "deleted": 1}
    assert materialize(instance, sales, monthly, selection=[monthly], partition_key="2026-01").success
    assert materialize(instance, sales, total, selection=[total]).success
    assert consumed == [["b"], ["b", "c", "d"]]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: asset_of(None, key=["id"]), "Asset sales returned NoneType, and the IO manager `warehouse` keeps"),
        (lambda: asset_of(FRAME), "returns a DataFrame and does not say what identifies a row of it"),
        (lambda: asset_of(FRAME, name="customers", key=["id"]), "cannot be stored in the table customers, which"),
        (lambda: asset_of(FRAME, key=["id"], table="Items"), "cannot be stored in the table Items, which"),
        (lambda: asset_of(FRAME, key=["id"], table="batch_ledger"), "cannot be stored in the table batch_ledger"),
        (lambda: asset_of(FRAME, name="customer", key=["id"], table="x"), "customer has the name of a record type"),
    ],
)
def test_what_cannot_be_kept_is_one_sentence(
    instance: dg.DagsterInstance, make: Callable[[], dg.AssetsDefinition], sentence: str
) -> None:
    result = materialize(instance, make())
    assert sentence in error_of(result)


def test_an_asset_with_partitions_must_say_where_their_keys_are(instance: dg.DagsterInstance) -> None:
    @dg.asset(io_manager_key="warehouse", metadata={"key": ["id"]}, partitions_def=MONTHS)
    def sales() -> pd.DataFrame:
        return FRAME

    result = materialize(instance, sales, partition_key="2026-01")
    assert "Asset sales has partitions and does not say which of its rows belong to which" in error_of(result)


def test_a_consumer_of_an_asset_that_never_ran_is_told_what_to_do(instance: dg.DagsterInstance) -> None:
    @dg.asset(ins={"sales": dg.AssetIn(input_manager_key="warehouse")})
    def report(sales: pd.DataFrame) -> None:
        raise AssertionError

    result = materialize(instance, report, dg.AssetsDefinition(specs=[dg.AssetSpec("sales")]), selection=[report])
    assert "There is no table sales yet: materialize sales, which creates it." in error_of(result)
