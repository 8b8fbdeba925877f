"""How the records of a type are spread over its ids, measured with a handful of aggregate queries.

What is planned from a histogram is decided in `waves.planner`.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from netsuite_pipeline.netsuite.errors import IncompleteRead, QueryRejected
from netsuite_pipeline.netsuite.page import PAGE_SIZE, Queries, whole_number
from netsuite_pipeline.netsuite.reading import key_pages
from netsuite_pipeline.netsuite.suiteql import bounds_query, histogram_query
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.model import RecordType

# A batch ends with a bucket, so half a bucket of it stays empty on average: 14 to a batch fill it to 96 %. Of ten
# million records that is 140 requests to plan, one after the other, beside 10,400 pages, several at a time. A quarter
# of a batch took 45 and left 1,000 pages more; twice as fine would take 280, and save 180 pages. With 5 slots, and each
# batch read twice, 14 is where both together take the least time; further imports read the same batches.
_BUCKETS_PER_BATCH = 14
# Where ids are walked, finer buckets cost nothing.
_WALKED_PER_BATCH = 20
# Where ids are denser than elsewhere, a request more is worth so many pages less: 5 slots, and each batch read twice.
_PAGES_PER_REQUEST = 2.5
_REFINEMENT = 10
# Each level is at least ten times finer than the one before and the first has 1,000 buckets, so that five reach single
# ids from a span of 100 million. A bucket that is still too heavy becomes a batch that is larger than it should be, and
# is read page by page all the same.
_MOST_LEVELS = 5


@dataclass(frozen=True)
class Bucket:
    """The `records` whose ids are from `first` to `last`, both included."""

    first: int
    last: int
    records: int

    @property
    def width(self) -> int:
        """How many ids, used or not, it spans."""
        return self.last - self.first + 1


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """All records of a type by id: ascending buckets that each hold at least one record.

    `first` and `last` are the lowest and highest id, None if there is no record.
    """

    total: int
    first: int | None
    last: int | None
    buckets: tuple[Bucket, ...]


def measure(client: Queries, record_type: RecordType, *, batch_size: int, from_id: int | None = None) -> Histogram:
    """The exact histogram of a record type, from `from_id` on if given.

    No bucket that can be divided holds more than `batch_size` records, so that they coalesce into full
    batches. Raises RecordTypeUnavailable if the account lacks the table and other NetSuiteErrors as they come;
    if NetSuite refuses only the histogram, every id is read instead.
    """
    row = _only_row(client, bounds_query(record_type, from_id))
    total = whole_number(row, "records")
    lowest, highest = whole_number(row, "lowest"), whole_number(row, "highest")
    if total == 0 and lowest is None and highest is None:
        return Histogram(total=0, first=None, last=None, buckets=())
    # An answer that lost its count or a bound must not look like a type without records.
    if not total or lowest is None or highest is None:
        raise IncompleteRead(f"Count {record_type.name}: NetSuite says {total} records from {lowest} to {highest}.")
    whole = Bucket(lowest, highest, total)
    if total <= batch_size:
        buckets = [whole]
    else:
        try:
            buckets = _measured(client, record_type, whole, batch_size=batch_size)
        except QueryRejected:
            size = max(1, batch_size // _WALKED_PER_BATCH)
            buckets = list(_walked(client, record_type, BatchRange(lowest, highest), size=size))
        buckets = _covering(whole, buckets)
    # Summed, because records may have come or gone since their bounds were asked for.
    total = sum(bucket.records for bucket in buckets)
    return Histogram(total=total, first=lowest, last=highest, buckets=tuple(buckets))


def _covering(span: Bucket, buckets: Sequence[Bucket]) -> list[Bucket]:
    # A bucket that an answer left out is read with its neighbours, but at an end it has none, and nobody would read it.
    if not buckets:
        raise IncompleteRead(f"Measure ids: there are records from {span.first} to {span.last}, but in no bucket.")
    covering = list(buckets)
    covering[0] = replace(covering[0], first=span.first)
    covering[-1] = replace(covering[-1], last=span.last)
    return covering


def _measured(client: Queries, record_type: RecordType, whole: Bucket, *, batch_size: int) -> list[Bucket]:
    width = _width(whole, batch_size=batch_size)
    buckets = list(_buckets(client, record_type, whole, width=width))
    for _ in range(_MOST_LEVELS):
        width = max(1, width // _REFINEMENT)
        for region in _dense_regions(buckets, batch_size=batch_size, width=width):
            finest = min(width, _width(region, batch_size=batch_size))
            finer = list(_buckets(client, record_type, region, width=finest))
            kept = [bucket for bucket in buckets if bucket.last < region.first or bucket.first > region.last]
            buckets = sorted([*kept, *finer], key=lambda bucket: bucket.first)
    return buckets


def _width(span: Bucket, *, batch_size: int) -> int:
    """How many ids a bucket has, for _BUCKETS_PER_BATCH if records are spread evenly, or more that fill the last page.

    As wide as it may be with so many to a batch, since ids without gaps are cut into full batches then.
    """
    pages = math.ceil(_BUCKETS_PER_BATCH * span.records / batch_size / PAGE_SIZE)
    width = math.ceil(span.width / (PAGE_SIZE * pages))
    ids_of_batch = batch_size * span.width // span.records
    return max(width, ids_of_batch // max(1, ids_of_batch // width))


def _buckets(client: Queries, record_type: RecordType, span: Bucket, *, width: int) -> Iterator[Bucket]:
    # Each query groups only the ids of one page of buckets; otherwise the first would group all of them.
    for start in range(span.first, span.last + 1, PAGE_SIZE * width):
        within = BatchRange(start, min(start + PAGE_SIZE * width - 1, span.last))
        last = within.first - 1
        for row in client.query(histogram_query(record_type, width=width, origin=span.first, within=within)).items:
            number, records = whole_number(row, "bucket"), whole_number(row, "records")
            if number is None or records is None:
                raise IncompleteRead("Measure ids: a row of the histogram lacks its bucket or its count.")
            first = span.first + number * width
            if first <= last:
                raise IncompleteRead(f"Measure ids: bucket {number} came after id {last}.")
            last = min(first + width - 1, span.last)
            yield Bucket(first, last, records)


def _dense_regions(buckets: list[Bucket], *, batch_size: int, width: int) -> list[Bucket]:
    """Where buckets of `width` or finer are due: some do not fit a batch, or batches would be too far from full."""
    regions: list[list[Bucket]] = []
    for bucket in buckets:
        # Twice as heavy as is meant; what is lighter may be so by chance.
        if bucket.records * _BUCKETS_PER_BATCH <= 2 * batch_size or bucket.width == 1:
            continue
        # A gap that takes less than a page of the finer buckets is measured again rather than asked around.
        if regions and bucket.first - regions[-1][-1].last <= PAGE_SIZE * width:
            regions[-1].append(bucket)
        else:
            regions.append([bucket])
    return [_together(region) for region in regions if _is_worthwhile(region, batch_size=batch_size, width=width)]


def _is_worthwhile(region: list[Bucket], *, batch_size: int, width: int) -> bool:
    if any(bucket.records > batch_size for bucket in region):
        return True
    finest = min(width, _width(_together(region), batch_size=batch_size))
    requests = math.ceil(_together(region).width / finest / PAGE_SIZE)
    # Half a bucket of each batch that it makes a part of.
    saved = sum((bucket.records / batch_size) ** 2 / 2 for bucket in region)
    return saved >= _PAGES_PER_REQUEST * requests


def _together(region: list[Bucket]) -> Bucket:
    return Bucket(region[0].first, region[-1].last, sum(bucket.records for bucket in region))


def _walked(client: Queries, record_type: RecordType, span: BatchRange, *, size: int) -> Iterator[Bucket]:
    # An id may stand for many rows (the lines of a transaction), and they must not be divided.
    first = last = span.first
    records = 0
    for page in key_pages(client, record_type, span):
        for key in page:
            if records >= size and key[0] != last:
                yield Bucket(first, last, records)
                first, records = key[0], 0
            elif not records:
                first = key[0]
            last = key[0]
            records += 1
    if records:
        yield Bucket(first, last, records)


def _only_row(client: Queries, sql: str) -> dict[str, object]:
    rows = client.query(sql).items
    if len(rows) != 1:
        raise IncompleteRead(f"Count records: NetSuite answered {len(rows)} rows where a count is one row.")
    return rows[0]
