"""What a file declares of a type's failures is what planner, runs and dispatcher go by."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from netsuite_pipeline.orchestration.location import build_definitions
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.record_types.custom import load_catalog
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.sandbox.faults import Fault, FaultKind
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.waves.model import Batch, BatchStatus, JobStatus, utc_now
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.orchestration.runs import batches, between, create_run, plan, run_request

# From what the file says of customers' failures to the code location that it gives.
Declare = Callable[[str], dg.Definitions]


@pytest.fixture
def declare(environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Declare:
    def declared(failures: str) -> dg.Definitions:
        file = tmp_path / "types.yaml"
        file.write_text(f"extend:\n  customer:\n    failures:\n      {failures}\n")
        monkeypatch.setenv("RECORD_TYPES_FILE", str(file))
        settings = Settings.load()
        return build_definitions(load_catalog(settings), settings)

    return declared


def look(definitions: dg.Definitions, instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    """A look of the sensor as the daemon evaluates it."""
    sensor = definitions.resolve_sensor_def("wave_dispatcher")
    resources = {"pipeline": PipelineResource()}
    with dg.build_sensor_context(instance=instance, resources=resources) as context:
        data: Any = sensor.evaluate_tick(context)
    return list(data.run_requests)


def planned(definitions: dg.Definitions, instance: dg.DagsterInstance) -> str:
    result = plan(definitions, instance, "customer")
    assert result.success
    return result.run_id


def first(store: WaveStore, job: str) -> Batch:
    return min(store.batches(job), key=lambda one: one.batch_number)


def refuse(sandbox: SandboxServer, key: str) -> None:
    sandbox.faults.add(Fault(kind=FaultKind.BAD_REQUEST, times=None, match=between(key)))


def test_a_run_tries_again_what_its_type_wants_tried_again_and_when(
    declare: Declare, instance: dg.DagsterInstance, store: WaveStore, sandbox: SandboxServer
) -> None:
    definitions = declare("permanent_error: {retry: true, attempts: 9, delay: 300}")
    job = planned(definitions, instance)
    assert first(store, job).max_retries == 9
    refuse(sandbox, batches(instance, "customer")[0])
    began = utc_now()
    run_request(definitions, instance, look(definitions, instance)[0])
    failed = first(store, job)
    assert (failed.status, failed.failure_category) == (BatchStatus.RETRYING, FailureCategory.PERMANENT_ERROR)
    assert failed.not_before is not None
    assert timedelta(seconds=224) < failed.not_before - began < timedelta(seconds=330)


@pytest.mark.parametrize(
    ("failures", "status"),
    [("unknown: {retry: false}", BatchStatus.FAILED), ("timeout: {retry: false}", BatchStatus.RETRYING)],
)
def test_the_dispatcher_gives_batches_of_a_dead_run_back_as_their_type_says(
    declare: Declare, instance: dg.DagsterInstance, store: WaveStore, failures: str, status: BatchStatus
) -> None:
    definitions = declare(failures)
    job = planned(definitions, instance)
    request, *_ = look(definitions, instance)
    create_run(definitions, instance, request, status=dg.DagsterRunStatus.FAILURE)
    look(definitions, instance)
    assert first(store, job).status is status


@pytest.mark.parametrize(
    ("goes_on", "status"), [("true", JobStatus.PARTIAL), ("false", JobStatus.FAILED)], ids=["goes on", "stops"]
)
def test_the_dispatcher_stops_an_import_or_goes_on_as_the_type_says(
    declare: Declare,
    instance: dg.DagsterInstance,
    store: WaveStore,
    sandbox: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
    goes_on: str,
    status: JobStatus,
) -> None:
    monkeypatch.setenv("WAVE_CONTINUE_ON_PERMANENT", str(goes_on != "true").lower())
    monkeypatch.setenv("WAVE_SIZE", "2")
    monkeypatch.setenv("RUN_BATCHES", "2")
    definitions = declare(f"continue_on_permanent: {goes_on}")
    job = planned(definitions, instance)
    refuse(sandbox, batches(instance, "customer")[0])
    for _ in range(20):
        for request in look(definitions, instance):
            run_request(definitions, instance, request)
    assert store.job(job).status is status
    assert ("customer declares that it stops the import" in str(store.job(job).failure_reason)) is (goes_on == "false")
