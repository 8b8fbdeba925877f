"""One asset per record type, from its declaration: key, partitions, lineage and what a run over it imports.

An asset returns what is to be imported; the IO manager drives the import and reports it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import dagster as dg

from netsuite_pipeline.netsuite.errors import NetSuiteError
from netsuite_pipeline.netsuite.stream import stream_batches
from netsuite_pipeline.orchestration.account_columns import view_of_account
from netsuite_pipeline.orchestration.batch_run import BatchRun, Fetched
from netsuite_pipeline.orchestration.concurrency import pool_limit, share_of
from netsuite_pipeline.orchestration.io_manager import ReportedRun
from netsuite_pipeline.orchestration.partitions import partitions_for
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.orchestration.tags import DISPATCH, JOB, NETSUITE_POOL
from netsuite_pipeline.record_types.batch import BatchKeyError, BatchRange
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.transform.batch import FailedBatch
from netsuite_pipeline.warehouse.errors import WarehouseError
from netsuite_pipeline.warehouse.migration.changes_table import edition_of
from netsuite_pipeline.warehouse.missing_columns import ColumnMemory, account_of


def build_record_asset(record_type: RecordType, catalog: Catalog, *, run_batches: int) -> dg.AssetsDefinition:
    """The asset of a record type. A backfill gives each run at most `run_batches` of its batches."""

    @dg.asset(
        name=record_type.name,
        group_name=record_type.table,
        description=f"{record_type.label} records of NetSuite, in `{record_type.table}`, in batches of ids.",
        kinds={"netsuite"},
        partitions_def=partitions_for(record_type),
        backfill_policy=dg.BackfillPolicy.multi_run(run_batches),
        deps=[dg.AssetDep(parent, partition_mapping=dg.AllPartitionMapping()) for parent in record_type.depends_on],
        io_manager_key="warehouse",
        pool=NETSUITE_POOL,
        metadata={
            "dagster/table_name": record_type.table,
            "netsuite table": record_type.source.read_from,
            "level": catalog.level(record_type.name),
        },
    )
    def record_asset(context: dg.AssetExecutionContext, pipeline: PipelineResource) -> ReportedRun:
        # Re-executed by hand, a wave's run is no longer the wave's: its batches are over or were given to another run.
        wave = {} if context.run.parent_run_id else context.run.tags
        run = BatchRun(
            record_type=record_type,
            ranges=_ranges(context.partition_keys),
            run_id=context.run.run_id,
            fetch=_Fetch(
                pipeline=pipeline,
                record_type=record_type,
                runs=pool_limit(context.instance),
                run_id=context.run.run_id,
                warn=context.log.warning,
            ),
            job_id=wave.get(JOB),
            dispatch_key=wave.get(DISPATCH),
        )
        return ReportedRun(run=run, describe=context.add_asset_metadata)

    return record_asset


def _ranges(keys: Sequence[str]) -> tuple[BatchRange, ...]:
    try:
        return tuple(BatchRange.parse(key) for key in keys)
    except BatchKeyError as error:
        raise dg.Failure(
            f"{error} Delete this partition; batches are planned by themselves.", allow_retries=False
        ) from None


@dataclass(frozen=True, kw_only=True)
class _Fetch:
    """Reads batches from NetSuite for one of `runs` runs, in the columns that the account has."""

    pipeline: PipelineResource
    record_type: RecordType
    runs: int | None
    run_id: str
    warn: Callable[[str], None]

    def __call__(self, ranges: Sequence[BatchRange]) -> Fetched:
        settings = self.pipeline.settings()
        concurrency = share_of(settings.netsuite_concurrency, runs=self.runs)
        with self.pipeline.client(concurrency=concurrency) as client, self.pipeline.engine() as engine:
            memory = ColumnMemory(engine, account=account_of(settings), record_type=self.record_type)
            try:
                view = view_of_account(self.record_type, memory=memory, queries=client, claimant=self.run_id)
                record_type = replace(view.record_type, edition=edition_of(engine, view.record_type.table))
            except (NetSuiteError, WarehouseError) as error:
                yield from self._failed(ranges, error)
                return
            if view.warning:
                self.warn(view.warning)
            yield from stream_batches(view.queries, record_type, ranges, workers=client.concurrency)

    def _failed(self, ranges: Sequence[BatchRange], error: NetSuiteError | WarehouseError) -> Iterator[FailedBatch]:
        for batch in ranges:
            yield FailedBatch(record_type=self.record_type, range=batch, category=error.category, reason=str(error))
