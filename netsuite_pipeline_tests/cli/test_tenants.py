"""Several companies on the command line: which one a command works for, and what is known of all of them."""

import json
from pathlib import Path

import pytest
from dagster._core.workspace.load import location_origins_from_yaml_paths

from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.tenancy.activation import ACTIVE
from netsuite_pipeline_tests.cli.conftest import Command

SECRET = "hunter2-7a1b"


@pytest.fixture
def tenants_file(environment: None, sandbox: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two companies: acme's account is the sandbox, globex has a password that nobody must see."""
    known = sandbox.credentials
    for name, value in {
        "ACME_CONSUMER_KEY": known.consumer_key,
        "ACME_CONSUMER_SECRET": known.consumer_secret,
        "ACME_TOKEN_ID": known.token_id,
        "ACME_TOKEN_SECRET": known.token_secret,
        "ACME_WAREHOUSE_URL": f"sqlite:///{tmp_path / 'acme.db'}",
        "GLOBEX_WAREHOUSE_URL": f"mysql+pymysql://globex:{SECRET}@db.example.com/globex",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("NETSUITE_TENANT", "INTEGRATION_ID", ACTIVE):
        # Set first, so that what activation sets ends with the test.
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)
    secrets = ("NETSUITE_CONSUMER_KEY", "NETSUITE_CONSUMER_SECRET", "NETSUITE_TOKEN_ID", "NETSUITE_TOKEN_SECRET")
    file = tmp_path / "tenants.yaml"
    file.write_text(
        "tenants:\n"
        "  acme:\n"
        "    integration_id: 17\n"
        f"    settings: {{NETSUITE_ACCOUNT_ID: {known.account}, NETSUITE_BASE_URL: '{sandbox.base_url}'}}\n"
        "    secrets:\n"
        + "".join(f"      {name}: {name.replace('NETSUITE', 'ACME')}\n" for name in secrets)
        + "      WAREHOUSE_URL: ACME_WAREHOUSE_URL\n"
        "  globex:\n"
        "    settings: {NETSUITE_ACCOUNT_ID: 7654321, NIGHTLY_CRON: 30 1 * * 1-6, SCHEDULE_TIME_ZONE: Europe/Berlin}\n"
        "    secrets: {WAREHOUSE_URL: GLOBEX_WAREHOUSE_URL}\n"
    )
    monkeypatch.setenv("TENANTS_FILE", str(file))
    return file


@pytest.mark.usefixtures("tenants_file")
def test_list_shows_accounts_databases_and_schedules_without_a_password(command: Command) -> None:
    answer = command("tenants", "list")
    assert answer.exit_code == 0
    acme, globex = answer.output.splitlines()[1:]
    assert acme.split()[:3] == ["acme", "17", "1234567_SB1"]
    assert "mysql+pymysql://globex:***@db.example.com/globex" in globex
    assert "30 1 * * 1-6" in globex
    assert "Europe/Berlin" in globex
    assert SECRET not in answer.output


@pytest.mark.usefixtures("tenants_file")
def test_list_is_there_for_programs_too(command: Command) -> None:
    answer = command("tenants", "list", "--json")
    acme, globex = json.loads(answer.output)
    assert (acme["tenant"], acme["integration_id"], acme["problem"]) == ("acme", 17, None)
    assert globex["nightly"] == "30 1 * * 1-6"
    assert SECRET not in answer.output


def test_a_company_that_cannot_start_is_shown_with_why_and_the_others_as_they_are(
    command: Command, tenants_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GLOBEX_WAREHOUSE_URL")
    answer = command("tenants", "list")
    assert answer.exit_code == 1
    assert "1234567_SB1" in answer.output
    assert f"globex cannot start: {tenants_file}, line " in answer.output
    assert "GLOBEX_WAREHOUSE_URL is not set" in answer.output


@pytest.mark.usefixtures("tenants_file")
def test_companies_that_share_a_database_are_both_told(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_WAREHOUSE_URL", f"mysql+pymysql://acme:{SECRET}@db.example.com/globex")
    answer = command("tenants", "list")
    assert answer.exit_code == 1
    assert "'acme' has the database of 'globex'" in answer.output
    assert "'globex' has the database of 'acme'" in answer.output
    assert SECRET not in answer.output


@pytest.mark.usefixtures("tenants_file")
def test_workspace_makes_each_company_a_code_location_of_its_own(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "workspace.yaml"
    file.write_text(command("tenants", "workspace").output)
    origins = location_origins_from_yaml_paths([str(file)])
    assert [(origin.location_name, origin.loadable_target_origin.attribute) for origin in origins] == [  # type: ignore[attr-defined]
        ("acme", "acme"),
        ("globex", "globex"),
    ]


@pytest.mark.usefixtures("tenants_file")
@pytest.mark.parametrize("by_option", [True, False])
def test_a_command_works_for_the_company_it_is_told(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_option: bool
) -> None:
    if not by_option:
        monkeypatch.setenv("NETSUITE_TENANT", "acme")
    chosen = ["--tenant", "acme"] if by_option else []
    answer = command(*chosen, "import", "start", "--types", "price_level", "--no-dependencies")
    assert answer.exit_code == 0, answer.errors
    assert (tmp_path / "acme.db").exists()
    assert not (tmp_path / "warehouse.db").exists()


@pytest.mark.usefixtures("tenants_file")
def test_without_a_company_a_command_asks_for_one(command: Command) -> None:
    answer = command("waves", "status")
    assert answer.exit_code == 2
    assert "name one, e.g. --tenant acme (acme, globex)." in answer.errors


@pytest.mark.usefixtures("tenants_file")
def test_help_needs_no_company(command: Command) -> None:
    assert command("waves", "status", "--help").exit_code == 0


@pytest.mark.usefixtures("tenants_file")
@pytest.mark.parametrize("name", ["demo", "dev", "sandbox", "tenants"])
def test_what_is_no_companys_refuses_one(command: Command, name: str) -> None:
    answer = command("--tenant", "acme", name)
    assert answer.exit_code == 2
    assert f"`{name}` works for no single tenant: leave --tenant out." in answer.errors


def test_without_the_file_there_is_no_company(command: Command) -> None:
    answer = command("--tenant", "acme", "waves", "status")
    assert answer.exit_code == 2
    assert answer.errors.startswith("error: TENANTS_FILE is not set: ")
