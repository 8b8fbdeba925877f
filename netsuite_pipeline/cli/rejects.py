"""`rejects`: the quarantine. List, show and export the rows that could not be loaded, replay and forget them.

What is printed is laid out in `reject_views`; what is asked of the table is in `warehouse.quarantine`.
"""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import sqlalchemy as sa
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from netsuite_pipeline.cli import reject_views as views
from netsuite_pipeline.cli.console import errors, results
from netsuite_pipeline.cli.reject_export import ExportFormat, atomic_file, write_rejects
from netsuite_pipeline.cli.warehouse import existing_warehouse
from netsuite_pipeline.orchestration.replay import Replay, ReplayStoppedError, in_dependency_order
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.record_types.custom import load_catalog
from netsuite_pipeline.settings import Settings, SettingsError
from netsuite_pipeline.warehouse.quarantine import (
    RejectFilter,
    every_reject,
    find_rejects,
    forget_rejects,
    has_rejects_table,
    reject_groups,
    reject_rows,
)
from netsuite_pipeline.warehouse.replay_ranges import TypeReplay, plan_replays

rejects_app = typer.Typer(help="Rows that could not be loaded: list, export, replay, forget.", no_args_is_help=True)

Types = Annotated[str | None, typer.Option(help="Record types, separated by commas.")]
Reason = Annotated[str | None, typer.Option(help="Only with this reason, e.g. too_long.")]
FieldName = Annotated[str | None, typer.Option("--field", help="Only about this column.")]
Job = Annotated[str | None, typer.Option(help="Only those that this import rejected last.")]
Resolved = Annotated[bool, typer.Option("--resolved", help="Those whose rows were loaded since, or are gone.")]


@rejects_app.command("list")
def list_rejects(
    types: Types = None,
    reason: Reason = None,
    field: FieldName = None,
    job: Job = None,
    resolved: Resolved = False,
    rows: Annotated[bool, typer.Option("--rows", help="Single rows, the last seen first.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Groups or rows to show, at most.")] = 50,
) -> None:
    """Show the open rejects, those that are alike together: the largest groups first, each with an example."""
    chosen = _filter(types, reason, field, job, resolved=resolved)
    with _warehouse() as engine:
        if rows:
            single = reject_rows(engine, chosen, limit=limit)
            table, more = views.rows_table(single.items), single.total - len(single.items)
        else:
            groups = reject_groups(engine, chosen, limit=limit)
            table, more = views.groups_table(groups.items), groups.total - len(groups.items)
        if not table.row_count:
            _say(views.nothing_sentence(engine, chosen))
            return
        results.print(table)
        if more:
            _say(f"{more:,} more {'rows' if rows else 'groups'} are not shown; --limit shows more.")


@rejects_app.command()
def show(
    record_type: Annotated[str, typer.Argument(metavar="TYPE", help="Record type, e.g. customer.")],
    key: Annotated[
        str, typer.Argument(help="Its key as `rejects list` shows it: 123, 12:3, or sha256:… (a part will do).")
    ],
) -> None:
    """Show all that is known of one reject: what is wrong, the row as NetSuite sent it, and what to do."""
    with _warehouse() as engine:
        found = find_rejects(engine, record_type, key)
        if len(found) == 1:
            results.print(views.reject_view(found[0]), soft_wrap=True)
            return
        if found:
            keys = ", ".join(reject.row_key for reject in found)
            raise SettingsError(f"Several rejects of {record_type} begin with {key}: {keys}.")
        errors.print(views.unknown_sentence(engine, record_type, key), soft_wrap=True)
    raise typer.Exit(1)


@rejects_app.command()
def export(
    types: Types = None,
    reason: Reason = None,
    field: FieldName = None,
    job: Job = None,
    resolved: Resolved = False,
    form: Annotated[
        ExportFormat, typer.Option("--format", help="csv: for spreadsheets; json: an object per line, values exact.")
    ] = ExportFormat.CSV,
    output: Annotated[
        Path | None,
        typer.Option(help="Write to this file, which is replaced once all is written; stdout if not given."),
    ] = None,
) -> None:
    """Write rejects with their payload as CSV or as JSON lines.

    In CSV, a text that a spreadsheet would take for a formula gets an apostrophe in front. JSON has it as it is.
    """
    chosen = _filter(types, reason, field, job, resolved=resolved)
    with _warehouse(errors_only=True) as engine:
        with _target(output) as target:
            written = write_rejects(every_reject(engine, chosen), target, form)
        if not written:
            errors.print(views.nothing_sentence(engine, chosen), soft_wrap=True)
        elif output is not None:
            errors.print(f"{written:,} rejects are in {output}.", soft_wrap=True)


@rejects_app.command()
def replay(
    types: Types = None,
    reason: Reason = None,
    field: FieldName = None,
    job: Job = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be read, and do nothing.")] = False,
) -> None:
    """Read rejected rows from NetSuite again and load them, with the declarations of now.

    Small ranges of ids around the open rejects are imported as batches are, one request at a time. Exit code 1 means
    that a row is still rejected or could not be read; what was loaded stays.
    """
    chosen = _filter(types, reason, field, job)
    with _warehouse() as engine:
        plans = plan_replays(engine, chosen)
        if not plans:
            _say(views.nothing_sentence(engine, chosen))
            return
    catalog = load_catalog(Settings.load())
    declared, undeclared = in_dependency_order(plans, catalog)
    if dry_run:
        results.print(views.plans_view(declared), soft_wrap=True)
    for plan in undeclared:
        _say(views.undeclared_sentence(plan))
    if dry_run:
        return
    tally = views.ReplayTally(declared)
    if declared:
        replaying = Replay(pipeline=PipelineResource(), catalog=catalog, chosen=chosen, warn=_warn)
        _run(replaying, declared, tally)
    if undeclared or not tally.all_resolved:
        raise typer.Exit(1)


@rejects_app.command()
def forget(
    types: Types = None,
    reason: Reason = None,
    field: FieldName = None,
    job: Job = None,
    resolved: Resolved = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before open rejects are deleted.")] = False,
) -> None:
    """Delete the records of rejects: the resolved ones with --resolved, otherwise open ones, which needs a filter.

    An open reject that is forgotten comes back with the next import of its batch if the row is still bad; until then
    the reports of its import count the row as loaded.
    """
    chosen = _filter(types, reason, field, job, resolved=resolved)
    if not resolved and not chosen.restricts:
        raise SettingsError(
            "Forgetting open rejects needs --types, --reason, --field or --job; --resolved deletes the resolved ones."
        )
    with _warehouse() as engine:
        count = reject_rows(engine, chosen, limit=1).total
        if not count:
            _say(views.nothing_sentence(engine, chosen))
            return
        if not resolved and not yes:
            typer.confirm(
                f"Forget {count:,} open rejects? Rows that are still bad come back with an import.", abort=True
            )
        forgotten = forget_rejects(engine, chosen)
        _say(f"{forgotten:,} {'resolved' if resolved else 'open'} rejects are forgotten.")


def _run(replaying: Replay, plans: list[TypeReplay], tally: views.ReplayTally) -> None:
    stopped = None
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with (
            Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress,
            closing(replaying.run(plans)) as replayed,
        ):
            task = progress.add_task("Reading", total=sum(len(plan.ranges) for plan in plans))
            for one in replayed:
                tally.add(one)
                progress.update(task, advance=1, description=one.record_type)
    except ReplayStoppedError as error:
        stopped = str(error)
    finally:
        # Also of a replay that is interrupted: what is in the table is committed.
        results.print(tally.view(), soft_wrap=True)
    if stopped:
        errors.print(f"The replay stopped: {stopped}", soft_wrap=True)


@contextmanager
def _warehouse(*, errors_only: bool = False) -> Iterator[sa.Engine]:
    """The warehouse if it has rejects; otherwise the command ends, with a sentence."""
    with existing_warehouse(Settings.load()) as engine:
        if engine is None or not has_rejects_table(engine):
            sentence = "There has been no import yet, so there are no rejects."
            (errors if errors_only else results).print(sentence)
            raise typer.Exit
        yield engine


@contextmanager
def _target(output: Path | None) -> Iterator[BinaryIO]:
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        with atomic_file(output) as file:
            yield file
    except OSError as error:
        raise SettingsError(f"{output} cannot be written: {error.strerror}.") from None


def _filter(
    types: str | None, reason: str | None, field: str | None, job: str | None, *, resolved: bool = False
) -> RejectFilter:
    names = tuple(name.strip() for name in (types or "").split(",") if name.strip())
    if types is not None and not names:
        raise SettingsError(f"--types {types!r} names no record type; leave it out to take all of them.")
    return RejectFilter(types=names, reason=reason, field=field, job=job, resolved=resolved)


def _say(sentence: str) -> None:
    results.print(sentence, markup=False, soft_wrap=True)


def _warn(sentence: str) -> None:
    errors.print(sentence, soft_wrap=True)
