"""A wave run's hold on its batches: heartbeats while it works, and completion inside the loader's transaction.

The rules of a lease are guarded updates in `waves.batch_store`; this is the worker's side of them.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Self

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.warehouse.ledger import Ledger
from netsuite_pipeline.waves.failure_policy import retry_at
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import utc_now
from netsuite_pipeline.waves.store import WaveStore

# A lease ends after LEASE_SECONDS without a heartbeat: time for several, should the database be busy.
HEARTBEAT_SECONDS = 5.0
LEASE_SECONDS = 30.0


class Lease:
    """Holds the batches of one dispatch for one run.

    Should the lease be lost, because heartbeats stopped and the batches went to another run, completing a batch
    raises LostLease and the loader's transaction is rolled back with it.
    """

    def __init__(self, store: WaveStore, *, dispatch_key: str, run_id: str, limits: Limits) -> None:
        self._store = store
        self._dispatch_key = dispatch_key
        self._run_id = run_id
        self._limits = limits
        self._attempt = 1
        self._ended = threading.Event()
        self.held: tuple[BatchRange, ...] = ()

    @contextmanager
    def hold(self, ranges: Sequence[BatchRange]) -> Iterator[Self]:
        """Takes those of `ranges` that are still this dispatch's, and keeps them alive until the block ends."""
        started = self._store.start_batches(self._dispatch_key, ranges, run_id=self._run_id, now=utc_now())
        self.held, self._attempt = started.ranges, started.attempt
        heart = threading.Thread(target=self._beat, name="lease heartbeat", daemon=True)
        heart.start()
        try:
            yield self
        finally:
            self._ended.set()
            heart.join()

    def completion(self, batch: BatchRange) -> Callable[[Connection, Ledger], None]:
        """What the loader calls before it commits: the batch turns completed with its data, or neither does."""

        def complete(connection: Connection, ledger: Ledger) -> None:
            self._store.complete_batch(
                connection,
                dispatch_key=self._dispatch_key,
                batch=batch,
                run_id=self._run_id,
                records=ledger.fetched,
                now=utc_now(),
            )

        return complete

    def fail(self, batch: BatchRange, *, category: FailureCategory, reason: str) -> None:
        """Notes that a batch failed; the failure policy decides whether and when it is tried again."""
        now = utc_now()
        self._store.fail_batch(
            dispatch_key=self._dispatch_key,
            batch=batch,
            run_id=self._run_id,
            category=category,
            reason=reason,
            retry_at=retry_at(
                category, attempt=self._attempt, dispatch_key=self._dispatch_key, limits=self._limits, now=now
            ),
            now=now,
        )

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS):
            try:
                self._store.heartbeat(self._run_id, now=utc_now())
            except DBAPIError:
                # The database is away. The loader meets the same and waits for it; a lease that runs out
                # meanwhile costs a repetition and never a row.
                continue
