"""The vocabulary of the catalogue: kinds of columns, Column and Table. The tables are in the modules beside it.

A name is in lower case, as SuiteQL prints it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a column is stored, compared and rendered."""

    INTEGER = "integer"
    # Kept as text and compared as numbers, so that no digit is lost on the way out.
    DECIMAL = "decimal"
    TEXT = "text"
    FLAG = "flag"
    # Both are kept as `YYYY-MM-DD HH:MM:SS`; a DATE is at midnight (Oracle's DATE type).
    DATE = "date"
    DATETIME = "datetime"


@dataclass(frozen=True)
class Column:
    """`target` is the table whose `name` BUILTIN.DF shows for this reference."""

    kind: Kind
    target: str | None = None


@dataclass(frozen=True)
class Table:
    """Columns by lower-case name. `key` identifies a row, `modified` moves when it changes, `title` displays
    it.
    """

    name: str
    columns: Mapping[str, Column]
    key: tuple[str, ...] = ("id",)
    modified: str | None = "lastmodifieddate"
    title: str = "name"


def table(
    name: str,
    *,
    key: tuple[str, ...] = ("id",),
    modified: str | None = "lastmodifieddate",
    title: str = "name",
    references: Mapping[str, str] | None = None,
    **columns_by_kind: str,
) -> Table:
    """A table of columns by kind, named in one text per kind; `references` are ids of another table."""
    columns = {column: Column(Kind(kind)) for kind, names in columns_by_kind.items() for column in names.split()}
    columns |= {column: Column(Kind.INTEGER, target) for column, target in (references or {}).items()}
    return Table(name, columns, key, modified, title)
