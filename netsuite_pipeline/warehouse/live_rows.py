"""Counts the live rows of a record type in a range of ids: what is in the table, whatever the ledgers say."""

import datetime as dt

import sqlalchemy as sa

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.warehouse.targets import Target


def live_rows(connection: sa.Connection, target: Target, *, record_type: str, span: BatchRange) -> int:
    """The rows of the type that are not flagged as deleted: one scan of the primary key over the span."""
    query = (
        sa.select(sa.func.count())
        .select_from(target.rows)
        .where(target.keys[0].between(span.first, span.last), *target.live(record_type))
    )
    return connection.execute(query).scalar_one()


def rows_of_others(
    connection: sa.Connection, target: Target, *, record_type: str, span: BatchRange, since: dt.datetime
) -> int:
    """The rows of the span that other types sharing the table have written since; some may have been this type's."""
    state = target.state
    query = sa.select(sa.func.count()).where(
        next(iter(state.primary_key)).between(span.first, span.last),
        state.c.record_type != record_type,
        state.c.imported_at >= since,
    )
    return connection.execute(query).scalar_one()
