"""`db`: compares the tables of the warehouse with what is declared, and brings one to the other.

What is compared and done is in `warehouse.migration`; here it is printed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy import Engine, MetaData

from netsuite_pipeline.cli.console import results
from netsuite_pipeline.orchestration.resources import PipelineResource, warehouse_metadata
from netsuite_pipeline.record_types.custom import load_catalog
from netsuite_pipeline.warehouse.engine import shown
from netsuite_pipeline.warehouse.migration import downgrade as downgrading
from netsuite_pipeline.warehouse.migration import upgrade as upgrading
from netsuite_pipeline.warehouse.migration.difference import Verdict
from netsuite_pipeline.warehouse.migration.upgrade import Finding

db_app = typer.Typer(help="Compare the database with the declarations, and change it.", no_args_is_help=True)


@db_app.command()
def check() -> None:
    """Show how the tables differ from what is declared, and the DDL for it. Exit code 1 means that they do.

    Columns that are wider than declared are shown and are no difference.
    """
    with _warehouse() as (engine, metadata):
        findings = upgrading.check(engine, metadata)
        if findings:
            results.print(_table(findings))
        differing = [finding for finding in findings if finding.difference.verdict is not Verdict.WIDER]
        if differing:
            _show_statements(differing)
            raise typer.Exit(1)
        _say(f"The {len(metadata.tables)} declared tables of {shown(engine.url)} are as declared.")


@db_app.command()
def upgrade(
    widen: Annotated[bool, typer.Option("--widen", help="Also make columns wider where the declared one is.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the DDL and change nothing.")] = False,
) -> None:
    """Create what is missing. Refuses, changing nothing, if anything else differs. Exit code 1: not yet as declared."""
    with _warehouse() as (engine, metadata):
        if dry_run:
            _show_statements(upgrading.planned(engine, metadata, widen=widen))
            return
        outcome = upgrading.upgrade(engine, metadata, widen=widen, report=_say)
        _say(f"{len(outcome.done)} changes were made in {shown(engine.url)}.")
        if outcome.left:
            names = ", ".join(f"{difference.table}.{difference.item}" for difference in outcome.left)
            _say(f"Narrower than declared: {names}. Widen them with: netsuite-pipeline db upgrade --widen")
            raise typer.Exit(1)


@db_app.command()
def downgrade(
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Drop columns and tables even if they hold data or an import is under way."),
    ] = False,
) -> None:
    """Undo the last upgrade. Refuses, changing nothing, if data would be lost or while an import is under way.

    Stop the services first, or restart them with the older declarations: they create what they miss.
    """
    with _warehouse() as (engine, _):
        outcome = downgrading.downgrade(engine, yes=yes, report=_say)
        if outcome.number is None:
            _say(f"There is no upgrade of {shown(engine.url)} to undo.")
        else:
            _say(f"Upgrade {outcome.number} of {shown(engine.url)} is undone.")
            _say("Services that run create what they miss: stop them, or restart them with the older declarations.")


@contextmanager
def _warehouse() -> Iterator[tuple[Engine, MetaData]]:
    pipeline = PipelineResource()
    metadata = warehouse_metadata(load_catalog(pipeline.settings()))
    with pipeline.engine() as engine:
        yield engine, metadata


def _say(sentence: str) -> None:
    results.print(sentence, markup=False, soft_wrap=True)


def _table(findings: Sequence[Finding]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Table", "Column", "Declared", "Found", "Verdict"):
        table.add_column(heading, overflow="fold")
    for difference in (finding.difference for finding in findings):
        verdict = f"{difference.verdict}: {difference.reason}" if difference.reason else str(difference.verdict)
        cells = (difference.table, difference.item, difference.declared, difference.found, verdict)
        table.add_row(*map(escape, cells))
    return table


def _show_statements(findings: Sequence[Finding]) -> None:
    for finding in findings:
        _say(f"\n-- {finding.difference.title}")
        for statement in finding.statements:
            _say(f"{statement};")
