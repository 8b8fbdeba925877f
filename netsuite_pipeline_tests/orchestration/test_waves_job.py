"""The job `waves`: looking after an import in Dagster's UI."""

from typing import Any

import dagster as dg
import pytest

from netsuite_pipeline.orchestration.names import partitions_name, waves_name
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.orchestration.tags import JOB, WAVE
from netsuite_pipeline.orchestration.waves_job import WAVES_OP
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.waves.model import JobStatus
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.orchestration.runs import batches, error_of, plan, run_request


def look_after(definitions: dg.Definitions, instance: dg.DagsterInstance, **config: Any) -> dg.ExecuteInProcessResult:
    return definitions.resolve_job_def(waves_name()).execute_in_process(
        instance=instance, run_config={"ops": {WAVES_OP: {"config": config}}}, raise_on_error=False
    )


def shown(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    assert result.success
    (output,) = result.filter_events(lambda event: event.is_successful_output)
    return {
        name: [record.data for record in value.records] if isinstance(value, dg.TableMetadataValue) else value.value
        for name, value in output.event_specific_data.metadata.items()
    }


def said(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> str:
    return " ".join(entry.user_message for entry in instance.all_logs(result.run_id))


def dispatch(definitions: dg.Definitions, instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    with dg.build_sensor_context(instance=instance, resources={"pipeline": PipelineResource()}) as context:
        return list(definitions.resolve_sensor_def("wave_dispatcher").evaluate_tick(context).run_requests or [])


def status(job_id: str) -> JobStatus:
    with PipelineResource().engine() as engine:
        return WaveStore(engine).job(job_id).status


def test_without_a_word_it_shows_the_waves_of_the_latest_import(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    plan(definitions, instance, "subsidiary")
    job_id = plan(definitions, instance, "customer").run_id
    found = shown(look_after(definitions, instance))
    assert (found["import"], found["status"]) == (job_id, "running")
    (wave,) = found["waves"]
    assert (wave["wave"], wave["status"], wave["completed"]) == (1, "pending", 0)
    assert wave["batches"] > 0


def test_an_import_is_paused_resumed_cancelled_and_tried_again(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    job_id = plan(definitions, instance, "customer").run_id
    paused = look_after(definitions, instance, action="PAUSE", job=job_id)
    assert shown(paused)["status"] == "running, paused"
    assert f"Import {job_id} is paused." in said(instance, paused)
    assert dispatch(definitions, instance) == []
    assert shown(look_after(definitions, instance, action="RESUME"))["status"] == "running"
    assert shown(look_after(definitions, instance, action="CANCEL"))["status"] == "running, being cancelled"
    assert dispatch(definitions, instance) == []
    assert shown(look_after(definitions, instance))["status"] == "cancelled"
    assert shown(look_after(definitions, instance, action="RETRY"))["status"] == "running"
    requests = dispatch(definitions, instance)
    assert requests
    for request in requests:
        assert run_request(definitions, instance, request).success
    assert dispatch(definitions, instance) == []
    done = shown(look_after(definitions, instance))
    assert done["status"] == "completed"
    assert [wave["status"] for wave in done["waves"]] == ["completed"]


def test_a_wave_whose_runs_are_alive_is_reset_by_force_only(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    job_id = plan(definitions, instance, "customer").run_id
    requests = dispatch(definitions, instance)
    assert requests
    job = definitions.resolve_job_def(str(requests[0].job_name))
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags={JOB: job_id, WAVE: "1"})
    refused = look_after(definitions, instance, action="RESET", wave=1)
    assert "1 run of it is alive" in error_of(refused)
    forced = look_after(definitions, instance, action="RESET", wave=1, force=True)
    assert f"Import {job_id} tries again: " in said(instance, forced)
    (wave,) = shown(forced)["waves"]
    assert wave["in flight"] == 0


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"job": "nope"}, "no import job 'nope'"),
        ({"action": "RESET", "wave": 7}, "Wave 7 of import"),
        ({"action": "RETRY"}, "nothing to be tried again"),
    ],
    ids=["an unknown import", "an unknown wave", "nothing to try again"],
)
def test_what_cannot_be_done_is_one_sentence_and_changes_nothing(
    definitions: dg.Definitions, instance: dg.DagsterInstance, config: dict[str, Any], message: str
) -> None:
    job_id = plan(definitions, instance, "customer").run_id
    refused = look_after(definitions, instance, **config)
    assert not refused.success
    assert message in error_of(refused)
    assert status(job_id) is JobStatus.RUNNING


def test_batches_that_are_left_fail_the_run_and_are_named(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    job_id = plan(definitions, instance, "customer").run_id
    assert dispatch(definitions, instance)
    instance.delete_dynamic_partition(partitions_name("customer"), batches(instance, "customer")[0])
    result = look_after(definitions, instance, action="RESET", wave=1)
    assert "1 batch of customer cannot be tried again" in error_of(result)
    assert status(job_id) is JobStatus.RUNNING


def test_where_several_imports_are_under_way_none_is_guessed(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    jobs = [plan(definitions, instance, name).run_id for name in ("subsidiary", "customer")]
    refused = error_of(look_after(definitions, instance, action="CANCEL"))
    assert all(job_id in refused for job_id in jobs)
    assert look_after(definitions, instance, action="CANCEL", job=jobs[1]).success
    dispatch(definitions, instance)
    # The latest is over, an older one is not, and neither is guessed.
    assert (status(jobs[0]), status(jobs[1])) == (JobStatus.RUNNING, JobStatus.CANCELLED)
    assert jobs[0] in error_of(look_after(definitions, instance, action="PAUSE"))


def test_without_any_import_it_says_how_to_start_one(definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
    refused = look_after(definitions, instance)
    assert "launch start_import" in error_of(refused)


def test_it_names_the_types_that_are_imported_without_all_that_they_depend_on(
    definitions: dg.Definitions, instance: dg.DagsterInstance, sandbox: SandboxServer
) -> None:
    plan(definitions, instance, "customer", dependencies=True)
    assert "partial record types" not in shown(look_after(definitions, instance))
    sandbox.availability.set_table("pricelevel", available=False)
    plan(definitions, instance, "customer", dependencies=True)
    said = shown(look_after(definitions, instance))["partial record types"]
    assert said == "- customer: imported without all of price_level"
