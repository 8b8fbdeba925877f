"""`import`: start an import. Planning happens here and now; the dispatcher in Dagster's daemon carries it out."""

import uuid
from typing import Annotated

import typer

from netsuite_pipeline.cli.cautions import cautions
from netsuite_pipeline.cli.console import errors, results
from netsuite_pipeline.cli.dagster_instance import dagster_instance
from netsuite_pipeline.cli.progress import missing_lines, partial_lines, types_table
from netsuite_pipeline.cli.type_state import missing_counts
from netsuite_pipeline.cli.watching import watch
from netsuite_pipeline.orchestration.heartbeat import heartbeats
from netsuite_pipeline.orchestration.import_start import start_import
from netsuite_pipeline.orchestration.observations import observations
from netsuite_pipeline.orchestration.partitions import PartitionRegistry
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.record_types.catalog import CatalogError
from netsuite_pipeline.record_types.custom import load_catalog
from netsuite_pipeline.warehouse.rejects import rejected_rows
from netsuite_pipeline.waves.dependents import partial_types
from netsuite_pipeline.waves.model import ImportMode, JobStatus, utc_now
from netsuite_pipeline.waves.planning import JobPlan
from netsuite_pipeline.waves.store import WaveStore

imports_app = typer.Typer(help="Start imports.", no_args_is_help=True)


@imports_app.callback()
def _group() -> None:
    """Keeps `start` a command of its own; typer would fold a single one into its group."""


@imports_app.command()
def start(
    types: Annotated[
        str | None, typer.Option(help="Record types, separated by commas; all of them if not given.")
    ] = None,
    dependencies: Annotated[bool, typer.Option(help="Also import what these depend on, first.")] = True,
    changes: Annotated[
        bool, typer.Option("--changes", help="Read only what changed since the last import, instead of everything.")
    ] = False,
    watching: Annotated[bool, typer.Option("--watch", help="Follow the import until it ends.")] = False,
) -> None:
    """Plan an import and hand it to the dispatcher. With --watch, exit code 1 means that it ended incomplete."""
    names = names_of(types)
    mode = ImportMode.INCREMENTAL if changes else ImportMode.FULL
    plan = plan_import(names, dependencies=dependencies, trigger="command line", mode=mode)
    # NetSuite's reasons may hold brackets, which are no markup.
    results.print(planned_sentence(plan), markup=False)
    if plan.types and not any(kind.available for kind in plan.types):
        raise typer.Exit(1)
    if not watching:
        results.print(f"Follow it with: netsuite-pipeline waves status {plan.job_id}")
        return
    pipeline = PipelineResource()
    settings = pipeline.settings()
    catalog = load_catalog(settings)
    with pipeline.engine() as engine:
        store = WaveStore(engine)
        summary = watch(store, plan.job_id, cautions=cautions(store, settings))
        results.print(types_table(summary, rejected_rows(engine, plan.job_id)))
        missing = missing_lines(summary, missing_counts(engine, settings, catalog))
        for line in (*partial_lines(partial_types(summary, catalog)), *missing):
            results.print(line)
    if summary.job.status is not JobStatus.COMPLETED:
        raise typer.Exit(1)


def names_of(types: str | None) -> list[str]:
    """The names in a list with commas; none if it is not given. CatalogError for a list without names."""
    names = [name.strip() for name in (types or "").split(",") if name.strip()]
    if types is not None and not names:
        raise CatalogError(f"--types {types!r} names no record type; leave it out to import all of them.")
    return names


def plan_import(names: list[str], *, dependencies: bool, trigger: str, mode: ImportMode = ImportMode.FULL) -> JobPlan:
    """Plans an import in this process. The id of the job is its time, readable and in order."""
    job_id = f"{utc_now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"
    pipeline = PipelineResource()
    catalog = load_catalog(pipeline.settings())
    with dagster_instance() as instance, heartbeats(job_id, pipeline.engine):
        plan = start_import(
            pipeline=pipeline,
            catalog=catalog,
            registry=PartitionRegistry(instance),
            job_id=job_id,
            names=names,
            dependencies=dependencies,
            trigger=trigger,
            mode=mode,
            insist=True,
            warn=errors.print,
        )
        for observation in observations(plan):
            instance.report_runless_asset_event(observation)
        return plan


def planned_sentence(plan: JobPlan) -> str:
    """What was planned, for people."""
    batches = [batch for wave in plan.waves for batch in wave.batches]
    available = [kind for kind in plan.types if kind.available]
    records = sum(batch.expected_records for batch in batches)
    size = f"{records:,} records of {len(available)} types in {len(batches)} batches, {len(plan.waves)} waves"
    return "\n".join(
        [
            f"Import {plan.job_id} is planned: {size}.",
            *(f"{kind.record_type} is unavailable: {kind.reason}" for kind in plan.types if not kind.available),
            *(f"{kind.record_type} is {kind.reason}" for kind in available if kind.reason),
        ]
    )
