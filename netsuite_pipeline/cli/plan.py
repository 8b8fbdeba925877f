"""`plan`: what an import would read, and what it would cost, without starting it. The figures are `dry_run`'s."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from netsuite_pipeline.cli.console import results
from netsuite_pipeline.cli.dagster_instance import dagster_instance
from netsuite_pipeline.cli.imports import names_of
from netsuite_pipeline.orchestration.concurrency import pool_limit
from netsuite_pipeline.orchestration.dry_run import DryRun, dry_run
from netsuite_pipeline.orchestration.partitions import PartitionRegistry
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.record_types.custom import load_catalog
from netsuite_pipeline.waves.model import ImportMode

_SHOWN_CHANGES = 5


def plan(
    types: Annotated[
        str | None, typer.Option(help="Record types, separated by commas; all of them if not given.")
    ] = None,
    dependencies: Annotated[bool, typer.Option(help="Also what these depend on, first.")] = True,
    changes: Annotated[bool, typer.Option("--changes", help="Only what changed since the last import.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Ask NetSuite what an import would read, and write nothing. Exit code 1 means that a type is unavailable."""
    names = names_of(types)
    pipeline = PipelineResource()
    catalog = load_catalog(pipeline.settings())
    with dagster_instance() as instance:
        found = dry_run(
            pipeline=pipeline,
            catalog=catalog,
            registry=PartitionRegistry(instance),
            names=names,
            dependencies=dependencies,
            mode=ImportMode.INCREMENTAL if changes else ImportMode.FULL,
            pool_runs=pool_limit(instance),
        )
    if as_json:
        results.print(json.dumps(asdict(found) | {"requests": found.requests}), markup=False, soft_wrap=True)
    else:
        results.print(_table(found))
        for sentence in _sentences(found):
            results.print(sentence, markup=False, soft_wrap=True)
    if not all(estimate.available for estimate in found.types):
        raise typer.Exit(1)


def _table(found: DryRun) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("Record type", no_wrap=True)
    for heading in ("Level", "NetSuite", "To read", "Batches", "Requests"):
        table.add_column(heading, justify="right")
    for estimate in found.types:
        if not estimate.available:
            table.add_row(escape(estimate.record_type), str(estimate.level), "unavailable", style="yellow")
            continue
        counts = (estimate.records, estimate.to_read, estimate.batches, estimate.requests)
        table.add_row(escape(estimate.record_type), str(estimate.level), *(f"{count:,}" for count in counts))
    return table


def _sentences(found: DryRun) -> Iterator[str]:
    batches, to_read = (sum(getattr(one, name) for one in found.types) for name in ("batches", "to_read"))
    what = "changed records" if found.mode is ImportMode.INCREMENTAL else "records"
    yield (
        f"{to_read:,} {what} in {batches:,} batches: {found.waves:,} waves, {found.runs:,} runs, {found.requests:,}"
        f" requests. Planning took {found.asked} requests."
    )
    guessed = [one.record_type for one in found.types if one.available and one.batches and not one.measured]
    basis = "a second for each request of types that were not imported before" if guessed else "former imports"
    yield f"About {_minutes(found.seconds)} with {found.side_by_side} runs side by side, going by {basis}."
    for one in found.types:
        if one.reason:
            yield f"{one.record_type} {'is' if one.available else 'is unavailable:'} {one.reason}"
    if found.ddl:
        more = f" and {len(found.ddl) - _SHOWN_CHANGES} more" if len(found.ddl) > _SHOWN_CHANGES else ""
        shown = "; ".join(found.ddl[:_SHOWN_CHANGES])
        yield f"The database differs from the declarations: {shown}{more} (`netsuite-pipeline db check` has the DDL)."
    yield "Nothing was written."


def _minutes(seconds: float) -> str:
    return f"{math.ceil(seconds)} s" if seconds < 100 else f"{math.ceil(seconds / 60):,} min"
