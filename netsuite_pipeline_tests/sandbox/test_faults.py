"""Every failure on demand, as a client sees it on the wire."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from netsuite_pipeline.sandbox.faults import Endpoint, Fault, FaultKind
from netsuite_pipeline_tests.waiting import wait_for

SQL = "SELECT id, altname FROM customer ORDER BY id"


def add(caller: Any, kind: str, **arguments: Any) -> None:
    caller.sandbox.faults.add(Fault(FaultKind(kind), **arguments))


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("400", "INVALID_PARAMETER"),
        ("401", "INVALID_LOGIN"),
        ("403", "INSUFFICIENT_PERMISSION"),
        ("429", "CONCURRENCY_LIMIT_EXCEEDED"),
        ("500", "UNEXPECTED_ERROR"),
    ],
)
def test_statuses_carry_netsuites_body_once(caller: Any, kind: str, code: str) -> None:
    add(caller, kind)
    answer = caller.post(SQL)
    assert (answer.status_code, answer.json()["o:errorDetails"][0]["o:errorCode"]) == (int(kind), code)
    assert answer.headers["content-type"] == "application/vnd.oracle.resource+json; type=error"
    assert caller.post(SQL).status_code == 200


def test_a_429_says_bad_request_and_user_error_as_oracle_prints_it(caller: Any) -> None:
    add(caller, "429")
    body = caller.post(SQL).json()
    assert (body["title"], body["status"], body["o:errorCode"]) == ("Bad Request", 429, "USER_ERROR")


@pytest.mark.parametrize("kind", ["429", "503"])
def test_retry_after_is_sent_only_when_asked_for(caller: Any, kind: str) -> None:
    add(caller, kind, retry_after="7")
    add(caller, kind)
    assert [caller.post(SQL).headers.get("retry-after") for _ in range(2)] == ["7", None]


@pytest.mark.parametrize("kind", ["502", "503", "504"])
def test_gateways_answer_html(caller: Any, kind: str) -> None:
    add(caller, kind)
    answer = caller.post(SQL)
    assert answer.status_code == int(kind)
    assert answer.headers["content-type"].startswith("text/html")


def test_a_reset_comes_before_any_byte(caller: Any) -> None:
    add(caller, "reset")
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        caller.post(SQL)
    assert caller.post(SQL).status_code == 200


def test_a_reset_midway_breaks_a_body_that_has_begun(caller: Any) -> None:
    add(caller, "reset_midway")
    url = caller.sandbox.base_url + "/services/rest/query/v1/suiteql"
    headers = caller.signed("POST", url) | {"Prefer": "transient"}
    received: list[bytes] = []
    with caller.http.stream("POST", url, json={"q": SQL}, headers=headers) as answer:
        assert answer.status_code == 200
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            received.extend(answer.iter_raw())
    assert 0 < len(b"".join(received)) < int(answer.headers["content-length"])


def test_empty_answers_have_status_200(caller: Any) -> None:
    add(caller, "empty")
    add(caller, "empty_body")
    assert [caller.post(SQL).content for _ in range(2)] == [b"{}", b""]


def test_a_truncated_answer_is_half_the_json(caller: Any) -> None:
    whole = caller.post(SQL).content
    add(caller, "truncated")
    half = caller.post(SQL)
    assert half.status_code == 200
    assert half.content == whole[: len(whole) // 2]


def test_a_hang_outlasts_the_client_and_frees_its_slot(caller: Any) -> None:
    add(caller, "hang", seconds=600)
    impatient = httpx.Client(timeout=httpx.Timeout(30, read=0.2))
    url = caller.sandbox.base_url + "/services/rest/query/v1/suiteql"
    headers = caller.signed("POST", url) | {"Prefer": "transient"}
    with impatient, pytest.raises(httpx.ReadTimeout):
        impatient.post(url, json={"q": SQL}, headers=headers)
    sandbox = caller.sandbox
    wait_for(lambda: sandbox.faults.delivered and not sandbox.stats.in_flight, what="the slot", every=0.01)


def test_a_short_hang_ends_with_the_answer(caller: Any) -> None:
    add(caller, "hang", seconds=0.05)
    assert caller.post(SQL).status_code == 200


def test_rows_can_lose_gain_change_and_repeat(caller: Any) -> None:
    clean = caller.rows(SQL)
    add(caller, "drop_key", row=1, column="id")
    add(caller, "extra_column", row=0, column="surprise", value="x")
    add(caller, "replace", row=2, column="altname", value="changed")
    add(caller, "duplicate_row", row=3)
    dropped, extra, replaced, doubled = (caller.rows(SQL) for _ in range(4))
    assert dropped[1] == {"altname": clean[1]["altname"]}
    assert extra[0] == clean[0] | {"surprise": "x"}
    assert replaced[2] == clean[2] | {"altname": "changed"}
    assert doubled == [*clean[:4], clean[3], *clean[4:]]


def test_a_fault_waits_for_its_query_and_its_turn(caller: Any) -> None:
    add(caller, "500", match="FROM ITEM", skip=1, times=2)
    item = "SELECT COUNT(*) FROM item"
    assert caller.post(SQL).status_code == 200
    assert [caller.post(item).status_code for _ in range(4)] == [200, 500, 500, 200]
    assert caller.sandbox.faults.delivered == {"500": 2}
    assert caller.sandbox.faults.waiting == 0


def test_a_fault_without_end_lasts_until_it_is_cleared(caller: Any) -> None:
    add(caller, "503", times=None)
    assert [caller.post(SQL).status_code for _ in range(3)] == [503, 503, 503]
    caller.sandbox.faults.clear()
    assert caller.post(SQL).status_code == 200


def test_the_token_endpoint_fails_on_its_own(caller: Any) -> None:
    add(caller, "503", endpoint=Endpoint.TOKEN)
    assert caller.post(SQL).status_code == 200
    answer = caller.http.post(caller.sandbox.base_url + "/services/rest/auth/oauth2/v1/token", data={})
    assert answer.status_code == 503


def test_a_system_endpoint_fails_on_its_own_by_its_path(caller: Any) -> None:
    add(caller, "403", endpoint=Endpoint.SYSTEM, match="governanceLimits")
    assert caller.post(SQL).status_code == 200
    paths = ("serverTime", "governanceLimits", "governanceLimits")
    assert [caller.get(f"/services/rest/system/v1/{path}").status_code for path in paths] == [200, 403, 200]


def test_bodies_of_system_endpoints_are_spoilt_as_those_of_queries(caller: Any) -> None:
    path = "/services/rest/system/v1/serverTime"
    whole = caller.get(path).content
    add(caller, "truncated", endpoint=Endpoint.SYSTEM)
    assert len(caller.get(path).content) == len(whole) // 2
    add(caller, "reset_midway", endpoint=Endpoint.SYSTEM)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        caller.get(path)


@pytest.mark.parametrize(
    "arguments", [{"kind": "503", "times": 0}, {"kind": "drop_key"}, {"kind": "418"}, {"kind": "hang", "seconds": -1}]
)
def test_an_impossible_fault_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each kind of mistake has its own text
        Fault(**arguments)


def test_requests_over_the_concurrency_limit_get_429_at_once(make_caller: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    caller = make_caller(concurrency=2)
    released = threading.Event()
    engine = caller.sandbox.account.engine
    answer = engine.query
    # Held back until the test lets go, however slow the machine is: a hang of so many seconds might be over.
    monkeypatch.setattr(engine, "query", lambda *query, **paging: released.wait(60) and answer(*query, **paging))
    with ThreadPoolExecutor(2) as threads:
        held = [threads.submit(caller.post, SQL) for _ in range(2)]
        try:
            wait_for(lambda: caller.sandbox.stats.in_flight == 2, what="both requests", every=0.01)
            assert caller.post(SQL).status_code == 429
            assert not any(one.done() for one in held)
        finally:
            released.set()
        assert [one.result().status_code for one in held] == [200, 200]
    assert caller.sandbox.stats.snapshot()["peak_in_flight"] == 3
