"""The nightly schedule, evaluated by the code server of a real deployment; only the clock is not waited for."""

import datetime as dt

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.totals import written_rows
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.end_to_end.conftest import StartStack, environment_of
from netsuite_pipeline_tests.end_to_end.graphql import launch, nightly_tick
from netsuite_pipeline_tests.end_to_end.stack import WebServer
from netsuite_pipeline_tests.waiting import wait_for


def test_what_the_nightly_tick_requests_plans_every_record_type_and_is_carried_out(start_stack: StartStack) -> None:
    with SandboxServer(records=600, seed=11) as sandbox:
        stack = start_stack(environment_of(sandbox), database="sqlite")
        stack.start_daemon()
        server = WebServer(stack)

        request = nightly_tick(server, after=dt.datetime(2026, 1, 30, 12, tzinfo=dt.UTC))
        # The key keeps a restarted daemon from starting the same night twice.
        assert request["runKey"] == "nightly_import:2026-01-31T02:00:00+00:00"
        job_id = launch(server, request)

        engine = connect(stack.environment["WAREHOUSE_URL"])
        store = WaveStore(engine)
        summary = store.job_summary(job_id)
        assert summary.job.trigger == "nightly_import"
        assert {kind.record_type for kind in summary.types} == set(CATALOG.names)
        # What becomes of a planned import is in `test_import`; here only that the daemon takes it up.
        wait_for(lambda: written_rows(engine, job_id), seconds=600, what="the first batch of the night")
        engine.dispose()
