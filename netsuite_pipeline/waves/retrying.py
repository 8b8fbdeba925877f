"""Having a job or one of its waves tried again, as far as its batches still exist.

What is set back, and how, is in `set_back_store`. While that is found out nobody may plan: a plan could replace a
batch that has just been looked up.
"""

import datetime as dt

from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.planning_lock import PlanningLock
from netsuite_pipeline.waves.set_back_store import Existing, SetBack
from netsuite_pipeline.waves.settling import BatchRegistry
from netsuite_pipeline.waves.store import WaveStore

# Discovery counts for half a minute at most; a person rather comes again than waits for a whole plan.
_LOCK_SECONDS = 60.0


def retry_job(
    job_id: str,
    *,
    store: WaveStore,
    registry: BatchRegistry,
    limits: Limits,
    now: dt.datetime,
    lock_timeout: float = _LOCK_SECONDS,
) -> SetBack:
    """See `SetBackStore.retry`. PlanningBusy if someone plans for longer than `lock_timeout` seconds."""
    with PlanningLock(store.engine, timeout=lock_timeout):
        existing = _existing(job_id, store=store, registry=registry, now=now)
        return store.retry(job_id, limits=limits, existing=existing, registry=registry.identity, now=now)


def reset_wave(
    job_id: str,
    wave_number: int,
    *,
    store: WaveStore,
    registry: BatchRegistry,
    limits: Limits,
    now: dt.datetime,
    lock_timeout: float = _LOCK_SECONDS,
) -> SetBack:
    """See `SetBackStore.reset`. PlanningBusy if someone plans for longer than `lock_timeout` seconds."""
    with PlanningLock(store.engine, timeout=lock_timeout):
        existing = _existing(job_id, store=store, registry=registry, now=now)
        return store.reset(job_id, wave_number, limits=limits, existing=existing, registry=registry.identity, now=now)


def _existing(job_id: str, *, store: WaveStore, registry: BatchRegistry, now: dt.datetime) -> Existing:
    types = store.load_state(job_id, now=now).types
    return {plan.record_type: frozenset(registry.existing(plan.record_type)) for plan in types if plan.available}
