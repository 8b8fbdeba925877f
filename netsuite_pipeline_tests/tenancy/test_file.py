"""TENANTS_FILE: what it says of each company, and one sentence with file and line for every mistake."""

import re
from pathlib import Path

import pytest

from netsuite_pipeline.settings import Settings
from netsuite_pipeline.tenancy.activation import chosen_tenants, settings_of
from netsuite_pipeline.tenancy.file import VARIABLES, Tenant, TenantsError, read_tenants
from netsuite_pipeline_tests.tenancy.conftest import TWO, Write

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "tenants.example.yaml"


def test_a_company_has_settings_as_they_are_written_and_names_of_variables_for_secrets(write: Write) -> None:
    acme, globex = read_tenants(write(TWO))
    assert acme == Tenant(
        name="acme",
        integration_id=17,
        settings={"NETSUITE_ACCOUNT_ID": "0012345", "NETSUITE_AUTH": "tba", "WAVE_SIZE": "40"},
        secrets={"NETSUITE_TOKEN_SECRET": "ACME_TOKEN_SECRET", "WAREHOUSE_URL": "ACME_WAREHOUSE_URL"},
    )
    assert (globex.integration_id, globex.settings) == (None, {})


def test_the_example_of_the_documentation_gives_settings_that_can_be_worked_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TENANTS_FILE", str(EXAMPLE))
    tenants = chosen_tenants()
    for tenant in tenants:
        for holder in tenant.secrets.values():
            monkeypatch.setenv(holder, f"mysql+pymysql://user@host/{tenant.name}")
    found = {tenant.name: settings_of(tenants, tenant) for tenant in tenants}
    assert {name: settings.require_account() for name, settings in found.items()} == {
        "acme": "1234567_SB1",
        "globex": "7654321",
    }
    assert all(not settings.missing_credentials() for settings in found.values())
    assert found["acme"].nightly_cron == "30 1 * * 1-6"


def test_every_setting_can_be_a_companys_but_those_that_choose_it() -> None:
    chosen = {"TENANTS_FILE", "NETSUITE_TENANT", "INTEGRATION_ID"}
    assert {name.upper() for name in Settings.model_fields} == VARIABLES | chosen


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("acme:", "Acme:", "line 2: 'Acme' cannot be a tenant's name, which has lower-case letters"),
        ("acme:", "ac__me:", "line 2: 'ac__me' cannot be a tenant's name"),
        ("acme:", "a" * 21 + ":", "is too long for a tenant's name, with 21 characters instead of at most 20"),
        ("acme:", "customer:", "line 2: 'customer' is the name of a record type; write another name."),
        ("globex:", "acme:", "line 11: 'acme' stands here a second time, after line 2"),
        ("integration_id: 17", "integration_id: many", "line 3: 'integration_id' must be a whole number"),
        ("integration_id: 17", "integration_id: 9223372036854775808", "line 3: 'integration_id' must be a whole"),
        (
            "settings:",
            "setings:",
            "line 4: 'setings' is not known here; write one of integration_id, settings, secrets",
        ),
        ("WAVE_SIZE:", "WAVE_SISE:", "line 7: 'WAVE_SISE' is no setting; write WAVE_SIZE."),
        ("WAVE_SIZE: 40", "WAVE_SIZE:", "line 7: WAVE_SIZE needs a value of one line"),
        ("WAVE_SIZE: 40", "WAVE_SIZE: [40]", "line 7: WAVE_SIZE needs a value of one line"),
        ("WAVE_SIZE: 40", "WAVE_SIZE: 40\n      WAVE_SIZE: 41", "line 8: 'WAVE_SIZE' stands here a second time"),
        ("WAVE_SIZE:", "TENANTS_FILE:", "line 7: TENANTS_FILE is no setting of a tenant's; remove it."),
        (
            "WAVE_SIZE:",
            "INTEGRATION_ID:",
            "line 7: INTEGRATION_ID is no setting of a tenant's; write `integration_id: …`",
        ),
        ("WAVE_SIZE:", "NETSUITE_TOKEN_ID:", "line 7: NETSUITE_TOKEN_ID is a secret and must not stand in a file"),
        (": ACME_TOKEN_SECRET", ": hunter2-4c1e", "line 9: NETSUITE_TOKEN_SECRET must be the name of an environment"),
        (": ACME_TOKEN_SECRET", ": NETSUITE_TOKEN_SECRET", "line 9: NETSUITE_TOKEN_SECRET is a setting, and would be"),
        ("NETSUITE_TOKEN_SECRET: A", "WAVE_SIZE: A", "line 9: WAVE_SIZE stands below `settings:` already"),
        ("WAREHOUSE_URL: ACME", "NETSUITE_TOKEN_ID: ACME", "line 2: 'acme' has no database; write `WAREHOUSE_URL:`"),
        ("GLOBEX_WAREHOUSE_URL", "ACME_WAREHOUSE_URL", "line 14: 'globex' has the database of 'acme'"),
        ("tenants:", "tenant:", "line 1: 'tenant' is not known here; write `tenants:`."),
        (TWO, "", "line 1: the file needs `name: value` lines"),
        (TWO, "tenants: {}\n", "line 1: there is no tenant here; write one, as docs/tenants.example.yaml shows."),
        (TWO, "tenants: [acme]\n", "line 1: 'tenants' needs `name: value` lines, indented"),
        (TWO, "tenants: {", "line 1: this is no YAML"),
    ],
)
def test_a_mistake_is_one_sentence_with_its_line(write: Write, before: str, after: str, said: str) -> None:
    file = write(TWO.replace(before, after, 1))
    with pytest.raises(TenantsError, match=re.escape(said)) as caught:
        read_tenants(file)
    sentence = str(caught.value)
    assert sentence.startswith(f"{file}, line ")
    assert "\n" not in sentence
    assert "hunter2" not in sentence


def test_a_file_that_is_not_there_is_named_with_its_variable() -> None:
    with pytest.raises(TenantsError, match=r"^TENANTS_FILE cannot be read: /nowhere/t.yaml: No such file"):
        read_tenants(Path("/nowhere/t.yaml"))
