"""The table `schema_changes`, in which upgrades note what they change.

It stands apart from what reads and writes it (`change_log`), which imports Alembic: 0.15 s of every run's start.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.warehouse.engine import read_connection
from netsuite_pipeline.warehouse.errors import warehouse_error
from netsuite_pipeline.warehouse.tables import LONG_TEXT, MOMENT

SCHEMA_CHANGES = "schema_changes"
# What `difference.Action` calls it.
ADDED_COLUMN = "add_column"

_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_unicode_ci",
}


def _columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("upgrade_number", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("table_name", sa.String(64), nullable=False),
        # The column or index; empty for a table.
        sa.Column("item", sa.String(64), nullable=False),
        # The column's type before and after; the columns of a table that was created.
        sa.Column("found", LONG_TEXT, nullable=False),
        sa.Column("declared", LONG_TEXT, nullable=False),
        sa.Column("statements", LONG_TEXT, nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("applied_at", MOMENT),
        sa.Column("undone_at", MOMENT),
    ]


# For statements; `change_tables` adds it to the metadata of a warehouse.
CHANGES = sa.Table(SCHEMA_CHANGES, sa.MetaData(), *_columns(), **_OPTIONS)


def change_tables(metadata: sa.MetaData) -> sa.MetaData:
    """Adds `schema_changes` to the metadata and returns it."""
    sa.Table(SCHEMA_CHANGES, metadata, *_columns(), **_OPTIONS)
    return metadata


def edition_of(engine: sa.Engine, table: str) -> int:
    """The number of the last change that added a column to the table, 0 if none ever did; see `RecordType.edition`.

    The column was empty then, in rows that are unchanged by their hash otherwise. A change that was noted counts: an
    upgrade that was killed may have made it. WarehouseError.
    """
    added = sa.and_(CHANGES.c.table_name == table, CHANGES.c.action == ADDED_COLUMN)
    try:
        with read_connection(engine) as connection:
            return connection.execute(sa.select(sa.func.max(CHANGES.c.id)).where(added)).scalar_one() or 0
    except DBAPIError as error:
        raise warehouse_error(error, doing=f"Reading the changes of table {table}") from None
