"""What a person does to an import, in a terminal or in Dagster's UI, and the sentences that say what became of it.

What each action does to the tables is in `waves.control_store` and `waves.set_back_store`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import dagster as dg

from netsuite_pipeline.orchestration.partitions import PartitionRegistry
from netsuite_pipeline.orchestration.resources import PipelineResource, warehouse_metadata
from netsuite_pipeline.orchestration.wave_runs import living_runs
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline.waves.errors import Refused
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import BatchStatus, Job, JobStatus, utc_now
from netsuite_pipeline.waves.retrying import reset_wave, retry_job
from netsuite_pipeline.waves.set_back_store import SetBack, nothing_to_reset
from netsuite_pipeline.waves.store import WaveStore

Result = TypeVar("Result", Job, SetBack)


@dataclass(frozen=True, kw_only=True)
class Done(Generic[Result]):
    """What was done: the import afterwards, or what of it is tried again; and `said`, for people.

    It is not `whole` if batches were left that cannot be tried again.
    """

    result: Result
    said: tuple[str, ...]
    whole: bool = True


@dataclass(frozen=True, kw_only=True)
class Concerned:
    """The batches of a wave that a reset would touch, those that it would not, and its runs that are alive."""

    job_id: str
    wave: int
    batches: Mapping[BatchStatus, int]
    runs: tuple[str, ...]

    @property
    def said(self) -> tuple[str, ...]:
        """For people, before anything is done."""
        kept = self.batches.get(BatchStatus.COMPLETED, 0)
        counts = _by_status({status: n for status, n in self.batches.items() if status is not BatchStatus.COMPLETED})
        wave = f"Wave {self.wave} of import {self.job_id}"
        first = f"{wave}: {counts} to be tried again; {kept} completed ones stay as they are."
        return (first, *(f"Run {run} is alive." for run in self.runs))

    def check(self) -> None:
        """Refused while runs of the wave are alive."""
        if self.runs:
            raise Refused(_runs_in_the_way(self.job_id, self.wave, len(self.runs)))


@contextmanager
def opened_store(pipeline: PipelineResource) -> Iterator[WaveStore]:
    """The store of the warehouse; the tables of record types need not be as declared."""
    with pipeline.engine() as engine:
        ensure_tables(engine, warehouse_metadata(Catalog(())))
        yield WaveStore(engine)


def pause(store: WaveStore, job_id: str) -> Done[Job]:
    """Dispatch nothing more of an import until it is resumed."""
    job = store.pause(job_id, now=utc_now())
    return _done(job, "is paused", f"Go on with: netsuite-pipeline waves resume {job_id}")


def resume(store: WaveStore, job_id: str) -> Done[Job]:
    """Go on with an import that was paused."""
    job = store.resume(job_id, now=utc_now())
    return _done(job, "goes on", f"Follow it with: {_status_of(job_id)} --watch")


def cancel(store: WaveStore, job_id: str) -> Done[Job]:
    """End an import as soon as nothing of it is in flight, or when its plan is there."""
    job = store.cancel(job_id, now=utc_now())
    retry_command = f"netsuite-pipeline waves retry {job_id}"
    if job.status is JobStatus.PLANNING:
        what = "ends when its plan is there, or soon if nobody makes it any more; nothing of it will be imported"
        return _done(job, what, f"Until then this is taken back by: {retry_command}")
    over = job.status is JobStatus.CANCELLED
    what = "is cancelled" if over else "ends when nothing of it is in flight any more"
    return _done(job, what, f"What is left is imported by: {retry_command}")


def retry(store: WaveStore, instance: dg.DagsterInstance, job_id: str, *, limits: Limits) -> Done[SetBack]:
    """Try failed batches again, and what the import left when it was stopped or cancelled."""
    registry = PartitionRegistry(instance)
    return _set_back(retry_job(job_id, store=store, registry=registry, limits=limits, now=utc_now()))


def concerned(store: WaveStore, instance: dg.DagsterInstance, job_id: str, *, wave: int) -> Concerned:
    """What a reset of the wave would touch; Refused if that is nothing, UnknownJob without the import."""
    store.job(job_id)
    batches = Counter(batch.status for batch in store.batches(job_id, wave_number=wave))
    if not batches.keys() - {BatchStatus.COMPLETED}:
        raise nothing_to_reset(job_id, wave)
    return Concerned(job_id=job_id, wave=wave, batches=batches, runs=tuple(living_runs(instance, job_id, wave)))


def reset(store: WaveStore, instance: dg.DagsterInstance, wave: Concerned, *, limits: Limits) -> Done[SetBack]:
    """Set a wave back: all of its batches that are not completed are tried again, whatever runs are alive."""
    registry = PartitionRegistry(instance)
    return _set_back(reset_wave(wave.job_id, wave.wave, store=store, registry=registry, limits=limits, now=utc_now()))


def _done(job: Job, what: str, advice: str) -> Done[Job]:
    return Done(result=job, said=(f"Import {job.job_id} {what}. {advice}",))


def _set_back(result: SetBack) -> Done[SetBack]:
    job = result.job
    counts = _by_status(result.batches)
    said = [f"Import {job.job_id} tries again: {counts or 'what was left'}."]
    if job.paused_at or job.cancelled_at:
        said.append("It is still paused." if job.paused_at else "It is being cancelled all the same.")
    for record_type, count in sorted(result.gone.items()):
        said.append(
            f"{count} {'batch' if count == 1 else 'batches'} of {record_type} cannot be tried again, because a later"
            " plan replaced the partition. Start:"
            f" netsuite-pipeline import start --types {record_type} --no-dependencies"
        )
    said.append(f"Follow it with: {_status_of(job.job_id)} --watch")
    return Done(result=result, said=tuple(said), whole=not result.gone)


def _runs_in_the_way(job_id: str, wave: int, runs: int) -> str:
    if runs == 1:
        alive, them, then = "1 run of it is", "it", "it finds its"
    else:
        alive, them, then = f"{runs} runs of it are", "them", "they find their"
    return (
        f"Wave {wave} of import {job_id} is not reset: {alive} alive in Dagster. Terminate {them} there, or force it;"
        f" then {then} lease lost and can commit nothing more."
    )


def _by_status(batches: Mapping[BatchStatus, int]) -> str:
    return ", ".join(f"{batches[status]} {status.value}" for status in BatchStatus if batches.get(status))


def _status_of(job_id: str) -> str:
    return f"netsuite-pipeline waves status {job_id}"
