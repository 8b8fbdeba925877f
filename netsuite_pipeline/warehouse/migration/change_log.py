"""The record of what upgrades changed; its table is in `changes_table`.

All steps of an upgrade are written down before the first is done, and each is marked afterwards. Those that are not
marked belong to a process that was killed or stopped: whether they were done is looked up in the database (`settle`).
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from netsuite_pipeline.warehouse.migration.changes_table import CHANGES, SCHEMA_CHANGES
from netsuite_pipeline.warehouse.migration.difference import Action, Difference
from netsuite_pipeline.warehouse.migration.session import Session
from netsuite_pipeline.warehouse.tables import utc_now


@dataclass(frozen=True, kw_only=True)
class Change:
    """One recorded step. `found` and `declared` are the column's type before and after."""

    id: int
    upgrade_number: int
    action: Action
    table: str
    item: str
    found: str
    declared: str


class ChangeLog:
    """Reads and writes the record through the session that changes the tables."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def exists(self) -> bool:
        """Whether the table is there; a warehouse of an older version has none yet."""
        return sa.inspect(self._session.connection).has_table(SCHEMA_CHANGES)

    def settle(self) -> int | None:
        """Finds out about the steps of a process that ended early: done, or forgotten. The number of its upgrade."""
        unfinished = self._changes(CHANGES.c.applied_at.is_(None))
        for change in unfinished:
            if is_present(self._session.connection, change):
                self.finish(change)
            else:
                self.forget(change)
        self._session.checkpoint()
        return unfinished[-1].upgrade_number if unfinished else None

    def next_number(self) -> int:
        """A number that no upgrade has."""
        latest = self._session.connection.execute(sa.select(sa.func.max(CHANGES.c.upgrade_number))).scalar()
        return (latest or 0) + 1

    def start(self, number: int, difference: Difference, statements: tuple[str, ...]) -> Change:
        """Writes down a step that is about to be done."""
        found = difference.found if difference.action is Action.WIDEN_COLUMN else ""
        declared = ", ".join(difference.columns) or difference.declared
        result = self._session.connection.execute(
            sa.insert(CHANGES).values(
                upgrade_number=number,
                action=difference.action.value,
                table_name=difference.table,
                item=difference.item,
                found=found,
                declared=declared,
                statements=";\n".join(statements),
                started_at=utc_now(),
            )
        )
        self._session.checkpoint()
        return Change(
            id=int(result.inserted_primary_key[0]) if result.inserted_primary_key else 0,
            upgrade_number=number,
            action=difference.action,
            table=difference.table,
            item=difference.item,
            found=found,
            declared=declared,
        )

    def finish(self, change: Change) -> None:
        """Marks a step as done. The new type is kept as the database names it, to be recognised later."""
        values: dict[str, Any] = {"applied_at": utc_now()}
        if change.action is Action.WIDEN_COLUMN:
            values["declared"] = column_type(self._session.connection, change.table, change.item)
        self._update(change, **values)

    def forget(self, change: Change) -> None:
        """Removes a step that was not done."""
        self._session.connection.execute(sa.delete(CHANGES).where(CHANGES.c.id == change.id))
        self._session.checkpoint()

    def undone(self, change: Change) -> None:
        """Marks a step as undone."""
        self._update(change, undone_at=utc_now())

    def last_upgrade(self) -> tuple[Change, ...]:
        """What is left to undo of the latest upgrade that is not undone, the last step first."""
        open_changes = self._changes(CHANGES.c.undone_at.is_(None))
        latest = max((change.upgrade_number for change in open_changes), default=0)
        return tuple(change for change in reversed(open_changes) if change.upgrade_number == latest)

    def _update(self, change: Change, **values: str | dt.datetime) -> None:
        self._session.connection.execute(sa.update(CHANGES).where(CHANGES.c.id == change.id).values(values))
        self._session.checkpoint()

    def _changes(self, which: sa.ColumnElement[bool]) -> tuple[Change, ...]:
        rows = self._session.connection.execute(sa.select(CHANGES).where(which).order_by(CHANGES.c.id)).all()
        return tuple(
            Change(
                id=row.id,
                upgrade_number=row.upgrade_number,
                action=Action(row.action),
                table=row.table_name,
                item=row.item,
                found=row.found,
                declared=row.declared,
            )
            for row in rows
        )


def is_present(connection: sa.Connection, change: Change) -> bool:
    """Whether the database has what the step makes."""
    inspector = sa.inspect(connection)
    if not inspector.has_table(change.table):
        return False
    match change.action:
        case Action.CREATE_INDEX:
            return change.item in {index["name"] for index in inspector.get_indexes(change.table)}
        case Action.ADD_COLUMN:
            return change.item in {column["name"] for column in inspector.get_columns(change.table)}
        case Action.WIDEN_COLUMN:
            return column_type(connection, change.table, change.item) not in {change.found, ""}
        case _:
            return True


def column_type(connection: sa.Connection, table: str, column: str) -> str:
    """The type of a column as the database names it; empty if there is no such column."""
    for info in sa.inspect(connection).get_columns(table):
        if info["name"] == column:
            return info["type"].compile(dialect=connection.dialect)
    return ""
