"""The entry point: every expected error is one sentence with its exit code, and never a traceback or a secret."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.cli.conftest import Command

SECRET = "hunter2-4c1e"


@pytest.mark.parametrize(
    "variable",
    [
        "NETSUITE_ACCOUNT_ID",
        "NETSUITE_CONSUMER_KEY",
        "NETSUITE_CONSUMER_SECRET",
        "NETSUITE_TOKEN_ID",
        "NETSUITE_TOKEN_SECRET",
        "DAGSTER_HOME",
    ],
)
def test_a_missing_setting_is_named(command: Command, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.delenv(variable)
    answer = command("import", "start", "--types", "price_level")
    assert answer.exit_code == 2
    assert answer.errors.startswith(f"error: {variable} is not set: ")
    assert answer.errors.count("\n") == 1
    assert answer.output == ""


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BATCH_SIZE", "many"),
        ("BATCH_SIZE", "0"),
        ("WAVE_SIZE", "-1"),
        ("NETSUITE_AUTH", SECRET),
        ("NETSUITE_ACCOUNT_ID", f"https://{SECRET}"),
        ("NETSUITE_BASE_URL", f"https://user:{SECRET}@example.com"),
        ("WAREHOUSE_URL", f"postgresql://user:{SECRET}@host/database"),
        ("WAREHOUSE_URL", SECRET),
    ],
)
@pytest.mark.parametrize("arguments", [["waves", "status"], ["import", "start"]], ids=["status", "start"])
def test_a_malformed_setting_is_named_without_its_value(
    command: Command, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, arguments: list[str]
) -> None:
    monkeypatch.setenv(variable, value)
    answer = command(*arguments)
    assert answer.exit_code == 2
    assert answer.errors.startswith(f"error: {variable} is not usable: ")
    assert answer.errors.count("\n") == 1
    assert SECRET not in answer.errors + answer.output


@pytest.mark.parametrize("home", ["relative", "/there/is/no/such/folder"])
def test_a_dagster_home_that_is_no_folder_is_named(
    command: Command, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", home)
    answer = command("import", "start")
    assert answer.exit_code == 2
    assert answer.errors == f"error: DAGSTER_HOME is not usable: {home} is no absolute path of a folder.\n"


def test_a_key_file_that_is_not_there_is_named(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETSUITE_AUTH", "m2m")
    monkeypatch.setenv("NETSUITE_CLIENT_ID", SECRET)
    monkeypatch.setenv("NETSUITE_CERTIFICATE_ID", "certificate")
    monkeypatch.setenv("NETSUITE_PRIVATE_KEY_FILE", "/there/is/no/key.pem")
    answer = command("import", "start")
    assert answer.exit_code == 2
    assert answer.errors == (
        "error: NETSUITE_PRIVATE_KEY_FILE cannot be read: /there/is/no/key.pem: No such file or directory.\n"
    )


def test_a_database_that_does_not_answer_is_one_sentence_without_the_password(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", f"mysql+pymysql://user:{SECRET}@127.0.0.1:1/netsuite")
    answer = command("waves", "status")
    assert answer.exit_code == 1
    assert answer.errors.startswith("error: Connecting to mysql+pymysql://user:***@127.0.0.1:1/netsuite failed: ")
    assert answer.errors.endswith("check host and port of WAREHOUSE_URL and that the server runs.\n")


def test_a_database_that_goes_away_meanwhile_is_one_sentence(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(self: WaveStore) -> None:
        raise OperationalError("SELECT 1", {}, Exception(2013, "Lost connection to server during query"))

    monkeypatch.setattr(WaveStore, "latest_job", lost)
    answer = command("waves", "status")
    assert answer.exit_code == 1
    assert answer.errors == (
        "error: Reading or writing the wave tables failed: Lost connection to server during query (2013).\n"
    )


def test_a_mistyped_option_is_misuse(command: Command) -> None:
    answer = command("import", "start", "--typs", "customer")
    assert answer.exit_code == 2
    assert "--typs" in answer.errors


def test_the_installed_command_says_what_is_wrong_in_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "netsuite-pipeline", "waves", "status"],
        env={**os.environ, "BATCH_SIZE": "many"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: BATCH_SIZE is not usable: ")
    assert done.stderr.count("\n") == 1
