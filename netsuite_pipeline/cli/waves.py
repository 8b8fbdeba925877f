"""`waves`: how imports are getting on."""

from typing import Annotated

import typer

from netsuite_pipeline.cli.console import results
from netsuite_pipeline.cli.progress import missing_lines, status_view, types_table
from netsuite_pipeline.cli.type_state import missing_counts
from netsuite_pipeline.orchestration.resources import PipelineResource, warehouse_metadata
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.custom import load_catalog
from netsuite_pipeline.warehouse.rejects import rejected_rows
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline.waves.store import WaveStore

waves_app = typer.Typer(help="Look after imports under way.", no_args_is_help=True)


@waves_app.callback()
def _group() -> None:
    """Keeps `status` a command of its own; typer would fold a single one into its group."""


@waves_app.command()
def status(job: Annotated[str | None, typer.Argument(help="Job id; the latest import if not given.")] = None) -> None:
    """Show the waves, batches and record types of an import."""
    pipeline = PipelineResource()
    settings = pipeline.settings()
    catalog = load_catalog(settings)
    with pipeline.engine() as engine:
        # A record type's table that is not as declared stops imports; whoever looks for the reason may look.
        ensure_tables(engine, warehouse_metadata(Catalog(())))
        store = WaveStore(engine)
        latest = store.latest_job()
        if job is None and latest is None:
            results.print("There has been no import yet. Start one with: netsuite-pipeline import start")
            return
        summary = store.job_summary(job or (latest.job_id if latest else ""))
        results.print(status_view(summary))
        results.print(types_table(summary, rejected_rows(engine, summary.job.job_id)))
        for line in missing_lines(summary, missing_counts(engine, settings, catalog)):
            results.print(line)
