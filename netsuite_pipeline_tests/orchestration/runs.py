"""Running the pipeline's jobs inside the test's process, and reading what Dagster knows afterwards.

The one place that uses Dagster's private ways to create a run in a given state or to execute a re-execution.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.execution.api import execute_run

from netsuite_pipeline.orchestration.jobs import START_IMPORT_OP
from netsuite_pipeline.orchestration.names import asset_key, import_job_name, partitions_name, start_import_name
from netsuite_pipeline.orchestration.tags import RANGE_END, RANGE_START
from netsuite_pipeline.record_types.batch import BatchRange


def plan(
    definitions: dg.Definitions, instance: dg.DagsterInstance, *record_types: str, **config: Any
) -> dg.ExecuteInProcessResult:
    """Runs `start_import` for these record types; without its dependencies unless `dependencies=True`."""
    chosen = {"record_types": list(record_types), "dependencies": False, **config}
    return definitions.resolve_job_def(start_import_name()).execute_in_process(
        instance=instance, run_config={"ops": {START_IMPORT_OP: {"config": chosen}}}, raise_on_error=False
    )


def batches(instance: dg.DagsterInstance, record_type: str) -> list[str]:
    """The partition keys of a record type."""
    return list(instance.get_dynamic_partitions(partitions_name(record_type)))


def run_batches(
    definitions: dg.Definitions, instance: dg.DagsterInstance, record_type: str, keys: Sequence[str]
) -> dg.ExecuteInProcessResult:
    """One run over a contiguous range of batches, as a backfill with RUN_BATCHES launches it."""
    tags = {RANGE_START: keys[0], RANGE_END: keys[-1]}
    return run_request(definitions, instance, dg.RunRequest(job_name=import_job_name(record_type), tags=tags))


def run_request(
    definitions: dg.Definitions, instance: dg.DagsterInstance, request: dg.RunRequest
) -> dg.ExecuteInProcessResult:
    """The run that the daemon would launch for this request."""
    job = definitions.resolve_job_def(str(request.job_name))
    return job.execute_in_process(instance=instance, tags=dict(request.tags), raise_on_error=False)


def materializations(instance: dg.DagsterInstance, record_type: str) -> dict[str, list[dict[str, Any]]]:
    """Partition key -> the metadata of each of its materializations, newest first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for record in instance.fetch_materializations(asset_key(record_type), limit=1000).records:
        event = record.asset_materialization
        assert event is not None
        assert event.partition is not None
        found.setdefault(event.partition, []).append({name: value.value for name, value in event.metadata.items()})
    return found


def error_of(result: dg.ExecuteInProcessResult) -> str:
    """The message of the one step that failed, without its stack."""
    (failure,) = (event for event in result.all_events if event.is_step_failure)
    error = failure.step_failure_data.error
    assert error is not None
    return error.message


def between(key: str) -> str:
    """What the query of a batch's rows holds and no count does: for faults that hit one batch."""
    batch = BatchRange.parse(key)
    return f"BETWEEN {batch.first} AND {batch.last} ORDER BY"


def create_run(
    definitions: dg.Definitions, instance: dg.DagsterInstance, request: dg.RunRequest, *, status: dg.DagsterRunStatus
) -> str:
    """A run for the dispatcher's request that never executes, in that state. Returns its id."""
    job = definitions.resolve_job_def(str(request.job_name))
    created = dg.DagsterRunStatus.NOT_STARTED if status is dg.DagsterRunStatus.STARTED else status
    run = instance.create_run_for_job(job, tags=request.tags, status=created)
    if status is dg.DagsterRunStatus.STARTED:
        event = DagsterEvent(event_type_value=DagsterEventType.RUN_START.value, job_name=job.name)
        instance.report_dagster_event(event, run_id=run.run_id)
    return run.run_id


def reexecute(
    definitions: dg.Definitions, instance: dg.DagsterInstance, run_id: str, *, config: Mapping[str, Any] | None = None
) -> dg.DagsterRun:
    """Executes a run again as the UI and Dagster's own retries do: a new run with its tags, parent and root."""
    parent = instance.get_run_by_id(run_id)
    assert parent is not None
    job = definitions.resolve_job_def(parent.job_name)
    again = instance.create_run_for_job(
        job,
        run_config=config or parent.run_config,
        tags=parent.tags,
        parent_run_id=parent.run_id,
        root_run_id=parent.root_run_id or parent.run_id,
        asset_selection=parent.asset_selection,
    )
    execute_run(InMemoryJob(job), again, instance)
    executed = instance.get_run_by_id(again.run_id)
    assert executed is not None
    return executed
