"""`plan`: it tells what an import would read and cost, and leaves nothing behind."""

import json
import os
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from netsuite_pipeline.orchestration.names import partitions_name
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline_tests.cli.conftest import Command


def everything() -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables."""
    engine = sa.create_engine(os.environ["WAREHOUSE_URL"])
    with engine.connect() as connection:
        tables = sa.inspect(engine).get_table_names()
        found = {
            name: [tuple(row) for row in connection.execute(sa.text(f'SELECT * FROM "{name}"'))] for name in tables
        }
    engine.dispose()
    return found


def partitions() -> list[str]:
    with dg.DagsterInstance.get() as instance:
        return list(instance.get_dynamic_partitions(partitions_name("customer")))


def test_a_plan_of_an_empty_warehouse_names_records_batches_requests_and_ddl(
    command: Command, sandbox: SandboxServer
) -> None:
    answer = command("plan", "--types", "customer")
    assert answer.exit_code == 0, answer.errors
    (customers,) = sandbox.dataset.connection().execute("SELECT COUNT(*) FROM customer").fetchone()
    assert f"{customers:,}" in next(line for line in answer.output.splitlines() if line.startswith("customer"))
    assert "about" in answer.output.lower()
    assert "The database differs from the declarations" in answer.output
    assert "Nothing was written." in answer.output
    assert everything() == {}
    assert partitions() == []


def test_a_plan_leaves_tables_and_partitions_as_they_are(command: Command) -> None:
    assert command("import", "start", "--types", "price_level,subsidiary", "--no-dependencies").exit_code == 0
    before = everything()
    for arguments in ([], ["--changes"]):
        assert command("plan", *arguments).exit_code == 0
        assert everything() == before
    assert partitions() == []


def test_json_holds_what_the_table_shows(command: Command) -> None:
    answer = command("plan", "--types", "customer,location", "--no-dependencies", "--json")
    found = json.loads(answer.output)
    assert [one["record_type"] for one in found["types"]] == ["location", "customer"]
    customer = found["types"][1]
    assert customer["records"] == customer["to_read"] > 0
    assert found["waves"] == 2
    assert found["requests"] == sum(one["requests"] for one in found["types"])


def test_a_type_that_the_account_lacks_is_exit_code_1(command: Command, sandbox: SandboxServer) -> None:
    sandbox.availability.set_table("pricelevel", available=False)
    answer = command("plan", "--types", "price_level")
    assert answer.exit_code == 1
    assert "price_level is unavailable: " in answer.output


def test_an_unknown_type_is_named(command: Command, tmp_path: Path) -> None:
    answer = command("plan", "--types", "nonsense")
    assert answer.exit_code == 2
    assert "There is no record type 'nonsense'" in answer.errors


@pytest.mark.parametrize("types", ["", ","])
def test_a_list_without_names_is_refused(command: Command, types: str) -> None:
    assert command("plan", "--types", types).exit_code == 2
