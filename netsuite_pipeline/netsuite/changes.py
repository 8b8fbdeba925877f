"""Reading what changed in neighbouring batches with shared requests, as completely as whole batches are read.

Which batches those are is decided in `waves.increments`; whole batches are read in `reading`, many at once in `stream`.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence

from netsuite_pipeline.netsuite.page import Queries, RawRow
from netsuite_pipeline.netsuite.reading import count_ranges, key_of, read_rows
from netsuite_pipeline.netsuite.suiteql import changed_since
from netsuite_pipeline.record_types.batch import BatchRange, Increment
from netsuite_pipeline.record_types.model import RecordType

# Rows that are read together: three pages, which is what a few batches held in memory have, too.
_ROWS_TOGETHER = 3000
# Ids that are said to be deleted are written into the query, of up to 20 characters each.
_NOTED_TOGETHER = 500


def read_together(
    ranges: Sequence[BatchRange], increments: Mapping[BatchRange, Increment]
) -> Iterator[list[BatchRange]]:
    """Ranges without a gap of which about three pages of rows changed, in their order; all are in `increments`."""
    group: list[BatchRange] = []
    rows = noted = 0
    for batch in ranges:
        increment = increments[batch]
        rows, noted = rows + increment.expected, noted + len(increment.noted)
        gap = bool(group) and batch.first != group[-1].last + 1
        if group and (gap or rows > _ROWS_TOGETHER or noted > _NOTED_TOGETHER):
            yield group
            group, rows, noted = [], increment.expected, len(increment.noted)
        group.append(batch)
    if group:
        yield group


def read_changes(
    client: Queries, record_type: RecordType, increments: Mapping[BatchRange, Increment]
) -> dict[BatchRange, list[RawRow]]:
    """The rows of neighbouring batches, in ascending order, that their increments ask for, as NetSuite sends them.

    All of them, by NetSuite's own count. Where far more changed than was expected, they are read in parts. Raises as
    `reading.read_rows` does.
    """
    ranges = list(increments)
    span = BatchRange(ranges[0].first, ranges[-1].last)
    noted = sorted(frozenset().union(*(increment.noted for increment in increments.values())))
    asked = changed_since(record_type, min(increment.since for increment in increments.values()), or_ids=noted)
    counted = count_ranges(client, asked, [span])[0]
    if counted > 2 * _ROWS_TOGETHER and len(ranges) > 1:
        middle = len(ranges) // 2
        parts = (ranges[:middle], ranges[middle:])
        first, second = (
            read_changes(client, record_type, {batch: increments[batch] for batch in part}) for part in parts
        )
        return first | second
    rows = read_rows(client, asked, span, lambda: counted)[0] if counted else []
    return _by_batch(record_type, ranges, rows)


def _by_batch(
    record_type: RecordType, ranges: Sequence[BatchRange], rows: Sequence[RawRow]
) -> dict[BatchRange, list[RawRow]]:
    found: dict[BatchRange, list[RawRow]] = {batch: [] for batch in ranges}
    for row in rows:
        key = key_of(record_type, row)
        # A row without a key is rejected, wherever it is put.
        index = 0 if key is None else bisect_left(ranges, key[0], key=lambda batch: batch.last)
        found[ranges[min(index, len(ranges) - 1)]].append(row)
    return found
