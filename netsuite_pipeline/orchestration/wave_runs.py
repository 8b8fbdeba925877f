"""The runs of a wave that are alive in Dagster, for a person who wants to set it back."""

from collections.abc import Sequence

import dagster as dg

from netsuite_pipeline.orchestration.partitions import ALIVE
from netsuite_pipeline.orchestration.tags import JOB, WAVE


def living_runs(instance: dg.DagsterInstance, job_id: str, wave_number: int) -> Sequence[str]:
    """Ids of the runs that may still work on batches of the wave; re-executions carry its tags, too."""
    tags = {JOB: job_id, WAVE: str(wave_number)}
    return [run.run_id for run in instance.get_runs(filters=dg.RunsFilter(tags=tags, statuses=ALIVE))]
