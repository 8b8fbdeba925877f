"""A wave run's hold on its batches, and their completion inside the loader's transaction.

The rules of a lease are guarded updates in `waves.batch_store`; this is the worker's side of them.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Connection

from netsuite_pipeline.record_types.batch import BatchRange, Increment
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.warehouse.ledger import Ledger
from netsuite_pipeline.waves.failure_policy import retry_at
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import utc_now
from netsuite_pipeline.waves.store import WaveStore


class Lease:
    """Holds the batches of one dispatch for one run.

    Should the batches have gone to another run, because this one was given up for dead, completing one raises
    LostLease and the loader's transaction is rolled back with it. Then the lease `is_lost`: batches are taken from a
    run together.
    """

    def __init__(self, store: WaveStore, *, record_type: str, dispatch_key: str, run_id: str, limits: Limits) -> None:
        self._store = store
        self._record_type = record_type
        self._dispatch_key = dispatch_key
        self._run_id = run_id
        self._limits = limits
        self._attempt = 1
        self._max_retries: Mapping[BatchRange, int] = {}
        self.held: tuple[BatchRange, ...] = ()
        self.increments: Mapping[BatchRange, Increment] = {}
        self.as_of: dt.datetime | None = None
        self.is_lost = False

    def take(self, ranges: Sequence[BatchRange]) -> None:
        """Takes those of `ranges` that are still this dispatch's; they are in `held` from then on.

        `increments` and `as_of` are then those of `waves.batch_store.Started`.
        """
        started = self._store.start_batches(self._dispatch_key, ranges, run_id=self._run_id, now=utc_now())
        self.held, self._attempt, self._max_retries = started.ranges, started.attempt, started.max_retries
        self.increments, self.as_of = started.increments, started.as_of

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

    def give_back(self, reason: str) -> None:
        """Gives all of them back unread: they are due as before, and this attempt does not count."""
        self._store.give_back(self._dispatch_key, run_id=self._run_id, reason=reason, now=utc_now())

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
                category,
                record_type=self._record_type,
                attempt=self._attempt,
                max_retries=self._max_retries.get(batch, 0),
                dispatch_key=self._dispatch_key,
                limits=self._limits,
                now=now,
            ),
            now=now,
        )
