"""When imports start by themselves. What a start does is in `jobs`."""

import dagster as dg

from netsuite_pipeline.orchestration.jobs import START_IMPORT_OP

_NIGHTLY = "0 2 * * *"


def build_nightly_schedule(start_import: dg.JobDefinition) -> dg.ScheduleDefinition:
    """Every record type, each night. Off until someone switches it on."""

    @dg.schedule(
        name="nightly_import",
        cron_schedule=_NIGHTLY,
        job=start_import,
        description="Imports every record type at 02:00 UTC each night.",
    )
    def nightly_import(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        # The key keeps a restarted daemon from starting the same night twice.
        night = context.scheduled_execution_time.isoformat()
        config = {"ops": {START_IMPORT_OP: {"config": {"trigger": "nightly_import"}}}}
        return dg.RunRequest(run_key=f"nightly_import:{night}", run_config=config)

    return nightly_import
