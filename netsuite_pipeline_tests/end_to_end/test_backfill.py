"""The UI's way in: what its pages send over GraphQL, a real web server, a real daemon, honest colours."""

from netsuite_pipeline.orchestration.location import build_definitions
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.sandbox.faults import Fault, FaultKind
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.waves.model import JobStatus
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.end_to_end.conftest import StartStack, environment_of
from netsuite_pipeline_tests.end_to_end.exactness import assert_exact
from netsuite_pipeline_tests.end_to_end.graphql import backfill, colours, launch_job
from netsuite_pipeline_tests.end_to_end.stack import WebServer, wait_for


def test_backfills_from_the_ui_are_complete_and_a_failed_batch_alone_is_red(
    sandbox: SandboxServer, start_stack: StartStack
) -> None:
    stack = start_stack(environment_of(sandbox), database="sqlite")
    stack.start_daemon()
    server = WebServer(stack)
    # Nobody plans by hand: the discovery sensor brings the batches of every type.
    wait_for(lambda: all(colours(server, name).grey for name in CATALOG.names), seconds=120, what="batches in the UI")
    customers = colours(server, "customer").grey
    assert len(customers) > 5

    assert backfill(server, list(CATALOG.names)) == "COMPLETED_SUCCESS"

    engine = connect(stack.environment["WAREHOUSE_URL"])
    for record_type in CATALOG:
        assert_exact(sandbox.dataset, engine, record_type)
        shown = colours(server, record_type.name)
        assert shown.green
        assert not shown.red | shown.grey
    assert sandbox.stats.peak_in_flight <= 5

    bad = sorted(customers)[2]
    between = bad.replace("..", " AND ")
    sandbox.faults.add(Fault(kind=FaultKind.BAD_REQUEST, times=None, match=f"BETWEEN {between} ORDER BY"))

    assert backfill(server, ["customer"]) == "COMPLETED_FAILED"

    assert colours(server, "customer").red == {bad}
    assert colours(server, "customer").green == customers - {bad}

    sandbox.faults.clear()
    assert backfill(server, ["customer"], partitions=[bad]) == "COMPLETED_SUCCESS"
    assert colours(server, "customer").green == customers

    # The nightly schedule's tick launches the same job as the launchpad does, with this configuration.
    run_config = _nightly_run_config()
    run_id = launch_job(server, "start_import", run_config=run_config)
    store = WaveStore(engine)
    job = wait_for(lambda: _ended(store, run_id), seconds=240, what="the nightly import", every=2)
    assert job.status is JobStatus.COMPLETED
    assert job.trigger == "nightly_import"
    engine.dispose()


def _nightly_run_config() -> dict[str, object]:
    import datetime as dt

    import dagster as dg

    definitions = build_definitions(CATALOG, Settings())
    schedule = definitions.resolve_schedule_def("nightly_import")
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(
            instance=instance, scheduled_execution_time=dt.datetime(2026, 1, 31, 2, tzinfo=dt.UTC)
        )
        (request,) = schedule.evaluate_tick(context).run_requests
    return dict(request.run_config)


def _ended(store: WaveStore, job_id: str) -> object:
    job = store.job(job_id)
    return job if job.finished_at else None
