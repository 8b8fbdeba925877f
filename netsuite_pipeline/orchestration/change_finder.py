"""What an incremental import asks: NetSuite's census beside the table's, deletions, and what is imported up to when.

What follows from the answers is decided in `waves.increments`; how they are asked for is in `netsuite.census` and
`warehouse.table_census`.
"""

import datetime as dt
import logging
import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.netsuite.census import (
    Census,
    bucket_width,
    census_by_bucket,
    changed_ids,
    deleted_ids,
    existing_ids,
    take_census,
)
from netsuite_pipeline.netsuite.client import NetSuiteClient
from netsuite_pipeline.netsuite.clock import AccountClock, account_zone, zone_of
from netsuite_pipeline.netsuite.errors import (
    AuthenticationFailed,
    IncompleteRead,
    NetSuiteError,
    QueryRejected,
    RecordTypeUnavailable,
    RequiredColumnMissing,
    TransientError,
)
from netsuite_pipeline.orchestration.account_columns import view_of_account
from netsuite_pipeline.orchestration.resources import warehouse_metadata
from netsuite_pipeline.record_types.batch import BatchRange, Watermark
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse import watermarks
from netsuite_pipeline.warehouse.adoption import edition_for
from netsuite_pipeline.warehouse.engine import snapshot_connection
from netsuite_pipeline.warehouse.errors import warehouse_error
from netsuite_pipeline.warehouse.missing_columns import ColumnMemory, account_of
from netsuite_pipeline.warehouse.table_census import (
    TableCensus,
    TableCount,
    count_by_bucket,
    count_by_id,
    table_census,
)
from netsuite_pipeline.warehouse.tables import utc_now
from netsuite_pipeline.warehouse.targets import Target, target_of
from netsuite_pipeline.warehouse.totals import live_total
from netsuite_pipeline.waves.change_planning import Comparison, Unavailable, Undatable
from netsuite_pipeline.waves.errors import NotAnswered
from netsuite_pipeline.waves.increments import Count, mass_deletion

# Between two hosts of NetSuite's.
_CLOCK_TOLERANCE = dt.timedelta(minutes=2)
# More are read as a whole if they are most of the type: asking for the ids of each would cost as much.
_MANY_CHANGES = 10_000

_LOGGER = logging.getLogger(__name__)


class AccountChanges:
    """Compares one account with one warehouse. For one plan: what was asked once is remembered."""

    def __init__(self, *, client: NetSuiteClient, engine: sa.Engine, catalog: Catalog, settings: Settings) -> None:
        self._client = client
        self._engine = engine
        self._catalog = catalog
        self._settings = settings
        self._metadata = warehouse_metadata(catalog)
        self._claimant = f"plan-{uuid.uuid4().hex[:12]}"
        self._digests: dict[str, str] = {}
        # The last type of which NetSuite did not answer, until it answers again.
        self._unanswered: str | None = None

    @cached_property
    def as_of(self) -> dt.datetime | None:
        """NetSuite's time, asked when it is first needed; None if it does not tell."""
        try:
            return self._client.server_time()
        except AuthenticationFailed:
            raise
        except NetSuiteError as error:
            _LOGGER.warning("NetSuite does not tell the time, so nobody can say what changed since: %s", error)
            return None

    @cached_property
    def _clock(self) -> AccountClock:
        # Both, since a wrong one would lose changes in silence.
        named = self._settings.netsuite_time_zone
        zones = (zone_of(named) if named else None, account_zone(self._client))
        return AccountClock(
            zones=tuple(zone for zone in zones if zone),
            overlap=dt.timedelta(minutes=self._settings.incremental_overlap),
        )

    def local(self, moment: dt.datetime) -> dt.datetime:
        """See `AccountClock.since`."""
        return self._clock.since(moment)

    def _imported_as(self, record_type: str) -> str:
        """The digest that a run would store with a watermark now; asks which columns there are, if nobody knows."""
        known = self._digests.get(record_type)
        if known is None:
            declared = self._catalog.get(record_type)
            with self._asking(record_type):
                reduced = self._of_account(declared)
            whole = replace(reduced, edition=edition_for(self._engine, declared))
            known = self._digests[record_type] = whole.digest(account_of(self._settings))
        return known

    def _of_account(self, declared: RecordType) -> RecordType:
        memory = ColumnMemory(self._engine, account=account_of(self._settings), record_type=declared)
        view = view_of_account(declared, memory=memory, queries=self._client, claimant=self._claimant)
        return view.record_type

    def watermarks(self, record_type: str) -> Mapping[BatchRange, dt.datetime]:
        """Up to when each range is imported.

        One that is imported otherwise than it would be now is not, nor one that is ahead of NetSuite's clock, which was
        wrong then or is now.
        """
        with self._reading(f"Reading the watermarks of {record_type}") as connection:
            known = watermarks.watermarks(connection, self._metadata, record_type)
        if not known or self.as_of is None:
            return {}
        try:
            imported_as = self._imported_as(record_type)
        except (QueryRejected, RecordTypeUnavailable, RequiredColumnMissing):
            # Counting all of it will say why.
            return {}
        latest = self.as_of + _CLOCK_TOLERANCE
        return {
            batch: mark.moment
            for batch, mark in known.items()
            if mark.imported_as == imported_as and mark.moment <= latest
        }

    def rows(self, record_type: str) -> int:
        """The live rows of the table."""
        with self._reading(f"Counting the rows of {record_type}") as connection:
            return live_total(connection, self._target(record_type), record_type)

    def hold(self, record_type: str, *, records: int, rows: int) -> Unavailable | None:
        """The guard of the whole type; that of a batch does not see a small type, or one that vanished."""
        percent = self._settings.delete_guard_percent
        noted = len(self.noted(record_type))
        reason = mass_deletion(record_type, records=records, rows=rows, noted=noted, percent=percent)
        return Unavailable(reason=reason) if reason else None

    def compare(self, record_type: str, since: dt.datetime) -> Comparison | Unavailable | Undatable:
        """One request. A type without a date of modification, or whose date the account lacks, is undatable."""
        asked = self._catalog.get(record_type)
        if asked.source.modified is None:
            return Undatable(reason="it has no date of modification")
        local_since = self.local(since)
        try:
            with self._asking(record_type):
                asked, census = take_census(self._client, asked, local_since)
        except QueryRejected as error:
            return Undatable(reason=f"NetSuite does not say what changed: {error.said}")
        except RecordTypeUnavailable as error:
            return Unavailable(reason=str(error))
        if census.changed > max(_MANY_CHANGES, census.records // 2):
            return Undatable(reason=f"{census.changed:,} of {census.records:,} records changed")
        with self._reading(f"Counting the rows of {record_type}") as connection:
            counted = table_census(connection, self._metadata, self._target(record_type), asked)
        return _Compared(
            finder=self, record_type=asked, since=since, local_since=local_since, census=census, table=counted
        )

    def note_deletions(self, record_types: Collection[str], since: dt.datetime) -> None:
        """Notes the rows of deleted ids. An id says nothing of its record's type: every type is asked that has it.

        Where the role may not see deletions, or they are too many, the counts of the census find them.
        """
        try:
            ids = deleted_ids(self._client, self.local(since))
        except AuthenticationFailed:
            raise
        except NetSuiteError as error:
            _LOGGER.warning("Deletions are found by counting only: %s", error)
            return
        for name in record_types:
            try:
                self._note(name, ids)
            except AuthenticationFailed:
                raise
            except NetSuiteError as error:
                _LOGGER.warning("Deletions of %s are found by counting only: %s", name, error)

    def _note(self, record_type: str, ids: Sequence[int]) -> None:
        with self._reading(f"Looking for deleted records of {record_type}") as connection:
            found = sorted(self._live(connection, record_type, ids))
        if not found:
            return
        exist = existing_ids(self._client, self._catalog.get(record_type), found)
        self._store_notes(record_type, [id_ for id_ in found if id_ not in exist])

    def _store_notes(self, record_type: str, ids: Sequence[int]) -> None:
        with self._writing(f"Noting the deletions of {record_type}") as connection:
            watermarks.note_deletions(connection, self._metadata, record_type=record_type, ids=ids, now=utc_now())

    def _stored_notes(self, connection: sa.Connection, record_type: str) -> list[int]:
        return watermarks.noted_deletions(connection, self._metadata, record_type)

    def noted(self, record_type: str) -> Sequence[int]:
        """The ids that are noted and have live rows; the other notes are settled, and forgotten."""
        with self._writing(f"Reading the noted deletions of {record_type}") as connection:
            ids = self._stored_notes(connection, record_type)
            live = self._live(connection, record_type, ids)
            gone = [id_ for id_ in ids if id_ not in live]
            watermarks.drop_notes(connection, self._metadata, record_type=record_type, ids=gone)
        return sorted(live)

    def _live(self, connection: sa.Connection, record_type: str, ids: Sequence[int]) -> Mapping[int, TableCount]:
        return count_by_id(connection, self._target(record_type), self._catalog.get(record_type), ids)

    def advance(self, record_type: str, *, batches: Sequence[BatchRange], unchanged: Sequence[BatchRange]) -> None:
        """See `watermarks.advance` and `watermarks.retain`."""
        if self.as_of is None:
            return
        watermark = Watermark(moment=self.as_of, imported_as=self._imported_as(record_type))
        with self._writing(f"Moving the watermarks of {record_type}") as connection:
            watermarks.advance(
                connection, self._metadata, record_type=record_type, unchanged=unchanged, watermark=watermark
            )
            watermarks.retain(connection, self._metadata, record_type=record_type, batches=batches)

    def source_buckets(
        self, record_type: RecordType, since: dt.datetime, *, span: BatchRange, width: int
    ) -> list[Census]:
        """NetSuite's census by buckets."""
        try:
            with self._asking(record_type.name):
                return list(census_by_bucket(self._client, record_type, since, span=span, width=width))
        except RecordTypeUnavailable as error:
            raise NotAnswered(str(error)) from error

    def changed_ids(self, record_type: RecordType, since: dt.datetime) -> list[int]:
        """The ids that changed since, ascending."""
        try:
            with self._asking(record_type.name):
                return changed_ids(self._client, record_type, since)
        except (QueryRejected, RecordTypeUnavailable) as error:
            raise NotAnswered(str(error)) from error

    def table_buckets(self, record_type: RecordType, *, span: BatchRange, width: int) -> Mapping[int, TableCount]:
        """The table's rows by buckets."""
        with self._reading(f"Counting the rows of {record_type.name}") as connection:
            return count_by_bucket(connection, self._target(record_type.name), record_type, span=span, width=width)

    def table_ids(self, record_type: RecordType, ids: Sequence[int]) -> Mapping[int, TableCount]:
        """The table's rows of these ids."""
        with self._reading(f"Counting the rows of {record_type.name}") as connection:
            return count_by_id(connection, self._target(record_type.name), record_type, ids)

    @property
    def batch_size(self) -> int:
        """Records of a batch when it is planned."""
        return self._settings.batch_size

    def _target(self, record_type: str) -> Target:
        return target_of(self._metadata, self._catalog.get(record_type))

    @contextmanager
    def _asking(self, record_type: str) -> Iterator[None]:
        """Around questions about one type, which may be too hard for NetSuite: the others are asked all the same.

        Two types in a row without an answer are an outage, and no type's fault.
        """
        try:
            yield
        except IncompleteRead as error:
            raise NotAnswered(str(error)) from error
        except TransientError as error:
            if self._unanswered not in {None, record_type}:
                raise
            self._unanswered = record_type
            raise NotAnswered(str(error)) from error
        self._unanswered = None

    @contextmanager
    def _reading(self, doing: str) -> Iterator[sa.Connection]:
        try:
            with snapshot_connection(self._engine) as connection:
                yield connection
        except DBAPIError as error:
            raise warehouse_error(error, doing=doing) from None

    @contextmanager
    def _writing(self, doing: str) -> Iterator[sa.Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise warehouse_error(error, doing=doing) from None


@dataclass(frozen=True, kw_only=True)
class _Compared:
    """NetSuite's census of a type beside the table's."""

    finder: AccountChanges
    record_type: RecordType
    since: dt.datetime
    local_since: dt.datetime
    census: Census
    table: TableCensus

    @property
    def records(self) -> int:
        return self.census.records

    @property
    def bounds(self) -> tuple[int, int] | None:
        first, last = self.census.first, self.census.last
        return None if first is None or last is None else (first, last)

    @property
    def is_calm(self) -> bool:
        unloaded = sum(self.table.unloaded.values())
        total = _count(self.census, self.table.count, span=BatchRange(0, 0), unloaded=unloaded)
        told = total.changed or total.undated or total.strays or self.finder.noted(self.record_type.name)
        return not told and not total.has_drifted

    def counts(self) -> Sequence[Count]:
        census, table = self.census, self.table
        bounds = [bound for bound in (census.first, census.last, table.first, table.last) if bound is not None]
        if not bounds:
            return ()
        span = BatchRange(min(bounds), max(bounds))
        width = bucket_width(span, batch_size=self.finder.batch_size)
        try:
            source = self.finder.source_buckets(self.record_type, self.local_since, span=span, width=width)
        except QueryRejected as error:
            _LOGGER.warning("NetSuite does not count %s by ranges of ids: %s", self.record_type.name, error)
            width = span.last - span.first + 1
            source = [replace(census, first=span.first, last=span.last)]
        return _buckets(span, width, source=source, rows=self._unchanged_rows(span, width), unloaded=self._unloaded())

    @cached_property
    def _changed(self) -> Sequence[int]:
        return self.finder.changed_ids(self.record_type, self.local_since) if self.census.changed else ()

    def _unloaded(self) -> Mapping[int, int]:
        changed = set(self._changed)
        return {id_: count for id_, count in self.table.unloaded.items() if id_ not in changed}

    def _unchanged_rows(self, span: BatchRange, width: int) -> Mapping[int, TableCount]:
        """The table's rows by the number of their bucket, less those that changed or are gone in NetSuite."""
        rows = dict(self.finder.table_buckets(self.record_type, span=span, width=width))
        others = sorted({*self._changed, *self.finder.noted(self.record_type.name)})
        for id_, count in self.finder.table_ids(self.record_type, others).items():
            number = (id_ - span.first) // width
            if number in rows:
                rows[number] = rows[number].less(count)
        return rows


def _buckets(
    span: BatchRange,
    width: int,
    *,
    source: Sequence[Census],
    rows: Mapping[int, TableCount],
    unloaded: Mapping[int, int],
) -> list[Count]:
    by_number = {((census.first or 0) - span.first) // width: census for census in source}
    rejected: Counter[int] = Counter()
    for id_, count in unloaded.items():
        rejected[(id_ - span.first) // width] += count
    return [
        _count(
            by_number.get(number),
            rows.get(number),
            span=BatchRange(span.first + number * width, span.first + (number + 1) * width - 1),
            unloaded=rejected[number],
        )
        for number in sorted(by_number.keys() | rows.keys() | rejected.keys())
    ]


def _count(census: Census | None, table: TableCount | None, *, span: BatchRange, unloaded: int) -> Count:
    nothing = (Decimal(0),) * len((census or table or TableCount(rows=0, sums=())).sums)
    return Count(
        first=span.first,
        last=span.last,
        changed=census.changed if census else 0,
        undated=census.undated if census else 0,
        strays=census.strays if census else 0,
        unchanged=census.unchanged if census else 0,
        rows=(table.rows if table else 0) + unloaded,
        sums=census.sums if census else nothing,
        table_sums=table.sums if table else nothing,
        comparable=not unloaded,
    )
