"""Settings come from the environment; a bad one is one sentence that names the variable and no secret."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from netsuite_pipeline.settings import Settings, SettingsError

SECRET = "s3cr3t-5f1e"
TBA = ["NETSUITE_CONSUMER_KEY", "NETSUITE_CONSUMER_SECRET", "NETSUITE_TOKEN_ID", "NETSUITE_TOKEN_SECRET"]
M2M = ["NETSUITE_CLIENT_ID", "NETSUITE_CERTIFICATE_ID", "NETSUITE_PRIVATE_KEY_FILE"]


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


def test_nothing_needs_to_be_set_to_load():
    settings = Settings.load()
    assert (settings.netsuite_auth, settings.batch_size, settings.run_batches, settings.wave_size) == (
        "m2m",
        1000,
        75,
        300,
    )
    assert settings.warehouse_url.get_secret_value() == f"sqlite:///{Path.cwd() / 'warehouse.db'}"


def test_defaults_of_the_users_document():
    settings = Settings.load()
    assert (settings.wave_completion_threshold, settings.wave_retry_attempts) == (90, 3)
    assert (settings.wave_timeout, settings.wave_inter_wave_delay) == (1800, 30)
    assert settings.wave_retry_timeout_errors
    assert settings.wave_retry_api_errors
    assert settings.wave_retry_database_errors
    assert settings.wave_continue_on_permanent
    assert settings.feature_wave_coordination


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_says_what_it_means(name):
    assert Settings.model_fields[name].description


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("NETSUITE_ACCOUNT_ID", "1234567 SB1"),
        ("NETSUITE_ACCOUNT_ID", "x.example.com/"),
        ("NETSUITE_ACCOUNT_ID", "_"),
        ("NETSUITE_TENANT", "Acme Inc."),
        ("TENANTS_FILE", "tenants.yaml"),
        ("INTEGRATION_ID", "-1"),
        ("NETSUITE_BASE_URL", "1234567.suitetalk.api.netsuite.com"),
        ("NETSUITE_BASE_URL", "ftp://1234567.suitetalk.api.netsuite.com"),
        ("NETSUITE_BASE_URL", "http://1234567.suitetalk.api.netsuite.com"),
        ("NETSUITE_BASE_URL", f"https://me:{SECRET}@127.0.0.1"),
        ("NETSUITE_BASE_URL", "http://127.0.0.1:99999"),
        ("NETSUITE_BASE_URL", "http://127.0.0.1:0"),
        ("NETSUITE_BASE_URL", "http://["),
        ("NETSUITE_AUTH", "password"),
        ("NETSUITE_CONCURRENCY", "0"),
        ("NETSUITE_CONCURRENCY", "many"),
        ("NETSUITE_RESERVE", "-1"),
        ("NETSUITE_RESERVE", "5"),
        ("NETSUITE_BUSINESS_HOURS_TIME_ZONE", "Berlin"),
        ("NETSUITE_BUSINESS_HOURS_TIME_ZONE", "Europe"),
        ("NETSUITE_BUSINESS_HOURS_TIME_ZONE", "../etc/passwd"),
        ("NETSUITE_BUSINESS_HOURS", "8-18"),
        ("NETSUITE_BUSINESS_HOURS", "18:00-08:00"),
        ("NETSUITE_BUSINESS_CONCURRENCY", "0"),
        ("NETSUITE_LANGUAGE", "english please"),
        ("NETSUITE_LANGUAGE", "zh\r\nX: 1"),
        ("NETSUITE_TIMEOUT", "0"),
        ("NETSUITE_TIMEOUT", "901"),
        ("NETSUITE_TIME_ZONE", "Pacific"),
        ("SCHEDULE_TIME_ZONE", "../etc"),
        ("NIGHTLY_CRON", "every night"),
        ("WEEKLY_CRON", "0 2 * *"),
        ("INCREMENTAL_OVERLAP", "-1"),
        ("DELETED_ROWS", "hide"),
        ("WAREHOUSE_URL", SECRET),
        ("WAREHOUSE_URL", f"postgresql://me:{SECRET}@host/db"),
        ("WAREHOUSE_URL", f"mysql+pymysql://me:{SECRET}@host"),
        ("WAREHOUSE_URL", "sqlite://"),
        ("WAREHOUSE_URL", "sqlite:///:memory:"),
        ("BATCH_SIZE", "0"),
        ("BATCH_SIZE", "1000.5"),
        ("RUN_BATCHES", "0"),
        ("WAVE_SIZE", "-1"),
        ("WAVE_COMPLETION_THRESHOLD", "101"),
        ("WAVE_RETRY_ATTEMPTS", "-1"),
        ("WAVE_RETRY_API_ERRORS", "perhaps"),
        ("FEATURE_WAVE_COORDINATION", "perhaps"),
    ],
)
def test_a_bad_value_is_one_sentence_that_names_the_variable_and_no_secret(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    message = str(caught.value)
    assert message.startswith(f"{variable} is not usable: ")
    assert "\n" not in message
    assert SECRET not in message
    # Nothing of the validation library, whose text would repeat the value, is chained.
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("url", ["mysql+pymysql://u:p@h/db", "mariadb+pymysql://u@h:3306/db", "sqlite:////tmp/w.db"])
def test_supported_warehouses(monkeypatch, url):
    monkeypatch.setenv("WAREHOUSE_URL", url)
    assert Settings.load().warehouse_url.get_secret_value() == url


def test_a_relative_sqlite_file_is_the_same_for_every_process_of_an_instance(monkeypatch, tmp_path):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("WAREHOUSE_URL", "sqlite:///sub/warehouse.db")
    assert Settings.load().warehouse_url.get_secret_value() == f"sqlite:///{tmp_path}/sub/warehouse.db"


@pytest.mark.parametrize("text", ["false", "0", "off", "no", "False"])
def test_a_switch_is_turned_off_in_the_usual_words(monkeypatch, text):
    monkeypatch.setenv("FEATURE_WAVE_COORDINATION", text)
    assert not Settings.load().feature_wave_coordination


def test_an_empty_variable_is_an_unset_one(monkeypatch):
    monkeypatch.setenv("BATCH_SIZE", "")
    monkeypatch.setenv("NETSUITE_ACCOUNT_ID", "")
    assert Settings.load().batch_size == 1000
    assert Settings.load().netsuite_account_id is None


@pytest.mark.parametrize(
    ("account", "host", "realm"),
    [
        ("1234567", "1234567", "1234567"),
        ("1234567_SB1", "1234567-sb1", "1234567_SB1"),
        ("1234567-sb1", "1234567-sb1", "1234567_SB1"),
        ("TSTDRV123_RP_2", "tstdrv123-rp-2", "TSTDRV123_RP_2"),
    ],
)
def test_host_and_realm_are_written_the_way_netsuite_wants(account, host, realm):
    settings = Settings(netsuite_account_id=account)
    assert settings.netsuite_url == f"https://{host}.suitetalk.api.netsuite.com"
    assert settings.require_account() == realm


def test_the_base_url_overrides_the_accounts_host():
    settings = Settings(netsuite_account_id="1", netsuite_base_url="http://127.0.0.1:8123/")
    assert settings.netsuite_url == "http://127.0.0.1:8123"


def test_a_missing_account_is_named():
    with pytest.raises(SettingsError, match=r"^NETSUITE_ACCOUNT_ID is not set"):
        _ = Settings().netsuite_url


@pytest.mark.parametrize(("scheme", "needed"), [("tba", TBA), ("m2m", M2M)])
def test_the_first_missing_credential_of_the_scheme_is_named(monkeypatch, tmp_path, scheme, needed):
    key = tmp_path / "key.pem"
    key.touch()
    monkeypatch.setenv("NETSUITE_AUTH", scheme)
    for variable in needed:
        with pytest.raises(SettingsError, match=rf"^{variable} is not set: NETSUITE_AUTH={scheme} needs it"):
            Settings.load().require_credentials()
        monkeypatch.setenv(variable, str(key))
    Settings.load().require_credentials()


def test_a_private_key_file_that_cannot_be_read_is_named(tmp_path):
    settings = Settings(
        netsuite_client_id="c", netsuite_certificate_id="k", netsuite_private_key_file=tmp_path / "missing.pem"
    )
    with pytest.raises(SettingsError, match=r"^NETSUITE_PRIVATE_KEY_FILE cannot be read: .*No such file"):
        settings.require_credentials()


def test_secrets_are_in_no_repr_and_no_dump(monkeypatch):
    for variable in [*TBA, "NETSUITE_CLIENT_ID"]:
        monkeypatch.setenv(variable, SECRET)
    monkeypatch.setenv("WAREHOUSE_URL", f"mysql+pymysql://u:{SECRET}@h/db")
    settings = Settings.load()
    assert SECRET not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


def test_settings_do_not_change_after_loading():
    with pytest.raises(ValidationError):
        Settings().batch_size = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    "url",
    [
        "mysql+pymysql://user:s3cr@et:part@host/db",
        "mysql+pymysql://user:s3cr@etpart@host/db",
        "mysql+pymysql://user:s3cr@etpart/x@host/db",
    ],
)
def test_a_password_that_is_not_percent_encoded_is_not_repeated(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", url)
    with pytest.raises(SettingsError, match=r"^WAREHOUSE_URL is not usable: .*percent-encoded") as caught:
        Settings.load()
    assert "part@host" not in str(caught.value)
    assert "etpart" not in str(caught.value)


def test_adopted_tables_are_a_list_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.load().adopt_tables == ()
    monkeypatch.setenv("ADOPT_TABLES", "customers, items,")
    assert Settings.load().adopt_tables == ("customers", "items")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"NETSUITE_CONCURRENCY": "5", "NETSUITE_RESERVE": "6"},
            "NETSUITE_RESERVE is not usable: reserving 6 leaves none of NETSUITE_CONCURRENCY=5.",
        ),
        (
            {"NETSUITE_BUSINESS_HOURS": "08:00-18:00"},
            "NETSUITE_BUSINESS_CONCURRENCY is not usable: NETSUITE_BUSINESS_HOURS=08:00-18:00 needs it.",
        ),
        (
            {"NETSUITE_BUSINESS_CONCURRENCY": "2"},
            "NETSUITE_BUSINESS_CONCURRENCY is not usable: it needs NETSUITE_BUSINESS_HOURS.",
        ),
        (
            {
                "NETSUITE_CONCURRENCY": "5",
                "NETSUITE_RESERVE": "2",
                "NETSUITE_BUSINESS_HOURS": "08:00-18:00",
                "NETSUITE_BUSINESS_CONCURRENCY": "4",
            },
            "NETSUITE_BUSINESS_CONCURRENCY is not usable: 4 is more than the 3 requests in flight of all other hours.",
        ),
        (
            {"NETSUITE_BUSINESS_HOURS": "18:00-08:00", "NETSUITE_BUSINESS_CONCURRENCY": "2"},
            "NETSUITE_BUSINESS_HOURS is not usable: expected the first time to be before the second, on the same day.",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], message: str
) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert str(caught.value) == message


def test_business_hours_are_in_their_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.load().business_hours is None
    monkeypatch.setenv("NETSUITE_BUSINESS_HOURS", "08:00-18:00")
    monkeypatch.setenv("NETSUITE_BUSINESS_HOURS_TIME_ZONE", "Europe/Berlin")
    monkeypatch.setenv("NETSUITE_BUSINESS_CONCURRENCY", "2")
    hours = Settings.load().business_hours
    assert hours is not None
    assert (hours.start.hour, hours.end.hour, hours.zone.key) == (8, 18, "Europe/Berlin")


@pytest.mark.parametrize("language", ["en", "zh_CN", "pt-BR", "zh-Hant-TW"])
def test_languages_are_accepted_in_the_usual_forms(monkeypatch: pytest.MonkeyPatch, language: str) -> None:
    monkeypatch.setenv("NETSUITE_LANGUAGE", language)
    assert Settings.load().netsuite_language == language
