"""`db downgrade`: undoes the last upgrade, from the record of what it changed.

Looked at before the first step: whether what was widened still fits, what would be dropped with data in it, and
whether people's own columns and indexes stand in the way.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from alembic.operations import ops
from alembic.operations.ops import MigrateOperation

from netsuite_pipeline.warehouse.engine import shown
from netsuite_pipeline.warehouse.migration.change_log import Change, ChangeLog, column_type, is_present
from netsuite_pipeline.warehouse.migration.ddl import copy_obstacle, perform, retype
from netsuite_pipeline.warehouse.migration.difference import Action
from netsuite_pipeline.warehouse.migration.errors import ChangeRefused
from netsuite_pipeline.warehouse.migration.fitting import rows_that_do_not_fit
from netsuite_pipeline.warehouse.migration.session import changing


@dataclass(frozen=True, kw_only=True)
class Downgrade:
    """The number of the upgrade that was undone (None if there was none), and what was done."""

    number: int | None
    done: tuple[str, ...]


def downgrade(engine: sa.Engine, *, yes: bool, report: Callable[[str], None]) -> Downgrade:
    """Undoes the last upgrade. ChangeRefused, with nothing changed, when data would be lost without `yes`, do not fit
    the narrower type, or belong to people.
    """
    with changing(engine, doing=f"Undoing the last upgrade of {shown(engine.url)}") as session:
        log = ChangeLog(session)
        if not log.exists:
            return Downgrade(number=None, done=())
        log.settle()
        changes = log.last_upgrade()
        present = [change for change in changes if is_present(session.connection, change)]
        _refuse_what_is_in_the_way(session.connection, present)
        if not yes:
            _refuse_to_lose(session.connection, present)
        done: list[str] = []
        for change in changes:
            if change in present:
                done.append(_title(change))
                report(done[-1])
                perform(session.connection, change.table, _operations(session.connection, change))
            log.undone(change)
        return Downgrade(number=changes[0].upgrade_number if changes else None, done=tuple(done))


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


def _refuse_what_is_in_the_way(connection: sa.Connection, changes: list[Change]) -> None:
    for change in changes:
        for reason in _reasons(connection, change, changes):
            raise ChangeRefused(f"The last upgrade is not undone and nothing was changed: {reason}.")


def _reasons(connection: sa.Connection, change: Change, changes: list[Change]) -> Iterator[str]:
    inspector = sa.inspect(connection)
    name = f"{change.table}.{change.item}"
    match change.action:
        case Action.CREATE_TABLE:
            added = {other.item for other in changes if other.table == change.table}
            own = {column["name"] for column in inspector.get_columns(change.table)} - added
            own -= set(change.declared.split(", "))
            if own:
                yield (
                    f"table {change.table} has columns of yours ({', '.join(sorted(own))}), which would be dropped"
                    " with it: drop them or the table by hand, then downgrade again"
                )
        case Action.ADD_COLUMN:
            dropped = {other.item for other in changes if other.action is Action.CREATE_INDEX}
            for index in inspector.get_indexes(change.table):
                if change.item in index["column_names"] and index["name"] not in dropped:
                    yield f"index {index['name']} uses the column {name}: drop the index, then downgrade again"
        case Action.WIDEN_COLUMN:
            yield from _narrowing_reasons(connection, change)


def _narrowing_reasons(connection: sa.Connection, change: Change) -> Iterator[str]:
    name = f"{change.table}.{change.item}"
    now = column_type(connection, change.table, change.item)
    if now != change.declared:
        yield (
            f"column {name} is {now} and the upgrade made it {change.declared}: someone changed it since, so give it"
            " the type that it shall have by hand"
        )
        return
    if obstacle := copy_obstacle(connection, change.table):
        yield f"{name}: {obstacle}"
    rows = rows_that_do_not_fit(connection, change.table, change.item, target=change.found)
    if rows:
        yield (
            f"column {name} has {rows:,} rows whose values do not fit {change.found}: shorten or clear them, or keep"
            " the wider column"
        )


def _refuse_to_lose(connection: sa.Connection, changes: list[Change]) -> None:
    tables = {change.table for change in changes if change.action is Action.CREATE_TABLE}
    lost = []
    for change in changes:
        if change.action is Action.CREATE_TABLE:
            counted, what = _count(connection, change.table), f"table {change.table}"
        elif change.action is Action.ADD_COLUMN and change.table not in tables:
            counted, what = _count(connection, change.table, change.item), f"column {change.table}.{change.item}"
        else:
            continue
        if counted:
            lost.append(f"{what} ({counted:,} rows)")
    if lost:
        raise ChangeRefused(
            f"Nothing was changed, because undoing the last upgrade would drop data: {', '.join(lost)}; give --yes to"
            " drop them."
        )


def _count(connection: sa.Connection, table: str, column: str | None = None) -> int:
    counted = sa.func.count() if column is None else sa.func.count(sa.column(column))
    return int(connection.execute(sa.select(counted).select_from(sa.table(table))).scalar() or 0)


def _info(connection: sa.Connection, change: Change) -> Any:
    return next(info for info in sa.inspect(connection).get_columns(change.table) if info["name"] == change.item)
