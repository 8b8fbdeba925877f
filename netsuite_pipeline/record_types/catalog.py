"""The set of record types: lookup, dependency closure and levels.

A catalog is checked when it is built, so that everything after it can rely on it. The declarations
themselves are in `declared`.
"""

import re
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from hashlib import blake2b

from netsuite_pipeline.record_types.failure_policy import AS_SET
from netsuite_pipeline.record_types.model import Derived, Field, RecordType

_NAME = re.compile(r"[a-z][a-z0-9_]*")
# The length of `import_rejects.reason`.
_REASON_LENGTH = 32


class CatalogError(ValueError):
    """Declarations that contradict each other, or a name that no declaration has."""


class Catalog:
    """Record types by name, in dependency order."""

    def __init__(self, record_types: Iterable[RecordType]) -> None:
        declared = list(record_types)
        self._by_name = {record_type.name: record_type for record_type in declared}
        _check_unique(declared)
        for record_type in declared:
            _check_fields(record_type)
            _check_sources(record_type)
            _check_lookups(record_type)
            _check_rules(record_type)
            _check_failure_policy(record_type)
            self._check_dependencies(record_type)
        _check_shared_tables(declared)
        self._levels = self._compute_levels()
        self._ordered = tuple(sorted(declared, key=lambda declaration: self._levels[declaration.name]))

    def __iter__(self) -> Iterator[RecordType]:
        return iter(self._ordered)

    def __len__(self) -> int:
        return len(self._ordered)

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    @property
    def names(self) -> tuple[str, ...]:
        """All names, dependencies before dependents."""
        return tuple(record_type.name for record_type in self._ordered)

    @property
    def digest(self) -> str:
        """32 characters that differ when anything is declared otherwise; a rule's code is known by what it says."""
        return blake2b(
            repr(
                [
                    known.declared if known.failure_policy == AS_SET else (known.declared, known.failure_policy)
                    for known in self
                ]
            ).encode(),
            digest_size=16,
        ).hexdigest()

    def get(self, name: str) -> RecordType:
        """The record type called `name`; CatalogError naming the known ones otherwise."""
        try:
            return self._by_name[name]
        except KeyError:
            raise CatalogError(f"There is no record type {name!r}. Known: {', '.join(self.names)}.") from None

    def level(self, name: str) -> int:
        """0 for a type that depends on nothing, otherwise 1 + the highest level it depends on."""
        return self._levels[self.get(name).name]

    def select(self, names: Iterable[str], *, dependencies: bool) -> tuple[RecordType, ...]:
        """The named types in dependency order, with all they depend on if `dependencies`."""
        wanted: set[str] = set()
        pending = [self.get(name) for name in names]
        while pending:
            record_type = pending.pop()
            if record_type.name not in wanted:
                wanted.add(record_type.name)
                pending.extend(self.get(name) for name in record_type.depends_on if dependencies)
        return tuple(record_type for record_type in self._ordered if record_type.name in wanted)

    def extended(self, record_type: RecordType) -> "Catalog":
        """A catalog with one more declaration."""
        return Catalog((*self._ordered, record_type))

    def _check_dependencies(self, record_type: RecordType) -> None:
        tables = {known.table for known in self._by_name.values()}
        references = [field.references for field in record_type.fields if field.references]
        unknown = [name for name in record_type.depends_on if name not in self._by_name]
        unknown += [name for name in references if name not in self._by_name and name not in tables]
        if unknown:
            raise CatalogError(f"Record type {record_type.name!r} refers to {unknown[0]!r}, which is not declared.")

    def _compute_levels(self) -> dict[str, int]:
        graph = {name: record_type.depends_on for name, record_type in self._by_name.items()}
        levels: dict[str, int] = {}
        try:
            for name in TopologicalSorter(graph).static_order():
                levels[name] = 1 + max((levels[parent] for parent in graph[name]), default=-1)
        except CycleError as error:
            raise CatalogError(
                f"Record types depend on each other in a circle: {' -> '.join(error.args[1])}."
            ) from None
        return levels


def _check_unique(declared: list[RecordType]) -> None:
    for attribute in ("name", "id"):
        seen: set[object] = set()
        for record_type in declared:
            value = getattr(record_type, attribute)
            if value in seen:
                raise CatalogError(f"Two record types have the {attribute} {value!r}; each needs its own.")
            seen.add(value)


def _check_fields(record_type: RecordType) -> None:
    unstored = [field for field in record_type.fields if not field.stored]
    names = [field.name for field in (*record_type.key, *record_type.value_fields, *unstored)]
    repeated = {name for name in names if names.count(name) > 1}
    reserved = {"external_id", "row_hash", "record_type", "imported_at", "deleted_at"} & set(names)
    if repeated or reserved:
        wrong = ", ".join(sorted(repeated | reserved))
        raise CatalogError(f"Record type {record_type.name!r} declares a column twice or a reserved one: {wrong}.")
    # Names become identifiers of SQL, of assets and of files.
    odd = [name for name in (record_type.name, record_type.table, *names) if not _NAME.fullmatch(name)]
    if odd:
        raise CatalogError(
            f"Record type {record_type.name!r}: names are lower-case letters, digits and underscores and begin"
            f" with a letter, unlike {', '.join(map(repr, odd))}."
        )


def _check_sources(record_type: RecordType) -> None:
    # A misspelt column must not pass for an expression.
    odd = [field for field in record_type.source_fields if field.is_expression and "(" not in field.source]
    if odd:
        raise CatalogError(
            f"Record type {record_type.name!r}: {odd[0].source!r}, the source of {odd[0].name}, is neither a column"
            " nor an expression in parentheses."
        )


def _check_lookups(record_type: RecordType) -> None:
    source = record_type.source
    aliases = [source.table, *(lookup.alias for lookup in source.lookups)]
    for lookup in source.lookups:
        others = [other for other in source.lookups if other is not lookup and other.is_used_in(lookup.on)]
        if aliases.count(lookup.alias) > 1 or not lookup.is_used_in(lookup.on) or others:
            raise CatalogError(
                f"Record type {record_type.name!r}: the lookup {lookup.alias!r} needs an alias of its own, and a"
                " condition with that alias and with no other lookup's."
            )


def _check_rules(record_type: RecordType) -> None:
    columns = {field.name for field in record_type.source_fields}
    for rule in record_type.rules:
        about = rule.of if isinstance(rule, Derived) else (rule.field,)
        if unknown := [name for name in about if name not in columns]:
            raise CatalogError(
                f"Record type {record_type.name!r} has a rule about {unknown[0]!r}, which is no column of it."
            )
    for check in record_type.checks:
        if len(check.reason) > _REASON_LENGTH or not _NAME.fullmatch(check.reason):
            raise CatalogError(
                f"Record type {record_type.name!r}: a reason is at most {_REASON_LENGTH} lower-case letters, digits"
                f" and underscores, unlike {check.reason!r}."
            )


def _check_failure_policy(record_type: RecordType) -> None:
    for category, fault in record_type.failure_policy.faults:
        raise CatalogError(f"Record type {record_type.name!r}, failures of {category.value}: {fault}.")


def _check_shared_tables(declared: list[RecordType]) -> None:
    columns: dict[tuple[str, str], tuple[str, Field]] = {}
    keys: dict[str, tuple[Field, ...]] = {}
    for record_type in declared:
        if keys.setdefault(record_type.table, record_type.key) != record_type.key:
            raise CatalogError(f"The types that share table {record_type.table!r} must have the same key.")
        for field in record_type.value_fields:
            owner, known = columns.setdefault((record_type.table, field.name), (record_type.name, field))
            if (known.kind, known.length, known.precision, known.scale) != (
                field.kind,
                field.length,
                field.precision,
                field.scale,
            ):
                raise CatalogError(
                    f"Column {record_type.table}.{field.name} is declared differently by {owner!r} and"
                    f" {record_type.name!r}."
                )
