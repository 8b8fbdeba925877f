"""Names in a query: which tables and sub-selects it reads, and which columns these have."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from netsuite_pipeline.sandbox.catalogue import TABLES, Column, Kind
from netsuite_pipeline.sandbox.errors import unknown_identifier, unsupported


@dataclass(frozen=True)
class Source:
    """One table or sub-select of a FROM clause. `table` is its NetSuite name, or the alias of a
    sub-select.
    """

    alias: str
    table: str
    columns: Mapping[str, Column]
    derived: bool = False


@dataclass(frozen=True)
class Expression:
    """SQLite text of a value, what it is, and its text if it is a string constant.

    `raw_decimal` marks a decimal that is still text in storage.
    """

    sql: str
    kind: Kind | None
    target: str | None = None
    constant: str | None = None
    raw_decimal: bool = False
    not_null: bool = False
    source: Source | None = None
    name: str | None = None

    @property
    def comparable(self) -> str:
        """SQL that compares and computes by value."""
        return f"CAST({self.sql} AS NUMERIC)" if self.raw_decimal else self.sql


@dataclass
class Scope:
    """The sources of one SELECT, and the scope around a sub-select."""

    sources: list[Source] = field(default_factory=list)
    parent: "Scope | None" = None

    def resolve(self, name: str, qualifier: str | None) -> Expression:
        """The column called `name`; NetSuiteFault 400 naming it if there is none."""
        scope: Scope | None = self
        while scope is not None:
            matches = [
                source for source in scope.sources if qualifier in {None, source.alias} and name in source.columns
            ]
            if len(matches) > 1:
                raise unsupported(f"Column '{name}' is ambiguously defined.")
            if matches:
                return _column(matches[0], name)
            scope = scope.parent
        known = {source.alias for source in self.sources}
        wrong = qualifier if qualifier is not None and qualifier not in known else name
        raise unknown_identifier(wrong, self.available)

    @property
    def available(self) -> dict[str, str]:
        """Aliases and their tables, as errors print them."""
        return {source.alias: source.table for source in self.sources}


def quoted(name: str) -> str:
    """A name as an SQLite identifier."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _column(source: Source, name: str) -> Expression:
    column = source.columns[name]
    is_key = not source.derived and name == "id" and TABLES[source.table].key == ("id",)
    return Expression(
        f"{quoted(source.alias)}.{quoted(name)}",
        column.kind,
        target=column.target,
        raw_decimal=column.kind is Kind.DECIMAL,
        not_null=is_key,
        source=source,
        name=name,
    )
