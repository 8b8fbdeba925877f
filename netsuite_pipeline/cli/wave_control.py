"""`waves pause`, `resume`, `cancel`, `retry` and `reset`: what a person does to an import.

What each of them does is in `waves.control_store` and `waves.set_back_store`. Looking is in `waves`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer

from netsuite_pipeline.cli.console import results
from netsuite_pipeline.cli.dagster_instance import dagster_instance
from netsuite_pipeline.cli.wave_documents import job_document, print_document, set_back_document
from netsuite_pipeline.orchestration.partitions import PartitionRegistry
from netsuite_pipeline.orchestration.resources import PipelineResource, warehouse_metadata
from netsuite_pipeline.orchestration.wave_runs import living_runs
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.custom import load_catalog
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline.waves.errors import Refused
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import BatchStatus, Job, JobStatus, utc_now
from netsuite_pipeline.waves.retrying import reset_wave, retry_job
from netsuite_pipeline.waves.set_back_store import SetBack, nothing_to_reset
from netsuite_pipeline.waves.store import WaveStore

JobId = Annotated[str, typer.Argument(metavar="JOB", help="Job id; `waves status` shows the latest.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@contextmanager
def opened_store(pipeline: PipelineResource) -> Iterator[WaveStore]:
    """The store of the warehouse; the tables of record types need not be as declared."""
    with pipeline.engine() as engine:
        ensure_tables(engine, warehouse_metadata(Catalog(())))
        yield WaveStore(engine)


def pause(job: JobId, as_json: AsJson = False) -> None:
    """Dispatch nothing more of an import until it is resumed. Runs under way finish what they have."""
    with opened_store(PipelineResource()) as store:
        _tell(
            store.pause(job, now=utc_now()), as_json, "is paused", f"Go on with: netsuite-pipeline waves resume {job}"
        )


def resume(job: JobId, as_json: AsJson = False) -> None:
    """Go on with an import that was paused."""
    with opened_store(PipelineResource()) as store:
        _tell(store.resume(job, now=utc_now()), as_json, "goes on", f"Follow it with: {_status_of(job)} --watch")


def cancel(job: JobId, as_json: AsJson = False) -> None:
    """End an import as soon as nothing of it is in flight. Runs under way finish what they have."""
    with opened_store(PipelineResource()) as store:
        found = store.cancel(job, now=utc_now())
        done = found.status is JobStatus.CANCELLED
        what = "is cancelled" if done else "ends when nothing of it is in flight any more"
        _tell(found, as_json, what, f"What is left is imported by: netsuite-pipeline waves retry {job}")


def retry(job: JobId, as_json: AsJson = False) -> None:
    """Try failed batches of an import again, and what it left when it was stopped or cancelled.

    Exit code 1: refused, or some batches cannot be tried again.
    """
    pipeline = PipelineResource()
    limits = _limits(pipeline)
    with opened_store(pipeline) as store, dagster_instance() as instance:
        registry = PartitionRegistry(instance)
        result = retry_job(job, store=store, registry=registry, limits=limits, now=utc_now())
    _tell_set_back(result, as_json)


def reset(
    job: JobId,
    wave: Annotated[int, typer.Argument(metavar="WAVE", help="Number of the wave.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also while runs of the wave are alive.")] = False,
    as_json: AsJson = False,
) -> None:
    """Set a wave back: all of its batches that are not completed are tried again.

    Exit code 1: refused, or some batches cannot be tried again.
    """
    if as_json and not yes:
        raise typer.BadParameter("--json cannot ask; give --yes with it.")
    pipeline = PipelineResource()
    limits = _limits(pipeline)
    with opened_store(pipeline) as store, dagster_instance() as instance:
        store.job(job)
        batches = Counter(batch.status for batch in store.batches(job, wave_number=wave))
        if not batches.keys() - {BatchStatus.COMPLETED}:
            raise nothing_to_reset(job, wave)
        runs = living_runs(instance, job, wave)
        if not as_json:
            for line in _concerned(job, wave, batches, runs):
                results.print(line, markup=False, soft_wrap=True)
        if runs and not force:
            raise Refused(_runs_in_the_way(job, wave, len(runs)))
        if not yes and not typer.confirm("Reset the wave?"):
            raise Refused("Nothing was changed.")
        registry = PartitionRegistry(instance)
        result = reset_wave(job, wave, store=store, registry=registry, limits=limits, now=utc_now())
    _tell_set_back(result, as_json)


def _limits(pipeline: PipelineResource) -> Limits:
    settings = pipeline.settings()
    return Limits.of(settings, load_catalog(settings))


COMMANDS: tuple[Callable[..., None], ...] = (pause, resume, cancel, retry, reset)


def _concerned(job: str, wave: int, batches: Counter[BatchStatus], runs: Sequence[str]) -> Iterator[str]:
    counts = _by_status({status: count for status, count in batches.items() if status is not BatchStatus.COMPLETED})
    kept = batches[BatchStatus.COMPLETED]
    yield f"Wave {wave} of import {job}: {counts} to be tried again; {kept} completed ones stay as they are."
    for run in runs:
        yield f"Run {run} is alive."


def _runs_in_the_way(job: str, wave: int, runs: int) -> str:
    if runs == 1:
        alive, them, then = "1 run of it is", "it", "it finds its"
    else:
        alive, them, then = f"{runs} runs of it are", "them", "they find their"
    return (
        f"Wave {wave} of import {job} is not reset: {alive} alive in Dagster. Terminate {them} there, or give --force;"
        f" then {then} lease lost and can commit nothing more."
    )


def _by_status(batches: dict[BatchStatus, int]) -> str:
    return ", ".join(f"{batches[status]} {status.value}" for status in BatchStatus if batches.get(status))


def _status_of(job: str) -> str:
    return f"netsuite-pipeline waves status {job}"


def _tell(job: Job, as_json: bool, what: str, advice: str) -> None:
    if as_json:
        print_document({"job": job_document(job)})
        return
    results.print(f"Import {job.job_id} {what}. {advice}", markup=False, soft_wrap=True)


def _tell_set_back(result: SetBack, as_json: bool) -> None:
    """Says what is tried again, and ends with exit code 1 if something is not."""
    if as_json:
        print_document(set_back_document(result))
    else:
        for sentence in _set_back_sentences(result):
            results.print(sentence, markup=False, soft_wrap=True)
    if result.gone:
        raise typer.Exit(1)


def _set_back_sentences(result: SetBack) -> Iterator[str]:
    job = result.job
    counts = _by_status(dict(result.batches))
    yield f"Import {job.job_id} tries again: {counts or 'what was left'}."
    if job.paused_at or job.cancelled_at:
        yield "It is still paused." if job.paused_at else "It is being cancelled all the same."
    for record_type, count in sorted(result.gone.items()):
        yield (
            f"{count} {'batch' if count == 1 else 'batches'} of {record_type} cannot be tried again, because a later"
            " plan replaced the partition. Start:"
            f" netsuite-pipeline import start --types {record_type} --no-dependencies"
        )
    yield f"Follow it with: {_status_of(job.job_id)} --watch"
