"""Creates the tables that are missing and verifies the ones that are there.

Nothing is altered: an import never changes a table that people may have changed on purpose. What the tables
look like is in `warehouse.tables`.
"""

import sqlalchemy as sa
from sqlalchemy.engine import Inspector
from sqlalchemy.exc import DBAPIError, NoSuchTableError
from sqlalchemy.schema import CreateColumn

from netsuite_pipeline.warehouse.engine import read_connection, shown
from netsuite_pipeline.warehouse.errors import (
    INDEX_EXISTS,
    TABLE_EXISTS,
    SchemaError,
    code_of,
    warehouse_error,
)

_STATEMENTS_SHOWN = 10


def ensure_tables(engine: sa.Engine, metadata: sa.MetaData) -> None:
    """Makes sure that every declared table, column and index exists.

    Several processes may do so at the same moment. Raises SchemaError, naming table and columns and the
    statements that help, when a table that exists lacks a declared column; WarehouseError when the database
    refuses.
    """
    try:
        if _create_missing(engine, metadata):
            # What another process created at the same moment is verified like everything else.
            _create_missing(engine, metadata)
        _verify_columns(engine, metadata)
    except DBAPIError as error:
        raise warehouse_error(error, doing=f"Preparing the tables of {shown(engine.url)}") from None


def _create_missing(engine: sa.Engine, metadata: sa.MetaData) -> bool:
    with read_connection(engine) as connection:
        inspector = sa.inspect(connection)
        existing = set(inspector.get_table_names())
        tables = [table for table in metadata.sorted_tables if table.name not in existing]
        indexes = [
            index
            for table in metadata.sorted_tables
            if table.name in existing
            for index in _missing_indexes(inspector, table)
        ]
    missing: list[sa.Table | sa.Index] = [*tables, *indexes]
    for item in missing:
        _create(engine, item)
    return bool(missing)


def _missing_indexes(inspector: Inspector, table: sa.Table) -> list[sa.Index]:
    # MySQL commits a table before its indexes: a process killed in between leaves the table without them.
    if not table.indexes:
        return []
    present = {index["name"] for index in inspector.get_indexes(table.name)}
    return sorted((index for index in table.indexes if index.name not in present), key=lambda index: str(index.name))


def _create(engine: sa.Engine, item: sa.Table | sa.Index) -> None:
    try:
        with engine.begin() as connection:
            item.create(connection, checkfirst=True)
    except DBAPIError as error:
        if code_of(error) not in {TABLE_EXISTS, INDEX_EXISTS}:
            raise


def _verify_columns(engine: sa.Engine, metadata: sa.MetaData) -> None:
    with read_connection(engine) as connection:
        inspector = sa.inspect(connection)
        for table in metadata.sorted_tables:
            try:
                present = {column["name"].lower() for column in inspector.get_columns(table.name)}
            except NoSuchTableError:
                raise SchemaError(
                    f"Table {table.name} of {shown(engine.url)} vanished while it was checked; start again."
                ) from None
            missing = [column for column in table.columns if column.name.lower() not in present]
            if missing:
                raise SchemaError(_explained(engine, table, missing))


def _explained(engine: sa.Engine, table: sa.Table, missing: list[sa.Column[object]]) -> str:
    names = ", ".join(column.name for column in missing)
    statements = [
        f"ALTER TABLE {table.name} ADD COLUMN {CreateColumn(column).compile(dialect=engine.dialect)}"
        for column in missing[:_STATEMENTS_SHOWN]
    ]
    more = f" and {len(missing) - _STATEMENTS_SHOWN} more" if len(missing) > _STATEMENTS_SHOWN else ""
    return (
        f"Table {table.name} of {shown(engine.url)} lacks {names}, which its record types declare: add them"
        f" ({'; '.join(statements)}{more}), or rename the table and it is created anew."
    )
