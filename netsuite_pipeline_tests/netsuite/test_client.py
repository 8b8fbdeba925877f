"""The client over real sockets: what it sends, what it tries again, and when it gives up."""

import gzip
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from netsuite_pipeline.netsuite.client import NetSuiteClient
from netsuite_pipeline.netsuite.errors import (
    AuthenticationFailed,
    NetSuiteError,
    QueryCancelled,
    QueryRejected,
    RateLimited,
    RecordTypeUnavailable,
    TimedOut,
    Unavailable,
)
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.settings import SettingsError
from netsuite_pipeline_tests.netsuite.conftest import SECRETS
from netsuite_pipeline_tests.netsuite.scripted_server import Reply, fault, rows
from netsuite_pipeline_tests.waiting import wait_for

SQL = "SELECT customer.id AS refid FROM customer"
REFUSED = fault(401, "INVALID_LOGIN")
LIMITED = fault(429, "CONCURRENCY_LIMIT_EXCEEDED")


def test_a_query_is_sent_as_netsuite_documents_it(serve):
    server, client = serve(rows({"refid": "7"}, total=1500, more=True))
    page = client.query(SQL)
    (seen,) = server.seen
    assert (seen.method, seen.target) == ("POST", "/services/rest/query/v1/suiteql?limit=1000")
    assert json.loads(seen.body) == {"q": SQL}
    assert (seen.headers["prefer"], seen.headers["content-type"]) == ("transient", "application/json")
    assert seen.headers["accept-encoding"] == "gzip"
    assert [row["refid"] for row in page.items] == ["7"]
    assert (page.total, page.has_more, page.attempts) == (1500, True, 1)


def test_a_language_is_sent_only_when_it_is_set(serve):
    for setting in (None, "zh_CN"):
        server, client = serve(rows(), netsuite_language=setting)
        client.query(SQL)
        assert server.seen[0].headers.get("accept-language") == setting


def test_a_compressed_answer_is_unpacked(serve):
    body = gzip.compress(rows({"refid": "7"}).body)
    _, client = serve(Reply(body=body, headers={"Content-Encoding": "gzip"}))
    assert client.query(SQL).items[0]["refid"] == "7"


def test_half_a_surrogate_pair_does_not_cost_the_page(serve):
    _, client = serve(Reply(body=b'{"items": [{"refid": "1", "name": "\\ud83d"}, {"refid": "2"}]}'))
    assert [row["refid"] for row in client.query(SQL).items] == ["1", "2"]


SPOILT = {
    "429": (LIMITED, RateLimited, FailureCategory.API_RATE_LIMIT),
    "500": (fault(500, "UNEXPECTED_ERROR"), Unavailable, FailureCategory.API_UNAVAILABLE),
    "502": (Reply(502, b"<html>"), Unavailable, FailureCategory.API_UNAVAILABLE),
    "503": (Reply(503), Unavailable, FailureCategory.API_UNAVAILABLE),
    "504": (Reply(504), Unavailable, FailureCategory.API_UNAVAILABLE),
    "reset": (Reply(how="reset"), Unavailable, FailureCategory.API_UNAVAILABLE),
    "half a body": (Reply(body=rows({"a": "b"}).body, how="half"), Unavailable, FailureCategory.API_UNAVAILABLE),
    "truncated JSON": (Reply(body=b'{"items": [{"re'), Unavailable, FailureCategory.API_UNAVAILABLE),
    "broken gzip": (
        Reply(body=b"no gzip", headers={"Content-Encoding": "gzip"}),
        Unavailable,
        FailureCategory.API_UNAVAILABLE,
    ),
    "items that are no rows": (Reply(body=b'{"items": [1]}'), Unavailable, FailureCategory.API_UNAVAILABLE),
    "empty object": (Reply(body=b"{}"), TimedOut, FailureCategory.TIMEOUT),
    "no items": (Reply(body=b'{"count": 0}'), TimedOut, FailureCategory.TIMEOUT),
    "empty body": (Reply(body=b""), TimedOut, FailureCategory.TIMEOUT),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_passing_fault_is_tried_again(serve, waits, name):
    server, client = serve(SPOILT[name][0], SPOILT[name][0], rows({"refid": "7"}))
    page = client.query(SQL)
    assert page.items[0]["refid"] == "7"
    assert (page.attempts, len(server.seen), len(waits)) == (3, 3, 2)


@pytest.mark.parametrize("name", SPOILT)
def test_a_lasting_fault_ends_after_five_attempts_with_its_category(serve, waits, name):
    reply, kind, category = SPOILT[name]
    server, client = serve(reply)
    with pytest.raises(kind, match=r"Query NetSuite \(SELECT.* failed after 5 of at most 5 attempts") as caught:
        client.query(SQL)
    assert caught.value.category == category
    assert (len(server.seen), len(waits)) == (5, 4)
    if reply.how == "whole" and name != "broken gzip":
        assert caught.value.status == reply.status


@pytest.mark.parametrize("how", ["silent", "trickle"])
def test_an_answer_that_does_not_arrive_in_time_is_tried_again(serve, how):
    late = Reply(body=rows({"refid": "late"}).body, how=how)
    _, client = serve(late, rows({"refid": "7"}), netsuite_timeout=1.0)
    page = client.query(SQL)
    assert page.items[0]["refid"] == "7"
    # On a busy machine the answer to the second attempt may be late too.
    assert page.attempts > 1


def test_an_endless_silence_is_a_timeout(serve, waits):
    _, client = serve(Reply(how="silent"), netsuite_timeout=0.05)
    with pytest.raises(TimedOut) as caught:
        client.query(SQL)
    assert (caught.value.category, len(waits)) == (FailureCategory.TIMEOUT, 4)


def test_a_refused_connection_is_an_unavailable_api(settings_for, waits):
    client = NetSuiteClient.connect(settings_for("http://127.0.0.1:1"), sleep=waits.append)
    with client, pytest.raises(Unavailable):
        client.query(SQL)
    assert len(waits) == 4


def patient(settings, waits, *, seconds=1000.0):
    return NetSuiteClient.connect(settings, patience=seconds, sleep=waits.append)


def test_a_patient_client_waits_for_a_netsuite_that_is_away(settings_for, serve, waits):
    # Twice five attempts and the small question after them, then all is well.
    server, _ = serve(*[Reply(503)] * 12, rows({"refid": "7"}))
    with patient(settings_for(server.base_url), waits) as client:
        assert client.query(SQL).items[0]["refid"] == "7"
    assert [seconds for seconds in waits if seconds >= 30] == [30, 60]


def test_a_patient_client_tells_of_an_outage_before_it_waits_for_its_end(settings_for, serve, waits):
    told = []
    server, _ = serve(*[Reply(503)] * 12, rows())
    settings = settings_for(server.base_url)
    outage = {"patience": 1000.0, "on_outage": lambda: told.append(max(waits))}
    with NetSuiteClient.connect(settings, sleep=waits.append, **outage) as client:
        client.query(SQL)
    assert len(told) == 2
    assert told[0] < 30
    assert told[1] == 30


def test_a_patient_client_does_not_wait_when_only_its_question_gets_no_answer(settings_for, serve, waits):
    server, _ = serve(*[Reply(500)] * 5, rows())
    with patient(settings_for(server.base_url), waits) as client, pytest.raises(Unavailable):
        client.query(SQL)
    assert (len(server.seen), len(waits)) == (6, 4)


def test_patience_has_an_end(settings_for, serve, waits):
    server, _ = serve(Reply(503))
    with patient(settings_for(server.base_url), waits, seconds=400.0) as client, pytest.raises(Unavailable):
        client.query(SQL)
    assert [seconds for seconds in waits if seconds >= 30] == [30, 60, 120, 190]


def test_every_attempt_is_signed_anew(serve):
    server, client = serve(LIMITED, Reply(503), Reply(how="reset"), rows())
    client.query(SQL)
    assert len({seen.headers["authorization"] for seen in server.seen}) == 4


def test_retry_after_in_seconds_is_honoured(serve, waits):
    _, client = serve(fault(429, "CONCURRENCY_LIMIT_EXCEEDED", **{"Retry-After": "41"}), rows())
    client.query(SQL)
    assert waits == [41.0]


def test_retry_after_as_a_date_is_honoured(serve, waits):
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=50), usegmt=True)
    _, client = serve(Reply(503, headers={"Retry-After": moment}), rows())
    client.query(SQL)
    assert 20 < waits[0] <= 50


def test_retry_after_of_an_hour_is_capped(serve, waits):
    _, client = serve(Reply(503, headers={"Retry-After": "3600"}), rows())
    client.query(SQL)
    assert waits == [60.0]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (fault(400, "INVALID_PARAMETER", "Unknown identifier 'subsidiary'"), QueryRejected),
        (fault(400, "INVALID_PARAMETER", "Record 'customer' was not found."), RecordTypeUnavailable),
        (fault(403, "INSUFFICIENT_PERMISSION"), RecordTypeUnavailable),
        (fault(404, "NONEXISTENT_ID"), QueryRejected),
    ],
)
def test_a_lasting_refusal_is_not_tried_again(serve, waits, reply, kind):
    server, client = serve(reply)
    with pytest.raises(kind, match=r"Query NetSuite \(SELECT customer.id") as caught:
        client.query(SQL)
    assert caught.value.category == FailureCategory.PERMANENT_ERROR
    assert (len(server.seen), waits) == (1, [])


def test_a_long_query_is_shortened_in_errors(serve):
    _, client = serve(fault(400, "INVALID_PARAMETER", "no"))
    with pytest.raises(QueryRejected) as caught:
        client.query("SELECT " + "x" * 5000)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(("scheme", "attempts"), [("tba", 2), ("m2m", 2)])
def test_wrong_credentials_stop_after_one_more_try_and_name_scheme_and_account(serve, waits, scheme, attempts):
    server, client = serve(REFUSED, netsuite_auth=scheme)
    with pytest.raises(AuthenticationFailed) as caught:
        client.query(SQL)
    assert (len(server.seen), waits) == (attempts, [])
    assert "1234567_SB1" in str(caught.value)
    assert f"NETSUITE_AUTH={scheme}" in str(caught.value)
    assert (caught.value.status, caught.value.code) == (401, "INVALID_LOGIN")
    assert not [secret for secret in SECRETS.values() if secret in str(caught.value)]


def test_after_refused_credentials_nothing_more_is_sent(serve):
    server, client = serve(REFUSED)
    messages = set()
    for _ in range(5):
        with pytest.raises(AuthenticationFailed) as caught:
            client.query(SQL)
        messages.add(str(caught.value))
    assert len(server.seen) == 2
    assert len(messages) == 1


def test_wrong_credentials_cost_two_attempts_however_many_threads_ask(serve):
    server, client = serve(REFUSED, netsuite_concurrency=8)
    with ThreadPoolExecutor(8) as threads:
        errors = [future.exception() for future in [threads.submit(client.query, SQL) for _ in range(32)]]
    assert {type(error) for error in errors} == {AuthenticationFailed}
    assert len(server.seen) == 2


def test_the_first_request_goes_alone_until_an_answer_proves_the_credentials(serve):
    server, client = serve(Reply(503), rows(), netsuite_concurrency=4)
    server.gate = threading.Event()
    with ThreadPoolExecutor(4) as threads:
        futures = [threads.submit(client.query, SQL) for _ in range(4)]
        wait_for(lambda: len(server.seen) == 1, what="the first request", every=0.01)
        assert server.most_at_once == 1
        server.gate.set()
        for future in futures:
            future.result()
    assert server.most_at_once <= 4


def test_those_who_waited_for_the_first_answer_go_together(serve):
    server, client = serve(rows(), netsuite_concurrency=4)
    server.gate = first = threading.Event()
    with ThreadPoolExecutor(4) as threads:
        futures = [threads.submit(client.query, SQL) for _ in range(4)]
        wait_for(lambda: len(server.seen) == 1, what="the first request", every=0.01)
        server.gate = threading.Event()
        first.set()
        try:
            wait_for(lambda: server.most_at_once == 3, what="the three others", every=0.01, seconds=5)
        finally:
            server.gate.set()
        for future in futures:
            future.result()


def test_a_rejected_query_proves_the_credentials_too(serve):
    server, client = serve(fault(400, "INVALID_PARAMETER"), rows(), netsuite_concurrency=2)
    with pytest.raises(QueryRejected):
        client.query(SQL)
    server.gate = threading.Event()
    with ThreadPoolExecutor(2) as threads:
        futures = [threads.submit(client.query, SQL) for _ in range(2)]
        wait_for(lambda: server.most_at_once == 2, what="both requests", every=0.01)
        server.gate.set()
        for future in futures:
            future.result()


def test_never_more_requests_in_flight_than_the_concurrency(serve):
    server, client = serve(rows(), netsuite_concurrency=3)
    client.query(SQL)
    server.gate = threading.Event()
    with ThreadPoolExecutor(12) as threads:
        futures = [threads.submit(client.query, SQL) for _ in range(12)]
        wait_for(lambda: server.most_at_once == 3, what="three requests", every=0.01)
        server.gate.set()
        for future in futures:
            future.result()
    assert (server.most_at_once, len(server.seen)) == (3, 13)


def test_waiting_for_a_slot_is_no_timeout(serve, waits, monkeypatch):
    server, client = serve(rows(), netsuite_concurrency=1, netsuite_timeout=2.5)
    client.query(SQL)
    answer = server.answer
    # 0.7 s each, one after the other: the last one waits longer for its slot than an answer may take.
    monkeypatch.setattr(server, "answer", lambda seen: time.sleep(0.7) or answer(seen))
    with ThreadPoolExecutor(5) as threads:
        for future in [threads.submit(client.query, SQL) for _ in range(5)]:
            future.result()
    assert waits == []


def test_a_429_halves_what_is_in_flight_until_it_goes_well_again(serve):
    server, client = serve(rows(), LIMITED, rows(), netsuite_concurrency=4)
    client.query(SQL)
    client.query(SQL)
    assert (client.stats.slots.limit, client.stats.slots.refusals) == (2, 1)
    server.gate = threading.Event()
    with ThreadPoolExecutor(4) as threads:
        futures = [threads.submit(client.query, SQL) for _ in range(4)]
        wait_for(lambda: server.most_at_once == 2, what="two requests", every=0.01)
        time.sleep(0.05)
        assert len(server.seen) == 5
        server.gate.set()
        for future in futures:
            future.result()
    for _ in range(20):
        client.query(SQL)
    assert client.stats.slots.limit == 4


def test_the_ceiling_follows_the_business_hours_while_the_client_lives(settings_for):
    now = datetime(2026, 3, 2, 7, 59, tzinfo=UTC)
    settings = settings_for(
        "http://127.0.0.1:1",
        netsuite_concurrency=9,
        netsuite_reserve=1,
        netsuite_business_hours="08:00-18:00",
        netsuite_business_concurrency=3,
    )
    with NetSuiteClient.connect(settings, now=lambda: now) as client:
        seen = []
        for hour in (7, 8, 17, 18):
            now = now.replace(hour=hour)
            seen.append(client.stats.slots.limit)
    assert seen == [8, 3, 3, 8]
    assert client.concurrency == 8


def test_the_summary_is_one_line_with_all_that_was_waited_for(serve, waits):
    _, client = serve(rows(), LIMITED, Reply(503), rows(), netsuite_concurrency=5)
    client.query(SQL)
    client.query(SQL)
    assert client.stats.summary == (
        "NetSuite: 4 requests, 2 tried again; at most 1 in flight, 2 of 5 allowed at the end, fewer 1 times after a 429"
        f" and 0 times for slow answers; waited 0.0 s for slots and {sum(waits):.1f} s between attempts."
    )


def test_a_query_that_is_cancelled_while_it_waits_for_a_slot_sends_nothing(serve):
    server, client = serve(rows(), netsuite_concurrency=1)
    client.query(SQL)
    server.gate = threading.Event()
    cancelled = threading.Event()
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(client.query, SQL)
        wait_for(lambda: len(server.seen) == 2, what="the request that has the slot", every=0.01)
        second = threads.submit(client.query, SQL, cancelled=cancelled)
        cancelled.set()
        server.gate.set()
        first.result()
        with pytest.raises(QueryCancelled):
            second.result()
    assert len(server.seen) == 2


def test_concurrency_can_be_a_share_of_the_accounts(settings_for):
    with NetSuiteClient.connect(settings_for("http://127.0.0.1:1"), concurrency=2) as client:
        assert client.concurrency == 2


def test_stats_count_every_request_retry_and_wait(serve, waits):
    _, client = serve(LIMITED, Reply(503), rows())
    client.query(SQL)
    client.query(SQL)
    stats = client.stats
    assert (stats.requests, stats.retries) == (4, 2)
    assert stats.seconds_waiting == pytest.approx(sum(waits))


def test_a_cancelled_query_sends_nothing(serve):
    server, client = serve(rows())
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(QueryCancelled):
        client.query(SQL, cancelled=cancelled)
    assert server.seen == []


def test_cancelling_ends_the_wait_before_the_next_attempt(settings_for, serve):
    server, _ = serve(fault(429, "CONCURRENCY_LIMIT_EXCEEDED", **{"Retry-After": "60"}))
    cancelled = threading.Event()
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        cancelled.set()

    client = NetSuiteClient.connect(settings_for(server.base_url), sleep=sleep)
    with client, pytest.raises(QueryCancelled):
        client.query(SQL, cancelled=cancelled)
    assert (len(server.seen), len(slept)) == (1, 1)
    assert slept[0] < 1


@pytest.mark.parametrize("missing", ["netsuite_token_secret", "netsuite_consumer_key"])
def test_a_missing_credential_is_named_before_anything_is_sent(settings_for, missing):
    settings = settings_for("http://127.0.0.1:1", **{missing: None})
    with pytest.raises(SettingsError, match=missing.upper()):
        NetSuiteClient.connect(settings)


def test_a_proxy_of_the_environment_is_not_used_for_a_server_on_this_machine(serve, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    _, client = serve(rows({"refid": "7"}))
    assert client.query(SQL).items[0]["refid"] == "7"


def test_every_error_of_the_client_is_a_netsuite_error():
    kinds = [AuthenticationFailed, QueryCancelled, QueryRejected, RateLimited, RecordTypeUnavailable, TimedOut]
    assert all(issubclass(kind, NetSuiteError) for kind in [*kinds, Unavailable])
