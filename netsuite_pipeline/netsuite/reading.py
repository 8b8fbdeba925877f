"""Reading the rows of one batch completely: counts, keyset pages, and the proof that nothing is missing.

Many batches at once are `stream`'s business; typing the rows is `transform`'s.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from netsuite_pipeline.netsuite.errors import IncompleteRead
from netsuite_pipeline.netsuite.page import Page, Queries, RawRow, whole_number
from netsuite_pipeline.netsuite.suiteql import count_query, ids_query, page_query
from netsuite_pipeline.record_types.batch import BatchRange, Key
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.transform.rejection import ConversionError
from netsuite_pipeline.transform.values import convert_integer

# A run of 100 batches has one request in 101 that brings no rows. The query has some 8,000 characters and 100 columns:
# NetSuite documents no limit of a query's length, and pages of customers have more columns.
COUNTED_TOGETHER = 100


@dataclass
class MeteredQueries:
    """Runs the queries of one batch, stops when `cancelled` is set, and adds up what they cost."""

    client: Queries
    cancelled: threading.Event
    requests: int = field(default=0, init=False)
    retries: int = field(default=0, init=False)
    seconds: float = field(default=0.0, init=False)

    def query(self, sql: str, *, cancelled: threading.Event | None = None) -> Page:
        """As `NetSuiteClient.query`."""
        started = time.monotonic()
        try:
            page = self.client.query(sql, cancelled=cancelled or self.cancelled)
        finally:
            self.seconds += time.monotonic() - started
        self.requests += page.attempts
        self.retries += page.attempts - 1
        return page


def count_ranges(client: Queries, record_type: RecordType, ranges: Sequence[BatchRange]) -> list[int]:
    """NetSuite's count of the rows in each range, in their order; one query per COUNTED_TOGETHER ranges."""
    counts: list[int] = []
    for start in range(0, len(ranges), COUNTED_TOGETHER):
        group = ranges[start : start + COUNTED_TOGETHER]
        rows = client.query(count_query(record_type, group)).items
        numbers = [whole_number(rows[0], f"c{index}") for index in range(len(group))] if len(rows) == 1 else []
        known = [number for number in numbers if number is not None]
        if len(known) != len(group):
            raise IncompleteRead(f"Count {len(group)} batches of {record_type.name}: NetSuite answered {len(known)}.")
        counts.extend(known)
    return counts


def read_rows(
    client: Queries, record_type: RecordType, within: BatchRange, counted: Callable[[], int]
) -> tuple[list[RawRow], int]:
    """Every row of the range as NetSuite sends it, and NetSuite's count, which it equals.

    `counted` gives the expected number; it is called after the first page, so that counting may go on
    meanwhile. When they differ, the range is counted again, because records come and go while an import runs,
    and if need be read once more. IncompleteRead naming both numbers if they still differ.
    """
    rows, expected = _read_once(client, record_type, within, counted)
    if len(rows) == expected:
        return rows, expected
    expected = _count(client, record_type, within)
    if len(rows) == expected:
        return rows, expected
    rows, expected = _read_once(client, record_type, within, lambda: expected)
    if len(rows) == expected:
        return rows, expected
    raise IncompleteRead(
        f"Read batch {within.key} of {record_type.name}, twice: NetSuite sent {len(rows)} rows and counts"
        f" {expected}. Import the batch again; if it stays, look for records the role may count but not see."
    )


def key_pages(client: Queries, record_type: RecordType, within: BatchRange) -> Iterator[list[Key]]:
    """The keys of all rows in the range, ascending, a page at a time; ends on an empty page."""
    after: Key | None = None
    while True:
        rows = client.query(ids_query(record_type, within, after)).items
        keys = [key for row in rows if (key := key_of(record_type, row))]
        if not keys:
            return
        _check_ascending(record_type, within, keys, after)
        yield keys
        after = keys[-1]


def _count(client: Queries, record_type: RecordType, within: BatchRange) -> int:
    return count_ranges(client, record_type, [within])[0]


def _read_once(
    client: Queries, record_type: RecordType, within: BatchRange, counted: Callable[[], int]
) -> tuple[list[RawRow], int]:
    rows: list[RawRow] = []
    after: Key | None = None
    while True:
        page = client.query(page_query(record_type, within, after)).items
        keys = [key_of(record_type, row) for row in page]
        known = [key for key in keys if key]
        _check_ascending(record_type, within, known, after)
        # Without a key nobody can ask for what comes next; an empty page is the end in any case. A full one is it too,
        # once NetSuite's own count is reached: where ids have no gaps, every batch is a full page.
        if not known or len(rows) + len(page) >= counted():
            return [*rows, *page], counted()
        after = known[-1]
        # Rows without a key behind the last one with a key are sent again at the head of the next page.
        rows.extend(page[: keys.index(after) + 1])


def _check_ascending(record_type: RecordType, within: BatchRange, keys: Sequence[Key], after: Key | None) -> None:
    # Equal keys are a row sent twice, descending ones an order ignored: both lose rows elsewhere.
    for key in keys:
        if after is not None and key <= after:
            raise IncompleteRead(
                f"Read batch {within.key} of {record_type.name}: key {_shown(key)} came after {_shown(after)}, so"
                " rows may be missing. Import the batch again."
            )
        after = key


def key_of(record_type: RecordType, row: RawRow) -> Key | None:
    """The key of a row; None if it is not whole: the transformer rejects the row, and it has no part in paging."""
    key = []
    for part in record_type.key:
        value = row.get(part.name)
        if value is None:
            value = next((value for name, value in row.items() if name.lower() == part.name), None)
        try:
            key.append(convert_integer(value))
        except ConversionError:
            return None
    return tuple(key)


def _shown(key: Key) -> str:
    return ":".join(map(str, key))
