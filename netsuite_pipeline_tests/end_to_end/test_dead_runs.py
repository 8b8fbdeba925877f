"""SIGKILL of a run that no wave launched: a backfill's, and the planning of an import. Dagster notices neither."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from netsuite_pipeline.orchestration.names import start_import_name
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.waves.model import JobStatus
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.end_to_end.conftest import RECORDS, StartStack, environment_of
from netsuite_pipeline_tests.end_to_end.exactness import assert_exact
from netsuite_pipeline_tests.end_to_end.graphql import colours, end_of_backfill, start_backfill, start_run
from netsuite_pipeline_tests.end_to_end.stack import Stack, WebServer
from netsuite_pipeline_tests.waiting import wait_for

# One answer takes so long that a kill always finds work undone.
LATENCY_SECONDS = 0.5


@pytest.fixture
def slow_sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(records=RECORDS, seed=11, latency=LATENCY_SECONDS) as server:
        yield server


def test_a_killed_run_of_a_backfill_is_ended_and_tried_again(
    slow_sandbox: SandboxServer, start_stack: StartStack
) -> None:
    stack = start_stack(environment_of(slow_sandbox), database="sqlite", BATCH_SIZE="100", NETSUITE_CONCURRENCY="2")
    stack.start_daemon()
    server = WebServer(stack)
    wait_for(lambda: colours(server, "customer").grey, seconds=360, what="batches in the UI")
    keys = colours(server, "customer").grey
    backfill_id = start_backfill(server, ["customer"])
    _kill_the_run(stack)

    assert end_of_backfill(server, backfill_id) == "COMPLETED_SUCCESS"

    assert colours(server, "customer").green == keys
    engine = connect(stack.environment["WAREHOUSE_URL"])
    assert_exact(slow_sandbox.dataset, engine, CATALOG.get("customer"))
    engine.dispose()


def test_a_killed_planning_run_is_tried_again_and_its_import_completes(
    slow_sandbox: SandboxServer, start_stack: StartStack
) -> None:
    stack = start_stack(environment_of(slow_sandbox), database="sqlite")
    stack.start_daemon()
    server = WebServer(stack)
    config = "ops: {plan_waves: {config: {record_types: [customer]}}}"
    job_id = start_run(server, {"jobName": start_import_name(), "runConfigYaml": config, "tags": []})
    engine = connect(stack.environment["WAREHOUSE_URL"])
    store = WaveStore(engine)
    wait_for(lambda: _has_tables(engine) and store.open_jobs(), seconds=360, what="the job to be noted", every=0.05)
    _kill_the_run(stack)
    assert store.job(job_id).status is JobStatus.PLANNING

    wait_for(lambda: store.job(job_id).finished_at, seconds=600, what="the import to finish", every=1)

    assert store.job(job_id).status is JobStatus.COMPLETED
    assert_exact(slow_sandbox.dataset, engine, CATALOG.get("customer"))
    engine.dispose()


def _has_tables(engine: sa.Engine) -> bool:
    """The run or a sensor makes them, whichever comes first."""
    return {"import_jobs", "run_heartbeats"} <= set(sa.inspect(engine).get_table_names())


def _kill_the_run(stack: Stack) -> None:
    """Waits until a run beats, and kills its process with SIGKILL."""
    engine = connect(stack.environment["WAREHOUSE_URL"])
    store = WaveStore(engine)
    with stack.instance() as instance:
        wait_for(
            lambda: any(instance.get_run_by_id(run_id) for run_id in store.silences()),
            seconds=360,
            what="the first heartbeat",
            every=0.05,
        )
    workers = stack.run_workers()
    assert workers
    for worker in workers:
        worker.kill()
    engine.dispose()
