"""From a column of the user's file to fields and rules of a declaration; JSON columns among them.

Pure: specs in, declarations out. Whether they fit a record type is checked in `custom`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from netsuite_pipeline.record_types.custom_model import ColumnKind, ColumnSpec, ExtensionSpec
from netsuite_pipeline.record_types.custom_yaml import Document, Place
from netsuite_pipeline.record_types.model import Derived, Field, Kind, Rule, Values, text
from netsuite_pipeline.record_types.rules import enum

# Where the values of `json_columns` are kept.
JSON_COLUMN = "custom_fields"
# What the tables have without being asked for it.
_TAKEN = frozenset({"refid", "external_id", "row_hash", "record_type", "imported_at", "deleted_at"})
_CODE_LENGTH = 64


@dataclass(frozen=True, kw_only=True)
class Addition:
    """What one entry of the file adds, where it stands, and which column of NetSuite's it is about."""

    place: Place
    source: str
    field: Field | None = None
    rule: Rule | None = None

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
            if field.name in _TAKEN or addition.source.lower() == "id":
                raise document.error(
                    addition.place,
                    f"every table has {', '.join(sorted(_TAKEN))} already, refid being NetSuite's id; remove this"
                    " column or give it another name with `as: …`.",
                )
    return tuple(added)


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
    )
    return Addition(place=place, source=source, field=field)


def _json(sources: Sequence[str], place: Place) -> list[Addition]:
    """The parts, which have no column of their own, and the rule that joins them."""
    names = tuple(source.lower() for source in sources)
    added = [
        Addition(
            place=(*place, number),
            source=source,
            field=Field(name=names[number], source=source, kind=Kind.TEXT, stored=False),
        )
        for number, source in enumerate(sources)
    ]
    if names:
        rule = Derived(
            field=text(JSON_COLUMN, None), of=names, says=f"JSON of {', '.join(names)}", compute=_Joined(names)
        )
        added.append(Addition(place=place, source=sources[0], rule=rule))
    return added


@dataclass(frozen=True)
class _Joined:
    """{name: value as NetSuite sent it}, sorted by name, as JSON; NULLs are left out, None if nothing is left."""

    names: tuple[str, ...]

    def __call__(self, values: Values) -> str | None:
        kept = {name: values[name] for name in self.names if values[name] is not None}
        return json.dumps(kept, ensure_ascii=False, sort_keys=True) if kept else None
