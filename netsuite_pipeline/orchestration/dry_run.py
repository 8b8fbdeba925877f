"""A plan that is not carried out: what an import would read, in which waves, and about how long it would take.

NetSuite is asked as for a real plan; nothing is written, neither to the warehouse nor to Dagster. How it is shown is
the command's business.
"""

import datetime as dt
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from netsuite_pipeline.netsuite.changes import read_together
from netsuite_pipeline.netsuite.columns import probe_columns
from netsuite_pipeline.netsuite.page import PAGE_SIZE
from netsuite_pipeline.netsuite.reading import COUNTED_TOGETHER
from netsuite_pipeline.orchestration.change_finder import AccountChanges
from netsuite_pipeline.orchestration.concurrency import share_of
from netsuite_pipeline.orchestration.import_start import NetSuiteSource
from netsuite_pipeline.orchestration.resources import PipelineResource, warehouse_metadata
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.warehouse.migration.upgrade import check
from netsuite_pipeline.warehouse.missing_columns import ColumnMemory, account_of
from netsuite_pipeline.warehouse.tables import LEDGER, import_tables
from netsuite_pipeline.warehouse.totals import seconds_per_record
from netsuite_pipeline.waves.change_planning import Unavailable
from netsuite_pipeline.waves.increments import Portion
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import ImportMode
from netsuite_pipeline.waves.settling import BatchRegistry, Settled, Settler, settle_all
from netsuite_pipeline.waves.store import WaveStore

# Where there is no experience with a type: what NetSuite takes for a page of 1,000 wide records.
_SECONDS_PER_REQUEST = 1.0
# Until a run has started and reads.
_SECONDS_PER_RUN = 5.0


@dataclass(frozen=True, kw_only=True)
class TypeEstimate:
    """What an import would read of a record type. `records` is NetSuite's count, `to_read` those in `batches`.

    `seconds` are of work, before any of it is done side by side; `measured` says that they follow from former imports.
    An unavailable type has a `reason`, an available one may have why batches are read as a whole.
    """

    record_type: str
    level: int
    available: bool
    reason: str | None = None
    records: int = 0
    to_read: int = 0
    batches: int = 0
    runs: int = 0
    requests: int = 0
    seconds: float = 0.0
    measured: bool = False


@dataclass(frozen=True, kw_only=True)
class DryRun:
    """All of it. `seconds` are wall-clock, with `runs` runs of which `side_by_side` go on at once; `ddl` names what the
    database would be changed in first. `asked` requests were sent for planning.
    """

    mode: ImportMode
    types: tuple[TypeEstimate, ...]
    waves: int
    runs: int
    side_by_side: int
    seconds: float
    ddl: tuple[str, ...]
    asked: int

    @property
    def requests(self) -> int:
        """Those of reading."""
        return sum(estimate.requests for estimate in self.types)


def dry_run(
    *,
    pipeline: PipelineResource,
    catalog: Catalog,
    registry: BatchRegistry,
    names: Sequence[str],
    dependencies: bool,
    mode: ImportMode,
    pool_runs: int | None,
) -> DryRun:
    """What `start_import` would plan for these types. `pool_runs` may talk to NetSuite at once, None: nobody knows.

    Raises as `start_import` does.
    """
    settings = pipeline.settings()
    chosen = [catalog.get(name).name for name in names] or list(catalog.names)
    record_types = catalog.select(chosen, dependencies=dependencies)
    limits = replace(Limits.of(settings), runs_at_once=pool_runs)
    with pipeline.engine() as engine, pipeline.client(insist=True) as client:
        tables = set(sa.inspect(engine).get_table_names())
        settler = Settler(
            source=NetSuiteSource(queries=client, catalog=catalog, batch_size=settings.batch_size),
            registry=_Overlay(registry),
            store=_in_flight(engine, tables),
            batch_size=settings.batch_size,
        )
        finder = UnwrittenChanges(client=client, engine=engine, catalog=catalog, settings=settings, tables=tables)
        settled = settle_all([one.name for one in record_types], settler, finder, mode=mode)
        types = [_estimate(engine, tables, (name, catalog.level(name)), answer, limits) for name, answer in settled]
        differing = check(engine, warehouse_metadata(catalog))
        asked = client.stats.requests
    side_by_side = pool_runs or 1
    runs = sum(estimate.runs for estimate in types)
    readers = share_of(settings, runs=pool_runs).usual * side_by_side
    return DryRun(
        mode=mode,
        types=tuple(types),
        waves=_waves(types, settings.wave_size),
        runs=runs,
        side_by_side=side_by_side,
        seconds=sum(one.seconds for one in types) / readers + math.ceil(runs / side_by_side) * _SECONDS_PER_RUN,
        ddl=tuple(finding.difference.title for finding in differing if finding.statements),
        asked=asked,
    )


class UnwrittenChanges(AccountChanges):
    """Compares, and keeps what would be noted to itself. Of `tables` that are missing nothing is imported."""

    def __init__(self, *, tables: Collection[str], **parts: object) -> None:
        super().__init__(**parts)  # type: ignore[arg-type]
        self._tables = tables
        self._unwritten: dict[str, list[int]] = {}

    def watermarks(self, record_type: str) -> Mapping[BatchRange, dt.datetime]:
        """As stored; nothing without the tables."""
        return super().watermarks(record_type) if self._is_ready(record_type) else {}

    def rows(self, record_type: str) -> int:
        """As there are; none without the tables."""
        return super().rows(record_type) if self._is_ready(record_type) else 0

    def noted(self, record_type: str) -> Sequence[int]:
        """Those of the database, and those that this plan would note."""
        if not self._is_ready(record_type):
            return ()
        with self._reading(f"Reading the noted deletions of {record_type}") as connection:
            live = self._live(connection, record_type, self._stored_notes(connection, record_type))
        return sorted({*live, *self._unwritten.get(record_type, ())})

    def advance(self, record_type: str, *, batches: Sequence[BatchRange], unchanged: Sequence[BatchRange]) -> None:
        """Nothing is moved."""

    def _of_account(self, declared: RecordType) -> RecordType:
        memory = ColumnMemory(self._engine, account=account_of(self._settings), record_type=declared)
        probe = memory.recall()
        if probe is None:
            return declared.without(absence.field.name for absence in probe_columns(self._client, declared))
        return declared.without(missing.column for missing in probe.missing)

    def _store_notes(self, record_type: str, ids: Sequence[int]) -> None:
        self._unwritten[record_type] = list(ids)

    def _is_ready(self, record_type: str) -> bool:
        return {self._catalog.get(record_type).table, *import_tables(sa.MetaData()).tables} <= set(self._tables)


@dataclass
class _Overlay:
    """The registry, with the changes that a plan would make to it."""

    registry: BatchRegistry
    changed: dict[str, list[BatchRange]] = field(default_factory=dict)

    @property
    def identity(self) -> str | None:
        return self.registry.identity

    def existing(self, record_type: str) -> list[BatchRange]:
        known = self.changed.get(record_type)
        return self.registry.existing(record_type) if known is None else list(known)

    def in_use(self, record_type: str) -> bool:
        return self.registry.in_use(record_type)

    def apply(self, record_type: str, *, add: Sequence[BatchRange], remove: Iterable[BatchRange]) -> None:
        gone = set(remove)
        self.changed[record_type] = [one for one in self.existing(record_type) if one not in gone] + list(add)


class _NothingInFlight:
    def in_flight_ranges(self, record_type: str) -> set[BatchRange]:  # noqa: ARG002 - no table, no import
        return set()


def _in_flight(engine: sa.Engine, tables: Collection[str]) -> WaveStore | _NothingInFlight:
    return WaveStore(engine) if {"import_jobs", "wave_batches"} <= set(tables) else _NothingInFlight()


def _waves(types: Iterable[TypeEstimate], wave_size: int) -> int:
    batches: Counter[int] = Counter()
    for one in types:
        batches[one.level] += one.batches
    return sum(math.ceil(count / wave_size) for count in batches.values())


def _estimate(
    engine: sa.Engine,
    tables: Collection[str],
    named: tuple[str, int],
    answer: Settled | Unavailable,
    limits: Limits,
) -> TypeEstimate:
    record_type, level = named
    if isinstance(answer, Unavailable):
        return TypeEstimate(record_type=record_type, level=level, available=False, reason=answer.reason)
    to_read = sum(portion.expected for portion in answer.portions)
    whole = sum(portion.increment is None for portion in answer.portions)
    changes = sum(portion.expected for portion in answer.portions if portion.increment is not None)
    size = limits.run_size(whole=min(whole, limits.wave_size), increments=len(answer.portions) - whole, changes=changes)
    requests = _requests(answer.portions, counted_together=min(COUNTED_TOGETHER, limits.dispatch_batches))
    rate = seconds_per_record(engine, record_type) if LEDGER in tables else None
    return TypeEstimate(
        record_type=record_type,
        level=level,
        available=True,
        reason=answer.reason,
        records=answer.records,
        to_read=to_read,
        batches=len(answer.portions),
        runs=math.ceil(whole / size.whole)
        + max(math.ceil((len(answer.portions) - whole) / size.increments), math.ceil(changes / size.changes)),
        requests=requests,
        seconds=requests * _SECONDS_PER_REQUEST if rate is None else to_read * rate,
        measured=rate is not None,
    )


def _requests(portions: Sequence[Portion], *, counted_together: int) -> int:
    whole = [portion for portion in portions if portion.increment is None]
    pages = sum(max(1, math.ceil(portion.expected / PAGE_SIZE)) for portion in whole)
    increments = {portion.range: portion.increment for portion in portions if portion.increment}
    groups = list(read_together(list(increments), increments))
    rows = (sum(increments[batch].expected for batch in group) for group in groups)
    return pages + math.ceil(len(whole) / counted_together) + sum(1 + math.ceil(count / PAGE_SIZE) for count in rows)
