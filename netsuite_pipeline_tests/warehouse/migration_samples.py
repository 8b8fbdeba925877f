"""Warehouses that differ from what is declared, and what is in them: for the tests of `warehouse.migration`."""

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateTable

from netsuite_pipeline.warehouse.migration.changes_table import SCHEMA_CHANGES, change_tables
from netsuite_pipeline.warehouse.tables import import_tables, target_metadata
from netsuite_pipeline.waves.tables import wave_metadata
from netsuite_pipeline_tests.warehouse.samples import WIDGET

# In the text of a CREATE TABLE: what is there, and what shall be there instead.
Edit = tuple[str, str]


def declared() -> sa.MetaData:
    """What the tests declare: one record type and the bookkeeping."""
    metadata = change_tables(import_tables(target_metadata([WIDGET])))
    wave_metadata(metadata)
    return metadata


def create(
    engine: sa.Engine, edits: Sequence[Edit] = (), *, table: str = "widgets", without: Collection[str] = ()
) -> None:
    """Creates the declared tables: one of them edited, and without these tables and indexes."""
    with engine.begin() as connection:
        for declaration in declared().sorted_tables:
            if declaration.name in without:
                continue
            text = str(CreateTable(declaration).compile(dialect=engine.dialect))
            for old, new in edits if declaration.name == table else ():
                assert old in text, text
                text = text.replace(old, new)
            connection.exec_driver_sql(text.replace("%", "%%"))
            for index in declaration.indexes:
                if index.name not in without:
                    index.create(connection)


def insert_widgets(engine: sa.Engine, count: int = 3, **values: Any) -> None:
    """Rows of `widgets`, written without the declaration: some columns may be missing."""
    row = {
        "name": "it's\n日本",
        "record_type": "widget",
        "row_hash": b"\x00" * 16,
        "imported_at": "2026-01-02 03:04:05",
    }
    row |= values
    table = sa.table("widgets", *(sa.column(name) for name in ("refid", *row)))
    with engine.begin() as connection:
        for number in range(count):
            connection.execute(sa.insert(table).values(refid=number, **row))


def set_widget(engine: sa.Engine, column: str, value: object) -> None:
    """Changes one column of one of the rows of `insert_widgets`."""
    table = sa.table("widgets", sa.column("refid"), sa.column(column))
    with engine.begin() as connection:
        connection.execute(sa.update(table).where(table.c.refid == 1).values({column: value}))


def schema(engine: sa.Engine) -> dict[str, Any]:
    """Everything about the tables, but for the record of changes, as the database tells it."""
    inspector = sa.inspect(engine)
    found: dict[str, Any] = {}
    for name in inspector.get_table_names():
        if name == SCHEMA_CHANGES:
            continue
        found[name] = {
            "columns": [
                {**column, "type": column["type"].compile(dialect=engine.dialect)}
                for column in inspector.get_columns(name)
            ],
            "key": inspector.get_pk_constraint(name)["constrained_columns"],
            "rest": sorted(
                map(
                    repr,
                    [
                        *inspector.get_indexes(name),
                        *inspector.get_unique_constraints(name),
                        *inspector.get_check_constraints(name),
                    ],
                )
            ),
        }
    return found


def data(engine: sa.Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, but for the record of changes."""
    found = {}
    with engine.connect() as connection:
        for name in sa.inspect(connection).get_table_names():
            if name != SCHEMA_CHANGES:
                quoted = engine.dialect.identifier_preparer.quote(name)
                found[name] = [tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {quoted} ORDER BY 1")]
    return found
