"""A small deployment without Dagster: imports are planned, dispatched and carried out by the real parts, one by one.

NetSuite is a sandbox over HTTP whose clock the test sets, the warehouse a real database, the registry a list.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

from netsuite_pipeline.netsuite.client import NetSuiteClient
from netsuite_pipeline.orchestration.batch_run import BatchOutcome, BatchRun, import_batches
from netsuite_pipeline.orchestration.change_finder import AccountChanges
from netsuite_pipeline.orchestration.fetching import AccountFetch
from netsuite_pipeline.orchestration.import_start import NetSuiteSource
from netsuite_pipeline.orchestration.resources import PipelineResource, warehouse_metadata
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.sandbox.dataset import Dataset
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.ledger import Ledger
from netsuite_pipeline.warehouse.loader import BatchLoader
from netsuite_pipeline.waves.coordinator import decide
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import Dispatch, ImportMode, JobStatus, utc_now
from netsuite_pipeline.waves.planning import JobPlan, plan_job
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.end_to_end.exactness import assert_exact

NOON = dt.datetime(2026, 10, 20, 12, tzinfo=dt.UTC)


@dataclass
class Clock:
    """NetSuite's clock, which stands still until it is set."""

    now: dt.datetime = NOON

    def __call__(self) -> dt.datetime:
        return self.now

    def forward(self, **amount: float) -> None:
        self.now += dt.timedelta(**amount)


@dataclass
class Registry:
    """The batches of each type, in the order of adding."""

    kept: dict[str, list[BatchRange]] = field(default_factory=dict)

    def in_use(self, record_type: str) -> bool:
        return False

    def existing(self, record_type: str) -> list[BatchRange]:
        return list(self.kept.get(record_type, []))

    def apply(self, record_type: str, *, add: Sequence[BatchRange], remove: Iterable[BatchRange]) -> None:
        gone = set(remove)
        left = [one for one in self.existing(record_type) if one not in gone]
        self.kept[record_type] = left + [one for one in add if one not in left]


@dataclass(frozen=True, kw_only=True)
class Night:
    """What an import planned, what became of its batches, and how many requests planning and reading took."""

    plan: JobPlan
    outcomes: tuple[BatchOutcome, ...]
    planning_requests: int
    requests: int
    runs: int
    status: JobStatus

    @property
    def ledgers(self) -> list[Ledger]:
        return [outcome.ledger for outcome in self.outcomes if outcome.ledger]

    @property
    def written(self) -> int:
        return sum(ledger.written for ledger in self.ledgers)

    @property
    def fetched(self) -> int:
        return sum(ledger.fetched for ledger in self.ledgers)

    def trouble(self) -> list[str]:
        """Why types were not imported, and batches failed."""
        types = [f"{kind.record_type}: {kind.reason}" for kind in self.plan.types if not kind.available]
        return types + [f"{one.range.key}: {one.reason}" for one in self.outcomes if one.ledger is None]

    def reason(self, record_type: str) -> str | None:
        (kind,) = (kind for kind in self.plan.types if kind.record_type == record_type)
        return kind.reason


class Deployment:
    """Imports from `sandbox` into the warehouse of WAREHOUSE_URL."""

    def __init__(self, sandbox: SandboxServer, clock: Clock, engine: sa.Engine) -> None:
        self.sandbox = sandbox
        self.clock = clock
        self.engine = engine
        self.registry = Registry()
        self.store = WaveStore(engine)
        self._metadata = warehouse_metadata(CATALOG)
        self._jobs = 0

    def full(self, *names: str) -> Night:
        return self.night(*names, mode=ImportMode.FULL)

    def night(self, *names: str, mode: ImportMode = ImportMode.INCREMENTAL) -> Night:
        """One import of the named types, or of all, carried out to its end; the clock has moved on by a minute."""
        settings = Settings.load()
        chosen = list(names) or list(CATALOG.names)
        self._jobs += 1
        job_id = f"night-{self._jobs}"
        self.sandbox.stats.reset()
        self.store.create_job(
            job_id, record_types=chosen, with_dependencies=False, trigger="test", now=utc_now(), mode=mode
        )
        with NetSuiteClient.connect(settings, sleep=lambda _: None) as client:
            plan = plan_job(
                job_id=job_id,
                catalog=CATALOG,
                source=NetSuiteSource(queries=client, catalog=CATALOG, batch_size=settings.batch_size),
                registry=self.registry,
                store=self.store,
                limits=Limits.of(settings),
                batch_size=settings.batch_size,
                finder=AccountChanges(client=client, engine=self.engine, catalog=CATALOG, settings=settings),
            )
            planning = self._requests()
        outcomes, runs = self._carry_out(job_id, settings)
        self.clock.forward(minutes=1)
        return Night(
            plan=plan,
            outcomes=tuple(outcomes),
            planning_requests=planning,
            requests=self._requests(),
            runs=runs,
            status=self.store.job(job_id).status,
        )

    def assert_exact(self, *names: str) -> None:
        """The table equals the sandbox, row by row and column by column."""
        for name in names or CATALOG.names:
            assert_exact(self.sandbox.dataset, self.engine, CATALOG.get(name))

    def _requests(self) -> int:
        return int(str(self.sandbox.stats.snapshot()["total_requests"]))

    def _carry_out(self, job_id: str, settings: Settings) -> tuple[list[BatchOutcome], int]:
        limits = Limits.of(settings)
        outcomes: list[BatchOutcome] = []
        runs = 0
        for _ in range(1000):
            # Far in the future, so that no retry is waited for.
            now = utc_now() + dt.timedelta(seconds=200 * runs)
            decision = decide(self.store.load_state(job_id, now=now), limits)
            self.store.update_waves(job_id, decision.wave_changes, now=now)
            for dispatch in decision.dispatches:
                if self.store.claim_dispatch(dispatch, in_flight_limit=limits.in_flight, now=now):
                    runs += 1
                    outcomes += self._run(dispatch, settings, limits, f"run-{job_id}-{runs}")
            if decision.end:
                self.store.finish_job(job_id, status=decision.end.status, reason=decision.end.reason, now=now)
                return outcomes, runs
        raise AssertionError(f"{job_id} does not end")

    def _run(self, dispatch: Dispatch, settings: Settings, limits: Limits, run_id: str) -> list[BatchOutcome]:
        record_type = CATALOG.get(dispatch.record_type)
        loader = BatchLoader(
            self.engine,
            self._metadata,
            delete_guard_percent=settings.delete_guard_percent,
            reject_guard_percent=settings.reject_guard_percent,
            remove_deleted=settings.deleted_rows == "remove",
        )
        run = BatchRun(
            record_type=record_type,
            ranges=tuple(batch.range for batch in dispatch.batches),
            run_id=run_id,
            fetch=AccountFetch(
                pipeline=PipelineResource(),
                record_type=record_type,
                runs=1,
                run_id=run_id,
                warn=lambda _: None,
            ),
            job_id=dispatch.job_id,
            dispatch_key=dispatch.key,
        )
        return list(import_batches(run, loader=loader, store=self.store, limits=limits, writers=1))


@contextmanager
def served(records: int = 1000, *, clock: Clock, **options: object) -> Iterator[SandboxServer]:
    """A sandbox whose data a test may change, with the clock."""
    dataset = Dataset.generated(records=records, seed=3, clock=clock)
    with SandboxServer(dataset=dataset, **options) as sandbox:  # type: ignore[arg-type]
        yield sandbox
