"""Whether anybody will still finish the plan of a job: its planning run, a run that Dagster tries it again with, or the
process of a command.

A planning run's id is the job's. Runs that try it again have ids of their own, and it as their root.
"""

import datetime as dt

import dagster as dg

from netsuite_pipeline.orchestration.supervision import SILENCE
from netsuite_pipeline.orchestration.tags import ROOT_RUN
from netsuite_pipeline.waves.model import Job
from netsuite_pipeline.waves.store import WaveStore

# Nobody plans longer than that while NetSuite answers: all record types, with every retry used up, take less.
_PLANNING = dt.timedelta(seconds=7200)
# A run that failed is tried again within seconds, by Dagster or, a little later, by a person who watched it.
_NEXT_RUN = dt.timedelta(seconds=180)


def is_planner_gone(
    job: Job, *, instance: dg.DagsterInstance, store: WaveStore, outage_timeout: float, now: dt.datetime
) -> bool:
    """Whether nobody will finish the plan. `outage_timeout` seconds at most a planner waits for NetSuite."""
    if is_planned_too_long(job, outage_timeout=outage_timeout, now=now):
        return True
    runs = _planning_runs(instance, job.job_id)
    if not runs:
        silence = store.silences().get(job.job_id)
        # Of whom nothing was ever heard may be about to begin, unless a person wants none of it.
        return job.cancelled_at is not None if silence is None else silence > SILENCE
    if any(not record.dagster_run.is_finished for record in runs):
        return False
    if job.cancelled_at is not None:
        return True
    last = max(runs, key=lambda record: record.create_timestamp)
    if last.dagster_run.status is dg.DagsterRunStatus.CANCELED:
        # By a person, after whom Dagster tries nothing again.
        return True
    return not last.dagster_run.is_complete_and_waiting_to_retry and now - _ended_at(last) > _NEXT_RUN


def is_planned_too_long(job: Job, *, outage_timeout: float, now: dt.datetime) -> bool:
    """Whether the job has been in planning for longer than anybody plans; all that is known of another instance's."""
    return now - job.created_at > _PLANNING + dt.timedelta(seconds=outage_timeout)


def _planning_runs(instance: dg.DagsterInstance, job_id: str) -> list[dg.RunRecord]:
    filters = (dg.RunsFilter(run_ids=[job_id]), dg.RunsFilter(tags={ROOT_RUN: job_id}))
    return [record for one in filters for record in instance.get_run_records(one)]


def _ended_at(record: dg.RunRecord) -> dt.datetime:
    ended = record.end_time or record.update_timestamp.timestamp()
    return dt.datetime.fromtimestamp(ended, dt.UTC).replace(tzinfo=None)
