"""Settings and credentials: what is missing is named, all of it, and nothing is told of what is there."""

from collections.abc import Callable

import pytest

from netsuite_pipeline.doctor.finding import Status
from netsuite_pipeline.doctor.settings import Configuration, settings_checks
from netsuite_pipeline_tests.doctor.conftest import Configured, found


def test_complete_settings_are_well(configured: Configured) -> None:
    findings = found(settings_checks(configured()))
    assert findings["settings.load"].status is Status.OK
    assert findings["settings.credentials"].found == "account 1234567_SB1, NETSUITE_AUTH=tba"
    assert findings["settings.record_types"].found == "23 record types"
    assert findings["settings.private_key"].status is Status.NOT_CHECKED


def test_every_credential_that_is_not_set_is_named() -> None:
    findings = found(settings_checks(Configuration()))
    credentials = findings["settings.credentials"]
    assert credentials.status is Status.ERROR
    assert credentials.found == (
        "not set: NETSUITE_ACCOUNT_ID, NETSUITE_CLIENT_ID, NETSUITE_CERTIFICATE_ID, NETSUITE_PRIVATE_KEY_FILE"
    )


def test_an_unusable_setting_stops_what_needs_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAVE_SIZE", "many")
    findings = found(settings_checks(Configuration()))
    assert findings["settings.load"].found.startswith("WAVE_SIZE is not usable: ")
    assert findings["settings.credentials"].found == "because of this error: read the environment"


def test_a_declaration_that_is_unusable_is_its_sentence(configured: Callable[..., Configuration]) -> None:
    findings = found(settings_checks(configured(adopt_tables="planets")))
    assert findings["settings.record_types"].status is Status.ERROR
    assert "ADOPT_TABLES names 'planets'" in findings["settings.record_types"].found
