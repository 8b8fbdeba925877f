"""Drafts of declarations from a live account: which columns a table has, and of which kind they seem to be.

SuiteQL has no catalogue of columns, and a row leaves out what is NULL, so up to 1,000 rows are looked at and custom
fields are looked up in NetSuite's list of them. How a draft is written down is in `draft_text`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from netsuite_pipeline.netsuite.custom_field_list import CustomFieldList, list_custom_fields, record_type_id
from netsuite_pipeline.netsuite.draft_questions import ask_existing, ask_times
from netsuite_pipeline.netsuite.errors import NetSuiteError
from netsuite_pipeline.netsuite.page import Queries
from netsuite_pipeline.netsuite.suiteql import source_of
from netsuite_pipeline.netsuite.value_guess import Guess, guess_kind, number_in
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.custom import OWN_TABLES, TABLES_OF_PREFIX
from netsuite_pipeline.record_types.custom_model import ColumnKind
from netsuite_pipeline.record_types.custom_names import NAME_LENGTH, name_fault, unique_name, usable_type_name
from netsuite_pipeline.record_types.model import RecordType, Source

_NAME = re.compile(r"[a-z][a-z0-9_]{0,58}")
_COLUMN = re.compile(r"[a-z_][a-z0-9_]*")
_CUSTOM_RECORD = "customrecord"
_CUSTOM_FIELD = re.compile(r"(cust[a-z]+)_")
_MODIFIED = ("lastmodifieddate", "lastmodified")


class DraftError(NetSuiteError):
    """There is nothing that a declaration could be drafted from."""


@dataclass(frozen=True, kw_only=True)
class DraftColumn:
    """One column and where its kind comes from; `guessed` if from its values alone.

    `number` is the kind of number that a text may be, which so far holds nothing else.
    """

    source: str
    kind: Guess
    guessed: bool
    origin: str
    number: Guess | None = None


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What a declaration can say of the record type `name`. `id` and `table` are None for a built-in type, which is
    extended; `source` is NetSuite's table, if it has another name.

    `rows` were looked at; `notes` are what a person has to know of it.
    """

    name: str
    columns: tuple[DraftColumn, ...]
    rows: int
    notes: tuple[str, ...]
    id: int | None = None
    table: str | None = None
    source: str | None = None
    modified: str | None = None


def draft(client: Queries, name: str, *, catalog: Catalog, builtin: Catalog) -> Draft:
    """A draft for the built-in record type or the NetSuite table `name`.

    Of a built-in type only the custom columns that are not declared yet. RecordTypeUnavailable if the account has
    no such table; DraftError if there is nothing to see of it.
    """
    if name in builtin:
        return _extension(client, catalog.get(name))
    if _NAME.fullmatch(name) is None:
        raise DraftError(f"{name!r} is no name of a table: write lower-case letters, digits and underscores.")
    return _whole_type(client, name, catalog)


def _extension(client: Queries, record_type: RecordType) -> Draft:
    table = record_type.source.table
    prefix = next((prefix for prefix, tables in TABLES_OF_PREFIX.items() if table in tables), "custrecord")
    declared = {field.source.lower() for field in record_type.source_fields}
    rows, listed = _sample(client, record_type), list_custom_fields(client, prefix)
    seen = {name for name in rows if name.startswith(prefix)}
    found = _Found(client, record_type, listed)
    found.ask_for(listed.fields.keys() - seen - declared)
    columns = found.columns({name: rows.get(name, []) for name in [*seen - declared, *found.unseen]})
    return Draft(name=record_type.name, columns=columns, rows=rows.count, notes=tuple(found.notes))


def _whole_type(client: Queries, name: str, catalog: Catalog) -> Draft:
    type_name = usable_type_name(name)
    known = {record_type.name: record_type for record_type in catalog}.get(type_name)
    table = known.source.table if known else name
    bare = RecordType(name=type_name, id=0, table=type_name, source=Source(table=table), fields=())
    rows = _sample(client, bare)
    if rows.count and "id" not in rows:
        raise DraftError(f"{name} cannot be imported: its rows have no id, by which they could be read in batches.")
    found = _Found(client, bare, _listed(client, table, rows))
    stem = table.removeprefix(_CUSTOM_RECORD).strip("_")
    found.ask_for_likely(rows, stem)
    values = {column: rows.get(column, []) for column in [*rows, *found.unseen] if column != "id"}
    if not values:
        raise DraftError(f"Nothing can be drafted of {name}: it has no rows, and no custom fields are listed for it.")
    columns = found.columns(values)
    moments = [column.source for column in columns if column.kind.kind is ColumnKind.DATETIME]
    return Draft(
        name=type_name,
        columns=columns,
        rows=rows.count,
        notes=tuple(found.notes),
        id=known.id if known else _free_id(client, table, catalog),
        table=known.table if known else _free_table(stem or table, catalog),
        source=None if table == type_name else table,
        modified=next((column for column in _MODIFIED if column in moments), None),
    )


def _listed(client: Queries, table: str, rows: Iterable[str]) -> CustomFieldList:
    """NetSuite's list of the custom fields that the table may have: those of a custom record, or of the sorts seen."""
    seen = {match[1] for name in rows if (match := _CUSTOM_FIELD.match(name))}
    prefixes = {"custrecord"} if table.startswith(_CUSTOM_RECORD) or not seen else seen
    lists = [list_custom_fields(client, prefix) for prefix in sorted(prefixes)]
    return CustomFieldList(
        fields={name: field for one in lists for name, field in one.fields.items()},
        notes=tuple(dict.fromkeys(note for one in lists for note in one.notes)),
    )


class _Found:
    """What is found out of one table, and what a person has to know of it."""

    def __init__(self, client: Queries, record_type: RecordType, listed: CustomFieldList) -> None:
        self._client = client
        self._record_type = record_type
        self._listed = listed.fields
        self.notes = list(listed.notes)
        self.unseen: tuple[str, ...] = ()

    def ask_for(self, names: Iterable[str]) -> None:
        """Looks which of the custom fields, which the sample does not show, the table has."""
        existing = ask_existing(self._client, self._record_type, sorted(names))
        self.unseen = existing.names
        self._not_looked_up(existing.unasked, existing.reason)

    def ask_for_likely(self, rows: Iterable[str], stem: str) -> None:
        """The same for a whole type, among the fields that may be its own."""
        unseen = self._listed.keys() - set(rows)
        custom_record = self._record_type.source.table.startswith(_CUSTOM_RECORD)
        # Of all custom records' fields, those that have the record's name in theirs; else those of the sorts seen.
        likely = {name for name in unseen if (stem in name if custom_record else not name.startswith("custrecord"))}
        self.ask_for(likely)
        self._not_looked_up(sorted(unseen - likely), "they seem to be other tables'")

    def columns(self, values: Mapping[str, Sequence[str]]) -> tuple[DraftColumn, ...]:
        """Standard columns first, then custom ones, each by name."""
        odd = [name for name in values if _COLUMN.fullmatch(name) is None]
        if odd:
            self.notes.append(f"Left out, for their names cannot be written: {', '.join(map(repr, sorted(odd)))}.")
        names = sorted(values.keys() - odd, key=lambda name: (name.startswith("cust"), name))
        listed = {name: field.kind for name in names if (field := self._listed.get(name)) and field.kind}
        guessed = self._guessed({name: values[name] for name in names if name not in listed})
        return tuple(self._column(name, values[name], listed.get(name) or guessed[name]) for name in names)

    def _column(self, name: str, values: Sequence[str], kind: Guess) -> DraftColumn:
        field = self._listed.get(name)
        if field is not None and field.kind is not None:
            return DraftColumn(
                source=name, kind=kind, guessed=False, origin=f'custom field "{field.label}", {field.type}'
            )
        return DraftColumn(
            source=name, kind=kind, guessed=True, origin=f"guessed from {len(values)} values", number=number_in(values)
        )

    def _guessed(self, values: Mapping[str, Sequence[str]]) -> dict[str, Guess]:
        kinds = {name: guess_kind(seen) for name, seen in values.items()}
        dates = sorted(name for name, kind in kinds.items() if kind.kind is ColumnKind.DATE)
        times = ask_times(self._client, self._record_type, dates)
        for name in dates:
            known = times.kinds.get(name)
            kinds[name] = guess_kind(values[name], dates=False) if known is None else Guess(kind=known)
        if times.unasked:
            self.notes.append(
                f"Whether {', '.join(times.unasked)} have a time could not be found out ({times.reason}): they are"
                " drafted as text; write kind: date, or kind: datetime."
            )
        return kinds

    def _not_looked_up(self, names: Sequence[str], reason: str) -> None:
        if names:
            between = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
            self.notes.append(
                f"Custom fields that are in none of these rows and were not looked up: {len(names):,} ({between}),"
                f" because {reason}. Write those that {self._record_type.source.table} has below `columns:`."
            )


class _Rows(dict[str, list[str]]):
    """Values by lower-case column, of `count` rows."""

    count = 0


def _sample(client: Queries, record_type: RecordType) -> _Rows:
    source = record_type.source
    where = f" WHERE {source.where}" if source.where else ""
    found = _Rows()
    # One page: the client asks for 1,000 rows.
    for row in client.query(f"SELECT {source.table}.* FROM {source_of(record_type)}{where}").items:
        found.count += 1
        for column, value in row.items():
            if column.lower() != "links" and value is not None:
                found.setdefault(column.lower(), []).append(str(value))
    return found


def _free_id(client: Queries, name: str, catalog: Catalog) -> int:
    taken = {record_type.id for record_type in catalog}
    known = record_type_id(client, name)
    return known if known is not None and known > 0 and known not in taken else _first_free(taken)


def _first_free(taken: Iterable[int]) -> int:
    return max(0, *taken) + 1


def _free_table(stem: str, catalog: Catalog) -> str:
    taken = {record_type.table for record_type in catalog} | OWN_TABLES
    usable = name_fault(stem) is None and stem not in taken
    return stem if usable else unique_name(f"custom_{stem}"[:NAME_LENGTH], taken)
