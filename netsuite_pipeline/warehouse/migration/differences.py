"""Compares the declared tables with the database, by Alembic, and says of each difference who can settle it.

What is only in the database belongs to people: their tables, columns, indexes, defaults and comments are no
differences. Alembic does not compare primary keys and CHECK constraints; `constraints` does.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import produce_migrations
from alembic.operations import ops
from alembic.operations.ops import MigrateOperation
from alembic.runtime.migration import MigrationContext

from netsuite_pipeline.warehouse.migration import columns
from netsuite_pipeline.warehouse.migration.constraints import constraint_differences
from netsuite_pipeline.warehouse.migration.ddl import reflecting
from netsuite_pipeline.warehouse.migration.difference import Action, Difference, Verdict
from netsuite_pipeline.warehouse.migration.shapes import Fit, shape_of
from netsuite_pipeline.warehouse.migration.storage import view_names
from netsuite_pipeline.warehouse.tables import ADOPTED


def differences(connection: sa.Connection, metadata: sa.MetaData) -> tuple[Difference, ...]:
    """Everything in which the declared tables differ from those of the database; reads only."""
    with reflecting():
        inspector = sa.inspect(connection)
        by_table = _operations(connection, metadata)
        existing = set(inspector.get_table_names())
        views = view_names(inspector)
        found: list[Difference] = []
        for table in metadata.sorted_tables:
            if table.info.get(ADOPTED):
                continue
            operations = by_table.get(table.name, [])
            if table.name in views:
                found.append(_view(connection.dialect, table))
                continue
            if table.name not in existing:
                found.append(_missing_table(table, operations))
                continue
            found += columns.column_differences(connection, table, operations, inspector.get_columns(table.name))
            found += _index_differences(table, operations)
            found += constraint_differences(connection, table, operations)
        return tuple(found)


def _operations(connection: sa.Connection, metadata: sa.MetaData) -> dict[str, list[MigrateOperation]]:
    context = MigrationContext.configure(
        connection,
        opts={
            "compare_type": _types_differ,
            "compare_server_default": False,
            "include_name": lambda name, kind, _: kind != "table" or name in metadata.tables,
            "include_object": _is_declared,
        },
    )
    script = produce_migrations(context, metadata)
    by_table: dict[str, list[MigrateOperation]] = {}
    for operation in _flat(script.upgrade_ops_list[0].ops):
        by_table.setdefault(getattr(operation, "table_name", ""), []).append(operation)
    return by_table


def _flat(operations: Iterable[MigrateOperation]) -> Iterator[MigrateOperation]:
    for operation in operations:
        if isinstance(operation, ops.ModifyTableOps):
            yield from operation.ops
        else:
            yield operation


def _types_differ(context: MigrationContext, _found_column: Any, _column: Any, found: Any, declared: Any) -> bool:
    dialect = context.dialect
    return shape_of(found, dialect).fit(shape_of(declared, dialect)) is not Fit.SAME


def _is_declared(_object: Any, _name: Any, _kind: str, reflected: bool, compare_to: Any) -> bool:  # noqa: FBT001
    return not (reflected and compare_to is None)


def _view(dialect: sa.Dialect, table: sa.Table) -> Difference:
    name = dialect.identifier_preparer.quote(table.name)
    return Difference(
        table=table.name,
        declared=f"a table of {len(table.columns)} columns",
        found="a view",
        verdict=Verdict.PERSON,
        action=Action.DECIDE,
        operations=(ops.ExecuteSQLOp(f"DROP VIEW {name}"),),
        reason="a view has the name: drop it or give it another name, then upgrade again",
    )


def _missing_table(table: sa.Table, operations: list[MigrateOperation]) -> Difference:
    return Difference(
        table=table.name,
        declared=f"a table of {len(table.columns)} columns",
        found="no such table",
        verdict=Verdict.SAFE,
        action=Action.CREATE_TABLE,
        operations=tuple(operations),
        columns=tuple(column.name for column in table.columns),
    )


def _index_differences(table: sa.Table, operations: list[MigrateOperation]) -> Iterator[Difference]:
    dropped = [operation for operation in operations if isinstance(operation, ops.DropIndexOp)]
    for operation in operations:
        if not isinstance(operation, ops.CreateIndexOp):
            continue
        name = str(operation.index_name)
        other = [drop for drop in dropped if drop.index_name == name]
        unique = "unique index" if operation.unique else "index"
        declared = f"{unique} ({', '.join(column.name for column in _index(table, name).columns)})"
        decide = bool(other) or bool(operation.unique)
        yield Difference(
            table=table.name,
            item=name,
            declared=declared,
            found="another index of that name" if other else "no such index",
            verdict=Verdict.PERSON if decide else Verdict.SAFE,
            action=Action.DECIDE if decide else Action.CREATE_INDEX,
            operations=(*other, operation),
            reason=_index_reason(changed=bool(other)) if decide else "",
        )


def _index_reason(*, changed: bool) -> str:
    if changed:
        return "an index of yours may have taken the name: drop or rename it, then upgrade again"
    return "rows may be doubled: remove doubled rows, then create the unique index by hand"


def _index(table: sa.Table, name: str) -> sa.Index:
    return next(index for index in table.indexes if index.name == name)
