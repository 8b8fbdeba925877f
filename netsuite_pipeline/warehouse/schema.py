"""Creates the tables that are missing and verifies the ones that are there.

Nothing is altered: an import never changes a table that people may have changed on purpose (`netsuite-pipeline db
upgrade` does, see `warehouse.migration`). What the tables look like is in `warehouse.tables`.

A database refuses most values that a column cannot hold, or warns of them, and a warning rejects the row. Verified
are the differences that it is silent about: other kinds of types, e.g. DOUBLE for DECIMAL (rounds) or CHAR for VARCHAR
(cuts blanks), another key, and a storage engine that cannot roll back.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Inspector
from sqlalchemy.exc import DBAPIError, NoSuchTableError
from sqlalchemy.types import TypeEngine

from netsuite_pipeline.warehouse.adoption import adoption_of
from netsuite_pipeline.warehouse.engine import read_connection, shown
from netsuite_pipeline.warehouse.errors import (
    INDEX_EXISTS,
    TABLE_EXISTS,
    SchemaError,
    code_of,
    warehouse_error,
)
from netsuite_pipeline.warehouse.migration.shapes import Shapes
from netsuite_pipeline.warehouse.migration.storage import other_storage_engine, storage_statement, view_names
from netsuite_pipeline.warehouse.tables import ADOPTED

_COLUMNS_SHOWN = 5


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
        _verify(engine, metadata)
    except DBAPIError as error:
        raise warehouse_error(error, doing=f"Preparing the tables of {shown(engine.url)}") from None


def _create_missing(engine: sa.Engine, metadata: sa.MetaData) -> bool:
    ours = [table for table in metadata.sorted_tables if not table.info.get(ADOPTED)]
    with read_connection(engine) as connection:
        inspector = sa.inspect(connection)
        existing = set(inspector.get_table_names())
        tables = [table for table in ours if table.name not in existing]
        indexes = [index for table in ours if table.name in existing for index in _missing_indexes(inspector, table)]
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


def _verify(engine: sa.Engine, metadata: sa.MetaData) -> None:
    with read_connection(engine) as connection:
        inspector = sa.inspect(connection)
        views = view_names(inspector)
        shapes = Shapes(engine.dialect)
        for table in metadata.sorted_tables:
            # Before its columns, for which MySQL asks for a privilege more if it is a view.
            if table.name in views:
                raise SchemaError(
                    f"A view of {shown(engine.url)} has the name of the table {table.name}: drop it or give it another"
                    " name, and the table is created."
                )
            if table.info.get(ADOPTED):
                adoption_of(inspector, table)
                _verify_storage(engine, inspector, table)
                continue
            try:
                present = {column["name"].lower(): column["type"] for column in inspector.get_columns(table.name)}
                key = inspector.get_pk_constraint(table.name)["constrained_columns"]
            except NoSuchTableError:
                raise SchemaError(
                    f"Table {table.name} of {shown(engine.url)} vanished while it was checked; start again."
                ) from None
            _verify_storage(engine, inspector, table)
            missing = [column for column in table.columns if column.name.lower() not in present]
            if missing:
                raise SchemaError(_explained(engine, table, missing))
            _verify_key(engine, table, key)
            for column in table.columns:
                _verify_type(engine, shapes, column, present[column.name.lower()])


def _verify_storage(engine: sa.Engine, inspector: Inspector, table: sa.Table) -> None:
    if found := other_storage_engine(inspector, table):
        raise SchemaError(
            f"Table {table.name} of {shown(engine.url)} is stored by {found}, which would keep a part of a batch that"
            f" fails: run {storage_statement(engine.dialect, table)}, then start again."
        )


def _verify_key(engine: sa.Engine, table: sa.Table, found: list[str]) -> None:
    declared = [column.name for column in table.primary_key]
    if [name.lower() for name in found] != declared:
        key = f"the primary key ({', '.join(found)})" if found else "no primary key"
        raise SchemaError(
            f"Table {table.name} of {shown(engine.url)} has {key}, and an upsert needs"
            f" ({', '.join(declared)}): change the key (`netsuite-pipeline db check` shows how), or rename the table"
            " and it is created anew."
        )


def _verify_type(engine: sa.Engine, shapes: Shapes, column: sa.Column[Any], found: TypeEngine[Any]) -> None:
    if not shapes.of(found).keeps(shapes.of(column.type)):
        wanted = column.type.compile(dialect=engine.dialect)
        raise SchemaError(
            f"Column {column.name} of table {column.table.name} of {shown(engine.url)} is {found}, which can change"
            f" values in silence; {wanted} is needed: change the column (`netsuite-pipeline db check` shows how), or"
            " rename the table and it is created anew."
        )


def _explained(engine: sa.Engine, table: sa.Table, missing: list[sa.Column[object]]) -> str:
    names = ", ".join(repr(column.name) for column in missing[:_COLUMNS_SHOWN])
    more = f" and {len(missing) - _COLUMNS_SHOWN} more" if len(missing) > _COLUMNS_SHOWN else ""
    return (
        f"Table {table.name} of {shown(engine.url)} lacks the column{'s' * (len(missing) > 1)} {names}{more}: run"
        " `netsuite-pipeline db upgrade`, which adds what is missing (`db check` shows how)."
    )
