"""The job `waves`: in Dagster's UI, what the commands `netsuite-pipeline waves ...` do in a terminal.

What the actions are is in `wave_actions`. A run that planned an import is over by then: terminating it changes nothing.
"""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum

import dagster as dg
from pydantic import Field

from netsuite_pipeline.orchestration import wave_actions
from netsuite_pipeline.orchestration.faults import expected_as_failures
from netsuite_pipeline.orchestration.names import waves_name
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.orchestration.tags import MAX_RETRIES, PRIORITY
from netsuite_pipeline.orchestration.wave_actions import Done
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.waves.dependents import partial_types, without_all_of
from netsuite_pipeline.waves.errors import Refused
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import Job
from netsuite_pipeline.waves.progress import JobSummary
from netsuite_pipeline.waves.set_back_store import SetBack
from netsuite_pipeline.waves.store import WaveStore

WAVES_OP = "look_after_import"


class Action(StrEnum):
    """What is wanted of an import."""

    STATUS = "status"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RETRY = "retry"
    RESET = "reset"


class LookAfter(dg.Config):
    """What to do with which import. The default is to show the latest."""

    action: Action = Field(default=Action.STATUS, description="STATUS, PAUSE, RESUME, CANCEL, RETRY or RESET.")
    job: str = Field(default="", description="Job id; empty: the latest import, if no other is under way.")
    wave: int = Field(default=0, description="For reset: the number of the wave.")
    force: bool = Field(default=False, description="For reset: also while runs of the wave are alive.")


def build_waves_job(catalog: Catalog) -> dg.JobDefinition:
    """The job that shows an import and lets a person pause, resume, cancel or retry it, or reset a wave of it."""

    @dg.op(name=WAVES_OP, description="Shows an import, or does something to it. The output's metadata has its waves.")
    def look_after_import(context: dg.OpExecutionContext, config: LookAfter, pipeline: PipelineResource) -> None:
        with expected_as_failures(), wave_actions.opened_store(pipeline) as store:
            job_id = config.job or _meant(store, config.action)
            limits = Limits.of(pipeline.settings(), catalog)
            done = _carry_out(store, context.instance, job_id, config=config, limits=limits)
            said = () if done is None else done.said
            for sentence in said:
                context.log.info(sentence)
            if done is not None and not done.whole:
                raise dg.Failure(" ".join(said), allow_retries=False)
            summary = store.job_summary(job_id)
        context.add_output_metadata(_shown(summary, partial_types(summary, catalog)))

    @dg.job(
        name=waves_name(),
        description="Looks after an import: status, pause, resume, cancel, retry, reset.",
        # It must not wait behind the runs that a person wants to stop, nor be done again after its end.
        tags={MAX_RETRIES: "0", PRIORITY: "100"},
    )
    def waves() -> None:
        look_after_import()

    return waves


def _meant(store: WaveStore, action: Action) -> str:
    """The import that is meant where none is named; Refused if that is not clear."""
    latest = store.latest_job()
    if latest is None:
        raise Refused("There has been no import yet; launch start_import.")
    others = [job.job_id for job in store.open_jobs() if job.job_id != latest.job_id]
    if action is not Action.STATUS and others:
        raise Refused(
            f"{action.upper()} of which import? The latest is {latest.job_id}, and under way are {', '.join(others)} as"
            " well: name one as `job`."
        )
    return latest.job_id


def _carry_out(
    store: WaveStore, instance: dg.DagsterInstance, job_id: str, *, config: LookAfter, limits: Limits
) -> Done[Job] | Done[SetBack] | None:
    match config.action:
        case Action.STATUS:
            return None
        case Action.PAUSE:
            return wave_actions.pause(store, job_id)
        case Action.RESUME:
            return wave_actions.resume(store, job_id)
        case Action.CANCEL:
            return wave_actions.cancel(store, job_id)
        case Action.RETRY:
            return wave_actions.retry(store, instance, job_id, limits=limits)
        case Action.RESET:
            wave = wave_actions.concerned(store, instance, job_id, wave=config.wave)
            if not config.force:
                wave.check()
            return wave_actions.reset(store, instance, wave, limits=limits)


def _shown(summary: JobSummary, partial: Mapping[str, Collection[str]]) -> dict[str, dg.MetadataValue]:
    job = summary.job
    waves = [
        dg.TableRecord(
            {
                "wave": wave.number,
                "level": wave.level,
                "status": wave.status.value,
                "batches": wave.total,
                "completed": wave.completed,
                "in flight": wave.in_flight,
                "failed": wave.failed,
                "retried": wave.retried,
                "to retry": wave.retrying,
            }
        )
        for wave in summary.waves
    ]
    failed = [
        f"{batch.record_type} {batch.key} ({batch.category}, {batch.attempts} attempts): {batch.reason}"
        for batch in summary.failed_batches
    ]
    lacking = [f"{name}: {without_all_of(lacks)}" for name, lacks in partial.items()]
    columns = [
        dg.TableColumn(name, "string" if name == "status" else "int") for name in (waves[0].data if waves else ())
    ]
    return {
        "import": dg.MetadataValue.text(job.job_id),
        "status": dg.MetadataValue.text(_standing(summary)),
        "waves": dg.MetadataValue.table(waves, dg.TableSchema(columns)),
        **({"reason": dg.MetadataValue.text(job.failure_reason)} if job.failure_reason else {}),
        **({"failed batches": _list_of(failed)} if failed else {}),
        **({"partial record types": _list_of(lacking)} if lacking else {}),
    }


def _list_of(lines: Iterable[str]) -> dg.MetadataValue:
    return dg.MetadataValue.md("\n".join(f"- {line}" for line in lines))


def _standing(summary: JobSummary) -> str:
    job = summary.job
    asked = ", being cancelled" if job.cancelled_at else ", paused" if job.paused_at else ""
    return job.status.value + (asked if job.finished_at is None else "")
