"""Whether a record type is completely in its table: the ledgers of its batches against the rows that are there.

Reading only. Rows are counted by spans of neighbouring batches, along the primary key, in one snapshot; only where a
span disagrees, its batches are counted one by one. How the finding is shown is the asset check's business.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.warehouse.engine import snapshot_connection
from netsuite_pipeline.warehouse.errors import warehouse_error
from netsuite_pipeline.warehouse.ledger import Ledger
from netsuite_pipeline.warehouse.ledger_history import Standing, standings
from netsuite_pipeline.warehouse.live_rows import live_rows, rows_of_others
from netsuite_pipeline.warehouse.tables import REJECTS, import_tables, target_metadata
from netsuite_pipeline.warehouse.targets import Target, target_of
from netsuite_pipeline.warehouse.watermarks import watermarks

# A query over these takes well below a second, however long the table is.
_SPAN_BATCHES = 100


class Verdict(StrEnum):
    """WRONG: rows are missing or too many. OPEN: nothing is wrong, and something is left to do or cannot be told."""

    COMPLETE = "complete"
    OPEN = "open"
    WRONG = "wrong"


@dataclass(frozen=True, kw_only=True)
class Disagreement:
    """A batch whose live rows are not as many as its ledgers say.

    `moved` counts the rows in its range that other types sharing the table have written since: where they can explain
    what is missing, nobody can tell.
    """

    range: BatchRange
    expected: int
    counted: int
    moved: int = 0

    @property
    def explained(self) -> bool:
        """Whether rows may just have moved to another type of the same table."""
        return 0 < self.expected - self.counted <= self.moved


@dataclass(frozen=True, kw_only=True)
class Completeness:
    """What was found of `batches` batches.

    `ledgers` are those of their last imports, `missing` the batches that were never loaded, `uncounted` those whose
    ledgers do not tell how many rows there should be. `live` rows were counted in the others; `rejects` are open. All
    batches hold what NetSuite had at `up_to` (by its clock, UTC), None if that is not known of each.
    """

    batches: int
    ledgers: tuple[Ledger, ...]
    missing: tuple[BatchRange, ...]
    unbalanced: tuple[Ledger, ...]
    uncounted: tuple[BatchRange, ...]
    disagreements: tuple[Disagreement, ...]
    live: int
    rejects: int
    up_to: dt.datetime | None = None

    @property
    def verdict(self) -> Verdict:
        """WRONG only if it is certain."""
        if self.unbalanced or not all(one.explained for one in self.disagreements):
            return Verdict.WRONG
        if self.rejects or self.missing or self.uncounted or self.disagreements or not self.batches:
            return Verdict.OPEN
        return Verdict.COMPLETE


def completeness(engine: sa.Engine, record_type: RecordType, batches: Sequence[BatchRange]) -> Completeness:
    """Compares the batches, which do not overlap, with the table. WarehouseError if the database refuses."""
    try:
        with snapshot_connection(engine) as connection:
            return _examined(connection, record_type, standings(connection, record_type.name, batches))
    except DBAPIError as error:
        raise warehouse_error(error, doing=f"Comparing {record_type.table} with its ledgers") from None


def _examined(connection: sa.Connection, record_type: RecordType, found: Sequence[Standing]) -> Completeness:
    target = target_of(target_metadata([record_type]), record_type)
    ledgers = tuple(standing.last for standing in found if standing.last)
    parts = [part for standing in found for part in standing.parts]
    known = [standing for standing in found if standing.last]
    live, disagreements = 0, []
    for span in _spans([standing for standing in known if standing.live is not None]):
        counted, wrong = _counted(connection, target, record_type.name, span)
        live += counted
        disagreements += wrong
    return Completeness(
        batches=len(found),
        ledgers=ledgers,
        missing=tuple(standing.range for standing in found if standing.last is None),
        unbalanced=tuple(ledger for ledger in (*ledgers, *parts) if not ledger.adds_up),
        uncounted=tuple(standing.range for standing in known if standing.live is None),
        disagreements=tuple(disagreements),
        live=live,
        rejects=sum(_open_rejects(connection, record_type.name, _range(span)) for span in _spans(found)),
        up_to=_up_to(connection, record_type.name, [standing.range for standing in found]),
    )


def _up_to(connection: sa.Connection, record_type: str, batches: Sequence[BatchRange]) -> dt.datetime | None:
    known = watermarks(connection, import_tables(sa.MetaData()), record_type)
    return min((known[batch].moment for batch in batches), default=None) if known.keys() >= set(batches) else None


def _spans(found: Sequence[Standing]) -> Iterator[list[Standing]]:
    """Neighbouring batches together, _SPAN_BATCHES at most."""
    span: list[Standing] = []
    for standing in found:
        if span and (standing.range.first != span[-1].range.last + 1 or len(span) == _SPAN_BATCHES):
            yield span
            span = []
        span.append(standing)
    if span:
        yield span


def _range(span: Sequence[Standing]) -> BatchRange:
    return BatchRange(span[0].range.first, span[-1].range.last)


def _counted(
    connection: sa.Connection, target: Target, record_type: str, span: Sequence[Standing]
) -> tuple[int, list[Disagreement]]:
    """The live rows of the span, and which of its batches disagree."""
    counted = live_rows(connection, target, record_type=record_type, span=_range(span))
    if counted == sum(standing.live or 0 for standing in span):
        return counted, []
    each = (_disagreement(connection, target, record_type, standing) for standing in span)
    return counted, [disagreement for disagreement in each if disagreement]


def _disagreement(
    connection: sa.Connection, target: Target, record_type: str, standing: Standing
) -> Disagreement | None:
    if standing.last is None or standing.live is None:
        return None
    expected, moved = standing.live, 0
    counted = live_rows(connection, target, record_type=record_type, span=standing.range)
    if counted == expected:
        return None
    if counted < expected:
        # Since it was read: another type's import may have begun before this one's and committed after it.
        since = min(standing.last.committed_at, standing.last.read_at or standing.last.committed_at)
        moved = rows_of_others(connection, target, record_type=record_type, span=standing.range, since=since)
    return Disagreement(range=standing.range, expected=expected, counted=counted, moved=moved)


def _open_rejects(connection: sa.Connection, record_type: str, span: BatchRange) -> int:
    rejects = import_tables(sa.MetaData()).tables[REJECTS]
    query = sa.select(sa.func.count()).where(
        rejects.c.record_type == record_type,
        rejects.c.resolved_at.is_(None),
        rejects.c.key_first.between(span.first, span.last),
    )
    return connection.execute(query).scalar_one()
