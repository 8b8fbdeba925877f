"""One asset per record type, from its declaration: key, partitions, lineage and what a run over it imports.

An asset returns what is to be imported; the IO manager drives the import and reports it.
"""

import dagster as dg

from netsuite_pipeline.orchestration.batch_run import BatchRun
from netsuite_pipeline.orchestration.concurrency import pool_limit
from netsuite_pipeline.orchestration.fetching import AccountFetch
from netsuite_pipeline.orchestration.io_manager import ReportedRun
from netsuite_pipeline.orchestration.names import asset_key, netsuite_pool
from netsuite_pipeline.orchestration.partitions import partitions_for, ranges_of
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.orchestration.tags import DISPATCH, JOB
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.model import RecordType


def build_record_asset(record_type: RecordType, catalog: Catalog, *, run_batches: int) -> dg.AssetsDefinition:
    """The asset of a record type. A backfill gives each run at most `run_batches` of its batches."""

    @dg.asset(
        key=asset_key(record_type.name),
        group_name=record_type.table,
        description=f"{record_type.label} records of NetSuite, in `{record_type.table}`, in batches of ids.",
        kinds={"netsuite"},
        partitions_def=partitions_for(record_type),
        backfill_policy=dg.BackfillPolicy.multi_run(run_batches),
        deps=[
            dg.AssetDep(asset_key(parent), partition_mapping=dg.AllPartitionMapping())
            for parent in record_type.depends_on
        ],
        io_manager_key="warehouse",
        pool=netsuite_pool(),
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
            ranges=ranges_of(context.partition_keys),
            run_id=context.run.run_id,
            fetch=AccountFetch(
                pipeline=pipeline,
                record_type=record_type,
                runs=pool_limit(context.instance),
                run_id=context.run.run_id,
                warn=context.log.warning,
                tell=context.log.info,
            ),
            job_id=wave.get(JOB),
            dispatch_key=wave.get(DISPATCH),
        )
        return ReportedRun(run=run, describe=context.add_asset_metadata)

    return record_asset
