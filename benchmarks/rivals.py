"""What people write themselves: pymysql row by row, SQLAlchemy's executemany, pandas' to_sql.

Each gets the same rows in the form it likes best, without paying for that form.
"""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import pandas as pd
import pymysql
import sqlalchemy as sa
from pandas.io.sql import SQLTable
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DBAPIError

from benchmarks.tables import Batch, Table
from benchmarks.technique import COMMON, MANY_BAD, Scenario, Technique, plain_table


class RowByRow(Technique):
    """pymysql, a statement per row, a transaction per batch. A row that is refused is skipped and noted."""

    name = "row_by_row"
    title = "pymysql, row by row"
    scenarios = COMMON | {MANY_BAD}
    share = 0.2
    autocommit: ClassVar[bool] = False

    def create_table(self) -> None:
        """The plain table, and no row refused so far."""
        super().create_table()
        self._refused = 0

    def load(self, prepared: Sequence[Batch]) -> int:
        """INSERT … ON DUPLICATE KEY UPDATE of every row."""
        statement = _upsert_text(self.table)
        borrowed = self.engine.raw_connection()
        connection: Any = borrowed.driver_connection
        try:
            connection.autocommit(self.autocommit)
            with connection.cursor() as cursor:
                for batch in prepared:
                    for row in batch.rows:
                        try:
                            cursor.execute(statement, row.values)
                        except pymysql.err.DataError:
                            self._refused += 1
                    connection.commit()
            connection.autocommit(False)  # noqa: FBT003 - as the pool expects it
        finally:
            borrowed.close()
        return 0

    def quarantined(self) -> int:
        """The rows that were skipped."""
        return self._refused


class RowByRowAutocommit(RowByRow):
    """The same with a transaction per row."""

    name = "row_by_row_autocommit"
    title = "pymysql, row by row, autocommit"
    scenarios = COMMON
    autocommit = True


class ExecuteMany(Technique):
    """SQLAlchemy Core: one upsert construct, the rows as dictionaries, a transaction per batch."""

    name = "executemany"
    title = "SQLAlchemy executemany"

    def prepare(self, batches: Sequence[Batch], scenario: Scenario) -> list[list[dict[str, Any]]]:  # noqa: ARG002
        """The rows as dictionaries."""
        return [as_dicts(self.table, batch) for batch in batches]

    def load(self, prepared: list[list[dict[str, Any]]]) -> int:
        """The driver rewrites the rows of an execution to few statements."""
        statement = upsert_construct(plain_table(self.table))
        refused = 0
        for rows in prepared:
            try:
                with self.engine.begin() as connection:
                    connection.execute(statement, rows)
            except DBAPIError:
                refused += 1
        return refused


class ToSQL(Technique):
    """pandas: a frame per batch, appended; rows that may be there already go through a callable that upserts."""

    name = "to_sql"
    title = "pandas to_sql"

    def prepare(self, batches: Sequence[Batch], scenario: Scenario) -> tuple[list[pd.DataFrame], Any]:
        """The frames, as pandas types them, and to_sql's method."""
        frames = [pd.DataFrame([row.values for row in batch.rows], columns=self.table.names) for batch in batches]
        return frames, _upsert_method if scenario.after else None

    def load(self, prepared: tuple[list[pd.DataFrame], Any]) -> int:
        """A transaction per frame."""
        frames, method = prepared
        refused = 0
        for frame in frames:
            try:
                with self.engine.begin() as connection:
                    frame.to_sql(
                        self.table.record_type.table, connection, if_exists="append", index=False, method=method
                    )
            except pd.errors.DatabaseError:
                refused += 1
        return refused


def as_dicts(table: Table, batch: Batch) -> list[dict[str, Any]]:
    """The rows of a batch by column."""
    return [dict(zip(table.names, row.values, strict=True)) for row in batch.rows]


def upsert_construct(table: sa.Table) -> sa.Insert:
    """SQLAlchemy's INSERT … ON DUPLICATE KEY UPDATE of all columns."""
    insert = mysql.insert(table)
    return insert.on_duplicate_key_update(
        {column.name: insert.inserted[column.name] for column in table.c if not column.primary_key}
    )


def _upsert_method(table: SQLTable, connection: sa.Connection, keys: list[str], rows: Iterable[tuple[Any, ...]]) -> int:
    insert = mysql.insert(table.table)
    statement = insert.on_duplicate_key_update({key: insert.inserted[key] for key in keys if key != "refid"})
    return connection.execute(statement, [dict(zip(keys, row, strict=True)) for row in rows]).rowcount


def _upsert_text(table: Table) -> str:
    columns = ", ".join(table.names)
    places = ", ".join(["%s"] * len(table.names))
    updates = ", ".join(f"{name} = VALUES({name})" for name in table.names if name != "refid")
    return f"INSERT INTO {table.record_type.table} ({columns}) VALUES ({places}) ON DUPLICATE KEY UPDATE {updates}"
