"""`db`: compares the tables of the warehouse with what is declared, and brings one to the other.

What is compared and done is in `warehouse.migration`; here it is printed.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy import URL, Engine, MetaData
from sqlalchemy.engine import make_url

from netsuite_pipeline.cli.console import results
from netsuite_pipeline.orchestration.resources import PipelineResource, warehouse_metadata
from netsuite_pipeline.record_types.custom import load_catalog
from netsuite_pipeline.warehouse.engine import shown
from netsuite_pipeline.warehouse.errors import WarehouseError
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
    with _warehouse(must_exist=True) as (engine, metadata):
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
    """Create what is missing. Refuses, changing nothing, if anything else differs. Exit code 1: not yet as declared.

    MySQL may copy all rows of a table for it: with a long table that takes a while, and writes wait.
    """
    with _warehouse(must_exist=dry_run) as (engine, metadata):
        if dry_run:
            planned = upgrading.planned(engine, metadata, widen=widen)
            _show_statements(planned)
            if not planned:
                _say(f"There is nothing to change in {shown(engine.url)}.")
            return
        outcome = upgrading.upgrade(engine, metadata, widen=widen, report=_say)
        made = "1 change was" if len(outcome.done) == 1 else f"{len(outcome.done)} changes were"
        _say(f"{made} made in {shown(engine.url)}.")
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
    with _warehouse(must_exist=True) as (engine, _):
        outcome = downgrading.downgrade(engine, yes=yes, report=_say)
        if outcome.number is None:
            _say(f"There is no upgrade of {shown(engine.url)} to undo.")
        else:
            _say(f"Upgrade {outcome.number} of {shown(engine.url)} is undone.")
            _say("Services that run create what they miss: stop them, or restart them with the older declarations.")


@contextmanager
def _warehouse(*, must_exist: bool) -> Iterator[tuple[Engine, MetaData]]:
    pipeline = PipelineResource()
    settings = pipeline.settings()
    metadata = warehouse_metadata(load_catalog(settings))
    if must_exist:
        _refuse_to_create(make_url(settings.warehouse_url.get_secret_value()))
    with pipeline.engine() as engine:
        yield engine, metadata


def _refuse_to_create(url: URL) -> None:
    # SQLite makes an empty database of a name that is mistyped.
    file = url.database if url.get_backend_name() == "sqlite" else None
    if file and file != ":memory:" and not file.startswith("file:") and not Path(file).exists():
        raise WarehouseError(
            f"Opening {shown(url)} failed: there is no such file; correct WAREHOUSE_URL, or create the tables with"
            " `netsuite-pipeline db upgrade`."
        )


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
    if _copies_meet(findings):
        _say(
            "\n-- Each copy of a table below starts from the table of today, and the last one would undo the others:"
            " `netsuite-pipeline db upgrade` makes them one after the other. Do not run them by hand as they stand."
        )
    for finding in findings:
        _say(f"\n-- {finding.difference.title}")
        for statement in finding.statements:
            _say(f"{statement};")


def _copies_meet(findings: Sequence[Finding]) -> bool:
    changes = Counter(finding.difference.table for finding in findings)
    return any(finding.copies and changes[finding.difference.table] > 1 for finding in findings)
