"""Imports of one record type commit one after the other: each takes its turn from its last look to its COMMIT.

Without it an import could commit between another's last look at the ledgers and its commit, and neither would know of
the other. Only the turns; what is looked at is `ledger.check_still_latest`. SQLite has one writer at a time anyway.
"""

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from netsuite_pipeline.warehouse.tables import LEDGER, TURNS


def await_turn(connection: sa.Connection, metadata: sa.MetaData, record_type: str) -> int:
    """Waits, in a transaction of its own, for an import that is about to commit: what it wrote is seen from then on.

    Returns the newest ledger's id: what imports of the type commit from then on, within their turns, has a higher one.
    """
    ledger, table = metadata.tables[LEDGER], metadata.tables[TURNS]
    query = sa.select(table.c.record_type).where(table.c.record_type == record_type).with_for_update(read=True)
    with connection.begin():
        if connection.dialect.name != "sqlite":
            connection.execute(query)
        return int(connection.execute(sa.select(sa.func.max(ledger.c.id))).scalar_one() or 0)


def take_turn(connection: sa.Connection, metadata: sa.MetaData, record_type: str) -> None:
    """Holds the turn until the transaction ends."""
    if connection.dialect.name == "sqlite":
        return
    insert = mysql.insert(metadata.tables[TURNS]).values(record_type=record_type)
    connection.execute(insert.on_duplicate_key_update(record_type=record_type))
