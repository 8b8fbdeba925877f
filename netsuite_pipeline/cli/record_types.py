"""`record-types`: what is imported, column by column, and drafts of declarations from a live account.

Rendering only. What the warehouse knows is read in `type_state`, the score is made in `type_profile`.
"""

import difflib
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.table import Table
from rich.text import Text

from netsuite_pipeline.cli.console import results
from netsuite_pipeline.cli.graph import parents_of
from netsuite_pipeline.cli.type_profile import Profile, profile_of
from netsuite_pipeline.cli.type_state import Availability, Stored, TypeStates, plain, type_states
from netsuite_pipeline.netsuite.draft_text import draft_text
from netsuite_pipeline.netsuite.drafting import Draft
from netsuite_pipeline.netsuite.drafting import draft as draft_declaration
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.catalog import Catalog, CatalogError
from netsuite_pipeline.record_types.custom import catalog_with, load_catalog
from netsuite_pipeline.record_types.model import Derived, Field, Kind, RecordType
from netsuite_pipeline.settings import Settings, SettingsError
from netsuite_pipeline.warehouse.missing_columns import MissingColumn
from netsuite_pipeline.warehouse.tables import target_metadata

record_types_app = typer.Typer(help="Look at what is imported, and draft declarations.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A record type, e.g. customer.", metavar="NAME")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@record_types_app.command("list")
def list_types(as_json: AsJson = False) -> None:
    """List every record type, in the order of import."""
    catalog = load_catalog(Settings.load())
    if as_json:
        _print_json([_facts(record_type, catalog) for record_type in catalog])
        return
    table = _table("Record type", "Id", "Table", "Level", "Columns", "Depends on", right=("Id", "Level", "Columns"))
    for record_type in catalog:
        facts = _facts(record_type, catalog)
        cells = [str(facts[key]) for key in ("name", "id", "table", "level", "columns")]
        table.add_row(*cells, ", ".join(parents_of(record_type, catalog)))
    results.print(table)


@record_types_app.command()
def show(
    name: Annotated[
        str, typer.Argument(help="A record type, a table, or a column: customer, items, items.title.", metavar="NAME")
    ],
    as_json: AsJson = False,
) -> None:
    """Show where each column of a record type comes from, and what the account lacks."""
    settings = Settings.load()
    catalog = load_catalog(settings)
    whole, _, column = name.partition(".")
    found = _named(catalog, whole)
    if column:
        _show_column(found, column, as_json=as_json)
        return
    if len(found) > 1:
        names = ", ".join(record_type.name for record_type in found)
        raise SettingsError(f"{whole} is filled by {names}: show one of them, or a column, e.g. {whole}.refid.")
    (record_type,) = found
    with type_states(settings) as states:
        availability = states.availability(record_type) if states else None
        missing = states.missing(record_type) if states else ()
    columns = list(_columns(record_type))
    if as_json:
        known = None if availability is None else asdict(availability)
        facts = {**_facts(record_type, catalog), "columns": columns}
        _print_json({**facts, "availability": known, "missing_columns": plain(missing)})
        return
    results.print(_headline(record_type, catalog, availability))
    results.print(_columns_table(columns, {one.column for one in missing}))
    for one in missing:
        results.print(_missing_line(one))


@record_types_app.command()
def profile(name: Name, as_json: AsJson = False) -> None:
    """Show how many rows and batches a record type has, how heavy it is, and what could be better."""
    settings = Settings.load()
    record_type = load_catalog(settings).get(name)
    with type_states(settings) as states:
        stored = _stored(states, record_type)
    found = profile_of(record_type, stored, batch_size=settings.batch_size)
    if as_json:
        _print_json(asdict(found))
        return
    results.print(_profile_table(found))
    for sentence in found.advice:
        results.print(Text(f"- {sentence}"))


@record_types_app.command()
def draft(
    name: Annotated[str, typer.Argument(help="A built-in type or a table, e.g. customrecord_fleet.", metavar="NAME")],
    output: Annotated[Path | None, typer.Option(help="Write it to this file, which must not exist yet.")] = None,
) -> None:
    """Draft a declaration in YAML from what the account holds: edit it and set RECORD_TYPES_FILE."""
    if output is not None and output.exists():
        raise SettingsError(f"{output} exists already: give another file, or move the draft's lines there yourself.")
    pipeline = PipelineResource()
    settings = pipeline.settings()
    catalog = load_catalog(settings)
    with pipeline.client(insist=True) as client:
        drafted = draft_declaration(client, name.lower(), catalog=catalog, builtin=CATALOG)
    text = _storable(drafted, catalog, account=settings.require_account())
    if output is None:
        # Not through rich, which would fold long lines.
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{output} cannot be written: {error.strerror}.") from None
    results.print(f"Edit {output}, then: export RECORD_TYPES_FILE={output.resolve()}", markup=False, soft_wrap=True)


def _storable(drafted: Draft, catalog: Catalog, *, account: str) -> str:
    """The draft as YAML, with a note if MySQL cannot hold as many columns or as wide ones."""
    text = draft_text(drafted, account=account)
    try:
        target_metadata(catalog_with(catalog if drafted.table is None else CATALOG, text, Path("draft")))
    except CatalogError as error:
        note = f"Not storable as it is, so remove columns or keep them together as json_columns: {error}"
        return draft_text(replace(drafted, notes=(*drafted.notes, note)), account=account)
    return text


def _named(catalog: Catalog, name: str) -> list[RecordType]:
    """The record type of that name, or those that fill the table of that name; CatalogError if there is none."""
    in_table = [record_type for record_type in catalog if record_type.table == name]
    return [catalog.get(name)] if name in catalog or not in_table else in_table


def _show_column(record_types: list[RecordType], name: str, *, as_json: bool) -> None:
    """The column in every type that fills it, and the columns that it is made of."""
    found = [
        {"record_type": record_type.name, "read_from": record_type.source.read_from, **column}
        for record_type in record_types
        for column in _columns(record_type)
        if column["column"] in {name, *_parts(record_type, name)} and _fills(record_type, name)
    ]
    if not found:
        known = {column["column"] or "" for record_type in record_types for column in _columns(record_type)}
        close = difflib.get_close_matches(name, known, n=3) or sorted(known)[:3]
        raise SettingsError(
            f"{record_types[0].table} has no column {name!r}; it has {', '.join(close)} and others, which"
            f" `record-types show {record_types[0].name}` lists."
        )
    if as_json:
        _print_json(found)
        return
    table = _table("Record type", "Column", "NetSuite", "Kind", "Refers to")
    for one in found:
        table.add_row(*(Text(one[key] or "") for key in ("record_type", "column", "source", "kind", "references")))
    results.print(table)
    filling = [record_type for record_type in record_types if _fills(record_type, name)]
    lines = [f"Read from {record_type.source.read_from}" for record_type in filling]
    lines += [line for record_type in filling for line in _lookup_lines(record_type, found)]
    for line in dict.fromkeys(lines):
        results.print(Text(line, "dim"))


def _parts(record_type: RecordType, name: str) -> tuple[str, ...]:
    derived = [rule for rule in record_type.rules if isinstance(rule, Derived) and rule.field.name == name]
    return derived[0].of if derived else ()


def _fills(record_type: RecordType, name: str) -> bool:
    return any(column["column"] == name for column in _columns(record_type))


def _lookup_lines(record_type: RecordType, columns: list[dict[str, str | None]]) -> Iterator[str]:
    """What the aliases in the sources of these columns stand for."""
    for lookup in record_type.source.lookups:
        if any(lookup.is_used_in(column["source"] or "") for column in columns):
            yield f"{lookup.alias}.… is {lookup.table} where {lookup.on}"


def _stored(states: TypeStates | None, record_type: RecordType) -> Stored:
    if states is None:
        return Stored(rows=0, batches=0, sampled=0, row_bytes=0, empty_columns=())
    return states.stored(record_type)


def _facts(record_type: RecordType, catalog: Catalog) -> dict[str, Any]:
    return {
        "name": record_type.name,
        "id": record_type.id,
        "table": record_type.table,
        "source": record_type.source.read_from,
        "level": catalog.level(record_type.name),
        "columns": len(record_type.key) + len(record_type.value_fields),
        "depends_on": list(record_type.depends_on),
    }


def _columns(record_type: RecordType) -> Iterator[dict[str, str | None]]:
    """Every column of the target table that the type fills, and where its value comes from."""
    for field in (*record_type.key, *record_type.fields):
        if field.stored:
            kind = kind_of(field)
            yield {"column": field.name, "source": field.source, "kind": kind, "references": field.references}
    for rule in record_type.rules:
        if isinstance(rule, Derived):
            yield {"column": rule.field.name, "source": rule.says, "kind": kind_of(rule.field), "references": None}


def kind_of(field: Field) -> str:
    """The kind with its sizes: text(64), decimal(24,8)."""
    if field.kind is Kind.DECIMAL:
        return f"decimal({field.precision},{field.scale})"
    if field.kind is Kind.TEXT:
        return "long text" if field.length is None else f"text({field.length})"
    return field.kind.value


def _headline(record_type: RecordType, catalog: Catalog, availability: Availability | None) -> Text:
    source = record_type.source
    text = Text.assemble((record_type.name, "bold"), f": NetSuite's {source.read_from} into {record_type.table}")
    text.append(f" · id {record_type.id} · level {catalog.level(record_type.name)}")
    if source.where:
        text.append(f"\nOnly {source.where}")
    for line in _lookup_lines(record_type, list(_columns(record_type))):
        text.append(f"\n{line}", "dim")
    text.append(f"\nDepends on {', '.join(parents_of(record_type, catalog)) or 'nothing'}")
    if availability is None:
        text.append("\nNo import has looked yet whether the account has it.", "dim")
    elif availability.available:
        text.append(f"\nAvailable in the account, as of {availability.planned_at:%Y-%m-%d %H:%M} UTC.", "green")
    else:
        text.append(
            f"\nUnavailable, as of {availability.planned_at:%Y-%m-%d %H:%M} UTC: {availability.reason}", "yellow"
        )
    return text


def _columns_table(columns: list[dict[str, str | None]], missing: set[str]) -> Table:
    table = _table("Column", "NetSuite", "Kind", "Refers to")
    for column in columns:
        cells = [column["column"] or "", column["source"] or "", column["kind"] or "", column["references"] or ""]
        table.add_row(*map(Text, cells), style="yellow" if column["column"] in missing else None)
    return table


def _missing_line(missing: MissingColumn) -> Text:
    said = f"The account lacks {missing.column} since {missing.found_at:%Y-%m-%d}: {missing.reason}"
    if not _is_builtin(missing):
        said += " · It is declared in RECORD_TYPES_FILE: are its name and kind right there?"
    return Text(said, "yellow")


def _is_builtin(missing: MissingColumn) -> bool:
    name = missing.record_type
    return name in CATALOG and any(field.name == missing.column for field in CATALOG.get(name).fields)


def _profile_table(found: Profile) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_row("Record type", found.name)
    table.add_row("Rows", f"{found.rows:,}")
    table.add_row("Batches", f"{found.batches:,} of at most {found.batch_size:,} records when planned")
    table.add_row("Average row", f"{found.row_bytes:,} bytes")
    table.add_row("Complexity", f"{found.complexity} ({found.verdict})")
    return table


def _table(*headings: str, right: tuple[str, ...] = ()) -> Table:
    # No frame, so that it fits a terminal of 80 columns.
    table = Table(box=None, padding=(0, 1, 0, 0))
    for heading in headings:
        table.add_column(heading, justify="right" if heading in right else "left", overflow="fold")
    return table


def _print_json(value: Any) -> None:
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
