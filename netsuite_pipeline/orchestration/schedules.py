"""When imports start by themselves: what changed each night, everything once a week. What a start does is in `jobs`."""

import dagster as dg
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.orchestration.faults import EXPECTED
from netsuite_pipeline.orchestration.jobs import START_IMPORT_OP
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.settings import Settings, SettingsError
from netsuite_pipeline.waves.store import WaveStore

NIGHTLY, WEEKLY = "nightly_import", "weekly_import"


def build_schedules(start_import: dg.JobDefinition, settings: Settings) -> list[dg.ScheduleDefinition]:
    """Both schedules, off until someone switches them on. SettingsError for a time that cron does not know.

    After a time without a daemon Dagster makes up for the last missed tick alone, which is enough: an import reads
    what changed since the last one that was carried out.
    """
    return [
        _schedule(
            start_import,
            name=NIGHTLY,
            variable="NIGHTLY_CRON",
            cron=settings.nightly_cron,
            zone=settings.schedule_time_zone,
            changes_only=True,
            description="Imports what changed in NetSuite, and what was deleted, of every record type.",
        ),
        _schedule(
            start_import,
            name=WEEKLY,
            variable="WEEKLY_CRON",
            cron=settings.weekly_cron,
            zone=settings.schedule_time_zone,
            changes_only=False,
            description="Imports every record of every record type, whether it changed or not.",
        ),
    ]


def _schedule(
    start_import: dg.JobDefinition,
    *,
    name: str,
    variable: str,
    cron: str,
    zone: str,
    changes_only: bool,
    description: str,
) -> dg.ScheduleDefinition:
    def evaluate(
        context: dg.ScheduleEvaluationContext, pipeline: dg.ResourceParam[PipelineResource]
    ) -> dg.RunRequest | dg.SkipReason:
        if busy := _under_way(pipeline):
            return dg.SkipReason(busy)
        # The key keeps a restarted daemon from starting the same night twice.
        night = context.scheduled_execution_time.isoformat()
        config = {"ops": {START_IMPORT_OP: {"config": {"trigger": name, "changes_only": changes_only}}}}
        return dg.RunRequest(run_key=f"{name}:{night}", run_config=config)

    try:
        return dg.schedule(
            name=name, cron_schedule=cron, execution_timezone=zone, job=start_import, description=description
        )(evaluate)
    except dg.DagsterInvalidDefinitionError:
        raise SettingsError(
            f"{variable} is not usable: {cron!r} is no time that cron knows, e.g. 0 2 * * 1-6."
        ) from None


def _under_way(pipeline: PipelineResource) -> str | None:
    """Why nothing is started now: imports of schedules do not pile up, and the next one reads what this one would."""
    try:
        with pipeline.engine() as engine:
            open_jobs = [job for job in WaveStore(engine).open_jobs() if job.trigger in {NIGHTLY, WEEKLY}]
    except (*EXPECTED, DBAPIError):
        # No import has made the tables yet, or the start itself will say what is wrong, in a run that people see fail.
        return None
    if not open_jobs:
        return None
    return f"Import {open_jobs[0].job_id} of {open_jobs[0].created_at:%Y-%m-%d %H:%M} UTC is still under way."
