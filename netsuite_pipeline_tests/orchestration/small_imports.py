"""Imports of one record type without waves: planned, fetched and loaded by the real parts with one client.

A company's table exists as it was before and as it has to be, so that many tests can ask what an import made of it and
cost some tens of milliseconds each. Faults are the tests' business.
"""

import datetime as dt
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa

from netsuite_pipeline.netsuite.client import NetSuiteClient
from netsuite_pipeline.netsuite.errors import NetSuiteError
from netsuite_pipeline.orchestration.batch_run import BatchRun, Wanted, import_batches
from netsuite_pipeline.orchestration.change_finder import AccountChanges
from netsuite_pipeline.orchestration.fetching import AccountFetch
from netsuite_pipeline.orchestration.import_start import NetSuiteSource
from netsuite_pipeline.orchestration.resources import PipelineResource, warehouse_metadata
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.sandbox.keys import KeyPair
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.loader import BatchLoader
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline.waves.change_planning import Unavailable
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import ImportMode
from netsuite_pipeline.waves.settling import Settler, settle_all
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.end_to_end.exactness import assert_exact
from netsuite_pipeline_tests.orchestration.nights import Clock, Registry

# Of few columns, because a test has no time for more.
TYPE = CATALOG.get("price_level")
BATCH_SIZE = 25
# id -> the hash of all columns that are imported.
Rows = dict[int, str]


class Fate(StrEnum):
    """What became of an import."""

    COMPLETE = "complete"
    ONE_BATCH_FAILED = "one batch failed"
    BATCHES_FAILED = "batches failed"
    TYPE_UNAVAILABLE = "type unavailable"
    STOPPED = "stopped"


@dataclass(frozen=True, kw_only=True)
class Result:
    """The fate of an import, with every category and reason that was given, and the batches that were not imported."""

    fate: Fate
    categories: frozenset[FailureCategory] = frozenset()
    reasons: tuple[str, ...] = ()
    failed: tuple[BatchRange, ...] = ()
    rejected: int = 0


@dataclass(frozen=True, kw_only=True)
class Warehouse:
    """A database and the batches that were planned for it."""

    engine: sa.Engine
    registry: Registry

    def rows(self) -> Rows:
        """The live ones."""
        query = sa.text(f"SELECT refid, row_hash FROM {TYPE.table} WHERE deleted_at IS NULL")
        with self.engine.connect() as connection:
            found = connection.execute(query).all()
        assert len({id_ for id_, _ in found}) == len(found)
        return {int(id_): str(row_hash) for id_, row_hash in found}


@dataclass(frozen=True, kw_only=True)
class Company:
    """An account with a few dozen records, and what a warehouse can look like that never saw them, or not the latest.

    `current` are the rows of a table that equals NetSuite, `batches` those that were planned before the changes.
    """

    sandbox: SandboxServer
    keys: KeyPair
    file: Path
    engine: sa.Engine
    current: Rows
    batches: tuple[BatchRange, ...]

    def warehouse(self, *, outdated: bool) -> Warehouse:
        """The one there is, as it was: its engine stays, because it has compiled what is asked of every warehouse."""
        self.engine.dispose()
        shutil.copy(_saved(self.file, outdated=outdated), self.file)
        return Warehouse(engine=self.engine, registry=Registry({TYPE.name: list(self.batches)} if outdated else {}))

    @classmethod
    def founded(cls, sandbox: SandboxServer, keys: KeyPair, *, file: Path, clock: Clock) -> "Company":
        """Imports all, changes something, and imports that too. The warehouse is in `file`."""
        engine = connect(f"sqlite:///{file}")
        warehouse = Warehouse(engine=engine, registry=Registry())
        settings = settings_for(sandbox, keys, scheme="tba")
        ensure_tables(engine, warehouse_metadata(CATALOG))
        engine.dispose()
        shutil.copy(file, _saved(file, outdated=False))
        _found(sandbox)
        assert Import(settings).run(warehouse, mode=ImportMode.FULL).fate is Fate.COMPLETE
        batches, before = tuple(warehouse.registry.existing(TYPE.name)), warehouse.rows()
        engine.dispose()
        shutil.copy(file, _saved(file, outdated=True))
        clock.forward(hours=1)
        _change(sandbox)
        clock.forward(hours=1)
        assert Import(settings).run(warehouse, mode=ImportMode.INCREMENTAL).fate is Fate.COMPLETE
        assert_exact(sandbox.dataset, engine, TYPE)
        current = warehouse.rows()
        assert current != before
        return cls(sandbox=sandbox, keys=keys, file=file, engine=engine, current=current, batches=batches)


def _saved(file: Path, *, outdated: bool) -> Path:
    return file.with_suffix(".outdated" if outdated else ".empty")


def _found(sandbox: SandboxServer) -> None:
    for id_ in range(10, 122, 2):
        sandbox.dataset.put("pricelevel", [{"id": id_, "name": f"Level {id_}", "isinactive": "F", "isonline": "T"}])


def _change(sandbox: SandboxServer) -> None:
    """Edits in every batch, a deletion, and a new record in a gap of the ids."""
    for id_ in range(10, 122, 14):
        sandbox.dataset.put("pricelevel", [{"id": id_, "name": f"renamed {id_}"}])
    sandbox.dataset.put("pricelevel", [{"id": 33, "name": "new", "isinactive": "F"}])
    sandbox.dataset.delete("pricelevel", 36)


def settings_for(sandbox: SandboxServer, keys: KeyPair, *, scheme: str, **changes: Any) -> Settings:
    known = sandbox.credentials
    values: dict[str, Any] = {
        "netsuite_account_id": known.account,
        "netsuite_base_url": sandbox.base_url,
        "netsuite_auth": scheme,
        "netsuite_consumer_key": known.consumer_key,
        "netsuite_consumer_secret": known.consumer_secret,
        "netsuite_token_id": known.token_id,
        "netsuite_token_secret": known.token_secret,
        "netsuite_client_id": known.client_id,
        "netsuite_certificate_id": known.certificate_id,
        "netsuite_private_key_file": keys.private_key,
        "netsuite_time_zone": "America/Los_Angeles",
        "batch_size": BATCH_SIZE,
        **changes,
    }
    return Settings(**values)


class _NothingInFlight:
    def in_flight_ranges(self, record_type: str) -> set[BatchRange]:
        return set()


@dataclass(frozen=True)
class _OneClient:
    """What PipelineResource gives to a run, with a client and a database that are there already."""

    settings_: Settings
    client_: NetSuiteClient
    engine_: sa.Engine

    def settings(self) -> Settings:
        return self.settings_

    @contextmanager
    def client(self, **_: object) -> Iterator[NetSuiteClient]:
        yield self.client_

    @contextmanager
    def engine(self) -> Iterator[sa.Engine]:
        yield self.engine_


@dataclass(frozen=True)
class Import:
    """Imports with these settings; `sleep` is told of every wait."""

    settings: Settings
    sleep: Callable[[float], None] = field(default=lambda _: None)

    def run(self, warehouse: Warehouse, *, mode: ImportMode) -> Result:
        engine = warehouse.engine
        # One request at a time, so that a fault meets the same one every time.
        with NetSuiteClient.connect(self.settings, concurrency=1, sleep=self.sleep) as client:
            try:
                wanted = self._planned(client, engine, warehouse.registry, mode)
            except NetSuiteError as error:
                return Result(fate=Fate.STOPPED, categories=frozenset({error.category}), reasons=(str(error),))
            if isinstance(wanted, Unavailable):
                return Result(fate=Fate.TYPE_UNAVAILABLE, reasons=(wanted.reason,))
            return self._imported(client, engine, wanted)

    def _planned(
        self, client: NetSuiteClient, engine: sa.Engine, registry: Registry, mode: ImportMode
    ) -> Wanted | Unavailable:
        source = NetSuiteSource(queries=client, catalog=CATALOG, batch_size=self.settings.batch_size)
        finder = AccountChanges(client=client, engine=engine, catalog=CATALOG, settings=self.settings)
        settler = Settler(
            source=source, registry=registry, store=_NothingInFlight(), batch_size=self.settings.batch_size
        )
        as_of: dt.datetime | None = finder.as_of
        ((_, settled),) = settle_all([TYPE.name], settler, finder, mode=mode)
        if isinstance(settled, Unavailable):
            return settled
        increments = {portion.range: portion.increment for portion in settled.portions if portion.increment}
        return Wanted(ranges=tuple(portion.range for portion in settled.portions), increments=increments, as_of=as_of)

    def _imported(self, client: NetSuiteClient, engine: sa.Engine, wanted: Wanted) -> Result:
        fetch = AccountFetch(
            pipeline=cast(PipelineResource, _OneClient(self.settings, client, engine)),
            record_type=TYPE,
            runs=1,
            run_id="run",
            warn=lambda _: None,
        )
        run = BatchRun(record_type=TYPE, ranges=tuple(wanted.ranges), run_id="run", fetch=lambda _: fetch(wanted))
        loader = BatchLoader(
            engine,
            warehouse_metadata(CATALOG),
            delete_guard_percent=self.settings.delete_guard_percent,
            reject_guard_percent=self.settings.reject_guard_percent,
        )
        outcomes = list(
            import_batches(run, loader=loader, store=WaveStore(engine), limits=Limits.of(self.settings), writers=1)
        )
        failed = [outcome for outcome in outcomes if outcome.ledger is None]
        fates = {0: Fate.COMPLETE, 1: Fate.ONE_BATCH_FAILED}
        return Result(
            fate=fates.get(len(failed), Fate.BATCHES_FAILED),
            categories=frozenset(outcome.category for outcome in failed),
            reasons=tuple(outcome.reason for outcome in failed),
            failed=tuple(outcome.range for outcome in failed),
            rejected=sum(outcome.ledger.rejected for outcome in outcomes if outcome.ledger),
        )
