"""A draft as YAML, ready to edit and to load as it is. What it says is found out in `drafting`."""

from collections.abc import Iterator

from netsuite_pipeline.netsuite.drafting import Draft, DraftColumn
from netsuite_pipeline.record_types.custom_model import ColumnKind
from netsuite_pipeline.record_types.custom_names import usable_name


def draft_text(drafted: Draft, *, account: str) -> str:
    """The text of a RECORD_TYPES_FILE that holds `drafted`."""
    head = [
        f"# Drafted from account {account}: {drafted.name}, of which {drafted.rows:,} rows were looked at.",
        "# A kind that is marked as guessed follows from these rows alone: check it before the first import.",
        *(f"# {note}" for note in drafted.notes),
    ]
    return "\n".join([*head, *_body(drafted)]) + "\n"


def _body(drafted: Draft) -> Iterator[str]:
    if drafted.table is None:
        if not drafted.columns:
            yield "# There is no custom column that is not declared yet."
            return
        yield "extend:"
        yield f"  {drafted.name}:"
    else:
        yield "types:"
        yield f"  {drafted.name}:"
        yield f"    id: {drafted.id}  # never changed once records were imported"
        yield f"    table: {drafted.table}"
        yield "    depends_on: []  # the record types that have to be imported first"
        if drafted.modified is not None:
            yield f"    modified: {drafted.modified}"
    yield "    columns:"
    for column in drafted.columns:
        yield f"      {column.source}: {{{', '.join(_properties(column))}}}  # {_comment(column)}"


def _properties(column: DraftColumn) -> Iterator[str]:
    yield f"kind: {column.kind.kind}"
    for name in ("length", "precision", "scale"):
        value = getattr(column.kind, name)
        if value is not None:
            yield f"{name}: {value}"
    name = usable_name(column.source)
    if name != column.source:
        yield f"as: {name}"


def _comment(column: DraftColumn) -> str:
    # One line, whatever a label holds.
    origin = " ".join(column.origin.split())
    if column.kind.kind is ColumnKind.REFERENCE:
        return f"{origin}; add references: … if the type it refers to is imported"
    return origin
