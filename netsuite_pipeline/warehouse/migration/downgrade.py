"""`db downgrade`: undoes the last upgrade, from the record of what it changed.

Looked at before the first step, and again before each: whether what was widened still fits, what would be dropped with
data in it, and whether people's own columns and indexes stand in the way (`obstacles`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from alembic.operations import ops
from alembic.operations.ops import MigrateOperation

from netsuite_pipeline.warehouse.engine import shown
from netsuite_pipeline.warehouse.migration.activity import import_under_way
from netsuite_pipeline.warehouse.migration.change_log import Change, ChangeLog, is_present
from netsuite_pipeline.warehouse.migration.ddl import perform, reflecting, retype
from netsuite_pipeline.warehouse.migration.difference import Action
from netsuite_pipeline.warehouse.migration.errors import ChangeRefused
from netsuite_pipeline.warehouse.migration.obstacles import data_lost, obstacles
from netsuite_pipeline.warehouse.migration.session import Session, changing
from netsuite_pipeline.warehouse.migration.steps import Report, Steps


@dataclass(frozen=True, kw_only=True)
class Downgrade:
    """The number of the upgrade that was undone (None if there was none), and what was done."""

    number: int | None
    done: tuple[str, ...]


def downgrade(engine: sa.Engine, *, yes: bool, report: Report) -> Downgrade:
    """Undoes the last upgrade. ChangeRefused, with nothing changed, when data would be lost without `yes`, do not fit
    the narrower type, or belong to people, and without `yes` while an import is under way.

    An import that writes nevertheless stops a server's downgrade before the step that would lose what it wrote.
    """
    doing = f"Undoing the last upgrade of {shown(engine.url)}"
    with changing(engine, doing=doing) as session, reflecting():
        log = ChangeLog(session)
        if not log.exists:
            return Downgrade(number=None, done=())
        log.settle()
        changes = log.last_upgrade()
        present = [change for change in changes if is_present(session.connection, change)]
        _refuse_what_is_in_the_way(session.connection, present)
        if not yes:
            _refuse_to_lose(session.connection, present)
        steps = Steps(session, doing=doing, total=len(present), report=report)
        for change in changes:
            if change in present:
                _undo(session, steps, change, present, yes=yes)
            log.undone(change)
        done = tuple(map(_title, present))
        return Downgrade(number=changes[0].upgrade_number if changes else None, done=done)


def _title(change: Change) -> str:
    match change.action:
        case Action.CREATE_TABLE:
            return f"drop table {change.table}"
        case Action.CREATE_INDEX:
            return f"drop index {change.item} of {change.table}"
        case Action.ADD_COLUMN:
            return f"drop column {change.table}.{change.item}"
        case _:
            return f"narrow column {change.table}.{change.item} back to {change.found}"


def _operations(connection: sa.Connection, change: Change) -> tuple[MigrateOperation, ...]:
    match change.action:
        case Action.CREATE_TABLE:
            return (ops.DropTableOp(change.table),)
        case Action.CREATE_INDEX:
            return (ops.DropIndexOp(change.item, change.table),)
        case Action.ADD_COLUMN:
            return (ops.DropColumnOp(change.table, change.item),)
        case _:
            info = _info(connection, change)
            return (retype(change.table, change.item, to=change.found, info=info),)


def _refuse_what_is_in_the_way(connection: sa.Connection, changes: Sequence[Change]) -> None:
    for change in changes:
        for reason in obstacles(connection, change, changes):
            raise ChangeRefused(f"The last upgrade is not undone and nothing was changed: {reason}.")


def _refuse_to_lose(connection: sa.Connection, changes: Sequence[Change]) -> None:
    if changes and (sign := import_under_way(connection)):
        raise ChangeRefused(
            f"Nothing was changed, because {sign} and may write what undoing the last upgrade would drop: wait until"
            " it has ended, or give --yes."
        )
    lost = [text for change in changes if (text := data_lost(connection, change, changes))]
    if lost:
        raise ChangeRefused(
            f"Nothing was changed, because undoing the last upgrade would drop data: {', '.join(lost)}; give --yes to"
            " drop them."
        )


def _undo(session: Session, steps: Steps, change: Change, changes: Sequence[Change], *, yes: bool) -> None:
    with steps.step(_title(change)):
        # Once more: servers let imports write until the statement has the table for itself.
        for reason in obstacles(session.connection, change, changes):
            raise ChangeRefused(f"{steps.stopped}, because {reason}.")
        if not yes and (lost := data_lost(session.connection, change, changes)):
            raise ChangeRefused(f"{steps.stopped}, because it would drop data: {lost}; give --yes to drop it.")
        perform(session.connection, change.table, _operations(session.connection, change))


def _info(connection: sa.Connection, change: Change) -> Any:
    return next(info for info in sa.inspect(connection).get_columns(change.table) if info["name"] == change.item)
