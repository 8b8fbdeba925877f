"""The catalog with the user's own columns and record types, from the YAML file that RECORD_TYPES_FILE names.

`load_catalog` is the only way in which the code location and the command get their catalog. What the file may say is
in `custom_model`, how its columns become fields in `custom_fields`; docs/record_types.example.yaml shows it all.
"""

import difflib
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Protocol

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.catalog import Catalog, CatalogError
from netsuite_pipeline.record_types.custom_fields import Addition, additions
from netsuite_pipeline.record_types.custom_model import ExtensionSpec, FileSpec, TypeSpec, read_spec
from netsuite_pipeline.record_types.custom_yaml import CustomTypesError, Document, Place, parsed, read_document
from netsuite_pipeline.record_types.failure_policy import FailurePolicy
from netsuite_pipeline.record_types.model import SINGLE_KEY, Field, RecordType, Source

# The pipeline's own tables beside the record types' (a test compares them with the warehouse).
_OWN_TABLES = """import_rejects value_repairs batch_ledger commit_turns refused_logins missing_columns column_probes
batch_watermarks noted_deletions
    import_jobs import_job_types wave_coordination wave_batches run_heartbeats source_circuits wave_sizings
    schema_changes"""
OWN_TABLES = frozenset(_OWN_TABLES.split())
# A custom field belongs to the tables of its prefix, among those that built-in types read: contacts and partners, say,
# have custentity_ fields too. custrecord_ fields are on custom records and on lists.
TABLES_OF_PREFIX: Mapping[str, Set[str]] = {
    "custentity": {"customer", "vendor", "employee", "job"},
    "custbody": {"transaction"},
    "custcol": {"transactionline"},
    "custitem": {"item"},
}


class CatalogSettings(Protocol):
    """The settings that a catalog depends on."""

    @property
    def record_types_file(self) -> Path | None:
        """The user's YAML file, if there is one."""

    @property
    def adopt_tables(self) -> Sequence[str]:
        """The tables that people had before."""


def load_catalog(settings: CatalogSettings) -> Catalog:
    """The built-in record types with the user's columns, and the user's record types.

    CustomTypesError, a CatalogError, is one sentence that names file and line and what to write instead.
    """
    file = settings.record_types_file
    catalog = CATALOG if file is None else extended_catalog(CATALOG, file)
    return adopting(catalog, settings.adopt_tables) if settings.adopt_tables else catalog


def adopting(catalog: Catalog, tables: Sequence[str]) -> Catalog:
    """The catalog with `tables` as people's own; CatalogError for one that no record type fills."""
    filled = {record_type.table for record_type in catalog}
    unknown = [name for name in tables if name not in filled]
    if unknown:
        raise CatalogError(
            f"ADOPT_TABLES names {unknown[0]!r}, which no record type fills; write some of {', '.join(sorted(filled))}."
        )
    return Catalog(replace(known, adopted=True) if known.table in tables else known for known in catalog)


def extended_catalog(builtin: Catalog, file: Path) -> Catalog:
    """`builtin` with what `file` adds to it."""
    return _applied(builtin, read_document(file))


def catalog_with(builtin: Catalog, text: str, file: Path) -> Catalog:
    """`builtin` with what `text` adds to it, which is not in a `file` of that name yet."""
    return _applied(builtin, parsed(text, file))


def _applied(builtin: Catalog, document: Document) -> Catalog:
    return _Reading(builtin, document, read_spec(document)).catalog()


class _Reading:
    """One file being applied to a catalog: the checks that need more than a single value."""

    def __init__(self, builtin: Catalog, document: Document, spec: FileSpec) -> None:
        self._builtin = builtin
        self._document = document
        self._spec = spec
        self._known = (*builtin.names, *spec.types)
        self._ids: dict[int, str] = {}
        self._builtin_tables = frozenset(record_type.table for record_type in builtin)
        self._tables = set(self._builtin_tables)
        # Types that share a table share its columns, so one name means one column there.
        self._columns = {
            (record_type.table, field.name): _shape(field)
            for record_type in builtin
            for field in record_type.value_fields
        }

    def catalog(self) -> Catalog:
        """The extended catalog; CustomTypesError for the first thing that does not fit."""
        extended = {record_type.name: record_type for record_type in self._builtin}
        for name, extension in self._spec.extend.items():
            for target in self._extended_types(name):
                extended[target] = self._extended(extended[target], extension, ("extend", name))
        declared = [self._declared(name, spec) for name, spec in self._spec.types.items()]
        self._check_circles()
        try:
            return Catalog((*extended.values(), *declared))
        except CatalogError as error:
            raise CustomTypesError(f"{self._document.file}: {error}") from None

    def _extended_types(self, name: str) -> tuple[str, ...]:
        if name in self._builtin:
            return (name,)
        of_table = tuple(record_type.name for record_type in self._builtin if record_type.table == name)
        if of_table:
            return of_table
        raise self._document.error(
            ("extend", name),
            f"there is no built-in record type {name!r}; write {_likely(name, self._builtin.names)}, or declare a type"
            " of your own under `types`.",
        )

    def _extended(self, record_type: RecordType, extension: ExtensionSpec, place: Place) -> RecordType:
        added = additions(extension, place, self._document)
        taken = {field.name for field in (*record_type.source_fields, *record_type.value_fields)}
        for addition in added:
            self._check_prefix(addition, record_type)
            self._check_free(addition, taken, record_type)
            self._check_reference(addition)
        return replace(
            record_type,
            source=_read_from(extension.source, record_type.source),
            fields=record_type.fields + tuple(addition.field for addition in added if addition.field),
            rules=record_type.rules + tuple(addition.rule for addition in added if addition.rule),
            failure_policy=self._failure_policy(record_type, extension, (*place, "failures")),
        )

    def _failure_policy(self, record_type: RecordType, extension: ExtensionSpec, place: Place) -> FailurePolicy:
        if extension.failures is None:
            return record_type.failure_policy
        if other := self._line_beside(place, record_type):
            raise self._document.error(
                place, f"{record_type.name!r} has failures on line {other}, too; write all of them in one place."
            )
        policy = extension.failures.policy
        for category, fault in policy.faults:
            raise self._document.error((*place, category.value), f"failures of {category.value}: {fault}.")
        return policy

    def _declared(self, name: str, spec: TypeSpec) -> RecordType:
        place = ("types", name)
        self._check_type(name, spec, place)
        bare = RecordType(
            name=name,
            id=spec.id,
            table=spec.table,
            source=Source(table=spec.source or name, modified=spec.modified),
            fields=(),
            depends_on=spec.depends_on,
            key=SINGLE_KEY,
        )
        return self._extended(bare, spec, place)

    def _check_type(self, name: str, spec: TypeSpec, place: Place) -> None:
        error = self._document.error
        if name in self._builtin:
            raise error(place, f"{name!r} is a built-in record type; write its columns under `extend`.")
        if spec.table in self._tables | OWN_TABLES:
            raise error((*place, "table"), f"the table {spec.table!r} is taken; write another name, e.g. {name!r}.")
        self._tables.add(spec.table)
        owner = self._ids.setdefault(spec.id, name)
        if owner != name:
            raise error((*place, "id"), f"{owner!r} has the id {spec.id} already; write another one.")
        for number, parent in enumerate(spec.depends_on):
            self._check_known(parent, (*place, "depends_on", number))
        if not spec.columns and not spec.json_columns:
            raise error(place, f"{name!r} has no columns; write them below `columns:`, each as `name: {{kind: …}}`.")
        dates = [source for source, column in spec.columns.items() if column.kind == "datetime"]
        if spec.modified is not None and spec.modified not in dates:
            raise error(
                (*place, "modified"),
                f"{spec.modified!r} is no datetime column of {name!r}; write {_likely(spec.modified, dates)}, or remove"
                " this line.",
            )

    def _check_prefix(self, addition: Addition, record_type: RecordType) -> None:
        prefix = addition.source.lower().partition("_")[0]
        tables, table = TABLES_OF_PREFIX.get(prefix), record_type.source.table.lower()
        if tables is None or table in tables or not self._is_known(table):
            return
        fitting = [known.name for known in self._builtin if known.source.table in tables]
        raise self._document.error(
            addition.place,
            f"{record_type.name!r} has no {prefix}_ fields; write {addition.source!r} under {' or '.join(fitting)}.",
        )

    def _is_known(self, table: str) -> bool:
        """Whether it is certain which custom fields NetSuite's table can have."""
        return table.startswith("customrecord") or any(known.source.table == table for known in self._builtin)

    def _check_free(self, addition: Addition, taken: set[str], record_type: RecordType) -> None:
        for field in addition.columns:
            if field.name in taken:
                raise self._document.error(addition.place, self._taken(field.name, addition, record_type))
            taken.add(field.name)
            if not field.stored:
                continue
            known = self._columns.setdefault((record_type.table, field.name), _shape(field))
            if known != _shape(field):
                raise self._document.error(
                    addition.place,
                    f"table {record_type.table!r} has another column {field.name!r}, of another type of record; write"
                    " the same kind and sizes or another name with `as: …`.",
                )

    def _taken(self, name: str, addition: Addition, record_type: RecordType) -> str:
        """The sentence for a column that `record_type` has already."""
        if not addition.in_json:
            remedy = "remove this one or give it another name with `as: …`"
        elif addition.field is not None:
            remedy = f"remove {addition.source!r} from this list"
        elif other := self._line_beside(addition.place, record_type):
            return f"{record_type.name!r} has json_columns already, on line {other}; write all of them in one list."
        else:
            remedy = "json_columns are kept under this name, so give the other column another one with `as: …`"
        return f"{record_type.name!r} has a column {name!r} already; {remedy}."

    def _line_beside(self, place: Place, record_type: RecordType) -> int | None:
        """The line of the same key that is meant for the type as well: under its own name and under its table's."""
        others = [("extend", name, place[2]) for name in (record_type.name, record_type.table)]
        return next(
            (self._document.lines[other] for other in others if other in self._document.lines and other != place), None
        )

    def _check_reference(self, addition: Addition) -> None:
        # The name of a table stands for the types that fill it, as in `extend`.
        if addition.field is not None and addition.field.references not in {None, *self._builtin_tables}:
            self._check_known(str(addition.field.references), (*addition.place, "references"))

    def _check_known(self, name: str, place: Place) -> None:
        if name not in self._known:
            raise self._document.error(
                place, f"there is no record type {name!r}; write {_likely(name, self._known)}, or remove it."
            )

    def _check_circles(self) -> None:
        graph = {name: spec.depends_on for name, spec in self._spec.types.items()}
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            circle: Sequence[str] = error.args[1]
            raise self._document.error(
                ("types", circle[0], "depends_on"),
                f"record types depend on each other in a circle, {' -> '.join(circle)}; remove one of these from its"
                " depends_on.",
            ) from None


def _read_from(table: str | None, source: Source) -> Source:
    """The user's table under the name that the declaration knows, so that what it says of its columns stays true."""
    if table is None:
        return source
    return replace(source, view=None if table.lower() == source.table.lower() else table)


def _likely(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    if close:
        return repr(close[0])
    return f"one of {', '.join(known)}" if known else "the name of one that is declared"


def _shape(field: Field) -> tuple[object, ...]:
    return field.kind, field.length, field.precision, field.scale
