"""The ledger of a batch: what became of each row that NetSuite counted.

Only the record and its arithmetic; `warehouse.loader` fills it in and stores it with the rows it speaks of.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import sqlalchemy as sa

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.warehouse.errors import LedgerMismatch, StaleRead
from netsuite_pipeline.warehouse.tables import LEDGER

# What the ids of replays begin with. The ranges that they import are parts of batches.
REPLAY_RUNS = "replay-"


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """Counts of one committed batch.

    `expected` is NetSuite's own count, `fetched` the rows it sent. Each of them is in exactly one of
    `inserted`, `updated`, `unchanged`, `rejected`; `deleted` counts target rows that NetSuite no longer has.
    `live_before` and `live_after` are the type's rows in the range that are not flagged as deleted. `retries` are the
    repeated requests and the repeated transactions, `database_retries` the latter alone. `statements` were sent to the
    database up to the ledger's own; `fallback_rows` had to be sent again because their statement failed; `repaired`
    values were mended after their row was refused. `peak_memory` is the largest resident size of the process so far,
    in bytes. With `changed_since` (account-local) only rows modified since were read, and counted by NetSuite. Seconds
    are wall-clock; `read_at` (when reading began) and `committed_at` are naive UTC. What is None was
    not noted by the version that imported the batch.
    """

    record_type: str
    range: BatchRange
    job_id: str | None
    run_id: str | None
    expected: int
    fetched: int
    inserted: int
    updated: int
    unchanged: int
    deleted: int
    rejected: int
    requests: int
    retries: int
    api_seconds: float
    transform_seconds: float
    database_seconds: float
    committed_at: dt.datetime
    read_at: dt.datetime | None = None
    live_before: int | None = None
    live_after: int | None = None
    database_retries: int | None = None
    statements: int | None = None
    fallback_rows: int | None = None
    repaired: int | None = None
    peak_memory: int | None = None
    changed_since: dt.datetime | None = None

    @property
    def accounted(self) -> int:
        """Rows of NetSuite's whose fate is known."""
        return self.inserted + self.updated + self.unchanged + self.rejected

    @property
    def adds_up(self) -> bool:
        """Whether NetSuite counted, sent and we accounted for the same number of rows."""
        return self.expected == self.fetched == self.accounted

    @property
    def records_per_second(self) -> float:
        """Records fetched for each second of work on the batch: reading, converting and writing one after the other."""
        seconds = self.api_seconds + self.transform_seconds + self.database_seconds
        return self.fetched / seconds if seconds else 0.0

    @property
    def written(self) -> int:
        """Rows of the target table that were changed in any way."""
        return self.inserted + self.updated + self.deleted

    def check(self) -> None:
        """LedgerMismatch unless NetSuite counted, sent and we accounted for the same number of rows."""
        if not self.adds_up:
            raise LedgerMismatch(
                f"Batch {self.range.key} of {self.record_type} does not add up: NetSuite counted"
                f" {self.expected}, sent {self.fetched}, and {self.accounted} were accounted for ({self.inserted}"
                f" inserted, {self.updated} updated, {self.unchanged} unchanged, {self.rejected} rejected);"
                " nothing was written, import the batch again."
            )

    def as_metadata(self) -> dict[str, int | float | str]:
        """Counts, seconds and batch as plain values, for logs and asset metadata."""
        values = asdict(self)
        for name in ("range", "job_id", "run_id", "read_at", "committed_at", "changed_since"):
            del values[name]
        if self.changed_since is not None:
            values["changed_since"] = self.changed_since.isoformat(sep=" ")
        values |= {"written": self.written, "records_per_second": self.records_per_second}
        shown = {name: round(value, 3) if isinstance(value, float) else value for name, value in values.items()}
        return {"batch": self.range.key} | {name: value for name, value in shown.items() if value is not None}

    def as_row(self) -> dict[str, Any]:
        """The row of `batch_ledger`."""
        values = asdict(self)
        del values["range"]
        return {
            **values,
            "batch_key": self.range.key,
            "batch_first": self.range.first,
            "batch_last": self.range.last,
        }

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> "Ledger":
        """The ledger that a row of `batch_ledger` holds."""
        named = {field.name: row[field.name] for field in fields(cls) if field.name != "range"}
        return cls(range=BatchRange(row["batch_first"], row["batch_last"]), **named)


def store_ledger(connection: sa.Connection, metadata: sa.MetaData, ledger: Ledger) -> None:
    """Adds the ledger to `batch_ledger`, in the caller's transaction."""
    connection.execute(metadata.tables[LEDGER].insert(), ledger.as_row())


def of_whole_batches(table: sa.Table) -> sa.ColumnElement[bool]:
    """The condition for the ledgers of planned batches, among those in `batch_ledger`."""
    return sa.or_(table.c.run_id.is_(None), sa.not_(table.c.run_id.startswith(REPLAY_RUNS)))


def check_still_latest(
    connection: sa.Connection,
    metadata: sa.MetaData,
    *,
    record_type: str,
    batch: BatchRange,
    read_at: dt.datetime,
    seen: int,
) -> None:
    """StaleRead if rows of the batch's range were committed after `read_at`: writing would bring older values back.

    A wave, a run launched by hand and a second import may have read the same batch at different times, by clocks that
    differ; whatever was committed since the ledger with the id `seen` counts as later by any clock.
    """
    table = metadata.tables[LEDGER]
    overlapping = sa.select(table.c.batch_key, table.c.run_id).where(
        table.c.record_type == record_type, table.c.batch_first <= batch.last, table.c.batch_last >= batch.first
    )
    # Two queries, each with an index: an OR would walk through all ledgers of the type.
    later = (overlapping.where(table.c.committed_at >= read_at), overlapping.where(table.c.id > seen))
    other = connection.execute(sa.union_all(*later).limit(1)).one_or_none()
    if other is not None:
        raise StaleRead(
            f"Batch {batch.key} of {record_type} was read before run {other.run_id} committed {other.batch_key}; "
            "nothing was written, import the batch again."
        )


def is_stored(connection: sa.Connection, metadata: sa.MetaData, ledger: Ledger) -> bool:
    """Whether exactly this ledger was committed; `committed_at` is unique to an attempt of a batch."""
    table = metadata.tables[LEDGER]
    query = sa.select(sa.func.count()).where(
        table.c.record_type == ledger.record_type,
        table.c.batch_first == ledger.range.first,
        table.c.batch_last == ledger.range.last,
        table.c.run_id.is_not_distinct_from(ledger.run_id),
        table.c.committed_at == ledger.committed_at,
    )
    return bool(connection.execute(query).scalar_one())
