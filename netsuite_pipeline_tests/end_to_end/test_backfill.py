"""The UI's way in: what its pages send over GraphQL, a real web server, a real daemon, honest colours."""

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.sandbox.faults import Fault, FaultKind
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline_tests.end_to_end.conftest import StartStack, environment_of
from netsuite_pipeline_tests.end_to_end.exactness import assert_exact
from netsuite_pipeline_tests.end_to_end.graphql import backfill, colours
from netsuite_pipeline_tests.end_to_end.stack import WebServer
from netsuite_pipeline_tests.waiting import wait_for


def test_backfills_from_the_ui_are_complete_and_a_failed_batch_alone_is_red(
    sandbox: SandboxServer, start_stack: StartStack
) -> None:
    stack = start_stack(environment_of(sandbox), database="sqlite")
    stack.start_daemon()
    server = WebServer(stack)
    # Nobody plans by hand: the discovery sensor brings the batches of every type.
    wait_for(lambda: all(colours(server, name).grey for name in CATALOG.names), seconds=360, what="batches in the UI")
    customers = colours(server, "customer").grey
    assert len(customers) > 5

    # Three levels of them; each run costs seconds to start.
    chosen = CATALOG.select(["project"], dependencies=True)
    assert backfill(server, [record_type.name for record_type in chosen]) == "COMPLETED_SUCCESS"

    engine = connect(stack.environment["WAREHOUSE_URL"])
    for record_type in chosen:
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
    engine.dispose()
