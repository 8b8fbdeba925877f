"""One run over many batches: load them as they arrive, a few at a time, and know the fate of each.

This is the core of a run with no Dagster in it. How an outcome is reported to Dagster is the IO manager's
business; which batches a run gets is decided by `waves` or by the person who launched it.
"""

import datetime as dt
import logging
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

from netsuite_pipeline.orchestration.lease import Lease
from netsuite_pipeline.record_types.batch import BatchRange, Increment
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.transform.batch import FailedBatch, TransformedBatch
from netsuite_pipeline.warehouse.errors import WarehouseError
from netsuite_pipeline.warehouse.ledger import Ledger
from netsuite_pipeline.warehouse.loader import BatchLoader
from netsuite_pipeline.waves.circuit import CLOSED
from netsuite_pipeline.waves.errors import LostLease
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import utc_now
from netsuite_pipeline.waves.store import WaveStore

# A generator, because closing it ends the read-ahead.
Fetched = Generator[TransformedBatch | FailedBatch, None, None]

_LOGGER = logging.getLogger(__name__)
_TAKEN = "the batch was given to another run meanwhile"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The batches that are to be read. Of those in `increments` only what these say.

    `as_of` is a moment before, by NetSuite's clock (naive UTC): up to then they will be imported. None: nobody asked.
    `in_wave` is on for batches of a wave, which are tried again by themselves.
    """

    ranges: Sequence[BatchRange]
    increments: Mapping[BatchRange, Increment] = field(default_factory=dict)
    as_of: dt.datetime | None = None
    in_wave: bool = False


@dataclass(frozen=True, kw_only=True)
class BatchRun:
    """What one run is to import.

    `fetch` reads what is wanted from NetSuite lazily and in order. `job_id` and `dispatch_key` name the wave
    dispatch that the run belongs to; a run launched by hand has neither.
    """

    record_type: RecordType
    ranges: tuple[BatchRange, ...]
    run_id: str
    fetch: Callable[[Wanted], Fetched]
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
    run: BatchRun, *, loader: BatchLoader, store: WaveStore, limits: Limits, writers: int, account: str | None = None
) -> Generator[BatchOutcome, None, None]:
    """Loads the batches of a run, `writers` at a time, and yields the outcomes in order as soon as they are known.

    In a wave run, a batch that meanwhile belongs to another run is left alone and reported as such. Nothing is read,
    and all is given back, when the dispatcher knows that the `account` does not answer. Whatever ends this generator
    early leaves the remaining batches as they are; the dispatcher takes them back when the run is over.
    """
    if run.dispatch_key is None:
        yield from _load(run, Wanted(ranges=run.ranges), loader=loader, lease=None, writers=writers)
        return
    name = run.record_type.name
    lease = Lease(store, record_type=name, dispatch_key=run.dispatch_key, run_id=run.run_id, limits=limits)
    lease.take(run.ranges)
    for batch in run.ranges:
        if batch not in lease.held:
            yield BatchOutcome(range=batch, reason=_TAKEN)
    if silence := _known_silence(store, account):
        lease.give_back(silence)
        for batch in lease.held:
            yield BatchOutcome(range=batch, category=FailureCategory.API_UNAVAILABLE, reason=silence)
        return
    wanted = Wanted(ranges=lease.held, increments=lease.increments, as_of=lease.as_of, in_wave=True)
    yield from _load(run, wanted, loader=loader, lease=lease, writers=writers)


def _known_silence(store: WaveStore, account: str | None) -> str | None:
    """The sentence of an outage that is known, unless it is time to ask again.

    A run that waited in Dagster's queue when the outage began would find it out by itself, but where NetSuite hangs
    only after minutes, and meanwhile hold a place that another company's run could have.
    """
    circuit = CLOSED if account is None else store.circuit(account)
    return None if circuit.is_due(utc_now()) else circuit.waiting_for


def _load(
    run: BatchRun, wanted: Wanted, *, loader: BatchLoader, lease: Lease | None, writers: int
) -> Iterator[BatchOutcome]:
    for outcome in _loaded(run, wanted, loader=loader, lease=lease, writers=writers):
        if lease and outcome.ledger is None and not lease.is_lost:
            lease.fail(outcome.range, category=outcome.category, reason=outcome.reason)
        yield outcome


def _loaded(
    run: BatchRun, wanted: Wanted, *, loader: BatchLoader, lease: Lease | None, writers: int
) -> Iterator[BatchOutcome]:
    if not wanted.ranges:
        return
    # Closing waits for the batches that are being written: each commits, or rolls back and stays to be done.
    with (
        closing(run.fetch(wanted)) as fetched,
        ThreadPoolExecutor(max_workers=writers, thread_name_prefix=f"write {run.record_type.name}") as executor,
    ):
        writing: deque[Future[BatchOutcome]] = deque()
        loaded = 0
        # Strict, because a batch that silently stays away would turn green with the others.
        for _, batch in zip(wanted.ranges, fetched, strict=True):
            writing.append(executor.submit(_load_one, run, batch, loader=loader, lease=lease))
            loaded += 1
            # Held back, because what waits to be written takes memory.
            if len(writing) >= writers:
                yield writing.popleft().result()
            if lease and lease.is_lost:
                # Another run may read them by now, and this one's share of NetSuite's slots is no longer its own.
                break
        while writing:
            yield writing.popleft().result()
        for left in wanted.ranges[loaded:]:
            yield BatchOutcome(range=left, reason=_TAKEN)


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
        if lease:
            lease.is_lost = True
        return BatchOutcome(range=batch.range, reason=_TAKEN)
    except WarehouseError as error:
        return BatchOutcome(range=batch.range, category=error.category, reason=str(error))
    except Exception as error:
        # One batch that nobody foresaw must not take the others of its run with it.
        _LOGGER.exception("Loading batch %s of %s", batch.range.key, run.record_type.name)
        reason = f"unexpected {type(error).__name__}; the log of the run has the traceback"
        return BatchOutcome(range=batch.range, reason=reason)
    return BatchOutcome(range=batch.range, ledger=ledger, absent=batch.record_type.absent)
