"""How what a batch changes gets into a table: one that we made, or one that people had before.

Both go through `upsert`; they differ in the statements. Which rows changed is `reconcile`'s business.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import sqlalchemy as sa

from netsuite_pipeline.record_types.batch import Key
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.transform.batch import Row
from netsuite_pipeline.transform.rows import columns_of
from netsuite_pipeline.warehouse.adoption import Adoption, adoption_of
from netsuite_pipeline.warehouse.constraints import TableConstraints
from netsuite_pipeline.warehouse.errors import ConcurrentWrite, RowsRefused, WarehouseError
from netsuite_pipeline.warehouse.keys import matching, slices
from netsuite_pipeline.warehouse.reconcile import Difference, flag_deleted
from netsuite_pipeline.warehouse.repairs import Repair
from netsuite_pipeline.warehouse.statements import Layout, execute, record_layout, upsert_builder
from netsuite_pipeline.warehouse.tables import MOMENT
from netsuite_pipeline.warehouse.targets import Target
from netsuite_pipeline.warehouse.upsert import RefusedRow, Upsert

OnRefused = Callable[[RefusedRow], None]


@dataclass(frozen=True, kw_only=True)
class Written:
    """What writing left behind: the rows refused, the values repaired, the rows that needed more than one try."""

    refused: list[RefusedRow]
    repairs: list[Repair]
    fallback_rows: int

    @classmethod
    def by(cls, *upserts: Upsert) -> "Written":
        """What several upserts left behind together."""
        return cls(
            refused=[row for upsert in upserts for row in upsert.refused],
            repairs=[repair for upsert in upserts for repair in upsert.repairs],
            fallback_rows=sum(upsert.fallback_rows for upsert in upserts),
        )


class Writer(Protocol):
    """Writes to the table of one record type. Holds no connection and can be used by several threads."""

    def write(
        self, connection: sa.Connection, change: Difference, *, imported_at: dt.datetime, on_refused: OnRefused
    ) -> Written:
        """Inserts the new rows and updates the changed ones; what `on_refused` raises is passed on."""
        ...

    def constraints(self, connection: sa.Connection) -> TableConstraints:
        """Those of the table at this moment."""
        ...

    def flag_deleted(self, connection: sa.Connection, keys: Sequence[Key], *, now: dt.datetime) -> None:
        """Sets deleted_at of rows; ConcurrentWrite if another writer changed one of them meanwhile."""
        ...


def writer_of(connection: sa.Connection, record_type: RecordType, target: Target) -> Writer:
    """The writer of a record type; SchemaError if an adopted table cannot be written."""
    if target.adopted:
        return AdoptedTableWriter(connection, record_type, target)
    return OwnTableWriter(connection, record_type, target)


class OwnTableWriter:
    """For tables that we made: rows and what imports know of them in one statement, by the primary key."""

    def __init__(self, connection: sa.Connection, record_type: RecordType, target: Target) -> None:
        self._target = target
        self._record_type = record_type.name
        self._builder = upsert_builder(connection, record_layout(record_type, target.table))

    def write(
        self, connection: sa.Connection, change: Difference, *, imported_at: dt.datetime, on_refused: OnRefused
    ) -> Written:
        """As `Writer.write`."""
        upsert = Upsert(connection, self._builder, imported_at=imported_at, new=change.new, on_refused=on_refused)
        upsert.send(change.pending)
        return Written.by(upsert)

    def constraints(self, connection: sa.Connection) -> TableConstraints:
        """As `Writer.constraints`."""
        return TableConstraints.read(connection, self._builder.layout)

    def flag_deleted(self, connection: sa.Connection, keys: Sequence[Key], *, now: dt.datetime) -> None:
        """As `Writer.flag_deleted`."""
        flag_deleted(connection, self._target, keys, record_type=self._record_type, now=now)


class AdoptedTableWriter:
    """For tables that people had before: rows there, what imports know of them in a table of ours.

    New rows are plain inserts and changed ones are found by the table's own primary key: an upsert by the natural key
    would use up a number of an AUTO_INCREMENT for every row, and change another row where a further unique key matches.
    """

    def __init__(self, connection: sa.Connection, record_type: RecordType, target: Target) -> None:
        self._target = target
        self._record_type = record_type.name
        self._adoption = adoption_of(sa.inspect(connection), target.table)
        names = columns_of(record_type)
        layout = _adopted_layout(record_type, target, self._adoption)
        surrogate = self._adoption.surrogate
        table = layout.table
        changed = layout
        if surrogate:
            table = sa.Table(table.name, sa.MetaData(), sa.Column(surrogate, sa.BigInteger()), *_copies(table))
            changed = replace(
                layout, table=table, key=(surrogate,), positions={**layout.positions, surrogate: len(names)}
            )
        self._inserts = upsert_builder(connection, layout, insert_only=True)
        self._updates = upsert_builder(connection, changed)
        self._states = upsert_builder(connection, _state_layout(record_type, target))

    def write(
        self, connection: sa.Connection, change: Difference, *, imported_at: dt.datetime, on_refused: OnRefused
    ) -> Written:
        """As `Writer.write`."""
        new = [row for row in change.pending if row.key in change.new]
        changed = [row for row in change.pending if row.key not in change.new]
        inserts = Upsert(connection, self._inserts, imported_at=imported_at, new=change.new, on_refused=on_refused)
        updates = Upsert(connection, self._updates, imported_at=imported_at, new=frozenset(), on_refused=on_refused)
        updates.send(self._locked(connection, changed))
        inserts.send(new)
        written = _without_surrogates(Written.by(updates, inserts), change)
        refused = {row.row.key for row in written.refused}
        self._remember(connection, [row for row in change.pending if row.key not in refused], imported_at)
        return written

    def constraints(self, connection: sa.Connection) -> TableConstraints:
        """As `Writer.constraints`."""
        return TableConstraints.read(connection, self._inserts.layout)

    def _remember(self, connection: sa.Connection, rows: Sequence[Row], imported_at: dt.datetime) -> None:
        for chunk in self._states.chunks(rows, imported_at):
            try:
                execute(connection, chunk)
            except RowsRefused as refused:
                raise WarehouseError(
                    f"Table {self._target.state.name} does not take what an import keeps in it: {refused}; run"
                    " `netsuite-pipeline db check`.",
                    code=refused.code,
                ) from None

    def flag_deleted(self, connection: sa.Connection, keys: Sequence[Key], *, now: dt.datetime) -> None:
        """As `Writer.flag_deleted`."""
        flag_deleted(connection, self._target, keys, record_type=self._record_type, now=now)
        if not self._adoption.flags_deleted:
            return
        names = [column.name for column in self._target.keys]
        keyed = [sa.Column(name, sa.BigInteger()) for name in names]
        table = sa.Table(self._target.table.name, sa.MetaData(), *keyed, sa.Column("deleted_at", MOMENT))
        for some in slices(keys):
            matches = matching([table.c[name] for name in names], some)
            connection.execute(sa.update(table).where(*matches).values(deleted_at=now))

    def _locked(self, connection: sa.Connection, rows: Sequence[Row]) -> list[Row]:
        """The rows with their numbers, if the table has some, locked: its owner may be changing it at this moment."""
        name = self._adoption.surrogate
        keys = self._target.keys
        column: sa.ColumnElement[Any] = keys[0] if name is None else sa.column(name)
        numbers: dict[Key, int] = {}
        for some in slices([row.key for row in rows]):
            query = sa.select(*keys, column.label("number")).where(*matching(keys, some)).with_for_update()
            numbers |= {tuple(found[:-1]): found[-1] for found in connection.execute(query)}
        if len(numbers) != len(rows):
            raise ConcurrentWrite(f"Rows of {self._target.table.name} were deleted while they were being imported.")
        if name is None:
            return list(rows)
        return [replace(row, values=(*row.values, numbers[row.key])) for row in rows]


def _without_surrogates(written: Written, change: Difference) -> Written:
    sent = {row.key: row for row in change.pending}
    return replace(written, refused=[replace(row, row=sent[row.row.key]) for row in written.refused])


def _adopted_layout(record_type: RecordType, target: Target, adoption: Adoption) -> Layout:
    full = record_layout(record_type, target.table)
    has = adoption.columns
    constants = {name: value for name, value in full.constants.items() if name in has}
    table = target.table
    if adoption.flags_deleted:
        table = sa.Table(table.name, sa.MetaData(), sa.Column("deleted_at", MOMENT), *_copies(table))
        constants["deleted_at"] = None
    positions: Mapping[str, int] = {name: place for name, place in full.positions.items() if name in has}
    return replace(full, table=table, positions=positions, hash_column=None, moment_column=None, constants=constants)


def _state_layout(record_type: RecordType, target: Target) -> Layout:
    full = record_layout(record_type, target.state)
    keys = [column.name for column in target.state.primary_key]
    return replace(full, positions={name: full.positions[name] for name in keys}, truncatable=frozenset())


def _copies(table: sa.Table) -> list[sa.Column[object]]:
    return [sa.Column(column.name, column.type, primary_key=column.primary_key) for column in table.columns]
