"""Which ledgers hold for a batch now: that of its last import, and those of smaller ranges in it since.

A batch is imported again and again, rejects of it are replayed in small ranges, and ranges of former plans stay on
record. Reading only; how the ledgers compare with the table is in `completeness`.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.warehouse.ledger import Ledger
from netsuite_pipeline.warehouse.tables import LEDGER, import_tables

_PER_STATEMENT = 500


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What the ledgers say of a batch: its `last` import, None if there was none, and the later `parts` of it.

    `crossed` says that a later import had a range that overlaps the batch without lying in it.
    """

    range: BatchRange
    last: Ledger | None = None
    parts: tuple[Ledger, ...] = ()
    crossed: bool = False

    @property
    def live(self) -> int | None:
        """The live rows that the batch should have now; None if the ledgers do not tell."""
        if self.last is None or self.crossed:
            return None
        live = self.last.live_after
        if live is None and not self.last.rejected:
            # Committed by a version that did not note it, but nothing was left as it was.
            live = self.last.accounted
        for part in self.parts:
            if live is None or part.live_after is None or part.live_before is None:
                return None
            live += part.live_after - part.live_before
        return live


def standings(connection: sa.Connection, record_type: str, batches: Sequence[BatchRange]) -> list[Standing]:
    """The standing of each batch of `batches`, which do not overlap, in ascending order."""
    ordered = sorted(batches)
    if not ordered:
        return []
    table = import_tables(sa.MetaData()).tables[LEDGER]
    latest = _latest_ids(connection, table, record_type, BatchRange(ordered[0].first, ordered[-1].last))
    ids = {batch: latest[batch] for batch in ordered if batch in latest}
    lasts = _by_id(connection, table, ids.values())
    later = _later(connection, table, record_type, ids=ids, latest=latest)
    return [_standing(batch, lasts.get(ids.get(batch, 0)), later.get(batch, [])) for batch in ordered]


def _standing(batch: BatchRange, last: Ledger | None, later: Sequence[Ledger]) -> Standing:
    inside = tuple(ledger for ledger in later if batch.first <= ledger.range.first and ledger.range.last <= batch.last)
    return Standing(range=batch, last=last, parts=inside, crossed=len(inside) < len(later))


def _latest_ids(
    connection: sa.Connection, table: sa.Table, record_type: str, span: BatchRange
) -> dict[BatchRange, int]:
    """Every range on record that begins in the span, with its latest ledger: a loose scan of `batch_ledger_range`."""
    ranges = (table.c.record_type, table.c.batch_first, table.c.batch_last)
    query = (
        sa.select(*ranges, sa.func.max(table.c.id))
        .where(table.c.record_type == record_type, table.c.batch_first.between(span.first, span.last))
        .group_by(*ranges)
    )
    return {BatchRange(first, last): number for _, first, last, number in connection.execute(query)}


def _by_id(connection: sa.Connection, table: sa.Table, ids: Iterable[int]) -> dict[int, Ledger]:
    found: dict[int, Ledger] = {}
    wanted = sorted(ids)
    for start in range(0, len(wanted), _PER_STATEMENT):
        query = sa.select(table).where(table.c.id.in_(wanted[start : start + _PER_STATEMENT]))
        found |= {row["id"]: Ledger.of_row(dict(row)) for row in connection.execute(query).mappings()}
    return found


def _later(
    connection: sa.Connection,
    table: sa.Table,
    record_type: str,
    *,
    ids: Mapping[BatchRange, int],
    latest: Mapping[BatchRange, int],
) -> dict[BatchRange, list[Ledger]]:
    """Batch -> ledgers of other ranges that overlap it and are younger than its last import, oldest first."""
    imported = sorted(ids)
    touched = {
        other: batches
        for other, number in latest.items()
        if (batches := [batch for batch in _overlapped(imported, other) if ids[batch] < number])
    }
    later: dict[BatchRange, list[Ledger]] = {}
    firsts = sorted({other.first for other in touched})
    since = min((ids[batch] for batches in touched.values() for batch in batches), default=0)
    for start in range(0, len(firsts), _PER_STATEMENT):
        for row in _rows_since(connection, table, record_type, firsts[start : start + _PER_STATEMENT], since):
            ledger = Ledger.of_row(row)
            for batch in touched.get(ledger.range, ()):
                if row["id"] > ids[batch]:
                    later.setdefault(batch, []).append(ledger)
    return later


def _rows_since(
    connection: sa.Connection, table: sa.Table, record_type: str, firsts: Sequence[int], since: int
) -> Sequence[Mapping[str, Any]]:
    query = (
        sa.select(table)
        .where(table.c.record_type == record_type, table.c.batch_first.in_(firsts), table.c.id > since)
        .order_by(table.c.id)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _overlapped(ordered: Sequence[BatchRange], other: BatchRange) -> Sequence[BatchRange]:
    start = bisect_right(ordered, other.first, key=lambda batch: batch.first) - 1
    end = bisect_right(ordered, other.last, key=lambda batch: batch.first)
    return [batch for batch in ordered[max(start, 0) : end] if batch.last >= other.first]
