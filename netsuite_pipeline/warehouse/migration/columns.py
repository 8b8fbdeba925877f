"""Columns that are missing or of another type: which can be added or widened, and which need a person."""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic.operations import ops
from alembic.operations.ops import MigrateOperation
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from netsuite_pipeline.warehouse.migration.ddl import retype
from netsuite_pipeline.warehouse.migration.difference import Action, Difference, Verdict
from netsuite_pipeline.warehouse.migration.retyping import retyping_obstacle
from netsuite_pipeline.warehouse.migration.shapes import Fit, resolved, shape_of

# InnoDB indexes 3,072 bytes of a column, four for a character.
_INDEXED_CHARACTERS = 768

_REASONS = {
    Fit.OVERLAPS: "each of the two types holds values that the other does not: give the column by hand one that holds"
    " both",
    Fit.DIFFERS: "another kind of type could change values in silence: convert the column by hand",
}


def column_differences(
    connection: sa.Connection, table: sa.Table, operations: Sequence[MigrateOperation], found: Sequence[Any]
) -> Iterator[Difference]:
    """The differences of the columns, in the order of Alembic's operations. `found` is the inspector's list."""
    # MySQL and SQLite take Name and name for the same column.
    names = {info["name"].lower() for info in found}
    by_name = {info["name"]: info for info in found}
    for operation in operations:
        if isinstance(operation, ops.AddColumnOp) and operation.column.name.lower() not in names:
            yield _missing(connection.dialect, table, operation)
        if isinstance(operation, ops.AlterColumnOp):
            info = by_name[operation.column_name]
            column = table.columns[operation.column_name]
            if operation.modify_type is not None:
                yield _retyped(connection, column, info)
            if operation.modify_nullable is not None:
                yield _renulled(connection.dialect, column, info)


def _missing(dialect: sa.Dialect, table: sa.Table, operation: ops.AddColumnOp) -> Difference:
    column = table.columns[operation.column.name]
    addable = bool(column.nullable)
    return Difference(
        table=table.name,
        item=column.name,
        declared=_type(column, dialect) + ("" if addable else " NOT NULL"),
        found="no such column",
        verdict=Verdict.SAFE if addable else Verdict.PERSON,
        action=Action.ADD_COLUMN if addable else Action.DECIDE,
        operations=(operation,),
        reason=""
        if addable
        else "the rows that are there have no value for it: add the column by hand and fill it, or rename the table"
        " and it is created anew",
    )


def _retyped(connection: sa.Connection, column: sa.Column[Any], info: Any) -> Difference:
    dialect = connection.dialect
    fit = shape_of(info["type"], dialect).fit(shape_of(column.type, dialect))
    wanted = _wanted(column, info["type"], dialect)
    # What holds more stays as it is: imports take it, and narrowing could lose values.
    wider = fit is Fit.WIDER
    reason = "" if wider else _REASONS.get(fit, "") or _obstacle(connection, column)
    verdict, action = (Verdict.WIDER, Action.LEAVE) if wider else (Verdict.WIDENS, Action.WIDEN_COLUMN)
    return Difference(
        table=column.table.name,
        item=column.name,
        declared=wanted,
        found=info["type"].compile(dialect=dialect),
        verdict=Verdict.PERSON if reason else verdict,
        action=Action.DECIDE if reason else action,
        operations=() if wider else (retype(column.table.name, column.name, to=wanted, info=info),),
        reason=reason,
    )


def _renulled(dialect: sa.Dialect, column: sa.Column[Any], info: Any) -> Difference:
    declared, found = ("NULL", "NOT NULL") if column.nullable else ("NOT NULL", "NULL")
    kept = info["type"].compile(dialect=dialect)
    reason = (
        "imports write NULL into it: allow NULL by hand"
        if column.nullable
        else "rows may hold NULL: give each a value, then set NOT NULL by hand"
    )
    return Difference(
        table=column.table.name,
        item=column.name,
        declared=declared,
        found=found,
        verdict=Verdict.PERSON,
        action=Action.DECIDE,
        operations=(retype(column.table.name, column.name, to=kept, info=info, nullable=column.nullable),),
        reason=reason,
    )


def _type(column: sa.Column[Any], dialect: sa.Dialect) -> str:
    return column.type.compile(dialect=dialect)


def _wanted(column: sa.Column[Any], found: TypeEngine[Any], dialect: sa.Dialect) -> str:
    # A collation that people chose stays; MySQL would give the column that of its table.
    wanted = resolved(column.type, dialect)
    chosen = [
        f"{words} {getattr(found, option)}"
        for option, words in (("charset", "CHARACTER SET"), ("collation", "COLLATE"))
        if isinstance(wanted, sa.String) and getattr(found, option, None) and not getattr(wanted, option, None)
    ]
    return " ".join([_type(column, dialect), *chosen])


def _obstacle(connection: sa.Connection, column: sa.Column[Any]) -> str:
    table = column.table.name
    if obstacle := retyping_obstacle(connection, table, column.name):
        return obstacle
    wanted = resolved(column.type, connection.dialect)
    if connection.dialect.name == "sqlite" or not isinstance(wanted, sa.String):
        return ""
    unbounded = isinstance(wanted, (sa.Text, mysql.LONGTEXT)) or (wanted.length or 0) > _INDEXED_CHARACTERS
    inspector = sa.inspect(connection)
    covering = [
        str(index["name"])
        for index in inspector.get_indexes(table)
        if column.name in index["column_names"]
        and column.name not in (index.get("dialect_options") or {}).get("mysql_length", {})
    ]
    if unbounded and covering:
        return f"the index {covering[0]} covers it, which takes {_INDEXED_CHARACTERS} characters: drop the index first"
    return ""
