"""`graph`: levels and lineage of the record types, as text, for Graphviz, or as a picture.

The picture is drawn in `graph_picture`, without Graphviz.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from netsuite_pipeline.cli.console import results
from netsuite_pipeline.cli.graph_picture import lineage_svg
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.custom import load_catalog
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.settings import Settings, SettingsError


def graph(
    dot: Annotated[bool, typer.Option("--dot", help="Print it for Graphviz.")] = False,
    picture: Annotated[Path | None, typer.Option(help="Draw it into this SVG file.")] = None,
) -> None:
    """Show the levels in which record types are imported, and what each depends on."""
    catalog = load_catalog(Settings.load())
    if picture is not None:
        try:
            picture.write_text(lineage_svg(catalog), encoding="utf-8")
        except OSError as error:
            raise SettingsError(f"{picture} cannot be written: {error.strerror}.") from None
        results.print(Text(f"{picture} shows {len(catalog)} record types."))
    if dot:
        typer.echo("\n".join(_dot(catalog)))
    if picture is None and not dot:
        results.print(_text(catalog))


def levels(catalog: Catalog) -> list[list[str]]:
    """The names of the record types of each level, from level 0 on."""
    found: list[list[str]] = []
    for name in catalog.names:
        while catalog.level(name) >= len(found):
            found.append([])
        found[catalog.level(name)].append(name)
    return found


def parents_of(record_type: RecordType, catalog: Catalog) -> list[str]:
    """What a type depends on, for people: all types of a table together are named once, `items (9 types)`."""
    shown: list[str] = []
    for name in record_type.depends_on:
        table = catalog.get(name).table
        together = [known.name for known in catalog if known.table == table]
        whole = len(together) > 1 and set(together) <= set(record_type.depends_on)
        shown.append(f"{table} ({len(together)} types)" if whole else name)
    return list(dict.fromkeys(shown))


def _text(catalog: Catalog) -> Text:
    text = Text()
    for level, names in enumerate(levels(catalog)):
        text.append(f"Level {level}\n", "bold")
        for name in names:
            parents = ", ".join(parents_of(catalog.get(name), catalog))
            text.append(f"  {name}")
            text.append(f" <- {parents}\n" if parents else "\n", "dim")
    text.rstrip()
    return text


def _dot(catalog: Catalog) -> Iterator[str]:
    yield "digraph record_types {"
    yield "  rankdir=LR; node [shape=box, fontname=Helvetica];"
    for level, names in enumerate(levels(catalog)):
        yield f"  {{ rank=same; {'; '.join(names)}; }}  // level {level}"
    for record_type in catalog:
        yield from (f"  {parent} -> {record_type.name};" for parent in record_type.depends_on)
    yield "}"
