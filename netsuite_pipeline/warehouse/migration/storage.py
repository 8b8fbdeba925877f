"""What stands behind a table's name: a view, or a storage engine that leaves rows of a batch that fails halfway.

It stands apart from the other comparisons because imports look at it too, without Alembic.
"""

import sqlalchemy as sa
from sqlalchemy.engine import Inspector


def view_names(inspector: Inspector) -> set[str]:
    """The views of the database; in lower case to SQLite, to which Name and name are the same."""
    names = inspector.get_view_names()
    return {name.lower() for name in names} if inspector.dialect.name == "sqlite" else set(names)


def other_storage_engine(inspector: Inspector, table: sa.Table) -> str:
    """The storage engine of the table in the database if another is declared; empty if all is well."""
    dialect = inspector.dialect.name
    declared = str(table.dialect_options[dialect].get("engine") or "") if dialect == "mysql" else ""
    if not declared:
        return ""
    found = str(inspector.get_table_options(table.name).get("mysql_engine", ""))
    return "" if found.lower() == declared.lower() else found


def storage_statement(dialect: sa.Dialect, table: sa.Table) -> str:
    """The statement that gives the table the declared storage engine."""
    name = dialect.identifier_preparer.quote(table.name)
    return f"ALTER TABLE {name} ENGINE={table.dialect_options['mysql']['engine']}"
