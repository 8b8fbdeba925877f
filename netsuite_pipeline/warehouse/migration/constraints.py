"""Storage engines, primary keys, unique keys and CHECK constraints: whatever differs in them needs a person.

A key that is missing cannot be added while rows may contradict it, and an upsert relies on it.
"""

import re
from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from alembic.operations import ops
from alembic.operations.ops import MigrateOperation

from netsuite_pipeline.warehouse.migration.difference import Action, Difference, Verdict
from netsuite_pipeline.warehouse.migration.storage import other_storage_engine, storage_statement

# Older MySQL reads CHECK constraints and forgets them.
_MYSQL_CHECKS = (8, 0, 16)


def constraint_differences(
    connection: sa.Connection, table: sa.Table, operations: Sequence[MigrateOperation]
) -> Iterator[Difference]:
    """The differences of the storage and the constraints of a table that exists."""
    yield from _storage(connection, table)
    yield from _primary_key(connection, table)
    dropped = [operation for operation in operations if isinstance(operation, ops.DropConstraintOp)]
    for operation in operations:
        if isinstance(operation, ops.CreateUniqueConstraintOp):
            name = str(operation.constraint_name)
            other = tuple(drop for drop in dropped if drop.constraint_name == name)
            yield _decide(
                table,
                name,
                declared=f"unique ({', '.join(map(str, operation.columns))})",
                found="another unique key of that name" if other else "no such unique key",
                operations=(*other, operation),
                reason="rows may be doubled: remove doubled rows, then change the unique key by hand",
            )
    yield from _checks(connection, table)


def _storage(connection: sa.Connection, table: sa.Table) -> Iterator[Difference]:
    found = other_storage_engine(sa.inspect(connection), table)
    if found:
        statement = storage_statement(connection.dialect, table)
        yield _decide(
            table,
            "storage engine",
            declared=statement.rpartition("=")[2],
            found=found,
            operations=(ops.ExecuteSQLOp(statement),),
            reason="a batch that fails would leave a part of its rows: convert the table by hand, which copies it",
        )


def _primary_key(connection: sa.Connection, table: sa.Table) -> Iterator[Difference]:
    found = sa.inspect(connection).get_pk_constraint(table.name)["constrained_columns"]
    declared = [column.name for column in table.primary_key]
    if [name.lower() for name in found] == declared:
        return
    quoted = connection.dialect.identifier_preparer
    if connection.dialect.name == "sqlite":
        statement = f"ALTER TABLE {quoted.quote(table.name)} RENAME TO {quoted.quote(table.name + '_old')}"
    else:
        drop = "DROP PRIMARY KEY, " if found else ""
        key = ", ".join(map(quoted.quote, declared))
        statement = f"ALTER TABLE {quoted.quote(table.name)} {drop}ADD PRIMARY KEY ({key})"
    yield _decide(
        table,
        "primary key",
        declared=f"({', '.join(declared)})",
        found=f"({', '.join(found)})" if found else "no primary key",
        operations=(ops.ExecuteSQLOp(statement),),
        reason="an upsert needs the declared key: change it by hand, or rename the table and it is created anew",
    )


def _checks(connection: sa.Connection, table: sa.Table) -> Iterator[Difference]:
    dialect = connection.dialect
    version = dialect.server_version_info or ()
    if dialect.name == "mysql" and not getattr(dialect, "is_mariadb", False) and version < _MYSQL_CHECKS:
        return
    found = {check["name"]: check["sqltext"] for check in sa.inspect(connection).get_check_constraints(table.name)}
    checks = [check for check in table.constraints if isinstance(check, sa.CheckConstraint) and check.name]
    for check in sorted(checks, key=lambda check: str(check.name)):
        name, declared = str(check.name), str(check.sqltext)
        if name in found and _plain(found[name]) == _plain(declared):
            continue
        create = ops.CreateCheckConstraintOp(name, table.name, declared)
        drop = ops.DropConstraintOp(name, table.name, type_="check")
        yield _decide(
            table,
            name,
            declared=f"CHECK {declared}",
            found=f"CHECK {found[name]}" if name in found else "no such CHECK constraint",
            operations=(drop, create) if name in found else (create,),
            reason="rows may contradict it: look at them, then change the constraint by hand",
        )


def _plain(check: str) -> str:
    # Every database writes a condition in a way of its own: quotes, parentheses, blanks, case, character sets.
    return re.sub(r"_utf8mb4|[`\"()\s\\]", "", check.lower())


def _decide(
    table: sa.Table, item: str, *, declared: str, found: str, operations: tuple[MigrateOperation, ...], reason: str
) -> Difference:
    return Difference(
        table=table.name,
        item=item,
        declared=declared,
        found=found,
        verdict=Verdict.PERSON,
        action=Action.DECIDE,
        operations=operations,
        reason=reason,
    )
