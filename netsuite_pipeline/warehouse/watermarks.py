"""Up to when each batch is imported, by NetSuite's clock, and which records NetSuite is said to have deleted.

Both are written in the transaction of the rows they speak of, so that neither is ahead of the table. What an import
reads because of them is decided in `waves.increments`.
"""

import datetime as dt
from collections.abc import Collection, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, sqlite

from netsuite_pipeline.record_types.batch import BatchRange, Watermark
from netsuite_pipeline.transform.batch import TransformedBatch
from netsuite_pipeline.warehouse.keys import slices
from netsuite_pipeline.warehouse.tables import NOTED_DELETIONS, WATERMARKS


def store_watermark(connection: sa.Connection, metadata: sa.MetaData, batch: TransformedBatch) -> None:
    """Notes up to when the batch is imported, and that what its increment asked for is settled.

    A batch of which that is not known was not read as a whole, and stays as old as it was.
    """
    name = batch.record_type.name
    if batch.watermark is not None:
        values = {
            "record_type": name,
            "batch_first": batch.range.first,
            "batch_last": batch.range.last,
            "watermark": batch.watermark.moment,
            "imported_as": batch.watermark.imported_as,
        }
        connection.execute(_upsert(connection, metadata.tables[WATERMARKS], "watermark", "imported_as"), values)
    if batch.increment is not None and batch.increment.noted:
        noted = metadata.tables[NOTED_DELETIONS].c
        for some in slices(sorted(batch.increment.noted)):
            settled = sa.delete(noted.refid.table).where(noted.record_type == name, noted.refid.in_(some))
            connection.execute(settled)


def watermarks(connection: sa.Connection, metadata: sa.MetaData, record_type: str) -> dict[BatchRange, Watermark]:
    """The watermark of every range on record, of former plans too."""
    table = metadata.tables[WATERMARKS]
    columns = (table.c.batch_first, table.c.batch_last, table.c.watermark, table.c.imported_as)
    query = sa.select(*columns).where(table.c.record_type == record_type)
    return {
        BatchRange(first, last): Watermark(moment=moment, imported_as=imported_as)
        for first, last, moment, imported_as in connection.execute(query)
    }


def advance(
    connection: sa.Connection,
    metadata: sa.MetaData,
    *,
    record_type: str,
    unchanged: Sequence[BatchRange],
    watermark: Watermark,
) -> None:
    """Moves batches that a census has found unchanged on to `watermark`, if they are imported as it says.

    One that was imported meanwhile and is ahead stays so.
    """
    table = metadata.tables[WATERMARKS]
    behind = (table.c.record_type == record_type, table.c.imported_as == watermark.imported_as)
    for some in slices([(batch.first, batch.last) for batch in unchanged]):
        connection.execute(
            table.update()
            .where(
                *behind,
                table.c.watermark < watermark.moment,
                sa.tuple_(table.c.batch_first, table.c.batch_last).in_(some),
            )
            .values(watermark=watermark.moment)
        )


def retain(
    connection: sa.Connection, metadata: sa.MetaData, *, record_type: str, batches: Collection[BatchRange]
) -> None:
    """Forgets the watermarks of ranges that are no batches any more: should one come back, it is read as a whole."""
    table = metadata.tables[WATERMARKS]
    former = watermarks(connection, metadata, record_type).keys() - set(batches)
    for some in slices([(batch.first, batch.last) for batch in former]):
        connection.execute(
            table.delete().where(
                table.c.record_type == record_type, sa.tuple_(table.c.batch_first, table.c.batch_last).in_(some)
            )
        )


def note_deletions(
    connection: sa.Connection, metadata: sa.MetaData, *, record_type: str, ids: Sequence[int], now: dt.datetime
) -> None:
    """Notes that records of the type with these ids may be gone from NetSuite."""
    if not ids:
        return
    statement = _upsert(connection, metadata.tables[NOTED_DELETIONS], "noted_at")
    connection.execute(statement, [{"record_type": record_type, "refid": id_, "noted_at": now} for id_ in ids])


def noted_deletions(connection: sa.Connection, metadata: sa.MetaData, record_type: str) -> list[int]:
    """The ids that were noted and are not settled, ascending."""
    table = metadata.tables[NOTED_DELETIONS]
    query = sa.select(table.c.refid).where(table.c.record_type == record_type).order_by(table.c.refid)
    return list(connection.execute(query).scalars())


def drop_notes(connection: sa.Connection, metadata: sa.MetaData, *, record_type: str, ids: Sequence[int]) -> None:
    """Forgets notes of which no live row is left."""
    table = metadata.tables[NOTED_DELETIONS]
    for some in slices(ids):
        connection.execute(table.delete().where(table.c.record_type == record_type, table.c.refid.in_(some)))


def _upsert(connection: sa.Connection, table: sa.Table, *columns: str) -> sa.Insert:
    if connection.dialect.name == "sqlite":
        insert = sqlite.insert(table)
        return insert.on_conflict_do_update(
            index_elements=list(table.primary_key), set_={name: insert.excluded[name] for name in columns}
        )
    server = mysql.insert(table)
    return server.on_duplicate_key_update({name: server.inserted[name] for name in columns})
