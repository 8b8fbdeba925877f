"""`waves`: how imports are getting on. What a person does to one is in `wave_control`."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from netsuite_pipeline.cli.cautions import cautions, circuit_of, precedence_of, room_for, stuck_in
from netsuite_pipeline.cli.console import results
from netsuite_pipeline.cli.dagster_instance import dagster_instance
from netsuite_pipeline.cli.progress import backfill_lines, missing_lines, partial_lines, status_view, types_table
from netsuite_pipeline.cli.type_state import missing_counts
from netsuite_pipeline.cli.watching import watch
from netsuite_pipeline.cli.wave_control import COMMANDS, AsJson
from netsuite_pipeline.cli.wave_documents import print_document, statistics_document, status_document
from netsuite_pipeline.cli.wave_figures import statistics_view
from netsuite_pipeline.orchestration.backfills import BackfillProgress, open_backfills
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.orchestration.wave_actions import opened_store
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.custom import load_catalog
from netsuite_pipeline.settings import SettingsError
from netsuite_pipeline.warehouse.rejects import rejected_rows
from netsuite_pipeline.waves.dependents import partial_types
from netsuite_pipeline.waves.model import utc_now
from netsuite_pipeline.waves.statistics import WINDOW, statistics_of
from netsuite_pipeline.waves.store import WaveStore

waves_app = typer.Typer(help="Look after imports under way.", no_args_is_help=True)

LatestJob = Annotated[str | None, typer.Argument(help="Job id; the latest import if not given.")]
_NO_IMPORT = "There has been no import yet. Start one with: netsuite-pipeline import start"


@waves_app.command()
def status(
    job: LatestJob = None,
    watching: Annotated[bool, typer.Option("--watch", help="Refresh until the import has ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the waves, batches and record types of an import, and what holds it up."""
    if watching and as_json:
        raise typer.BadParameter("--watch and --json do not go together.")
    pipeline = PipelineResource()
    settings = pipeline.settings()
    catalog = load_catalog(settings)
    # A record type's table that is not as declared stops imports; whoever looks for the reason may look.
    with opened_store(pipeline) as store:
        backfills = _backfills(catalog)
        job_id = _chosen(store, job, as_json, backfills)
        if job_id is None:
            return
        look = cautions(store, settings)
        summary = watch(store, job_id, cautions=look) if watching else store.job_summary(job_id)
        if as_json:
            circuit, precedence = circuit_of(store, settings), precedence_of(summary, store)
            stuck = stuck_in(summary, circuit, precedence, settings)
            room = room_for(precedence, settings)
            partial = partial_types(summary, catalog)
            print_document(
                status_document(summary, partial=partial, circuit=circuit, room=room, stuck=stuck, backfills=backfills)
            )
            return
        if not watching:
            results.print(status_view(summary, look(summary)))
        for line in backfill_lines(backfills):
            results.print(line)
        results.print(types_table(summary, rejected_rows(store.engine, job_id)))
        missing = missing_lines(summary, missing_counts(store.engine, settings, catalog))
        for line in (*partial_lines(partial_types(summary, catalog)), *missing):
            results.print(line)


@waves_app.command()
def stats(job: LatestJob = None, as_json: AsJson = False) -> None:
    """Show an import in numbers: failures by category, speed, time remaining."""
    with opened_store(PipelineResource()) as store:
        job_id = _chosen(store, job, as_json)
        if job_id is None:
            return
        now = utc_now()
        found = statistics_of(store.job_figures(job_id, recent_since=now - WINDOW), now=now)
        if as_json:
            print_document(statistics_document(found))
        else:
            results.print(statistics_view(found))


def _backfills(catalog: Catalog) -> Sequence[BackfillProgress]:
    """Those of the UI that are under way; none where Dagster's home is not known."""
    try:
        with dagster_instance() as instance:
            return open_backfills(instance, catalog.names)
    except SettingsError:
        return ()


def _chosen(store: WaveStore, job: str | None, as_json: bool, backfills: Sequence[BackfillProgress] = ()) -> str | None:
    """The job that was named, or the latest; None, and that is said, if there never was one."""
    if job is not None:
        return job
    latest = store.latest_job()
    if latest is not None:
        return latest.job_id
    if as_json:
        print_document({"job": None, "backfills": [asdict(backfill) for backfill in backfills]})
    else:
        for line in backfill_lines(backfills) or (_NO_IMPORT,):
            results.print(line)
    return None


for _command in COMMANDS:
    waves_app.command()(_command)
