"""`waves pause`, `resume`, `cancel`, `retry` and `reset`: what a person does to an import, in a terminal.

What each of them does, and says, is in `orchestration.wave_actions`. Looking is in `waves`.
"""

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from netsuite_pipeline.cli.console import results
from netsuite_pipeline.cli.dagster_instance import dagster_instance
from netsuite_pipeline.cli.wave_documents import job_document, print_document, set_back_document
from netsuite_pipeline.orchestration import wave_actions
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.orchestration.wave_actions import Done, opened_store
from netsuite_pipeline.record_types.custom import load_catalog
from netsuite_pipeline.waves.errors import Refused
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import Job
from netsuite_pipeline.waves.set_back_store import SetBack

JobId = Annotated[str, typer.Argument(metavar="JOB", help="Job id; `waves status` shows the latest.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def pause(job: JobId, as_json: AsJson = False) -> None:
    """Dispatch nothing more of an import until it is resumed. Runs under way finish what they have."""
    with opened_store(PipelineResource()) as store:
        _tell(wave_actions.pause(store, job), as_json)


def resume(job: JobId, as_json: AsJson = False) -> None:
    """Go on with an import that was paused."""
    with opened_store(PipelineResource()) as store:
        _tell(wave_actions.resume(store, job), as_json)


def cancel(job: JobId, as_json: AsJson = False) -> None:
    """End an import as soon as nothing of it is in flight. Runs under way finish what they have."""
    with opened_store(PipelineResource()) as store:
        _tell(wave_actions.cancel(store, job), as_json)


def retry(job: JobId, as_json: AsJson = False) -> None:
    """Try failed batches of an import again, and what it left when it was stopped or cancelled.

    Exit code 1: refused, or some batches cannot be tried again.
    """
    pipeline = PipelineResource()
    limits = _limits(pipeline)
    with opened_store(pipeline) as store, dagster_instance() as instance:
        done = wave_actions.retry(store, instance, job, limits=limits)
    _tell_set_back(done, as_json)


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
        concerned = wave_actions.concerned(store, instance, job, wave=wave)
        if not as_json:
            _print(concerned.said)
        if not force:
            concerned.check()
        if not yes and not typer.confirm("Reset the wave?"):
            raise Refused("Nothing was changed.")
        done = wave_actions.reset(store, instance, concerned, limits=limits)
    _tell_set_back(done, as_json)


COMMANDS: tuple[Callable[..., None], ...] = (pause, resume, cancel, retry, reset)


def _limits(pipeline: PipelineResource) -> Limits:
    settings = pipeline.settings()
    return Limits.of(settings, load_catalog(settings))


def _tell(done: Done[Job], as_json: bool) -> None:
    if as_json:
        print_document({"job": job_document(done.result)})
    else:
        _print(done.said)


def _tell_set_back(done: Done[SetBack], as_json: bool) -> None:
    """Says what is tried again, and ends with exit code 1 if something is not."""
    if as_json:
        print_document(set_back_document(done.result))
    else:
        _print(done.said)
    if not done.whole:
        raise typer.Exit(1)


def _print(sentences: Sequence[str]) -> None:
    for sentence in sentences:
        results.print(sentence, markup=False, soft_wrap=True)
