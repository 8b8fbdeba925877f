"""From which local time on changes are looked for, whatever clocks do meanwhile."""

import datetime as dt
import json
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsuite_pipeline.netsuite.clock import AccountClock, account_zone, zone_of
from netsuite_pipeline.netsuite.errors import TimedOut
from netsuite_pipeline_tests.netsuite.scripted_server import Reply, fault, rows

LOS_ANGELES = ZoneInfo("America/Los_Angeles")
ZONES = [LOS_ANGELES, ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Asia/Kolkata"), dt.UTC]


def answer(body: object) -> Reply:
    return Reply(body=json.dumps(body).encode())


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def clock(*zones: dt.tzinfo, overlap: int = 0) -> AccountClock:
    return AccountClock(zones=zones, overlap=dt.timedelta(minutes=overlap))


def test_a_moment_is_told_in_the_zone_of_the_account() -> None:
    assert clock(LOS_ANGELES).since(utc("2026-07-01 12:00:00")) == utc("2026-07-01 05:00:00")
    assert clock(LOS_ANGELES).since(utc("2026-12-01 12:00:00")) == utc("2026-12-01 04:00:00")


def test_the_overlap_is_taken_off() -> None:
    assert clock(LOS_ANGELES, overlap=120).since(utc("2026-07-01 12:00:00")) == utc("2026-07-01 03:00:00")


def test_before_clocks_are_put_back_the_hour_that_comes_again_is_looked_at_as_a_whole() -> None:
    # 01:50 for the first time; at 09:00 UTC it is 01:00 again.
    assert clock(LOS_ANGELES).since(utc("2026-11-01 08:50:00")) <= utc("2026-11-01 01:00:00")


@given(
    moment=st.datetimes(min_value=utc("2020-01-01"), max_value=utc("2030-01-01")),
    later=st.timedeltas(min_value=dt.timedelta(0), max_value=dt.timedelta(days=2)),
    zone=st.sampled_from(ZONES),
)
def test_no_later_change_has_an_earlier_local_time(moment: dt.datetime, later: dt.timedelta, zone: dt.tzinfo) -> None:
    changed = (moment + later).replace(tzinfo=dt.UTC).astimezone(zone).replace(tzinfo=None)
    assert clock(zone).since(moment) <= changed
    assert clock().since(moment) <= changed


@given(
    moment=st.datetimes(min_value=utc("2020-01-01"), max_value=utc("2030-01-01")),
    zone=st.sampled_from(ZONES),
)
def test_hardly_more_is_looked_at_than_needed(moment: dt.datetime, zone: dt.tzinfo) -> None:
    local = moment.replace(tzinfo=dt.UTC).astimezone(zone).replace(tzinfo=None)
    assert local - clock(zone).since(moment) <= dt.timedelta(hours=1)


@pytest.mark.parametrize(("name", "hours"), [("America/Los_Angeles", -8), ("-08:00", -8), ("+5:30", 5.5), ("UTC", 0)])
def test_a_zone_is_known_by_its_name_or_its_offset(name: str, hours: float) -> None:
    zone = zone_of(name)
    assert zone is not None
    assert dt.datetime(2026, 1, 1, tzinfo=zone).utcoffset() == dt.timedelta(hours=hours)


@pytest.mark.parametrize("name", ["", "Pacific", "../etc/passwd", "+99:00", "America"])
def test_what_is_no_zone_is_none(name: str) -> None:
    assert zone_of(name) is None


@pytest.mark.parametrize("column", ["zone", "expr1"])
def test_the_zone_is_read_whatever_its_column_is_called(serve: Callable[..., Any], column: str) -> None:
    _, client = serve(rows({column: "America/Los_Angeles"}))
    assert account_zone(client) == LOS_ANGELES


@pytest.mark.parametrize("reply", [fault(400, "INVALID_PARAMETER"), rows({"zone": "Pacific"}), rows()])
def test_a_zone_that_netsuite_does_not_tell_is_unknown(
    serve: Callable[..., Any], caplog: pytest.LogCaptureFixture, reply: Reply
) -> None:
    _, client = serve(reply)
    assert account_zone(client) is None
    assert "NETSUITE_TIME_ZONE" in caplog.text


def test_the_time_is_netsuites_in_utc(serve: Callable[..., Any]) -> None:
    server, client = serve(answer({"serverTime": "2026-11-26T08:21:00.250-08:00"}))
    assert client.server_time() == utc("2026-11-26 16:21:00.250")
    assert [(request.method, request.target) for request in server.seen] == [
        ("GET", "/services/rest/system/v1/serverTime")
    ]


@pytest.mark.parametrize(
    "body", [{}, {"serverTime": None}, {"serverTime": "yesterday"}, {"serverTime": "2026-11-26T16:21:00"}]
)
def test_an_answer_without_a_time_is_asked_for_again_and_then_an_error(
    serve: Callable[..., Any], body: dict[str, object]
) -> None:
    _, client = serve(answer(body))
    with pytest.raises(TimedOut, match="Ask NetSuite for the time failed after 5"):
        client.server_time()
