"""Many batches at once: read and transformed ahead in threads, handed over in order, with bounded memory.

How one batch is read is in `reading`, how a row is typed in `transform`.
"""

import datetime as dt
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, partial
from itertools import groupby
from types import MappingProxyType

from netsuite_pipeline.netsuite.changes import read_changes, read_together
from netsuite_pipeline.netsuite.errors import (
    AuthenticationFailed,
    ColumnLost,
    NetSuiteError,
    RecordTypeUnavailable,
    TimedOut,
    Unavailable,
)
from netsuite_pipeline.netsuite.page import Queries, RawRow
from netsuite_pipeline.netsuite.reading import COUNTED_TOGETHER, MeteredQueries, count_ranges, read_rows
from netsuite_pipeline.netsuite.suiteql import ZONE_QUERY
from netsuite_pipeline.record_types.batch import BatchRange, Increment, Watermark
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.transform.batch import FailedBatch, TransformedBatch
from netsuite_pipeline.transform.rows import RowTransformer

FetchedBatch = TransformedBatch | FailedBatch

_LOGGER = logging.getLogger(__name__)
# What every other batch of the run would meet too.
_FATAL = (AuthenticationFailed, RecordTypeUnavailable, ColumnLost)
# So many batches in a row without an answer, after every attempt of their requests, nor one to a small question, and
# the others are not asked for: each would take minutes to say the same.
_UNANSWERED = 3


def stream_batches(
    client: Queries,
    record_type: RecordType,
    ranges: Sequence[BatchRange],
    *,
    workers: int,
    increments: Mapping[BatchRange, Increment] = MappingProxyType({}),
    watermark: Watermark | None = None,
) -> Generator[FetchedBatch, None, None]:
    """The batches of `ranges`, in their order, each complete or failed with its reason.

    Of those in `increments` only what these say is read, neighbours together. `watermark` says up to when
    they are current.
    Up to `workers` threads read ahead of the caller; at most `workers` + 1 batches, or groups of increments with a few
    pages of rows, are held at any time, whatever the number of ranges. Refused credentials, a missing table or a lost
    column fail every batch that is not read yet without asking again; so does a NetSuite that did not answer for three
    batches in a row. Closing the generator cancels what is queued and
    waits for the requests in flight.
    """
    reader = _BatchReader(client, record_type, increments=increments, watermark=watermark)
    executor = ThreadPoolExecutor(max_workers=workers, thread_name_prefix=f"read {record_type.name}")
    try:
        ahead: deque[Future[list[FetchedBatch]]] = deque()
        for future in _submitted(executor, reader, ranges, increments):
            ahead.append(future)
            if len(ahead) > workers:
                yield from ahead.popleft().result()
        while ahead:
            yield from ahead.popleft().result()
    finally:
        reader.cancelled.set()
        executor.shutdown(wait=True, cancel_futures=True)


def _submitted(
    executor: ThreadPoolExecutor,
    reader: "_BatchReader",
    ranges: Sequence[BatchRange],
    increments: Mapping[BatchRange, Increment],
) -> Iterator[Future[list[FetchedBatch]]]:
    for changes_only, some in groupby(ranges, key=increments.__contains__):
        if changes_only:
            for group in read_together(list(some), increments):
                yield executor.submit(reader.read_changes, group)
            continue
        whole = list(some)
        for start in range(0, len(whole), COUNTED_TOGETHER):
            group = whole[start : start + COUNTED_TOGETHER]
            # Queued before the batches that await it, so that it runs even if there is one worker only.
            counts = executor.submit(reader.count, group)
            for index, batch in enumerate(group):
                yield executor.submit(reader.read, batch, counts, index)


class _BatchReader:
    """What the threads of one stream share."""

    def __init__(
        self,
        client: Queries,
        record_type: RecordType,
        *,
        increments: Mapping[BatchRange, Increment],
        watermark: Watermark | None,
    ) -> None:
        self.cancelled = threading.Event()
        self._client = client
        self._record_type = record_type
        self._increments = increments
        self._watermark = watermark
        self._transformer = RowTransformer(record_type)
        # The first error of _FATAL, or that of the last batch that was asked for in vain.
        self._fatal: NetSuiteError | None = None
        self._unanswered = 0

    def count(self, ranges: Sequence[BatchRange]) -> list[int]:
        """NetSuite's count of each range; runs in a thread of its own beside the reading."""
        if self._fatal is not None:
            raise self._fatal
        try:
            return count_ranges(MeteredQueries(self._client, self.cancelled), self._record_type, ranges)
        except _FATAL as error:
            self._fatal = error
            raise

    def read(self, batch: BatchRange, counts: Future[list[int]], index: int) -> list[FetchedBatch]:
        """One whole batch; `counts` is awaited only once its first page is there."""
        return self._read_apart([batch], lambda queries: [self._transformed(batch, queries, counts, index)])

    def read_changes(self, group: Sequence[BatchRange]) -> list[FetchedBatch]:
        """What changed in neighbouring batches."""
        return self._read_apart(group, lambda queries: self._changed(group, queries))

    def _read_apart(
        self, group: Sequence[BatchRange], read: Callable[[MeteredQueries], Sequence[TransformedBatch]]
    ) -> list[FetchedBatch]:
        if self._fatal is not None:
            return self._failed(group, self._fatal)
        try:
            batches: list[FetchedBatch] = list(read(MeteredQueries(self._client, self.cancelled)))
        except _FATAL as error:
            self._fatal = error
            return self._failed(group, error)
        except (Unavailable, TimedOut) as error:
            # Threads may count past each other: then one batch more is asked for.
            self._unanswered += 1
            if self._unanswered >= _UNANSWERED and self._is_away():
                self._fatal = error.within(f"Not asked for, after {_UNANSWERED} batches without an answer")
            return self._failed(group, error)
        except NetSuiteError as error:
            return self._failed(group, error)
        except Exception as error:
            # What nobody foresaw must not take the other batches of its run with it.
            _LOGGER.exception("Reading batch %s of %s", group[0].key, self._record_type.name)
            reason = f"unexpected {type(error).__name__}; the log of the run has the traceback"
            return [self._failed_for(batch, FailureCategory.UNKNOWN, reason) for batch in group]
        self._unanswered = 0
        return batches

    def _is_away(self) -> bool:
        """Whether a small question gets no answer either. If it does, those batches alone are the trouble, and the ones
        behind them must not fail for it.
        """
        self._unanswered = 0
        try:
            self._client.query(ZONE_QUERY, cancelled=self.cancelled)
        except (Unavailable, TimedOut):
            return True
        except NetSuiteError:
            return False
        return False

    def _transformed(
        self, batch: BatchRange, queries: MeteredQueries, counts: Future[list[int]], index: int
    ) -> TransformedBatch:
        read_at = _utc_now()
        # Asked after each page, and where the common count failed each answer would cost a request.
        counted = cache(partial(self._counted, batch, queries, counts, index))
        raw, expected = read_rows(queries, self._record_type, batch, counted)
        return self._batch(batch, raw, expected=expected, read_at=read_at, queries=queries)

    def _changed(self, group: Sequence[BatchRange], queries: MeteredQueries) -> list[TransformedBatch]:
        read_at = _utc_now()
        parts = read_changes(queries, self._record_type, {batch: self._increments[batch] for batch in group})
        # They shared the requests, which count once.
        return [
            self._batch(batch, raw, expected=len(raw), read_at=read_at, queries=None if number else queries)
            for number, (batch, raw) in enumerate(parts.items())
        ]

    def _batch(
        self,
        batch: BatchRange,
        raw: Sequence[RawRow],
        *,
        expected: int,
        read_at: dt.datetime,
        queries: MeteredQueries | None,
    ) -> TransformedBatch:
        started = time.monotonic()
        rows, rejections = self._transformer.transform_all(raw, batch)
        return TransformedBatch(
            record_type=self._record_type,
            range=batch,
            expected=expected,
            fetched=len(raw),
            rows=rows,
            read_at=read_at,
            watermark=self._watermark,
            increment=self._increments.get(batch),
            rejections=rejections,
            requests=queries.requests if queries else 0,
            retries=queries.retries if queries else 0,
            api_seconds=queries.seconds if queries else 0.0,
            transform_seconds=time.monotonic() - started,
        )

    def _counted(self, batch: BatchRange, queries: MeteredQueries, counts: Future[list[int]], index: int) -> int:
        started = time.monotonic()
        try:
            return counts.result()[index]
        except _FATAL:
            raise
        except NetSuiteError:
            # Counting many batches together was too much or met a passing fault; that must not fail them all.
            return count_ranges(queries, self._record_type, [batch])[0]
        finally:
            queries.seconds += time.monotonic() - started

    def _failed(self, group: Sequence[BatchRange], error: NetSuiteError) -> list[FetchedBatch]:
        return [self._failed_for(batch, error.category, str(error)) for batch in group]

    def _failed_for(self, batch: BatchRange, category: FailureCategory, reason: str) -> FailedBatch:
        return FailedBatch(record_type=self._record_type, range=batch, category=category, reason=reason)


def _utc_now() -> dt.datetime:
    """The time of `read_at`: naive, in UTC."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)
