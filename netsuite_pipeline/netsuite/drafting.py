"""Drafts of declarations from a live account: which columns a table has, and of which kind they seem to be.

SuiteQL has no catalogue of columns, and a row leaves out what is NULL, so up to 1,000 rows are looked at and custom
fields are looked up in NetSuite's list of them. How a draft is written down is in `draft_text`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from netsuite_pipeline.netsuite.columns import probe_columns
from netsuite_pipeline.netsuite.custom_field_list import CustomField, list_custom_fields, record_type_id
from netsuite_pipeline.netsuite.errors import NetSuiteError, QueryRejected
from netsuite_pipeline.netsuite.page import Queries
from netsuite_pipeline.netsuite.suiteql import source_of
from netsuite_pipeline.netsuite.value_guess import Guess, guess_kind
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.custom import OWN_TABLES, TABLES_OF_PREFIX
from netsuite_pipeline.record_types.custom_model import ColumnKind
from netsuite_pipeline.record_types.model import RecordType, Source, text

_NAME = re.compile(r"[a-z][a-z0-9_]{0,58}")
_CUSTOM_RECORD = "customrecord"
# A custom field of another record type costs a question, so only those that are likely are asked for.
_MOST_PROBED = 50
_MODIFIED = ("lastmodifieddate", "lastmodified")


class DraftError(NetSuiteError):
    """There is nothing that a declaration could be drafted from."""


@dataclass(frozen=True, kw_only=True)
class DraftColumn:
    """One column and where its kind comes from; `guessed` if from its values alone."""

    source: str
    kind: Guess
    guessed: bool
    origin: str


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What a declaration can say of `name`. `id` and `table` are None for a built-in type, which is extended.

    `rows` were looked at; `notes` are what a person has to know of it.
    """

    name: str
    columns: tuple[DraftColumn, ...]
    rows: int
    notes: tuple[str, ...]
    id: int | None = None
    table: str | None = None
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
    seen = {name for name in rows if name.startswith(f"{prefix}_") or name.startswith(prefix)}
    unseen = _existing(client, record_type, sorted(listed.fields.keys() - seen - declared)[:_MOST_PROBED])
    columns = _columns(
        client, record_type, {name: rows.get(name, []) for name in [*seen - declared, *unseen]}, listed.fields
    )
    return Draft(name=record_type.name, columns=columns, rows=rows.count, notes=listed.notes)


def _whole_type(client: Queries, name: str, catalog: Catalog) -> Draft:
    known = {record_type.name: record_type for record_type in catalog}.get(name)
    bare = RecordType(
        name=name, id=0, table=name, source=Source(table=known.source.table if known else name), fields=()
    )
    rows, listed = _sample(client, bare), list_custom_fields(client, "custrecord")
    if rows.count and "id" not in rows:
        raise DraftError(f"{name} cannot be imported: its rows have no id, by which they could be read in batches.")
    stem = name.removeprefix(_CUSTOM_RECORD).strip("_")
    likely = sorted(field for field in listed.fields.keys() - rows.keys() if stem in field)
    unseen = _existing(client, bare, likely[:_MOST_PROBED]) if name.startswith(_CUSTOM_RECORD) else []
    values = {column: rows.get(column, []) for column in [*rows, *unseen] if column != "id"}
    if not values:
        raise DraftError(f"Nothing can be drafted of {name}: it has no rows, and no custom fields are listed for it.")
    columns = _columns(client, bare, values, listed.fields)
    moments = [column.source for column in columns if column.kind.kind is ColumnKind.DATETIME]
    return Draft(
        name=name,
        columns=columns,
        rows=rows.count,
        notes=listed.notes,
        id=known.id if known else _free_id(client, name, catalog),
        table=known.table if known else _free_table(stem or name, catalog),
        modified=next((column for column in _MODIFIED if column in moments), None),
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


def _existing(client: Queries, record_type: RecordType, names: Sequence[str]) -> list[str]:
    """Those of the columns that NetSuite knows in the type's table."""
    if not names:
        return []
    asked = replace(record_type, fields=tuple(text(name, None) for name in names), rules=())
    absent = {absence.field.name for absence in probe_columns(client, asked)}
    return [name for name in names if name not in absent]


def _columns(
    client: Queries, record_type: RecordType, values: Mapping[str, Sequence[str]], listed: Mapping[str, CustomField]
) -> tuple[DraftColumn, ...]:
    """Standard columns first, then custom ones, each by name."""
    names = sorted(values, key=lambda name: (name.startswith("cust"), name))
    return tuple(_column(client, record_type, name, values[name], listed.get(name)) for name in names)


def _column(
    client: Queries, record_type: RecordType, name: str, values: Sequence[str], field: CustomField | None
) -> DraftColumn:
    if field is not None and field.kind is not None:
        return DraftColumn(
            source=name, kind=field.kind, guessed=False, origin=f'custom field "{field.label}", {field.type}'
        )
    kind = guess_kind(values)
    if kind.kind is ColumnKind.DATE:
        kind = _date_or_moment(client, record_type.source.netsuite_table, name) or guess_kind(values, dates=False)
    return DraftColumn(source=name, kind=kind, guessed=True, origin=f"guessed from {len(values)} values")


def _date_or_moment(client: Queries, table: str, name: str) -> Guess | None:
    """What looks like a date has lost its time; NetSuite still knows it, and refuses TO_CHAR for what is no date."""
    try:
        rows = client.query(f"SELECT MAX(TO_CHAR({table}.{name}, 'HH24:MI:SS')) AS latest FROM {table}").items
    except QueryRejected:
        return None
    latest = next((str(value) for row in rows for column, value in row.items() if column != "links"), "")
    return Guess(kind=ColumnKind.DATE if latest == "00:00:00" else ColumnKind.DATETIME)


def _free_id(client: Queries, name: str, catalog: Catalog) -> int:
    taken = {record_type.id for record_type in catalog}
    known = record_type_id(client, name)
    return known if known is not None and known > 0 and known not in taken else _first_free(taken)


def _first_free(taken: Iterable[int]) -> int:
    return max(0, *taken) + 1


def _free_table(stem: str, catalog: Catalog) -> str:
    taken = {record_type.table for record_type in catalog} | OWN_TABLES
    return f"custom_{stem}" if stem in taken or not _NAME.fullmatch(stem) else stem
