"""Sends rows to a table in three tiers: in bulk, repaired in bulk, and the bad rows by themselves.

A chunk that fails is looked at with the table's constraints: what may be repaired is, rows that break a constraint
are tried alone, the rest goes in bulk again. What fails even so is divided at the row that the server names, or in
half. Which rows need sending is decided in `warehouse.loader`.
"""

import datetime as dt
from collections.abc import Callable, Container, Mapping, Sequence, Set
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.record_types.batch import Key
from netsuite_pipeline.transform.batch import Row
from netsuite_pipeline.transform.rejection import RejectReason
from netsuite_pipeline.warehouse.constraints import TableConstraints
from netsuite_pipeline.warehouse.diagnostics import named_rows
from netsuite_pipeline.warehouse.errors import (
    DUPLICATE_KEY,
    ConcurrentWrite,
    Fault,
    RowsRefused,
    code_of,
    fault_of,
    message_of,
    reject_reason_of,
)
from netsuite_pipeline.warehouse.repairs import Repair, repaired_rows
from netsuite_pipeline.warehouse.statements import Chunk, UpsertBuilder, execute


@dataclass(frozen=True, kw_only=True)
class RefusedRow:
    """A row that the database did not take, and why.

    `code` is MySQL's errno or SQLite's result code, `field` the column it is about if that is known.
    """

    row: Row
    code: int | None
    message: str
    reason: RejectReason
    field: str | None


class Upsert:
    """One upsert of one batch: its rows, and what became of them.

    `new` holds the keys that the table does not have. `on_refused` is told of each row that is refused and may raise.
    """

    def __init__(
        self,
        connection: sa.Connection,
        builder: UpsertBuilder,
        *,
        imported_at: dt.datetime,
        new: Set[Key],
        on_refused: Callable[[RefusedRow], None] | None = None,
    ) -> None:
        self._connection = connection
        self._builder = builder
        self._imported_at = imported_at
        self._new = new
        self._on_refused = on_refused
        self._constraints: TableConstraints | None = None
        self._defaults: Mapping[str, str] = {}
        self._repairs: list[Repair] = []
        self._orphans: list[tuple[Row, RowsRefused, str | None]] = []
        self.refused: list[RefusedRow] = []
        # Rows that were not written by the first statement that held them.
        self.fallback_rows = 0

    @property
    def repairs(self) -> list[Repair]:
        """The values that were stored otherwise than they were sent."""
        refused = {refused.row.key for refused in self.refused}
        return [repair for repair in self._repairs if repair.key not in refused]

    def send(self, rows: Sequence[Row]) -> None:
        """Writes the rows in their order; those that the database refuses are in `refused` then.

        Raises ConcurrentWrite when the table changed meanwhile, DBAPIError for what is not about rows.
        """
        for chunk in self._builder.chunks(rows, self._imported_at, self._defaults):
            cause = self._attempt(chunk)
            if cause is not None:
                self.fallback_rows += len(chunk.rows)
                self._repair(chunk.rows, cause)
        self._reunite()

    def _reunite(self) -> None:
        """Tries rows again that refer to rows of their own table, which may be there by now."""
        while self._orphans:
            orphans, self._orphans = self._orphans, []
            for row, _, field in orphans:
                self._isolate([row], field)
            if len(self._orphans) == len(orphans):
                orphans, self._orphans = self._orphans, []
                for row, cause, field in orphans:
                    self._give_up(row, cause, field)

    def _repair(self, rows: Sequence[Row], cause: RowsRefused) -> None:
        """The second tier: repairs what may be, tries alone what breaks a constraint, and the others in bulk."""
        constraints = self._constraints or TableConstraints.read(self._connection, self._builder.layout)
        self._constraints = constraints
        self._defaults = constraints.defaults
        rows, repairs = repaired_rows(rows, constraints)
        self._repairs += repairs
        suspects = constraints.suspects(self._connection, rows)
        if len(rows) == 1 and not repairs:
            self._refuse(rows[0], cause, suspects.get(0))
            return
        self._isolate([row for index, row in enumerate(rows) if index not in suspects])
        for index, field in suspects.items():
            self._isolate([rows[index]], field)

    def _isolate(self, rows: Sequence[Row], field: str | None = None) -> None:
        """The third tier: divides what is refused until the bad rows are alone."""
        waiting = [rows]
        while waiting:
            for chunk in self._builder.chunks(waiting.pop(), self._imported_at, self._defaults):
                cause = self._attempt(chunk)
                if cause is None:
                    continue
                if len(chunk.rows) == 1:
                    self._refuse(chunk.rows[0], cause, field)
                else:
                    waiting += reversed(_divided(chunk.rows, cause.rows))

    def _attempt(self, chunk: Chunk) -> RowsRefused | None:
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
            rows = named_rows(self._connection, error)
            savepoint.rollback()
            return RowsRefused(message_of(error), code=code_of(error), reason=reject_reason_of(error), rows=rows)
        if affected in self._expected(chunk):
            savepoint.commit()
            return None
        savepoint.rollback()
        return self._miscounted(chunk)

    def _expected(self, chunk: Chunk) -> Container[int]:
        new = sum(row.key in self._new for row in chunk.rows)
        return self._builder.counts.of(new=new, updated=len(chunk.rows) - new)

    def _miscounted(self, chunk: Chunk) -> RowsRefused:
        """Why a new row did not count as inserted: a second unique key, or another writer.

        ON DUPLICATE KEY UPDATE changes whatever row has the same value in any unique key, in silence; the
        count of affected rows is what gives it away.
        """
        refused = RowsRefused(
            "another row has the same value in a second unique key",
            code=DUPLICATE_KEY,
            reason=RejectReason.DUPLICATE_VALUE,
        )
        if len(chunk.rows) == 1:
            key = chunk.rows[0].key
            if key not in self._new or self._exists(key):
                raise self._concurrent(key)
        return refused

    def _concurrent(self, key: Key) -> ConcurrentWrite:
        return ConcurrentWrite(
            f"Row {key} of {self._builder.layout.table.name} was changed by another writer at the same time."
        )

    def _exists(self, key: Key) -> bool:
        # Asked for new rows alone: those are found by the natural key, not by an adopted table's own.
        layout = self._builder.layout
        matches = (layout.table.c[name] == value for name, value in zip(layout.key, key, strict=True))
        return self._connection.execute(sa.select(sa.literal(1)).where(*matches)).first() is not None

    def _refuse(self, row: Row, cause: RowsRefused, field: str | None) -> None:
        if cause.reason is RejectReason.DUPLICATE_VALUE and row.key in self._new and self._exists(row.key):
            raise self._concurrent(row.key)
        if field is None and self._constraints:
            field = self._constraints.suspects(self._connection, [row]).get(0)
        if cause.reason is RejectReason.MISSING_REFERENCE:
            self._orphans.append((row, cause, field))
        else:
            self._give_up(row, cause, field)

    def _give_up(self, row: Row, cause: RowsRefused, field: str | None) -> None:
        refused = RefusedRow(row=row, code=cause.code, message=str(cause), reason=cause.reason, field=field)
        self.refused.append(refused)
        if self._on_refused:
            self._on_refused(refused)


def _divided(rows: Sequence[Row], named: Sequence[int]) -> list[Sequence[Row]]:
    """Parts of the rows in their order: those that the server named alone, or else two halves."""
    alone = sorted({index for index in named if 0 <= index < len(rows)})
    if not alone:
        middle = len(rows) // 2
        return [rows[:middle], rows[middle:]]
    parts: list[Sequence[Row]] = []
    start = 0
    for index in alone:
        parts += [rows[start:index], rows[index : index + 1]]
        start = index + 1
    return [part for part in (*parts, rows[start:]) if part]
