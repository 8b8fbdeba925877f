"""`db check`, `db upgrade` and `db downgrade`: what they print and how they end."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from netsuite_pipeline.orchestration.resources import warehouse_metadata
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline_tests.cli.conftest import Command


@pytest.fixture
def engine(environment: None) -> Iterator[sa.Engine]:
    """The warehouse of the command, with every table as declared."""
    engine = connect(Settings.load().warehouse_url.get_secret_value())
    ensure_tables(engine, warehouse_metadata(CATALOG))
    yield engine
    engine.dispose()


def _change(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def _retype(engine: sa.Engine, other: str) -> None:
    with engine.begin() as connection:
        text = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'subsidiaries'").scalar_one()
    _change(engine, "DROP TABLE subsidiaries", text.replace("external_id VARCHAR(64)", f"external_id {other}"))


def test_check_says_that_all_is_as_declared(command: Command, engine: sa.Engine) -> None:
    answer = command("db", "check")
    assert answer.exit_code == 0
    assert f"The {len(warehouse_metadata(CATALOG).tables)} declared tables of sqlite:///" in answer.output
    assert len(answer.output.splitlines()) == 1


def test_check_lists_differences_with_their_ddl(command: Command, engine: sa.Engine) -> None:
    _change(engine, "ALTER TABLE subsidiaries DROP COLUMN external_id", "DROP TABLE run_heartbeats")
    answer = command("db", "check")
    assert answer.exit_code == 1
    assert [line.split()[:2] for line in answer.output.splitlines() if line.startswith("subsidiaries")] == [
        ["subsidiaries", "external_id"]
    ]
    assert "ALTER TABLE subsidiaries ADD COLUMN external_id VARCHAR(64);" in answer.output
    assert "CREATE TABLE run_heartbeats" in answer.output


def test_upgrade_does_it_and_downgrade_undoes_it(command: Command, engine: sa.Engine) -> None:
    _change(engine, "ALTER TABLE subsidiaries DROP COLUMN external_id")
    dry = command("db", "upgrade", "--dry-run")
    assert (dry.exit_code, command("db", "check").exit_code) == (0, 1)
    assert "ALTER TABLE subsidiaries ADD COLUMN external_id VARCHAR(64);" in dry.output

    done = command("db", "upgrade")
    assert done.exit_code == 0
    assert "add column subsidiaries.external_id VARCHAR(64)" in done.output
    assert command("db", "check").exit_code == 0

    _change(
        engine,
        "INSERT INTO subsidiaries (refid, external_id, record_type, row_hash, imported_at)"
        " VALUES (1, 'x', 'subsidiary', x'00', '2026-01-01')",
    )
    refused = command("db", "downgrade")
    assert refused.exit_code == 1
    assert refused.errors.count("\n") == 1
    assert "column subsidiaries.external_id (1 rows)" in refused.errors
    undone = command("db", "downgrade", "--yes")
    assert undone.exit_code == 0
    assert "drop column subsidiaries.external_id" in undone.output
    assert "restart them with the older declarations" in undone.output
    assert command("db", "check").exit_code == 1


def test_upgrade_names_the_columns_that_it_left_retype(command: Command, engine: sa.Engine) -> None:
    _retype(engine, "VARCHAR(20)")
    answer = command("db", "upgrade")
    assert answer.exit_code == 1
    assert "Narrower than declared: subsidiaries.external_id." in answer.output
    assert command("db", "upgrade", "--widen").exit_code == 0
    assert command("db", "check").exit_code == 0


def test_check_shows_a_column_that_is_wider_than_declared_and_finds_no_difference(
    command: Command, engine: sa.Engine
) -> None:
    _retype(engine, "VARCHAR(255)")
    answer = command("db", "check")
    assert answer.exit_code == 0
    assert "VARCHAR(255)" in answer.output
    assert "nothing to do" in " ".join(answer.output.split())
    assert "are as declared" in answer.output
    assert "ALTER" not in answer.output


def test_what_needs_a_person_is_one_sentence_and_no_traceback(command: Command, engine: sa.Engine) -> None:
    _change(engine, "ALTER TABLE subsidiaries DROP COLUMN row_hash")
    answer = command("db", "upgrade")
    assert answer.exit_code == 1
    assert answer.errors.startswith("error: Nothing was changed in sqlite:///")
    assert answer.errors.count("\n") == 1


def test_one_change_is_one_change(command: Command, engine: sa.Engine) -> None:
    _change(engine, "DROP TABLE run_heartbeats")
    assert "\n1 change was made in sqlite:///" in command("db", "upgrade").output
    assert command("db", "upgrade").output.startswith("0 changes were made in sqlite:///")


def test_a_dry_run_says_that_there_is_nothing_to_change(command: Command, engine: sa.Engine) -> None:
    answer = command("db", "upgrade", "--dry-run")
    assert (answer.exit_code, answer.output.count("\n")) == (0, 1)
    assert answer.output.startswith("There is nothing to change in sqlite:///")


@pytest.mark.parametrize("arguments", [("check",), ("upgrade", "--dry-run"), ("downgrade",)])
def test_what_only_looks_creates_no_file(
    command: Command, environment: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", f"sqlite:///{tmp_path / 'mistyped' / 'warehouse.db'}")
    answer = command("db", *arguments)
    assert answer.exit_code == 1
    assert "there is no such file; correct WAREHOUSE_URL" in answer.errors
    assert not (tmp_path / "mistyped").exists()


def test_copies_of_one_table_are_not_to_be_run_by_hand(command: Command, engine: sa.Engine) -> None:
    _retype(engine, "VARCHAR(20)")
    remark = "Do not run them by hand as they stand."
    assert remark not in command("db", "check").output
    _change(engine, "ALTER TABLE subsidiaries DROP COLUMN name")
    assert command("db", "check").output.count(remark) == 1
    assert command("db", "upgrade", "--dry-run", "--widen").output.count(remark) == 1


def test_there_may_be_nothing_to_undo(command: Command, engine: sa.Engine) -> None:
    answer = command("db", "downgrade")
    assert (answer.exit_code, answer.errors) == (0, "")
    assert "There is no upgrade of sqlite:///" in answer.output


def test_an_import_that_lacks_a_column_names_the_command_that_adds_it(command: Command, engine: sa.Engine) -> None:
    _change(engine, "ALTER TABLE subsidiaries DROP COLUMN external_id")
    answer = command("import", "start", "--types", "subsidiary")
    assert answer.exit_code == 1
    assert "run `netsuite-pipeline db upgrade`, which adds what is missing" in answer.errors
