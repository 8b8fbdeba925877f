"""Sums over what was imported, for reports and checks: rows there are, rows that are rejected, rows written.

Reading only; single batches are in `ledger`, single rejects in `rejects`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.warehouse.engine import read_connection
from netsuite_pipeline.warehouse.errors import warehouse_error
from netsuite_pipeline.warehouse.tables import LEDGER, REJECTS, import_tables, target_metadata
from netsuite_pipeline.warehouse.targets import Target, target_of


@dataclass(frozen=True, kw_only=True)
class TypeTotals:
    """The state of one record type: rows that are not deleted, and rejects that are not resolved."""

    live: int
    rejected: int


def live_total(connection: sa.Connection, target: Target, record_type: str) -> int:
    """The rows of a record type that are not flagged as deleted."""
    query = sa.select(sa.func.count()).select_from(target.rows).where(*target.live(record_type))
    return connection.execute(query).scalar_one()


def type_totals(engine: sa.Engine, record_type: RecordType) -> TypeTotals:
    """Counts the rows and the open rejects of a record type; WarehouseError if the database refuses."""
    target = target_of(target_metadata([record_type]), record_type)
    rejects = import_tables(sa.MetaData()).tables[REJECTS]
    rejected = sa.select(sa.func.count()).where(
        rejects.c.record_type == record_type.name, rejects.c.resolved_at.is_(None)
    )
    try:
        with read_connection(engine) as connection:
            return TypeTotals(
                live=live_total(connection, target, record_type.name),
                rejected=connection.execute(rejected).scalar_one(),
            )
    except DBAPIError as error:
        raise warehouse_error(error, doing=f"Counting {record_type.table}") from None


def written_rows(engine: sa.Engine, job_id: str) -> Mapping[str, int]:
    """How many rows an import inserted, updated or flagged as deleted, by record type."""
    ledger = import_tables(sa.MetaData()).tables[LEDGER]
    query = (
        sa.select(ledger.c.record_type, sa.func.sum(ledger.c.inserted + ledger.c.updated + ledger.c.deleted))
        .where(ledger.c.job_id == job_id)
        .group_by(ledger.c.record_type)
    )
    with read_connection(engine) as connection:
        return {name: int(rows) for name, rows in connection.execute(query)}


def seconds_per_record(engine: sa.Engine, record_type: str) -> float | None:
    """What a record of the type has cost lately, in seconds of reading, converting and writing; None if none was read.

    Of the last 200 batches that were read as a whole.
    """
    ledger = import_tables(sa.MetaData()).tables[LEDGER].c
    seconds = ledger.api_seconds + ledger.transform_seconds + ledger.database_seconds
    latest = (
        sa.select(seconds.label("seconds"), ledger.fetched)
        .where(ledger.record_type == record_type, ledger.fetched > 0, ledger.changed_since.is_(None))
        .order_by(ledger.id.desc())
        .limit(200)
        .subquery()
    )
    query = sa.select(sa.func.sum(latest.c.seconds), sa.func.sum(latest.c.fetched))
    with read_connection(engine) as connection:
        total, records = connection.execute(query).one()
    return float(total) / int(records) if records else None
