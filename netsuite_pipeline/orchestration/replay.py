"""Replays rejects: imports the ranges of ids that hold them once more, read from NetSuite and typed as declared now.

The stored payload is never loaded: it may be stale or shortened, and of two rows with one key nobody knows which is
right. Which ranges are read is chosen in `warehouse.replay_ranges`, what people see of it is in `cli.rejects`.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from netsuite_pipeline.netsuite.reading import COUNTED_TOGETHER
from netsuite_pipeline.orchestration.batch_run import BatchOutcome, BatchRun, Fetched, Wanted, import_batches
from netsuite_pipeline.orchestration.fetching import AccountFetch
from netsuite_pipeline.orchestration.resources import PipelineResource, warehouse_metadata
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.transform.batch import TransformedBatch
from netsuite_pipeline.warehouse.ledger import REPLAY_RUNS
from netsuite_pipeline.warehouse.loader import BatchLoader
from netsuite_pipeline.warehouse.quarantine import RejectFilter, open_reasons
from netsuite_pipeline.warehouse.replay_ranges import TypeReplay
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import utc_now
from netsuite_pipeline.waves.store import WaveStore

# Of a range that holds little but rejects, most rows are rejected again: that says nothing about a declaration.
_NO_REJECT_GUARD = 100
# The failures that every range would meet, and how many of them in a row are enough.
_OUTAGES = frozenset(
    {
        FailureCategory.TIMEOUT,
        FailureCategory.API_RATE_LIMIT,
        FailureCategory.API_UNAVAILABLE,
        FailureCategory.DATABASE,
    }
)
_OUTAGES_IN_A_ROW = 3


class ReplayStoppedError(Exception):
    """What came would have met the same failure; the text is the sentence of that failure."""


@dataclass(frozen=True, kw_only=True)
class RangeReplayed:
    """What became of the rejects of one range. Each was `loaded`, is `gone` from NetSuite, or is rejected `still`.

    `still` counts them by the reason of now, `others` the rows of the range that were not rejected before and are now.
    With a `failure` nothing was written and the rejects are as they were.
    """

    record_type: str
    range: BatchRange
    loaded: int = 0
    gone: int = 0
    still: Mapping[str, int] = field(default_factory=dict)
    others: int = 0
    failure: str | None = None


def requests_of(ranges: Sequence[BatchRange]) -> int:
    """About how many requests it takes to read the ranges: a page of rows for each, and one for counting many."""
    return len(ranges) + -(-len(ranges) // COUNTED_TOGETHER)


def in_dependency_order(plans: Sequence[TypeReplay], catalog: Catalog) -> tuple[list[TypeReplay], list[TypeReplay]]:
    """The plans of declared types, dependencies first, and those of types that are not declared any more."""
    by_name = {plan.record_type: plan for plan in plans}
    declared = [by_name.pop(name) for name in catalog.names if name in by_name]
    return declared, list(by_name.values())


class Replay:
    """Replays the chosen rejects, one request and one range at a time; each range is one transaction."""

    def __init__(
        self, *, pipeline: PipelineResource, catalog: Catalog, chosen: RejectFilter, warn: Callable[[str], None]
    ) -> None:
        self.run_id = f"{REPLAY_RUNS}{utc_now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"
        self._pipeline = pipeline
        self._catalog = catalog
        self._chosen = chosen
        self._warn = warn
        self._outages = 0

    def run(self, plans: Sequence[TypeReplay]) -> Generator[RangeReplayed, None, None]:
        """Reads and loads the ranges of the plans, in their order, and yields what became of each.

        ReplayStoppedError when the login was refused, or NetSuite or the database does not answer; WarehouseError,
        SettingsError. What was yielded before is committed.
        """
        settings = self._pipeline.settings()
        metadata = warehouse_metadata(self._catalog)
        with self._pipeline.engine() as engine:
            ensure_tables(engine, metadata)
            loader = BatchLoader(
                engine,
                metadata,
                delete_guard_percent=settings.delete_guard_percent,
                reject_guard_percent=_NO_REJECT_GUARD,
                remove_deleted=settings.deleted_rows == "remove",
            )
            importing = _Importing(loader=loader, store=WaveStore(engine), limits=Limits.of(settings), engine=engine)
            for plan in plans:
                yield from self._type(self._catalog.get(plan.record_type), plan.ranges, importing)

    def _type(
        self, record_type: RecordType, ranges: Sequence[BatchRange], importing: "_Importing"
    ) -> Iterator[RangeReplayed]:
        again = []
        for outcome, replayed in self._attempt(record_type, ranges, importing):
            # E.g. an import committed rows of the range after they were read here.
            if outcome.ledger is None and outcome.category is FailureCategory.UNKNOWN:
                again.append(outcome.range)
            else:
                yield replayed
        for _, replayed in self._attempt(record_type, again, importing):
            yield replayed

    def _attempt(
        self, record_type: RecordType, ranges: Sequence[BatchRange], importing: "_Importing"
    ) -> Iterator[tuple[BatchOutcome, RangeReplayed]]:
        fetch = AccountFetch(
            pipeline=self._pipeline,
            record_type=record_type,
            runs=None,
            run_id=self.run_id,
            warn=self._warn,
            of_batches=False,
        )
        chosen = replace(self._chosen, types=(record_type.name,), resolved=False)
        before = _Before(fetch=fetch, engine=importing.engine, chosen=chosen)
        run = BatchRun(record_type=record_type, ranges=tuple(ranges), run_id=self.run_id, fetch=before)
        imported = import_batches(
            run, loader=importing.loader, store=importing.store, limits=importing.limits, writers=1
        )
        with closing(imported):
            for outcome in imported:
                yield outcome, before.compared(outcome)
                self._stop_if_hopeless(outcome)

    def _stop_if_hopeless(self, outcome: BatchOutcome) -> None:
        failed = outcome.ledger is None
        self._outages = self._outages + 1 if failed and outcome.category in _OUTAGES else 0
        refused = failed and outcome.category is FailureCategory.AUTHENTICATION
        if refused or self._outages >= _OUTAGES_IN_A_ROW:
            raise ReplayStoppedError(outcome.reason)


@dataclass(frozen=True, kw_only=True)
class _Importing:
    """What ranges are imported with."""

    loader: BatchLoader
    store: WaveStore
    limits: Limits
    engine: sa.Engine


@dataclass(kw_only=True)
class _Before:
    """Fetches, and notes of the range that is about to be loaded which rejects it has and which rows came."""

    fetch: AccountFetch
    engine: sa.Engine
    chosen: RejectFilter
    _open: set[int] = field(default_factory=set)
    _wanted: dict[int, str] = field(default_factory=dict)
    _sent: set[str] = field(default_factory=set)

    def __call__(self, wanted: Wanted) -> Fetched:
        with closing(self.fetch(wanted)) as fetched:
            for batch in fetched:
                if isinstance(batch, TransformedBatch):
                    self._open = set(self._rejects(batch.range, chosen=False))
                    self._wanted = {number: key for number, (key, _) in self._rejects(batch.range).items()}
                    self._sent = {":".join(map(str, row.key)) for row in batch.rows}
                yield batch

    def compared(self, outcome: BatchOutcome) -> RangeReplayed:
        """What became of them, once the range is loaded."""
        name = self.fetch.record_type.name
        if outcome.ledger is None:
            return RangeReplayed(record_type=name, range=outcome.range, failure=outcome.reason)
        now = self._rejects(outcome.range, chosen=False)
        resolved = [key for number, key in self._wanted.items() if number not in now]
        loaded = sum(key in self._sent for key in resolved)
        return RangeReplayed(
            record_type=name,
            range=outcome.range,
            loaded=loaded,
            gone=len(resolved) - loaded,
            still=Counter(now[number][1] for number in self._wanted if number in now),
            others=len(now.keys() - self._open),
        )

    def _rejects(self, within: BatchRange, *, chosen: bool = True) -> dict[int, tuple[str, str]]:
        every = RejectFilter(types=self.chosen.types)
        return open_reasons(self.engine, self.chosen if chosen else every, within)
