"""The IO manager: imports a run's batches and tells Dagster the fate of each; keeps the frames of people's own assets.

How rows get into a table is in `warehouse.loader`, the order of things within a run in `batch_run`. How frames are
written and read is in `frame_assets`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from netsuite_pipeline.orchestration.batch_run import BatchOutcome, BatchRun, import_batches
from netsuite_pipeline.orchestration.faults import expected_as_failures
from netsuite_pipeline.orchestration.frame_assets import load_frame, write_frame
from netsuite_pipeline.orchestration.resources import PipelineResource, warehouse_metadata
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.warehouse.adoption import lacking_columns
from netsuite_pipeline.warehouse.ledger import Ledger
from netsuite_pipeline.warehouse.loader import BatchLoader
from netsuite_pipeline.warehouse.missing_columns import account_of
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.store import WaveStore

if TYPE_CHECKING:
    import pandas as pd

_SHOWN_FAILURES = 10


@dataclass(frozen=True, kw_only=True)
class ReportedRun:
    """A run's batches, and Dagster's function that attaches metadata to the event of one partition."""

    run: BatchRun
    describe: Callable[..., None]


class WarehouseIOManager(dg.IOManager):
    """Writes batches and DataFrames to the warehouse; reads both back as DataFrames."""

    def __init__(self, *, catalog: Catalog, pipeline: PipelineResource) -> None:
        self._catalog = catalog
        self._pipeline = pipeline

    def handle_output(self, context: dg.OutputContext, obj: Any) -> Iterator[dg.DagsterEvent]:  # type: ignore[override]
        """Imports every batch of a ReportedRun, or upserts the rows of a DataFrame."""
        if isinstance(obj, ReportedRun):
            yield from self._import_batches(context, obj)
        else:
            with expected_as_failures():
                write_frame(context, obj, catalog=self._catalog, pipeline=self._pipeline)

    def load_input(self, context: dg.InputContext) -> "pd.DataFrame":
        """The rows of the upstream partitions that the consumer asks for, typed and without bookkeeping."""
        with expected_as_failures():
            return load_frame(context, catalog=self._catalog, pipeline=self._pipeline)

    def _import_batches(self, context: dg.OutputContext, obj: ReportedRun) -> Iterator[dg.DagsterEvent]:
        """Imports every batch of the run.

        Returning normally makes Dagster mark every partition of the run as materialized, even one that was never
        loaded. So when a batch failed, the good ones are marked one by one and then this raises.
        """
        with expected_as_failures():
            outcomes = self._import(obj.run, context)
        failed = [outcome for outcome in outcomes if outcome.ledger is None]
        for outcome in outcomes:
            if outcome.ledger is None:
                continue
            metadata = _metadata(outcome.ledger, outcome.absent)
            if failed:
                key = outcome.range.key
                context.log_event(dg.AssetMaterialization(context.asset_key, partition=key, metadata=metadata))
            else:
                obj.describe(metadata, partition_key=outcome.range.key)
        yield from context.consume_events()
        if failed:
            raise _failure(obj.run, failed)

    def _import(self, run: BatchRun, context: dg.OutputContext) -> list[BatchOutcome]:
        settings = self._pipeline.settings()
        metadata = warehouse_metadata(self._catalog)
        outcomes = []
        with self._pipeline.engine() as engine:
            ensure_tables(engine, metadata)
            if lacking := lacking_columns(engine, run.record_type):
                context.log.warning("%s has no column for %s; left out.", run.record_type.table, ", ".join(lacking))
            loader = BatchLoader(
                engine,
                metadata,
                delete_guard_percent=settings.delete_guard_percent,
                reject_guard_percent=settings.reject_guard_percent,
                remove_deleted=settings.deleted_rows == "remove",
            )
            # SQLite has one writer at a time.
            writers = 1 if engine.dialect.name == "sqlite" else settings.warehouse_writers
            limits = Limits.of(settings, self._catalog)
            imported = import_batches(
                run,
                loader=loader,
                store=WaveStore(engine),
                limits=limits,
                writers=writers,
                account=account_of(settings),
            )
            # An error below would keep the generator, and with it heartbeat and read-ahead, alive in its traceback.
            with closing(imported):
                for outcome in imported:
                    outcomes.append(outcome)
                    if outcome.ledger is None:
                        context.log.error("Batch %s of %s: %s", outcome.range.key, run.record_type.name, outcome.reason)
        return outcomes


def _metadata(ledger: Ledger, absent: Sequence[str]) -> dict[str, int | float | str | list[str]]:
    missing = {"missing columns": list(absent)} if absent else {}
    # Of what changed only a part was read, and the batch has more rows.
    rows = ledger.fetched - ledger.rejected if ledger.changed_since is None else ledger.live_after or 0
    return {"dagster/partition_row_count": rows, **ledger.as_metadata(), **missing}


def _failure(run: BatchRun, failed: list[BatchOutcome]) -> dg.Failure:
    shown = "; ".join(f"{outcome.range.key}: {outcome.reason}" for outcome in failed[:_SHOWN_FAILURES])
    more = f"; and {len(failed) - _SHOWN_FAILURES} more" if len(failed) > _SHOWN_FAILURES else ""
    return dg.Failure(
        f"{len(failed)} of {len(run.ranges)} batches of {run.record_type.name} failed: {shown}{more}",
        metadata={"failed batches": [outcome.range.key for outcome in failed]},
        allow_retries=False,
    )
