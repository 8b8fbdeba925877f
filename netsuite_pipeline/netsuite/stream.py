"""Many batches at once: read and transformed ahead in threads, handed over in order, with bounded memory.

How one batch is read is in `reading`, how a row is typed in `transform`.
"""

import datetime as dt
import logging
import threading
import time
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from netsuite_pipeline.netsuite.errors import AuthenticationFailed, ColumnLost, NetSuiteError, RecordTypeUnavailable
from netsuite_pipeline.netsuite.page import Queries
from netsuite_pipeline.netsuite.reading import COUNTED_TOGETHER, MeteredQueries, count_ranges, read_rows
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.transform.batch import FailedBatch, TransformedBatch
from netsuite_pipeline.transform.rows import RowTransformer

FetchedBatch = TransformedBatch | FailedBatch

_LOGGER = logging.getLogger(__name__)
# What every other batch of the run would meet too.
_FATAL = (AuthenticationFailed, RecordTypeUnavailable, ColumnLost)


def stream_batches(
    client: Queries, record_type: RecordType, ranges: Sequence[BatchRange], *, workers: int
) -> Generator[FetchedBatch, None, None]:
    """The batches of `ranges`, in their order, each complete or failed with its reason.

    Up to `workers` threads read ahead of the caller; at most `workers` + 1 batches are held at any time,
    whatever the number of ranges. Refused credentials, a missing table or a lost column fail every batch that is not
    read yet without asking again. Closing the generator cancels what is queued and waits for the requests in flight.
    """
    reader = _BatchReader(client, record_type)
    executor = ThreadPoolExecutor(max_workers=workers, thread_name_prefix=f"read {record_type.name}")
    try:
        ahead: deque[Future[FetchedBatch]] = deque()
        for start in range(0, len(ranges), COUNTED_TOGETHER):
            group = ranges[start : start + COUNTED_TOGETHER]
            # Queued before the batches that await it, so that it runs even if there is one worker only.
            counts = executor.submit(reader.count, group)
            for index, batch in enumerate(group):
                ahead.append(executor.submit(reader.read, batch, counts, index))
                if len(ahead) > workers:
                    yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        reader.cancelled.set()
        executor.shutdown(wait=True, cancel_futures=True)


class _BatchReader:
    """What the threads of one stream share."""

    def __init__(self, client: Queries, record_type: RecordType) -> None:
        self.cancelled = threading.Event()
        self._client = client
        self._record_type = record_type
        self._transformer = RowTransformer(record_type)
        # The first error of _FATAL.
        self._fatal: NetSuiteError | None = None

    def count(self, ranges: Sequence[BatchRange]) -> list[int]:
        """NetSuite's count of each range; runs in a thread of its own beside the reading."""
        if self._fatal is not None:
            raise self._fatal
        try:
            return count_ranges(MeteredQueries(self._client, self.cancelled), self._record_type, ranges)
        except _FATAL as error:
            self._fatal = error
            raise

    def read(self, batch: BatchRange, counts: Future[list[int]], index: int) -> FetchedBatch:
        """One whole batch; `counts` is awaited only once its first page is there."""
        if self._fatal is not None:
            return self._failed(batch, self._fatal)
        queries = MeteredQueries(self._client, self.cancelled)
        try:
            return self._transformed(batch, queries, counts, index)
        except _FATAL as error:
            self._fatal = error
            return self._failed(batch, error)
        except NetSuiteError as error:
            return self._failed(batch, error)
        except Exception as error:
            # One batch that nobody foresaw must not take the others of its run with it.
            _LOGGER.exception("Reading batch %s of %s", batch.key, self._record_type.name)
            reason = f"unexpected {type(error).__name__}; the log of the run has the traceback"
            return FailedBatch(
                record_type=self._record_type, range=batch, category=FailureCategory.UNKNOWN, reason=reason
            )

    def _transformed(
        self, batch: BatchRange, queries: MeteredQueries, counts: Future[list[int]], index: int
    ) -> TransformedBatch:
        read_at = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        raw, expected = read_rows(
            queries, self._record_type, batch, lambda: self._counted(batch, queries, counts, index)
        )
        started = time.monotonic()
        rows, rejections = self._transformer.transform_all(raw, batch)
        return TransformedBatch(
            record_type=self._record_type,
            range=batch,
            expected=expected,
            fetched=len(raw),
            rows=rows,
            read_at=read_at,
            rejections=rejections,
            requests=queries.requests,
            retries=queries.retries,
            api_seconds=queries.seconds,
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

    def _failed(self, batch: BatchRange, error: NetSuiteError) -> FailedBatch:
        return FailedBatch(record_type=self._record_type, range=batch, category=error.category, reason=str(error))
