"""One run over many batches: load one after the other as they arrive, and know the fate of each.

This is the core of a run with no Dagster in it. How an outcome is reported to Dagster is the IO manager's
business; which batches a run gets is decided by `waves` or by the person who launched it.
"""

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from netsuite_pipeline.orchestration.lease import Lease
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.transform.batch import FailedBatch, TransformedBatch
from netsuite_pipeline.warehouse.errors import WarehouseError
from netsuite_pipeline.warehouse.ledger import Ledger
from netsuite_pipeline.warehouse.loader import BatchLoader
from netsuite_pipeline.waves.errors import LostLease
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.store import WaveStore

# A generator, because closing it ends the read-ahead.
Fetched = Generator[TransformedBatch | FailedBatch, None, None]

_LOGGER = logging.getLogger(__name__)
_TAKEN = "the batch was given to another run meanwhile"


@dataclass(frozen=True, kw_only=True)
class BatchRun:
    """What one run is to import.

    `fetch` reads the given ranges from NetSuite lazily and in order. `job_id` and `dispatch_key` name the wave
    dispatch that the run belongs to; a run launched by hand has neither.
    """

    record_type: RecordType
    ranges: tuple[BatchRange, ...]
    run_id: str
    fetch: Callable[[Sequence[BatchRange]], Fetched]
    job_id: str | None = None
    dispatch_key: str | None = None


@dataclass(frozen=True, kw_only=True)
class BatchOutcome:
    """What became of one batch: a ledger when it was committed, otherwise why it was not.

    `absent` names the columns that it was imported without, because the account lacks them.
    """

    range: BatchRange
    ledger: Ledger | None = None
    absent: tuple[str, ...] = ()
    category: FailureCategory = FailureCategory.UNKNOWN
    reason: str = ""


def import_batches(
    run: BatchRun, *, loader: BatchLoader, store: WaveStore, limits: Limits
) -> Generator[BatchOutcome, None, None]:
    """Loads the batches of a run in order and yields the outcome of each as soon as it is known.

    In a wave run, a batch that meanwhile belongs to another run is left alone and reported as such. Whatever ends
    this generator early leaves the remaining batches as they are; the dispatcher takes them back when the run is over.
    """
    if run.dispatch_key is None:
        yield from _load(run, run.ranges, loader=loader, lease=None)
        return
    lease = Lease(store, dispatch_key=run.dispatch_key, run_id=run.run_id, limits=limits)
    lease.take(run.ranges)
    for batch in run.ranges:
        if batch not in lease.held:
            yield BatchOutcome(range=batch, reason=_TAKEN)
    yield from _load(run, lease.held, loader=loader, lease=lease)


def _load(
    run: BatchRun, ranges: Sequence[BatchRange], *, loader: BatchLoader, lease: Lease | None
) -> Iterator[BatchOutcome]:
    if not ranges:
        return
    with closing(run.fetch(ranges)) as fetched:
        # Strict, because a batch that silently stays away would turn green with the others.
        for _, batch in zip(ranges, fetched, strict=True):
            outcome = _load_one(run, batch, loader=loader, lease=lease)
            if lease and outcome.ledger is None:
                lease.fail(outcome.range, category=outcome.category, reason=outcome.reason)
            yield outcome


def _load_one(
    run: BatchRun, batch: TransformedBatch | FailedBatch, *, loader: BatchLoader, lease: Lease | None
) -> BatchOutcome:
    if isinstance(batch, FailedBatch):
        return BatchOutcome(range=batch.range, category=batch.category, reason=batch.reason)
    try:
        ledger = loader.load(
            batch,
            job_id=run.job_id,
            run_id=run.run_id,
            on_commit=lease.completion(batch.range) if lease else None,
        )
    except LostLease:
        return BatchOutcome(range=batch.range, reason=_TAKEN)
    except WarehouseError as error:
        return BatchOutcome(range=batch.range, category=error.category, reason=str(error))
    except Exception as error:
        # One batch that nobody foresaw must not take the others of its run with it.
        _LOGGER.exception("Loading batch %s of %s", batch.range.key, run.record_type.name)
        reason = f"unexpected {type(error).__name__}; the log of the run has the traceback"
        return BatchOutcome(range=batch.range, reason=reason)
    return BatchOutcome(range=batch.range, ledger=ledger, absent=batch.record_type.absent)
