"""Tables as people made them: a declared table with other types, NOT NULL, defaults, keys, checks and triggers.

Only what a recipe is and its SQL; random ones are in `random_tables`.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

# Columns, each with how much of it the index looks at; None for all.
Unique = tuple[tuple[str, int | None], ...]


@dataclass(frozen=True, kw_only=True)
class ColumnChange:
    """What became of one column: another type, NOT NULL, a default (SQL text)."""

    column: str
    type: str | None = None
    not_null: bool = False
    default: str | None = None


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How the table differs from its declaration. In conditions <> is the column that is named beside them.

    `refuse_on` are the events on which a trigger refuses rows, `below` is where a partitioned table ends, `counted` an
    AUTO_INCREMENT, `setting` one of the server's.
    """

    changes: tuple[ColumnChange, ...] = ()
    uniques: tuple[Unique, ...] = ()
    indexed: str | None = None
    checked: tuple[str, str] | None = None
    parent_of: str | None = None
    parent_is_itself: bool = False
    refuse_on: tuple[str, ...] = ()
    refuse_if: tuple[str, str] = ("", "")
    below: int | None = None
    counted: bool = False
    extra: str | None = None
    setting: tuple[str, str] | None = None


def statements(recipe: Recipe, table: sa.Table, dialect: sa.Dialect) -> list[str]:
    """CREATE TABLE as the recipe says, with its indexes and triggers, for a database without the table."""
    quote = dialect.identifier_preparer.quote_identifier
    server = dialect.name != "sqlite"
    parts = _column_parts(recipe, table, dialect)
    parts.append(f"PRIMARY KEY ({', '.join(quote(column.name) for column in table.primary_key)})")
    if recipe.checked:
        parts.append(f"CHECK ({_condition(recipe.checked, quote)})")
    if recipe.parent_of:
        parent = (
            f"{table.name} ({quote(next(iter(table.primary_key)).name)})" if recipe.parent_is_itself else "parents (id)"
        )
        parts.append(f"FOREIGN KEY ({quote(recipe.parent_of)}) REFERENCES {parent}")
    options = " ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci" if server else ""
    if recipe.below is not None:
        options += f" PARTITION BY RANGE ({quote('refid')}) (PARTITION p VALUES LESS THAN ({recipe.below}))"
    made = [f"CREATE TABLE {table.name} ({', '.join(parts)}){options}"]
    for number, unique in enumerate(recipe.uniques):
        made.append(f"CREATE UNIQUE INDEX fuzz_unique_{number} ON {table.name} ({_indexed(unique, quote)})")
    if recipe.indexed:
        made.append(f"CREATE INDEX fuzz_index ON {table.name} ({_indexed(((recipe.indexed, None),), quote)})")
    return made + [_trigger(recipe, event, table.name, quote, server=server) for event in recipe.refuse_on]


def _column_parts(recipe: Recipe, table: sa.Table, dialect: sa.Dialect) -> list[str]:
    quote = dialect.identifier_preparer.quote_identifier
    changes = {change.column: change for change in recipe.changes}
    parts = []
    for column in table.columns:
        change = changes.get(column.name, ColumnChange(column=column.name))
        part = f"{quote(column.name)} {change.type or column.type.compile(dialect=dialect)}"
        if change.not_null or not column.nullable:
            part += " NOT NULL"
        if change.default is not None:
            part += f" DEFAULT {change.default}"
        if recipe.counted and column.primary_key:
            part += " AUTO_INCREMENT"
        parts.append(part)
    if recipe.extra:
        parts.append(f"extra_of_theirs {recipe.extra}")
    return parts


def _indexed(columns: Unique, quote: Any) -> str:
    return ", ".join(quote(name) + (f"({prefix})" if prefix else "") for name, prefix in columns)


def _condition(named: tuple[str, str], quote: Any) -> str:
    name, condition = named
    return condition.replace("<>", quote(name))


def _trigger(recipe: Recipe, event: str, table: str, quote: Any, *, server: bool) -> str:
    condition = _condition(recipe.refuse_if, quote)
    if server:
        action = f"IF {condition} THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused'; END IF"
        return f"CREATE TRIGGER fuzz_{event} BEFORE {event} ON {table} FOR EACH ROW {action}"
    action = f"WHEN {condition} BEGIN SELECT RAISE(ABORT, 'refused'); END"
    return f"CREATE TRIGGER fuzz_{event} BEFORE {event} ON {table} {action}"
