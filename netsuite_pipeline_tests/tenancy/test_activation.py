"""A process becomes one company's: its variables, none of the others' secrets, and no second company."""

import os

import pytest

from netsuite_pipeline import tenants as tenants_module
from netsuite_pipeline.settings import Settings, SettingsError
from netsuite_pipeline.tenancy.activation import activate, activate_chosen, chosen_tenants, database_of, settings_of
from netsuite_pipeline.tenancy.file import TenantsError
from netsuite_pipeline.tenant_name import name_fault
from netsuite_pipeline_tests.tenancy.conftest import SECRETS, TWO, Write


def test_the_settings_of_the_process_are_the_companys_afterwards() -> None:
    activate("acme")
    settings = Settings.load()
    assert settings.netsuite_tenant == "acme"
    assert settings.require_account() == "0012345"
    assert settings.wave_size == 40
    assert settings.integration_id == 17
    assert settings.warehouse_database == "acme"
    assert settings.netsuite_token_secret is not None
    assert settings.netsuite_token_secret.get_secret_value() == "hunter2-of-acme"


def test_what_a_company_does_not_say_is_the_deployments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAVE_SIZE", "70")
    activate("globex")
    assert Settings.load().wave_size == 70


@pytest.mark.parametrize(
    "variable", ["NETSUITE_ACCOUNT_ID", "NETSUITE_BASE_URL", "NETSUITE_CONSUMER_KEY", "NETSUITE_CERTIFICATE_ID"]
)
def test_whose_account_it_is_never_comes_from_the_deployment(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "https://somebody.example.com")
    tenants = chosen_tenants()
    assert getattr(settings_of(tenants, tenants.get("globex")), variable.lower()) is None
    activate("globex")
    assert variable not in os.environ


def test_the_secrets_of_other_companies_leave_the_process() -> None:
    activate("acme")
    assert "hunter2-of-globex" not in " ".join(os.environ.values())
    assert set(os.environ) >= {"ACME_TOKEN_SECRET", "ACME_WAREHOUSE_URL"}


def test_what_dagster_itself_needs_stays_even_if_a_company_names_it(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_MYSQL_URL", "mysql+pymysql://dagster@db.example.com/dagster")
    write(TWO.replace("GLOBEX_WAREHOUSE_URL", "DAGSTER_MYSQL_URL"))
    activate("acme")
    assert "DAGSTER_MYSQL_URL" in os.environ


def test_a_process_that_a_companys_process_started_is_the_companys_whatever_becomes_of_the_file(write: Write) -> None:
    activate("acme")
    write("tenants: {half of it is sav")
    activate("acme")
    activate_chosen()
    assert Settings.load().require_account() == "0012345"


def test_a_process_works_for_no_second_company() -> None:
    activate("acme")
    with pytest.raises(TenantsError, match="works for the tenant acme and cannot work for globex too"):
        activate("globex")
    assert Settings.load().require_account() == "0012345"


def test_the_variable_chooses_the_company(monkeypatch: pytest.MonkeyPatch) -> None:
    activate_chosen()
    assert Settings.load().netsuite_tenant is None
    monkeypatch.setenv("NETSUITE_TENANT", "acme")
    activate_chosen()
    assert Settings.load().wave_size == 40


def test_a_company_that_is_not_in_the_file_is_named_with_those_that_are() -> None:
    with pytest.raises(TenantsError, match=r"There is no tenant 'acne' in .*tenants.yaml; it has acme, globex\."):
        activate("acne")


def test_no_company_has_the_name_of_something_in_the_module_that_dagster_asks() -> None:
    assert [name for name in vars(tenants_module) if name_fault(name) is None] == []


def test_dagster_is_told_why_an_attribute_is_no_company() -> None:
    with pytest.raises(TenantsError, match="There is no tenant 'acne'"):
        hasattr(tenants_module, "acne")
    assert not hasattr(tenants_module, "__path__")


def test_a_secret_that_nobody_set_is_named_with_its_line_and_leaves_the_process_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ACME_TOKEN_SECRET")
    before = dict(os.environ)
    with pytest.raises(TenantsError, match=r"line 9: ACME_TOKEN_SECRET is not set, which holds NETSUITE_TOKEN_SECRET"):
        activate("acme")
    assert dict(os.environ) == before
    activate("globex")


@pytest.mark.parametrize(
    "url",
    [
        "mysql+pymysql://acme:hunter2-of-acme@db.example.com/acme",
        "mariadb+pymysql://another:password@DB.example.com:3306/acme?charset=utf8mb4",
    ],
)
def test_two_companies_never_share_a_database(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("GLOBEX_WAREHOUSE_URL", url)
    with pytest.raises(TenantsError, match=r"line 14: 'globex' has the database of 'acme'") as caught:
        activate("globex")
    assert "password" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_files_of_sqlite_are_told_apart_by_their_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "/home/dagster")
    assert database_of("sqlite:///acme.db") == database_of("sqlite+pysqlite:////home/dagster/acme.db")
    assert database_of("sqlite:///acme.db") != database_of("sqlite:///globex.db")


def test_a_database_url_that_is_none_is_for_the_settings_to_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_WAREHOUSE_URL", "hunter2-of-acme")
    activate("acme")
    with pytest.raises(SettingsError, match=r"^WAREHOUSE_URL is not usable: expected a URL") as caught:
        Settings.load()
    assert "hunter2" not in str(caught.value)


def test_without_the_file_no_company_can_be_worked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TENANTS_FILE")
    with pytest.raises(TenantsError, match=r"^TENANTS_FILE is not set: "):
        activate("acme")


def test_a_relative_path_of_the_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANTS_FILE", "tenants.yaml")
    with pytest.raises(TenantsError, match=r"^TENANTS_FILE is not usable: tenants.yaml is no absolute path"):
        activate("acme")


def test_the_deployment_keeps_its_secrets_in_the_processes_of_nobody() -> None:
    tenants = chosen_tenants()
    assert [settings_of(tenants, tenant).warehouse_database for tenant in tenants] == ["acme", "globex"]
    assert set(os.environ) >= set(SECRETS)
