"""`doctor`: its page, its JSON and its exit codes; nothing is changed and no secret shown."""

import json
from pathlib import Path
from typing import Any

import pytest

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline_tests.cli.conftest import Answer, Command
from netsuite_pipeline_tests.ports import free_port

SECRET = "hunter2-4c1e"
# What nothing of is there in a folder that is new.
ELSEWHERE = ("settings", "netsuite", "record-types", "database")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer slots than the sandbox has, so that others find one."""
    monkeypatch.setenv("NETSUITE_CONCURRENCY", "4")


def _only(*groups: str) -> list[str]:
    return [part for group in groups for part in ("--only", group)]


def _findings(answer: Answer) -> dict[str, Any]:
    return {finding["check"]: finding for finding in json.loads(answer.output)}


@pytest.mark.usefixtures("small")
def test_what_is_well_takes_one_page_and_exit_code_0(command: Command) -> None:
    answer = command("doctor", *_only(*ELSEWHERE))
    assert (answer.exit_code, answer.errors) == (0, "")
    lines = answer.output.splitlines()
    assert len(lines) < 40
    assert [line for line in lines if line.startswith("ok") and f"{len(CATALOG)} record types" in line]
    assert "SQLite file is not there yet" in answer.output
    assert lines[-1].startswith("1 warning, ")


def test_an_error_is_exit_code_1_with_its_remedy(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", f"mysql+pymysql://user:{SECRET}@127.0.0.1:{free_port()}/netsuite")
    answer = command("doctor", "--only", "database")
    assert answer.exit_code == 1
    assert "check that the server runs" in answer.output
    assert "because of this error: connect to WAREHOUSE_URL" in answer.output
    assert SECRET not in answer.output + answer.errors


def test_a_refused_login_leaves_database_and_dagster_checked(
    command: Command, monkeypatch: pytest.MonkeyPatch, sandbox: SandboxServer
) -> None:
    monkeypatch.setenv("NETSUITE_TOKEN_SECRET", SECRET)
    assert command("db", "upgrade").exit_code == 0
    before = sandbox.account.authenticator.failures
    answers = [command("doctor", "--json"), command("doctor", "--json", "--only", "netsuite")]
    assert sandbox.account.authenticator.failures - before == 2
    findings = _findings(answers[0])
    assert answers[0].exit_code == 1
    assert findings["netsuite.login"]["status"] == "error"
    assert findings["database.tables"]["status"] == "ok"
    assert findings["dagster.code_location"]["status"] == "ok"
    assert findings["record_types.customer"]["status"] == "not checked"
    assert "--login" in _findings(answers[1])["netsuite.login"]["remedy"]
    assert SECRET not in str(answers)


def test_unusable_settings_are_exit_code_2_and_dagster_is_looked_at(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAVE_SIZE", "many")
    answer = command("doctor", "--json")
    findings = _findings(answer)
    assert answer.exit_code == 2
    assert findings["settings.load"]["found"].startswith("WAVE_SIZE is not usable: ")
    assert findings["netsuite.login"]["status"] == "not checked"
    assert findings["dagster.home"]["status"] == "ok"


def test_a_missing_credential_is_exit_code_2_as_for_an_import(
    command: Command, monkeypatch: pytest.MonkeyPatch, sandbox: SandboxServer
) -> None:
    monkeypatch.delenv("NETSUITE_TOKEN_ID")
    answer = command("doctor", *_only("netsuite"))
    assert answer.exit_code == 2
    assert "not set: NETSUITE_TOKEN_ID" in answer.output
    assert sandbox.stats.snapshot()["requests"] == {}


def test_a_group_that_there_is_not_is_misuse(command: Command) -> None:
    assert command("doctor", "--only", "weather").exit_code == 2


@pytest.mark.usefixtures("small")
def test_json_is_a_list_of_findings_with_ids_and_words_for_programs(command: Command) -> None:
    answer = command("doctor", "--json", *_only("settings", "netsuite"))
    findings = json.loads(answer.output)
    assert {frozenset(finding) for finding in findings} == {
        frozenset({"check", "group", "status", "attempted", "found", "remedy"})
    }
    assert [finding["check"] for finding in findings] == [
        "settings.load",
        "settings.credentials",
        "settings.private_key",
        "settings.certificate",
        "settings.record_types",
        "netsuite.dns",
        "netsuite.tls",
        "netsuite.login",
        "netsuite.clock",
        "netsuite.concurrency",
        "netsuite.suiteql",
    ]


@pytest.mark.usefixtures("small")
def test_looking_makes_nothing(command: Command, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    command("doctor")
    assert sorted(tmp_path.rglob("*")) == before


def test_brackets_in_what_was_found_are_no_markup(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADOPT_TABLES", "[bold]planets")
    answer = command("doctor", *_only("settings"))
    assert answer.exit_code == 2
    assert "names '[bold]planets'" in answer.output
