"""Sends rows to a table in bulk, and singles out the ones that the database refuses.

A chunk that fails is split in half, each half under a savepoint, until the bad rows are alone: one bad row in
a chunk of 500 costs about 20 statements. Which rows need sending is decided in `warehouse.loader`.
"""

import datetime as dt
from collections.abc import Sequence, Set
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.transform.batch import Row
from netsuite_pipeline.warehouse.errors import (
    DUPLICATE_KEY,
    ConcurrentWrite,
    Fault,
    RowsRefused,
    WarehouseError,
    code_of,
    fault_of,
    message_of,
)
from netsuite_pipeline.warehouse.statements import Chunk, UpsertBuilder, execute

Key = tuple[int, ...]

# Beyond this the table does not fit the declaration, and row by row costs two statements for each row.
MAX_REFUSED = 1_000


@dataclass(frozen=True, kw_only=True)
class RefusedRow:
    """A row that the database did not take, and why. `code` is MySQL's errno or SQLite's result code."""

    row: Row
    code: int | None
    message: str


class Upsert:
    """One upsert of one batch: rows, and which of them are new to the table."""

    def __init__(
        self, connection: sa.Connection, table: sa.Table, builder: UpsertBuilder, *, imported_at: dt.datetime
    ) -> None:
        self._connection = connection
        self._table = table
        self._builder = builder
        self._imported_at = imported_at
        self._refused: list[RefusedRow] = []

    def send(self, rows: Sequence[Row], *, new: Set[Key]) -> list[RefusedRow]:
        """Writes the rows in their order and returns those that the database refuses.

        `new` holds the keys that the table does not have. Raises WarehouseError when more than MAX_REFUSED
        rows are refused, ConcurrentWrite when the table changed meanwhile, DBAPIError for what is not about
        rows.
        """
        for chunk in self._builder.chunks(rows, self._imported_at):
            cause = self._attempt(chunk, new)
            if cause is None:
                continue
            if len(chunk.rows) == 1:
                self._refuse(chunk.rows[0], cause)
            else:
                middle = len(chunk.rows) // 2
                self.send(chunk.rows[:middle], new=new)
                self.send(chunk.rows[middle:], new=new)
        return self._refused

    def _attempt(self, chunk: Chunk, new: Set[Key]) -> RowsRefused | None:
        """Sends the chunk under a savepoint; the cause if rows are refused, and then nothing is written."""
        savepoint = self._connection.begin_nested()
        try:
            affected = execute(self._connection, chunk)
        except RowsRefused as refused:
            savepoint.rollback()
            return refused
        except DBAPIError as error:
            # Only here: after a deadlock there is no savepoint left to go back to.
            if fault_of(error) is not Fault.ROWS:
                raise
            savepoint.rollback()
            return RowsRefused(message_of(error), code=code_of(error))
        if affected == self._expected(chunk, new):
            savepoint.commit()
            return None
        savepoint.rollback()
        return self._miscounted(chunk, new)

    def _expected(self, chunk: Chunk, new: Set[Key]) -> int:
        if not self._builder.counts_updates_twice:
            return len(chunk.rows)
        return sum(1 if row.key in new else 2 for row in chunk.rows)

    def _miscounted(self, chunk: Chunk, new: Set[Key]) -> RowsRefused:
        """Why a new row did not count as inserted: a second unique key, or another writer.

        ON DUPLICATE KEY UPDATE changes whatever row has the same value in any unique key, in silence; the
        count of affected rows is what gives it away.
        """
        refused = RowsRefused("another row has the same value in a second unique key", code=DUPLICATE_KEY)
        if len(chunk.rows) == 1:
            key = chunk.rows[0].key
            if key not in new or self._exists(key):
                raise ConcurrentWrite(
                    f"Row {key} of {self._table.name} was changed by another writer at the same time."
                )
        return refused

    def _exists(self, key: Key) -> bool:
        matches = (column == value for column, value in zip(self._table.primary_key, key, strict=True))
        return self._connection.execute(sa.select(sa.literal(1)).where(*matches)).first() is not None

    def _refuse(self, row: Row, cause: RowsRefused) -> None:
        self._refused.append(RefusedRow(row=row, code=cause.code, message=str(cause)))
        if len(self._refused) > MAX_REFUSED:
            raise WarehouseError(
                f"Table {self._table.name} refuses more than {MAX_REFUSED} rows of one batch, the last one"
                f" with {cause.code}: {cause}; compare the table with its declaration.",
                code=cause.code,
            )
