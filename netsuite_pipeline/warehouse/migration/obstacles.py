"""What stands in the way of undoing a step: values that no longer fit, people's own things, and data."""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from netsuite_pipeline.warehouse.migration.change_log import Change, column_type
from netsuite_pipeline.warehouse.migration.difference import Action
from netsuite_pipeline.warehouse.migration.fitting import rows_that_do_not_fit
from netsuite_pipeline.warehouse.migration.retyping import retyping_obstacle


def obstacles(connection: sa.Connection, change: Change, changes: Sequence[Change]) -> Iterator[str]:
    """Why the step cannot be undone, whatever is asked. `changes` are all that shall be undone."""
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
    if obstacle := retyping_obstacle(connection, change.table, change.item):
        yield f"{name}: {obstacle}"
    rows = rows_that_do_not_fit(connection, change.table, change.item, target=change.found)
    if rows:
        yield (
            f"column {name} has {rows:,} rows whose values do not fit {change.found}: shorten or clear them, or keep"
            " the wider column"
        )


def data_lost(connection: sa.Connection, change: Change, changes: Sequence[Change]) -> str:
    """The table or column that would be dropped with data in it; empty if there is none."""
    tables = {other.table for other in changes if other.action is Action.CREATE_TABLE}
    if change.action is Action.CREATE_TABLE:
        counted, what = _count(connection, change.table), f"table {change.table}"
    elif change.action is Action.ADD_COLUMN and change.table not in tables:
        counted, what = _count(connection, change.table, change.item), f"column {change.table}.{change.item}"
    else:
        return ""
    return f"{what} ({counted:,} rows)" if counted else ""


def _count(connection: sa.Connection, table: str, column: str | None = None) -> int:
    counted = sa.func.count() if column is None else sa.func.count(sa.column(column))
    return int(connection.execute(sa.select(counted).select_from(sa.table(table))).scalar() or 0)
