"""Plan an import: ask how many records there are, settle the batches, cut them into waves, store it all.

Where counts come from and where batches are registered is behind two protocols, so that neither NetSuite nor
Dagster is known here. Which ranges and waves follow from the counts is decided in `planner`.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.waves.errors import JobEnded, PlanError
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import (
    OPEN_JOBS,
    Batch,
    JobStatus,
    RecordTypePlan,
    Wave,
    batch_id,
    utc_now,
)
from netsuite_pipeline.waves.planner import (
    Bucket,
    RangePlan,
    plan_ranges,
    plan_waves,
    tail_origin,
    with_exact_tail,
)
from netsuite_pipeline.waves.planning_lock import planning_lock
from netsuite_pipeline.waves.store import WaveStore

# A planner asks NetSuite a handful of questions per record type; another one may have to wait that long.
_LOCK_SECONDS = 300.0


@dataclass(frozen=True, kw_only=True)
class Measured:
    """NetSuite's answer: how many records there are, and where, in ascending buckets."""

    records: int
    buckets: Sequence[Bucket]


@dataclass(frozen=True, kw_only=True)
class Unavailable:
    """The account does not offer the record type, with NetSuite's reason."""

    reason: str


class BatchSource(Protocol):
    """Whoever can count the records of a type."""

    def measure(self, record_type: str, from_id: int | None) -> Measured | Unavailable:
        """Counts all records, or those with an id of at least `from_id`. Raises what it cannot answer."""


class BatchRegistry(Protocol):
    """Whoever keeps the batches of each record type (in Dagster: its dynamic partitions)."""

    def existing(self, record_type: str) -> list[BatchRange]:
        """The batches in partition order, which is the order of adding."""

    def in_use(self, record_type: str) -> bool:
        """Whether someone outside the waves may be importing batches of the type at this moment."""

    def apply(self, record_type: str, *, add: Sequence[BatchRange], remove: Iterable[BatchRange]) -> None:
        """Removes and adds batches, the added ones at the end. Repeatable."""


@dataclass(frozen=True, kw_only=True)
class JobPlan:
    """What is planned for a job. `saved` is False if an earlier call planned it; then the rest is empty."""

    job_id: str
    saved: bool
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
    lock_timeout: float = _LOCK_SECONDS,
) -> JobPlan:
    """Plans the record types that the job was created for, with those they depend on if it says so.

    A type that is unavailable is recorded with its reason and the others go on. On any other error the job is
    recorded as failed and the error raised again. A job that is planned already stays as it is; JobEnded if
    it ended.
    """
    job = store.job(job_id)
    if job.status not in OPEN_JOBS:
        raise JobEnded(f"Import job {job_id} has ended as {job.status.value}: start a new one.")
    if job.status is not JobStatus.PLANNING:
        return JobPlan(job_id=job_id, saved=False)
    try:
        record_types = catalog.select(job.record_types, dependencies=job.with_dependencies)
        # Kept until the plan is stored: only then can other planners see that these batches are in use.
        with planning_lock(store.engine, timeout=lock_timeout):
            types: list[RecordTypePlan] = []
            by_level: dict[int, list[Batch]] = {}
            for record_type in record_types:
                level = catalog.level(record_type.name)
                answer = _settle_apart(record_type.name, source, registry, store, batch_size=batch_size)
                types.append(_type_plan(record_type.name, level, answer))
                if isinstance(answer, _Settled):
                    is_dependency = record_type.name not in job.record_types
                    by_level.setdefault(level, []).extend(
                        _batches(job_id, record_type, answer, is_dependency=is_dependency)
                    )
            waves = plan_waves(by_level, wave_size=limits.wave_size)
            saved = store.save_plan(job_id, types=types, waves=waves, max_retries=limits.retry_attempts, now=clock())
    except Exception as error:
        # A plan that was stored before something else went wrong is carried out.
        if store.job(job_id).status is JobStatus.PLANNING:
            store.fail_job(job_id, f"Planning failed: {error}", now=clock())
        raise
    if not saved and store.job(job_id).status not in OPEN_JOBS:
        raise JobEnded(f"Import job {job_id} was ended while it was being planned: start a new one.")
    return JobPlan(job_id=job_id, saved=saved, types=tuple(types), waves=tuple(waves))


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
    with planning_lock(store.engine, timeout=lock_timeout):
        answer = _settle(record_type, source, registry, store, batch_size=batch_size, whole=False)
    return answer if isinstance(answer, Unavailable) else answer.plan


@dataclass(frozen=True, kw_only=True)
class _Settled:
    records: int
    plan: RangePlan
    ordered: tuple[BatchRange, ...]


def _settle_apart(
    record_type: str, source: BatchSource, registry: BatchRegistry, store: WaveStore, *, batch_size: int
) -> "_Settled | Unavailable":
    """The batches of one type of a job. A partition that someone broke by hand costs this type, not the others."""
    try:
        return _settle(record_type, source, registry, store, batch_size=batch_size, whole=True)
    except PlanError as error:
        return Unavailable(reason=str(error))


def _settle(
    record_type: str,
    source: BatchSource,
    registry: BatchRegistry,
    store: WaveStore,
    *,
    batch_size: int,
    whole: bool,
) -> _Settled | Unavailable:
    existing = registry.existing(record_type)
    in_flight = set(existing) if registry.in_use(record_type) else store.in_flight_ranges(record_type)
    if existing and not whole and max(existing) in in_flight:
        # Every look would add another small batch beyond the last one, which cannot be lengthened now.
        plan = RangePlan(keep=tuple(sorted(existing)), add=(), remove=(), expected={})
        return _Settled(records=0, plan=plan, ordered=tuple(existing))
    answer = _measure(record_type, source, existing, whole=whole)
    if isinstance(answer, Unavailable):
        return answer
    plan = plan_ranges(answer.buckets, batch_size=batch_size, existing=existing, in_flight=in_flight)
    if plan.add or plan.remove:
        registry.apply(record_type, add=plan.add, remove=plan.remove)
        existing = registry.existing(record_type)
    return _Settled(records=answer.records, plan=plan, ordered=tuple(existing))


def _measure(
    record_type: str, source: BatchSource, existing: Sequence[BatchRange], *, whole: bool
) -> Measured | Unavailable:
    origin = tail_origin(existing)
    answer = source.measure(record_type, None if whole else origin)
    if isinstance(answer, Unavailable) or origin is None or not whole:
        return answer
    if not answer.buckets or answer.buckets[-1].last <= max(existing).last:
        return answer
    # Ids have grown. Buckets of the whole span are wider and do not begin where the last batch does; to fill
    # it up without guessing, its records are counted from its first id on.
    tail = source.measure(record_type, origin)
    if isinstance(tail, Unavailable):
        return tail
    return Measured(records=answer.records, buckets=with_exact_tail(answer.buckets, tail.buckets, origin=origin))


def _type_plan(record_type: str, level: int, answer: _Settled | Unavailable) -> RecordTypePlan:
    if isinstance(answer, Unavailable):
        return RecordTypePlan(record_type=record_type, level=level, available=False, reason=answer.reason)
    return RecordTypePlan(record_type=record_type, level=level, available=True, expected_records=answer.records)


def _batches(job_id: str, record_type: RecordType, settled: _Settled, *, is_dependency: bool) -> list[Batch]:
    return [
        Batch(
            batch_id=batch_id(job_id, record_type.id, batch),
            record_type=record_type.name,
            record_type_id=record_type.id,
            range=batch,
            batch_number=number,
            expected_records=settled.plan.expected.get(batch, 0),
            is_dependency=is_dependency,
        )
        for number, batch in enumerate(settled.ordered)
    ]
