"""Alembic operations on one table: done, or written down as statements.

SQLite alters little in place. There Alembic's batch mode copies the table; what the copy would lose is looked for
before and after, and indexes and triggers are made again from their own text.
"""

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations, ops
from alembic.operations.ops import MigrateOperation
from alembic.runtime.migration import MigrationContext
from sqlalchemy.types import TypeEngine

from netsuite_pipeline.warehouse.migration.errors import ChangeRefused
from netsuite_pipeline.warehouse.migration.shapes import TypeText

_SEPARATOR = ";\n\n"
_COPIED = (
    ops.AlterColumnOp,
    ops.CreateUniqueConstraintOp,
    ops.CreateCheckConstraintOp,
    ops.DropConstraintOp,
    ops.CreatePrimaryKeyOp,
)
# SQLite drops columns in place since 3.35.
_DROPS_IN_PLACE = (3, 35)
# What reflection does not see of a table of SQLite's, and a copy made from reflection therefore lacks.
_LOST_BY_COPY = re.compile(r"\b(COLLATE|AUTOINCREMENT|WITHOUT\s+ROWID|STRICT|GENERATED|ON\s+CONFLICT)\b", re.IGNORECASE)


def perform(connection: sa.Connection, table: str, operations: Sequence[MigrateOperation]) -> None:
    """Does the operations. ChangeRefused if copying the table of SQLite's would change more than was asked."""
    context = MigrationContext.configure(connection)
    if not needs_copy(connection, operations):
        _invoke(context, connection, table, operations)
        return
    altered = {operation.column_name for operation in operations if isinstance(operation, ops.AlterColumnOp)}
    before = _facts(connection, table, without=altered)
    kept = _kept(connection, table)
    _invoke(context, connection, table, operations)
    _restore(connection, table, kept)
    if _facts(connection, table, without=altered) != before:
        raise ChangeRefused(
            f"Table {table} cannot be copied without losing a part of its definition, and nothing was changed:"
            " change it by hand."
        )


def statements(connection: sa.Connection, table: str, operations: Sequence[MigrateOperation]) -> tuple[str, ...]:
    """The DDL of the operations, for people; nothing is done."""
    buffer = StringIO()
    options = {"as_sql": True, "output_buffer": buffer}
    context = MigrationContext.configure(dialect=connection.dialect, opts=options)
    _invoke(context, connection, table, operations)
    texts = [text.strip() for text in buffer.getvalue().split(_SEPARATOR)]
    if needs_copy(connection, operations):
        texts += [sql for _, _, sql in _kept(connection, table)]
    return tuple(text for text in texts if text)


def retype(table: str, column: str, *, to: str, info: Any, nullable: bool | None = None) -> ops.AlterColumnOp:
    """Gives a column another type. Nullability, default and comment stay: MySQL forgets what it is not told again.

    `info` is the column as the inspector found it.
    """
    default = info.get("default")
    return ops.AlterColumnOp(
        table,
        column,
        existing_type=info["type"],
        existing_nullable=info["nullable"],
        existing_server_default=sa.DefaultClause(sa.text(default)) if default is not None else False,
        existing_comment=info.get("comment"),
        modify_type=TypeText(to, instead_of=info["type"]),
        modify_nullable=nullable,
    )


def copy_obstacle(connection: sa.Connection, table: str) -> str:
    """Why a table of SQLite's cannot be copied: the words of its definition that a copy would lose."""
    if connection.dialect.name != "sqlite":
        return ""
    text = connection.execute(
        sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :table"), {"table": table}
    ).scalar()
    found = _LOST_BY_COPY.search(text or "")
    return f"SQLite would copy the table and lose its {found.group(1).upper()}: change it by hand" if found else ""


def needs_copy(connection: sa.Connection, operations: Sequence[MigrateOperation]) -> bool:
    """Whether the table has to be copied, which only SQLite does."""
    if connection.dialect.name != "sqlite":
        return False
    version = connection.dialect.dbapi.sqlite_version_info if connection.dialect.dbapi else (0,)
    copied = _COPIED if version >= _DROPS_IN_PLACE else (*_COPIED, ops.DropColumnOp)
    return any(isinstance(operation, copied) for operation in operations)


def _invoke(
    context: MigrationContext, connection: sa.Connection, table: str, operations: Sequence[MigrateOperation]
) -> None:
    proxy = Operations(context)
    if not needs_copy(connection, operations):
        for operation in operations:
            proxy.invoke(operation)
        return
    with reflecting():
        found = sa.Table(table, sa.MetaData(), autoload_with=connection, resolve_fks=False)
    # Made again from their own text afterwards: reflection does not see all of an index.
    found.indexes.clear()
    with proxy.batch_alter_table(table, recreate="always", copy_from=found) as batch:
        for operation in operations:
            batch.invoke(operation)


@contextmanager
def reflecting() -> Iterator[None]:
    """Silences what SQLAlchemy says about people's own indexes and types that it cannot reflect."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sa.exc.SAWarning)
        yield


def _kept(connection: sa.Connection, table: str) -> list[tuple[str, str, str]]:
    rows = connection.execute(
        sa.text(
            "SELECT type, name, sql FROM sqlite_master"
            " WHERE tbl_name = :table AND type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY type, name"
        ),
        {"table": table},
    )
    return [(row.type, row.name, row.sql) for row in rows]


def _restore(connection: sa.Connection, table: str, kept: list[tuple[str, str, str]]) -> None:
    present = {name for _, name, _ in _kept(connection, table)}
    for _, name, sql in kept:
        if name not in present:
            connection.exec_driver_sql(sql)


def _facts(connection: sa.Connection, table: str, *, without: set[str]) -> Any:
    inspector = sa.inspect(connection)
    with reflecting():
        columns = [
            {**column, "type": None if column["name"] in without else _text(column["type"], connection.dialect)}
            for column in inspector.get_columns(table)
        ]
        constraints: list[Any] = [
            *inspector.get_check_constraints(table),
            *inspector.get_unique_constraints(table),
            *inspector.get_foreign_keys(table),
        ]
        primary = inspector.get_pk_constraint(table)["constrained_columns"]
    return columns, sorted(map(repr, constraints)), primary, _kept(connection, table)


def _text(column_type: TypeEngine[Any], dialect: sa.Dialect) -> str:
    return "" if isinstance(column_type, sa.types.NullType) else column_type.compile(dialect=dialect)
