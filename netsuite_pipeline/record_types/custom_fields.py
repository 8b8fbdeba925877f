"""From a column of the user's file to fields and rules of a declaration; JSON columns among them.

Pure: specs in, declarations out. Whether they fit a record type is checked in `custom`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from netsuite_pipeline.record_types.custom_model import ColumnKind, ColumnSpec, ExtensionSpec
from netsuite_pipeline.record_types.custom_names import LONGEST, TAKEN, name_fault, usable_name
from netsuite_pipeline.record_types.custom_yaml import Document, Place
from netsuite_pipeline.record_types.model import Derived, Field, Kind, Rule, Values, text
from netsuite_pipeline.record_types.rules import enum

# Where the values of `json_columns` are kept.
JSON_COLUMN = "custom_fields"
_CODE_LENGTH = 64


@dataclass(frozen=True, kw_only=True)
class Addition:
    """What one entry of the file adds, where it stands, and which column of NetSuite's it is about.

    `in_json`: an entry of `json_columns`, which has no `as`.
    """

    place: Place
    source: str
    field: Field | None = None
    rule: Rule | None = None
    in_json: bool = False

    @property
    def columns(self) -> tuple[Field, ...]:
        """The names that it takes: of the answer's columns and of the table's."""
        derived = (self.rule.field,) if isinstance(self.rule, Derived) else ()
        return ((self.field,) if self.field else ()) + derived


def additions(extension: ExtensionSpec, place: Place, document: Document) -> tuple[Addition, ...]:
    """Everything that `extension`, which stands at `place`, adds; CustomTypesError for a reserved name."""
    added = [_column(source, column, (*place, "columns", source)) for source, column in extension.columns.items()]
    added += _json(extension.json_columns, (*place, "json_columns"))
    for addition in added:
        for field in addition.columns:
            _check_name(field, addition, document)
    return tuple(added)


def _check_name(field: Field, addition: Addition, document: Document) -> None:
    remedy = (
        "remove it from this list"
        if addition.in_json
        else f"give this column another name, e.g. `as: {usable_name(addition.source)}`"
    )
    if field.name in TAKEN or addition.source.lower() == "id":
        raise document.error(
            addition.place,
            f"every table has {', '.join(sorted(TAKEN))} already, refid being NetSuite's id; {remedy}.",
        )
    fault = name_fault(field.name, longest=LONGEST)
    if fault is not None:
        raise document.error(addition.place, f"{fault}; {remedy}.")


def _column(source: str, column: ColumnSpec, place: Place) -> Addition:
    name = column.name or source.lower()
    if column.kind is ColumnKind.ENUM:
        field = Field(name=name, source=source, kind=Kind.TEXT, length=_CODE_LENGTH)
        return Addition(
            place=place, source=source, field=field, rule=enum(name, column.names or {}, name=f"{name}_name")
        )
    if column.kind is ColumnKind.LONG_TEXT:
        return Addition(place=place, source=source, field=text(name, None, source))
    if column.kind is ColumnKind.REFERENCE and column.name is None:
        name = f"{name}_id"
    field = Field(
        name=name,
        source=source,
        kind=Kind(column.kind.value),
        length=column.length,
        precision=column.precision,
        scale=column.scale,
        references=column.references,
        truncate=bool(column.truncate),
    )
    return Addition(place=place, source=source, field=field)


def _json(sources: Sequence[str], place: Place) -> list[Addition]:
    """The parts, which have no column of their own, and the rule that joins them."""
    # In the query a part may need another name than in the JSON, which nothing but the pipeline sees.
    parts = tuple((source.lower(), usable_name(source)) for source in sources)
    added = [
        Addition(
            place=(*place, number),
            source=source,
            field=Field(name=parts[number][1], source=source, kind=Kind.TEXT, stored=False),
            in_json=True,
        )
        for number, source in enumerate(sources)
    ]
    if parts:
        rule = Derived(
            field=text(JSON_COLUMN, None),
            of=tuple(alias for _, alias in parts),
            says=f"JSON of {', '.join(name for name, _ in parts)}",
            compute=_Joined(parts),
        )
        added.append(Addition(place=place, source=sources[0], rule=rule, in_json=True))
    return added


@dataclass(frozen=True)
class _Joined:
    """{name: value as NetSuite sent it}, sorted by name, as JSON; NULLs are left out, None if nothing is left.

    `parts` are names in the JSON and in the row.
    """

    parts: tuple[tuple[str, str], ...]

    def __call__(self, values: Values) -> str | None:
        kept = {name: values[column] for name, column in self.parts if values[column] is not None}
        return json.dumps(kept, ensure_ascii=False, sort_keys=True) if kept else None
