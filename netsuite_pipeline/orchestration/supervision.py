"""Ends runs whose process is gone: SIGKILL, out of memory, a machine that went down.

Dagster shows such a run as started for ever, and it would keep its slot of the pool. What becomes of its batches is
`wave_dispatch`'s business, whether Dagster tries it again is set in dagster.yaml.
"""

import datetime as dt
from collections.abc import Collection, Mapping

import dagster as dg

from netsuite_pipeline.orchestration.names import asset_key, import_job_name, start_import_name
from netsuite_pipeline.waves.store import WaveStore

# Time for several heartbeats, should the database be busy.
SILENCE = dt.timedelta(seconds=30)
# A run that has just started beats within seconds; on a crowded machine within this.
_FIRST_HEARTBEAT = dt.timedelta(seconds=300)
# Commands, and runs that were deleted, are in no list of ended runs.
_MEMORY = dt.timedelta(days=1)
# dagster.yaml lets far fewer be started at once.
_RUNS = 1000


def end_dead_runs(instance: dg.DagsterInstance, store: WaveStore, *, record_types: Collection[str]) -> None:
    """Marks every started run as failed that was heard of and is silent, or that is ours and was never heard of.

    While the database or the daemon was away nobody could be heard, which is nobody's silence.
    """
    store.listen()
    silences = store.silences()
    started = instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]), limit=_RUNS)
    for record in started:
        run = record.dagster_run
        silence = silences.get(run.run_id)
        if silence is None:
            dead = _is_ours(run, record_types) and store.audible(_running_for(record)) > _FIRST_HEARTBEAT
        else:
            dead = silence > SILENCE
        if dead:
            instance.report_run_failed(run, f"No heartbeat for {SILENCE.seconds} s: the process of this run is gone.")
    _forget_ended(instance, store, silences)


def _forget_ended(instance: dg.DagsterInstance, store: WaveStore, silences: Mapping[str, dt.timedelta]) -> None:
    if not silences:
        return
    known = instance.get_runs(dg.RunsFilter(run_ids=sorted(silences)))
    ended = {run.run_id for run in known if run.is_finished}
    store.forget(ended | {run_id for run_id, silence in silences.items() if silence > _MEMORY})


def _is_ours(run: dg.DagsterRun, record_types: Collection[str]) -> bool:
    """Whether the run does nothing but plan or import; another asset of the location does not beat."""
    if run.job_name in {start_import_name(), *map(import_job_name, record_types)}:
        return True
    ours = {asset_key(name) for name in record_types}
    return bool(run.asset_selection) and ours.issuperset(run.asset_selection or ())


def _running_for(record: dg.RunRecord) -> dt.timedelta:
    started = dt.datetime.fromtimestamp(record.start_time or 0, dt.UTC)
    return dt.datetime.now(dt.UTC) - started
