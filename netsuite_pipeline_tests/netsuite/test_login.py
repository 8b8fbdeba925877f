"""Why a login was refused: above all, whether this machine's clock is the reason."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from netsuite_pipeline.netsuite.client import NetSuiteClient
from netsuite_pipeline.netsuite.errors import AuthenticationFailed
from netsuite_pipeline.netsuite.login import refused, skew_of
from netsuite_pipeline_tests.netsuite.conftest import SECRETS
from netsuite_pipeline_tests.netsuite.scripted_server import Reply, ScriptedServer, fault

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SQL = "SELECT 1 AS one FROM customer"


def said(date: str | None) -> str:
    error = AuthenticationFailed("HTTP 401 INVALID_LOGIN", status=401, code="INVALID_LOGIN")
    error.date = date
    return str(refused(error, identity="account 1", now=NOW))


def date_of(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (timedelta(minutes=7, seconds=12), "7 min 12 s ahead of"),
        (-timedelta(minutes=7, seconds=12), "7 min 12 s behind"),
        (timedelta(seconds=301), "5 min 1 s ahead of"),
        (timedelta(hours=1), "1 h ahead of"),
        (-timedelta(hours=2, minutes=3, seconds=4), "2 h 3 min behind"),
        (timedelta(days=400, hours=5, seconds=1), "400 d 5 h ahead of"),
    ],
)
def test_a_clock_that_is_wrong_is_named_first(ahead: timedelta, words: str) -> None:
    text = said(date_of(NOW - ahead))
    assert text.startswith(f"This machine's clock is {words} NetSuite's: ")
    assert text.endswith("HTTP 401 INVALID_LOGIN")
    assert "Log in to account 1" in text


@pytest.mark.parametrize("seconds", [-300, -10, 0, 10, 300])
def test_a_clock_within_five_minutes_is_not_blamed(seconds: int) -> None:
    text = said(date_of(NOW - timedelta(seconds=seconds)))
    assert text.startswith("Log in to account 1, twice. Check the credentials")


@pytest.mark.parametrize("date", [None, "", "yesterday", "\u0667", "Sun, 01 Mar 2026", "99"])
def test_without_a_date_that_can_be_read_no_clock_is_blamed(date: str | None) -> None:
    assert said(date).startswith("Log in to account 1, twice.")


def test_a_date_without_a_zone_is_utc() -> None:
    assert skew_of("Sun, 01 Mar 2026 11:00:00 -0000", now=NOW) == timedelta(hours=1)


TOKEN = Reply(body=b'{"access_token": "token-1", "expires_in": 3600}')
DATE = {"Date": date_of(NOW)}
REFUSED = fault(401, "INVALID_LOGIN", **DATE)


@pytest.mark.parametrize(
    ("scheme", "replies"),
    [
        ("tba", [REFUSED]),
        ("m2m", [TOKEN, REFUSED, TOKEN, REFUSED]),
        ("m2m", [Reply(400, b'{"error": "invalid_request"}', DATE)]),
    ],
    ids=["tba", "m2m query", "m2m token"],
)
def test_the_clock_is_compared_with_the_date_of_the_refusal(settings_for, scheme: str, replies: list[Reply]) -> None:
    later = NOW + timedelta(minutes=6)
    with (
        ScriptedServer(*replies) as server,
        NetSuiteClient.connect(settings_for(server.base_url, netsuite_auth=scheme), now=lambda: later) as client,
        pytest.raises(AuthenticationFailed, match=r"^This machine's clock is 6 min ahead of NetSuite's: ") as caught,
    ):
        client.query(SQL)
    assert not [secret for secret in SECRETS.values() if secret in str(caught.value)]
