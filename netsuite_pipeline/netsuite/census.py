"""A census: how many records a type has, how many of them changed since a moment, and where; which ids were deleted.

Aggregates only. What an import makes of them is decided in `waves.increments`, changed rows are read in `stream`.
"""

import datetime as dt
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from netsuite_pipeline.netsuite.errors import IncompleteRead, QueryRejected
from netsuite_pipeline.netsuite.page import PAGE_SIZE, Queries, whole_number
from netsuite_pipeline.netsuite.suiteql import (
    MAX_IN_VALUES,
    census_histogram_query,
    census_query,
    changed_ids_query,
    deletions_query,
    existing_ids_query,
)
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.model import RecordType

# Whoever deletes more since the last import waits for the comparison of a full one: 100 requests.
MOST_DELETIONS = 100_000


@dataclass(frozen=True, kw_only=True)
class Census:
    """Counts of records, of all or of those with an id from `first` to `last` (None if there is no record).

    `changed` since the moment asked for, `unchanged` since, `strays`: unchanged but by another date. The others have no
    date of modification. `sums` are those of the summed fields over the unchanged records, zero without a value.
    """

    first: int | None
    last: int | None
    records: int
    changed: int
    unchanged: int
    strays: int
    sums: tuple[Decimal, ...]

    @property
    def undated(self) -> int:
        """Records without a date of modification."""
        return self.records - self.changed - self.unchanged


def take_census(client: Queries, record_type: RecordType, since: dt.datetime) -> tuple[RecordType, Census]:
    """Counts all records, `since` being account-local; one request.

    Returns also the declaration that was asked with: less the summed fields that the account lacks. QueryRejected if
    the account lacks the date of modification, and other NetSuiteErrors as they come.
    """
    while True:
        try:
            rows = client.query(census_query(record_type, since)).items
        except QueryRejected as error:
            remaining = tuple(name for name in record_type.source.summed if name != error.column)
            if error.column is None or remaining == record_type.source.summed:
                raise
            record_type = replace(record_type, source=replace(record_type.source, summed=remaining))
            continue
        if len(rows) != 1:
            raise IncompleteRead(f"Count {record_type.name}: NetSuite answered {len(rows)} rows where one is due.")
        first, last = whole_number(rows[0], "lowest"), whole_number(rows[0], "highest")
        census = _census(record_type, rows[0], first=first, last=last)
        if census.records and (first is None or last is None):
            raise IncompleteRead(f"Count {record_type.name}: NetSuite says {census.records} records, but not which.")
        return record_type, census


def census_by_bucket(
    client: Queries, record_type: RecordType, since: dt.datetime, *, span: BatchRange, width: int
) -> Iterator[Census]:
    """The same by buckets of `width` ids from the first of the span on, ascending; one request for each 1,000 buckets.

    Buckets without records are left out.
    """
    for start in range(span.first, span.last + 1, PAGE_SIZE * width):
        within = BatchRange(start, min(start + PAGE_SIZE * width - 1, span.last))
        query = census_histogram_query(record_type, since, width=width, origin=span.first, within=within)
        last = within.first - 1
        for row in client.query(query).items:
            number = whole_number(row, "bucket")
            first = None if number is None else span.first + number * width
            if first is None or first <= last:
                raise IncompleteRead(f"Count {record_type.name}: bucket {number} came after id {last}.")
            last = min(first + width - 1, span.last)
            yield _census(record_type, row, first=first, last=last)


def bucket_width(span: BatchRange, *, batch_size: int) -> int:
    """Buckets of a quarter of a batch, but at most 2,900 of them: three requests, however wide the span."""
    return max(1, batch_size // 4, math.ceil((span.last - span.first + 1) / 2900))


def changed_ids(client: Queries, record_type: RecordType, since: dt.datetime) -> list[int]:
    """The ids of the records that changed at `since` (account-local) or later, ascending; a request for each 1,000."""
    pages = _paged(client, "id", lambda after: changed_ids_query(record_type, since, after))
    return [id_ for page in pages for id_ in page]


def existing_ids(client: Queries, record_type: RecordType, ids: Sequence[int]) -> set[int]:
    """Those of the ids that NetSuite has records of; a request for each 1,000."""
    found: set[int] = set()
    for start in range(0, len(ids), MAX_IN_VALUES):
        some = ids[start : start + MAX_IN_VALUES]
        found.update(_ids(client.query(existing_ids_query(record_type, some)).items, "id"))
    return found


def deleted_ids(client: Queries, since: dt.datetime) -> list[int]:
    """The ids of the records, of any type, that were deleted at `since` (account-local) or later; ascending.

    One request for each 1,000. Raises QueryRejected or RecordTypeUnavailable where the role may not see deletions,
    IncompleteRead if they are more than MOST_DELETIONS.
    """
    found: list[int] = []
    for page in _paged(client, "recordid", lambda after: deletions_query(since, after)):
        found.extend(page)
        if len(found) > MOST_DELETIONS:
            raise IncompleteRead(
                f"Read deletions: there are more than {MOST_DELETIONS:,} since {since:%Y-%m-%d %H:%M}."
            )
    return found


def _paged(client: Queries, column: str, query: Callable[[int | None], str]) -> Iterator[list[int]]:
    """The ids of all pages; a page that is not full is the last one, unless NetSuite says that there are more."""
    last: int | None = None
    while True:
        page = client.query(query(last))
        ids = _ids(page.items, column)
        if ids and last is not None and ids[0] <= last:
            raise IncompleteRead(f"Read ids: {ids[0]} came after {last}.")
        if ids:
            yield ids
            last = ids[-1]
        if not ids or (len(page.items) < PAGE_SIZE and not page.has_more):
            return


def _ids(rows: Sequence[Mapping[str, Any]], column: str) -> list[int]:
    return sorted({number for row in rows if (number := whole_number(row, column)) is not None})


def _census(record_type: RecordType, row: Mapping[str, Any], *, first: int | None, last: int | None) -> Census:
    records = whole_number(row, "records")
    if records is None:
        raise IncompleteRead(f"Count {record_type.name}: NetSuite's answer has no count.")
    sums = tuple(_decimal(row, f"s{position}") for position in range(len(record_type.summed_fields)))
    return Census(
        first=first,
        last=last,
        records=records,
        changed=whole_number(row, "changed") or 0,
        unchanged=whole_number(row, "unchanged") or 0,
        strays=whole_number(row, "strays") or 0,
        sums=sums,
    )


def _decimal(row: Mapping[str, Any], name: str) -> Decimal:
    value = next((value for key, value in row.items() if key.lower() == name), None)
    if value is None:
        return Decimal(0)
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise IncompleteRead(f"Read {name} from NetSuite's answer: {value!r} is no number.") from None
