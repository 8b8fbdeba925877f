"""Plan an import: settle the batches of each record type, cut them into waves, store it all.

How the batches of a type are settled is in `settling`. Which ranges and waves follow from the counts is decided in
`planner`.
"""

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.waves.change_planning import ChangeFinder, Unavailable
from netsuite_pipeline.waves.errors import JobEnded
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
from netsuite_pipeline.waves.planning_lock import planning_lock
from netsuite_pipeline.waves.settling import BatchRegistry, BatchSource, Settled, Settler, settle_all
from netsuite_pipeline.waves.store import WaveStore

# A planner asks NetSuite a handful of questions per record type; another one may have to wait that long.
_LOCK_SECONDS = 300.0


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
    lock_timeout: float = _LOCK_SECONDS,
    finder: ChangeFinder | None = None,
    owner: Owner = NO_OWNER,
) -> JobPlan:
    """Plans the record types that the job was created for, with those they depend on if it says so.

    An incremental job reads what `finder` finds; without one every job reads everything, and holds nothing back. A type
    that is unavailable is recorded with its reason and the others go on. On any other error the job is recorded as
    failed and the error raised again. A job that is planned already stays as it is; JobEnded if it ended.
    """
    job = store.job(job_id)
    if job.status not in OPEN_JOBS:
        raise JobEnded(f"Import job {job_id} has ended as {job.status.value}: start a new one.")
    if job.status is not JobStatus.PLANNING:
        return JobPlan(job_id=job_id, saved=False)
    try:
        record_types = catalog.select(job.record_types, dependencies=job.with_dependencies)
        as_of = finder.as_of if finder else None
        # Kept until the plan is stored: only then can other planners see that these batches are in use.
        with planning_lock(store.engine, timeout=lock_timeout):
            settler = Settler(source=source, registry=registry, store=store, batch_size=batch_size)
            types: list[RecordTypePlan] = []
            by_level: dict[int, list[Batch]] = {}
            names = [record_type.name for record_type in record_types]
            for name, answer in settle_all(names, settler, finder, mode=job.mode):
                record_type, level = catalog.get(name), catalog.level(name)
                types.append(_type_plan(name, level, answer))
                if isinstance(answer, Settled):
                    max_retries = limits.attempts_of(name)
                    by_level.setdefault(level, []).extend(_batches(job, record_type, answer, max_retries=max_retries))
            waves = plan_waves(by_level, wave_size=limits.wave_size)
            saved = store.save_plan(
                job_id,
                types=types,
                waves=waves,
                now=clock(),
                as_of=as_of,
                owner=owner,
            )
    except Exception as error:
        # If the database is what went wrong, the dispatcher ends the job when it finds no planner any more.
        with suppress(DBAPIError):
            # A plan that was stored before something else went wrong is carried out.
            if store.job(job_id).status is JobStatus.PLANNING:
                store.fail_job(job_id, f"Planning failed: {error}", now=clock())
        raise
    if not saved and store.job(job_id).status not in OPEN_JOBS:
        raise JobEnded(f"Import job {job_id} was ended while it was being planned: start a new one.")
    return JobPlan(job_id=job_id, saved=saved, as_of=as_of, types=tuple(types), waves=tuple(waves))


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
        settler = Settler(source=source, registry=registry, store=store, batch_size=batch_size)
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
