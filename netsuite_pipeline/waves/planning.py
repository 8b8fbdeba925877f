"""Plan an import: settle the batches of each record type, cut them into waves, store it all.

How the batches of a type are settled is in `settling`. Which ranges and waves follow from the counts is decided in
`planner`.
"""

import datetime as dt
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.waves.change_planning import ChangeFinder, Unavailable
from netsuite_pipeline.waves.errors import JobEnded, LockLost
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import (
    NO_OWNER,
    OPEN_JOBS,
    Batch,
    Job,
    JobStatus,
    Owner,
    RecordTypePlan,
    Wave,
    batch_id,
    utc_now,
)
from netsuite_pipeline.waves.planner import RangePlan, plan_waves
from netsuite_pipeline.waves.planning_lock import PlanningLock
from netsuite_pipeline.waves.settling import BatchRegistry, BatchSource, Settled, Settler, settle_all
from netsuite_pipeline.waves.store import WaveStore

# A planner asks NetSuite a handful of questions per record type; another one may have to wait that long.
PLANNING_LOCK_SECONDS = 300.0
# How often a plan is begun, if its lock is lost each time.
_PLANS = 5

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class JobPlan:
    """What is planned for a job. `saved` is False if an earlier call planned it; then the rest is empty.

    `as_of` is NetSuite's time (naive UTC) before it was asked, None if it did not tell.
    """

    job_id: str
    saved: bool
    as_of: dt.datetime | None = None
    types: tuple[RecordTypePlan, ...] = ()
    waves: tuple[Wave, ...] = ()


def plan_job(
    *,
    job_id: str,
    catalog: Catalog,
    source: BatchSource,
    registry: BatchRegistry,
    store: WaveStore,
    limits: Limits,
    batch_size: int,
    clock: Callable[[], dt.datetime] = utc_now,
    lock: PlanningLock | None = None,
    finder: ChangeFinder | None = None,
    owner: Owner = NO_OWNER,
) -> JobPlan:
    """Plans the record types that the job was created for, with those they depend on if it says so.

    An incremental job reads what `finder` finds; without one every job reads everything, and holds nothing back. A type
    that is unavailable is recorded with its reason and the others go on. When the `lock` is lost or left on the way,
    all is planned anew. On any other error the job is recorded as failed and the error raised again. A job that is
    planned already stays as it is; JobEnded if it ended.
    """
    planner = _Planner(
        catalog=catalog,
        source=source,
        registry=registry,
        store=store,
        limits=limits,
        batch_size=batch_size,
        clock=clock,
        lock=lock or PlanningLock(store.engine, timeout=PLANNING_LOCK_SECONDS),
        finder=finder,
        owner=owner,
    )
    try:
        return _planned(planner, job_id)
    except Exception as error:
        # If the database is what went wrong, the dispatcher ends the job when it finds no planner any more.
        with suppress(DBAPIError):
            # A plan that was stored before something else went wrong is carried out.
            if store.job(job_id).status is JobStatus.PLANNING:
                store.fail_job(job_id, f"Planning failed: {error}", now=clock())
        raise


def _planned(planner: "_Planner", job_id: str) -> JobPlan:
    """Plans anew when the lock was lost on the way, or left: the latter as often as the client has the patience for."""
    lost = 0
    while True:
        try:
            return planner.plan(job_id)
        except LockLost as error:
            lost += not planner.lock.was_left
            if lost == _PLANS:
                raise
            why = "NetSuite was away, and others could plan" if planner.lock.was_left else error
            _LOGGER.warning("Planning import %s from the start: %s", job_id, why)


@dataclass(frozen=True, kw_only=True)
class _Planner:
    """Plans a job once, from the start."""

    catalog: Catalog
    source: BatchSource
    registry: BatchRegistry
    store: WaveStore
    limits: Limits
    batch_size: int
    clock: Callable[[], dt.datetime]
    lock: PlanningLock
    finder: ChangeFinder | None
    owner: Owner

    def plan(self, job_id: str) -> JobPlan:
        # Asked each time: a lock is also lost with a database that restarts, and this waits for it.
        job = self.store.job(job_id)
        if job.status not in OPEN_JOBS:
            raise JobEnded(f"Import job {job_id} has ended as {job.status.value}: start a new one.")
        if job.status is not JobStatus.PLANNING:
            return JobPlan(job_id=job_id, saved=False)
        names = [one.name for one in self.catalog.select(job.record_types, dependencies=job.with_dependencies)]
        as_of = self.finder.as_of if self.finder else None
        # Kept until the plan is stored: only then can other planners see that these batches are in use.
        with self.lock:
            registry = _LockedRegistry(registry=self.registry, lock=self.lock)
            settler = Settler(source=self.source, registry=registry, store=self.store, batch_size=self.batch_size)
            answers = list(settle_all(names, settler, self.finder, mode=job.mode))
            types = tuple(_type_plan(name, self.catalog.level(name), answer) for name, answer in answers)
            waves = tuple(plan_waves(self._by_level(job, answers), wave_size=self.limits.wave_size))
            self.lock.check()
            saved = self.store.save_plan(
                job_id, types=types, waves=waves, now=self.clock(), as_of=as_of, owner=self.owner
            )
        if not saved and self.store.job(job_id).status not in OPEN_JOBS:
            raise JobEnded(f"Import job {job_id} was ended while it was being planned: start a new one.")
        return JobPlan(job_id=job_id, saved=saved, as_of=as_of, types=types, waves=waves)

    def _by_level(self, job: Job, answers: Iterable[tuple[str, Settled | Unavailable]]) -> dict[int, list[Batch]]:
        by_level: dict[int, list[Batch]] = {}
        for name, answer in answers:
            if isinstance(answer, Settled):
                record_type, max_retries = self.catalog.get(name), self.limits.attempts_of(name)
                batches = _batches(job, record_type, answer, max_retries=max_retries)
                by_level.setdefault(self.catalog.level(name), []).extend(batches)
        return by_level


@dataclass(frozen=True, kw_only=True)
class _LockedRegistry:
    """The registry as long as nobody else may change it; LockLost from then on.

    It also looks before anything is asked about a type, so that no lost plan is carried on for long.
    """

    registry: BatchRegistry
    lock: PlanningLock

    @property
    def identity(self) -> str | None:
        return self.registry.identity

    def existing(self, record_type: str) -> list[BatchRange]:
        self.lock.check()
        return self.registry.existing(record_type)

    def in_use(self, record_type: str) -> bool:
        return self.registry.in_use(record_type)

    def apply(self, record_type: str, *, add: Sequence[BatchRange], remove: Iterable[BatchRange]) -> None:
        self.lock.check()
        self.registry.apply(record_type, add=add, remove=remove)


def discover(
    record_type: str,
    *,
    source: BatchSource,
    registry: BatchRegistry,
    store: WaveStore,
    batch_size: int,
    lock_timeout: float = 0.0,
) -> RangePlan | Unavailable:
    """Brings the batches of one record type up to date without any job: asks only for what has grown at the
    end.

    While the last batch is in flight nothing is asked and nothing added: it will have grown when it is over.
    PlanningBusy, after `lock_timeout` seconds, while another planner is at work: it does the same, so there
    is nothing to catch up on.
    """
    with PlanningLock(store.engine, timeout=lock_timeout) as lock:
        locked = _LockedRegistry(registry=registry, lock=lock)
        settler = Settler(source=source, registry=locked, store=store, batch_size=batch_size)
        return settler.discover(record_type)


def _type_plan(record_type: str, level: int, answer: Settled | Unavailable) -> RecordTypePlan:
    if isinstance(answer, Unavailable):
        return RecordTypePlan(record_type=record_type, level=level, available=False, reason=answer.reason)
    return RecordTypePlan(
        record_type=record_type, level=level, available=True, reason=answer.reason, expected_records=answer.records
    )


def _batches(job: Job, record_type: RecordType, settled: Settled, *, max_retries: int) -> list[Batch]:
    return [
        Batch(
            batch_id=batch_id(job.job_id, record_type.id, portion.range),
            record_type=record_type.name,
            record_type_id=record_type.id,
            range=portion.range,
            batch_number=portion.number,
            expected_records=portion.expected,
            changed_since=portion.increment.since if portion.increment else None,
            is_dependency=record_type.name not in job.record_types,
            max_retries=max_retries,
        )
        for portion in settled.portions
    ]
