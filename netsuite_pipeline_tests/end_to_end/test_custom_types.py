"""YAML alone: an account in use gets a custom record type and custom columns, migrated and backfilled from the UI."""

from pathlib import Path

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.custom import extended_catalog
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline_tests.end_to_end.conftest import StartStack, environment_of
from netsuite_pipeline_tests.end_to_end.exactness import assert_exact
from netsuite_pipeline_tests.end_to_end.graphql import backfill, colours
from netsuite_pipeline_tests.end_to_end.stack import PROJECT, WebServer
from netsuite_pipeline_tests.waiting import wait_for

EXAMPLE = PROJECT / "docs" / "record_types.example.yaml"
TYPES = ("customrecord_fleet", "customer")


def test_custom_columns_and_record_types_are_migrated_and_backfilled_from_the_ui(
    start_stack: StartStack, tmp_path: Path
) -> None:
    with SandboxServer(records=1500, seed=13) as sandbox:
        stack = start_stack(environment_of(sandbox), database="mariadb")
        stack.start_daemon()
        stack.command("import", "start", "--types", "customer", "--no-dependencies", "--watch")
        stack.stop()
        declared = tmp_path / "types.yaml"
        declared.write_text(EXAMPLE.read_text())
        stack.environment["RECORD_TYPES_FILE"] = str(declared)

        refused = stack.command("import", "start", "--types", "customer", check=False)
        assert refused.returncode == 1
        assert "netsuite-pipeline db upgrade" in refused.stderr
        stack.command("db", "upgrade")

        stack.start_daemon()
        server = WebServer(stack)
        wait_for(
            lambda: all(colours(server, name).grey or colours(server, name).green for name in TYPES),
            seconds=360,
            what="batches in the UI",
        )
        assert backfill(server, list(TYPES)) == "COMPLETED_SUCCESS"

        catalog = extended_catalog(CATALOG, declared)
        engine = connect(stack.environment["WAREHOUSE_URL"])
        for name in TYPES:
            assert_exact(sandbox.dataset, engine, catalog.get(name))
            assert colours(server, name).green
            assert not colours(server, name).red | colours(server, name).grey
        engine.dispose()
