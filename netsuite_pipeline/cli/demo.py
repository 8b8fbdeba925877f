"""`demo`: a whole import on embedded defaults, checked against NetSuite's own counts. Nothing else is needed.

The pipeline's processes are started in `local_stack`; the import is the one that any user would start.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from sqlalchemy import Engine

from netsuite_pipeline.cli.console import results
from netsuite_pipeline.cli.imports import plan_import, planned_sentence
from netsuite_pipeline.cli.local_stack import LocalStack, local_stack
from netsuite_pipeline.cli.progress import records_per_second, seconds_of
from netsuite_pipeline.cli.watching import watch
from netsuite_pipeline.netsuite.reading import count_ranges
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.custom import load_catalog
from netsuite_pipeline.warehouse.totals import type_totals, written_rows
from netsuite_pipeline.waves.model import JobStatus, TypeStatus, utc_now
from netsuite_pipeline.waves.progress import JobSummary
from netsuite_pipeline.waves.store import WaveStore

_EVERY_ID = BatchRange(-(2**62), 2**62)


def demo(
    records: Annotated[int, typer.Option(min=1, help="Records in the sandbox, all types together.")] = 30_000,
    seed: Annotated[int, typer.Option(help="Seed of the sandbox's data.")] = 7,
    directory: Annotated[Path, typer.Option(help="Where databases and logs go; kept for the next time.")] = Path(
        ".demo"
    ),
) -> None:
    """Import everything from a sandbox NetSuite into SQLite, in waves, and check every count."""
    # The pause between waves protects a production account; here it would only be waited out.
    os.environ.setdefault("WAVE_INTER_WAVE_DELAY", "0")
    catalog = load_catalog(PipelineResource().settings())
    with local_stack(directory) as stack, _said_when_interrupted():
        results.print(f"Starting a sandbox NetSuite with {records:,} records, and Dagster's daemon ...")
        stack.start_sandbox(records=records, seed=seed)
        stack.upgrade_warehouse(catalog)
        stack.start_daemon()
        with PipelineResource().engine() as engine:
            summary = _import(stack, engine)
            complete = _report(engine, summary, catalog)
    if not complete:
        raise typer.Exit(1)


@contextmanager
def _said_when_interrupted() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        results.print("Interrupted; stopping everything. The next demo goes on where this one was.")
        raise


def _import(stack: LocalStack, engine: Engine) -> JobSummary:
    store = WaveStore(engine)
    latest = store.latest_job()
    if latest is not None and latest.status is JobStatus.RUNNING:
        results.print(f"Import {latest.job_id} was interrupted; it goes on where it was.")
        return watch(store, latest.job_id, check=stack.check)
    if latest is not None and latest.status is JobStatus.PLANNING:
        # There is nothing to go on with.
        store.fail_job(latest.job_id, "The demo was interrupted before it was planned.", now=utc_now())
    plan = plan_import([], dependencies=True, trigger="demo")
    results.print(planned_sentence(plan))
    return watch(store, plan.job_id, check=stack.check)


def _report(engine: Engine, summary: JobSummary, catalog: Catalog) -> bool:
    """Prints a row per record type; True if the import is complete and every count agrees with NetSuite's."""
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("Record type", no_wrap=True)
    for heading in ("NetSuite", "Loaded", "Rejected", "Written", "Seconds", "Equal"):
        table.add_column(heading, justify="right")
    written = written_rows(engine, summary.job.job_id)
    agree = True
    with PipelineResource().client() as client:
        for kind in summary.types:
            if kind.status is TypeStatus.UNAVAILABLE:
                table.add_row(kind.record_type, "unavailable", *[""] * 5, style="yellow")
                continue
            record_type = catalog.get(kind.record_type)
            (counted,) = count_ranges(client, record_type, [_EVERY_ID])
            totals = type_totals(engine, record_type)
            equal = counted == totals.live + totals.rejected
            agree = agree and equal
            rows = (counted, totals.live, totals.rejected, written.get(kind.record_type, 0))
            seconds = seconds_of(kind)
            mark = "[green]✔[/green]" if equal else "[red]✘ no[/red]"
            table.add_row(kind.record_type, *(f"{row:,}" for row in rows), f"{seconds:.1f}" if seconds else "", mark)
    results.print(table)
    results.print(verdict(summary, agree=agree, written=sum(written.values())))
    return agree and summary.job.status is JobStatus.COMPLETED


def verdict(summary: JobSummary, *, agree: bool, written: int) -> str:
    """The last line of a demo: whether it is complete, and how much had to be written. `agree` of all counts."""
    if not agree or summary.job.status is not JobStatus.COMPLETED:
        return "[red]The import is not complete; see above.[/red]"
    outcome = f"{written:,} rows were written" if written else "nothing had changed, so no row was written"
    speed = f"{records_per_second(summary):,.0f} records/s"
    return f"[green]Complete: every count agrees with NetSuite's; {outcome}[/green] ({speed})."
