"""The jobs: one per record type that imports batches, and one that plans and starts a whole import.

Per-type jobs are needed because a job's assets must share one partitions definition. Waves launch them; people
rather materialize or backfill the asset, or launch `start_import`.
"""

from typing import Any

import dagster as dg
from pydantic import Field

from netsuite_pipeline.orchestration.faults import expected_as_failures
from netsuite_pipeline.orchestration.import_start import start_import
from netsuite_pipeline.orchestration.names import asset_key, import_job_name, start_import_name
from netsuite_pipeline.orchestration.observations import observations
from netsuite_pipeline.orchestration.partitions import PartitionRegistry
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.orchestration.tags import MAX_RETRIES
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.waves.model import ImportMode

START_IMPORT_OP = "plan_waves"
# What define_asset_job returns; Dagster exports no name for it.
ImportJob = Any


class StartImport(dg.Config):
    """What to import. The default is everything."""

    record_types: list[str] = Field([], description="Record types, e.g. [customer, sales_order]; empty: all of them.")
    dependencies: bool = Field(default=True, description="Also import what these depend on, first.")
    changes_only: bool = Field(
        default=False, description="Read only what changed since the last import, instead of everything."
    )
    trigger: str = Field("ui", description="Who asked, for `waves status`.")


def build_import_job(record_type: RecordType) -> ImportJob:
    """The job in which batches of one record type are imported, in the run's own process."""
    return dg.define_asset_job(
        name=import_job_name(record_type.name),
        selection=dg.AssetSelection.assets(asset_key(record_type.name)),
        tags={MAX_RETRIES: "0"},
        description=f"Imports batches of {record_type.label.lower()} records. Launched by waves.",
    )


def build_start_import_job(catalog: Catalog) -> dg.JobDefinition:
    """The job that plans an import. It ends when the plan is stored; the dispatcher sensor does the rest."""

    @dg.op(
        name=START_IMPORT_OP,
        description="Asks NetSuite how many records there are, and stores batches and waves.",
    )
    def plan_waves(context: dg.OpExecutionContext, config: StartImport, pipeline: PipelineResource) -> None:
        # A planning run that crashed is retried by Dagster under a new run id, and goes on with the same job.
        job_id = context.run.root_run_id or context.run_id
        with expected_as_failures():
            plan = start_import(
                pipeline=pipeline,
                catalog=catalog,
                registry=PartitionRegistry(context.instance),
                job_id=job_id,
                names=config.record_types,
                dependencies=config.dependencies,
                trigger=config.trigger,
                mode=ImportMode.INCREMENTAL if config.changes_only else ImportMode.FULL,
                # Nobody is there to start it again, and at night it would be missing until the next.
                patient=True,
                warn=context.log.warning,
            )
        unavailable = [f"{planned.record_type}: {planned.reason}" for planned in plan.types if not planned.available]
        whole = [
            f"{planned.record_type}: {planned.reason}" for planned in plan.types if planned.available and planned.reason
        ]
        batches = sum(len(wave.batches) for wave in plan.waves)
        for observation in observations(plan):
            context.log_event(observation)
        context.log.info("Import %s is planned: %s batches in %s waves.", job_id, batches, len(plan.waves))
        context.add_output_metadata(
            {
                "job": job_id,
                "waves": len(plan.waves),
                "batches": batches,
                "unavailable": unavailable,
                "read as a whole": whole,
            }
        )

    @dg.job(
        name=start_import_name(),
        description="Plans an import of the chosen record types in waves. The wave_dispatcher sensor carries it out.",
    )
    def start_import_job() -> None:
        plan_waves()

    return start_import_job
