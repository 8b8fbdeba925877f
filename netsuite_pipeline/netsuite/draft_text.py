"""A draft as YAML, ready to edit and to load as it is. What it says is found out in `drafting`."""

from collections.abc import Iterator

from netsuite_pipeline.netsuite.drafting import Draft, DraftColumn
from netsuite_pipeline.netsuite.value_guess import Guess
from netsuite_pipeline.record_types.custom_model import ColumnKind
from netsuite_pipeline.record_types.custom_names import LONGEST, TAKEN, name_fault, unique_name, usable_name


def draft_text(drafted: Draft, *, account: str) -> str:
    """The text of a RECORD_TYPES_FILE that holds `drafted`."""
    table = drafted.source or drafted.name
    head = [
        f"Drafted from account {account}: {table}, of which {drafted.rows:,} rows were looked at.",
        "A kind that is marked as guessed follows from these rows alone, and a row with a value that does not fit is",
        "rejected: check it before the first import.",
        *drafted.notes,
    ]
    return "\n".join([*(f"# {_printable(line)}" for line in head), *_body(drafted)]) + "\n"


def _body(drafted: Draft) -> Iterator[str]:
    if drafted.table is None:
        if not drafted.columns:
            yield "# No custom column was found that is not declared yet."
            return
        yield "extend:"
        yield f"  {drafted.name}:"
    else:
        yield "types:"
        yield f"  {drafted.name}:"
        yield f"    id: {drafted.id}  # never changed once records were imported"
        if drafted.source is not None:
            yield f"    source: {drafted.source}"
        yield f"    table: {drafted.table}"
        yield "    depends_on: []  # the record types that have to be imported first"
        if drafted.modified is not None:
            yield f"    modified: {drafted.modified}"
    yield "    columns:"
    taken = set(TAKEN)
    for column in drafted.columns:
        properties = ", ".join([*_properties(column.kind), *_name_property(column, taken)])
        yield f"      {column.source}: {{{properties}}}  # {_printable(_comment(column))}"


def _properties(kind: Guess) -> Iterator[str]:
    yield f"kind: {kind.kind}"
    for name in ("length", "precision", "scale"):
        value = getattr(kind, name)
        if value is not None:
            yield f"{name}: {value}"


def _name_property(column: DraftColumn, taken: set[str]) -> Iterator[str]:
    """The `as` of a column whose own name cannot be kept; `taken` are the names before it."""
    name = f"{column.source}_id" if column.kind.kind is ColumnKind.REFERENCE else column.source
    if name in taken or name_fault(name, longest=LONGEST) is not None:
        name = unique_name(usable_name(column.source), taken)
        yield f"as: {name}"
    taken.add(name)


def _comment(column: DraftColumn) -> str:
    if column.kind.kind is ColumnKind.REFERENCE:
        return f"{column.origin}; add references: … if the type it refers to is imported"
    if column.number is not None:
        return f"{column.origin}, all numbers: {', '.join(_properties(column.number))} if it can hold nothing else"
    return column.origin


def _printable(line: str) -> str:
    """One line that neither YAML nor a terminal takes for anything else, whatever a label holds."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in line).split())
