"""NetSuite's answers become errors by status and code."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from netsuite_pipeline.netsuite.errors import (
    AuthenticationFailed,
    NetSuiteError,
    QueryRejected,
    RateLimited,
    Reaction,
    RecordTypeUnavailable,
    TimedOut,
    TransientError,
    Unavailable,
    classify,
)
from netsuite_pipeline.record_types.failure import FailureCategory

SAMPLES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "error_bodies.json").read_text())["samples"]

EXPECTED: dict[str, tuple[type[NetSuiteError], str, Reaction]] = {
    "401_invalid_login": (AuthenticationFailed, "INVALID_LOGIN", Reaction.STOP),
    "400_invalid_content": (QueryRejected, "INVALID_CONTENT", Reaction.GIVE_UP),
    "404_nonexistent_id": (QueryRejected, "NONEXISTENT_ID", Reaction.GIVE_UP),
    "400_invalid_request": (QueryRejected, "INVALID_REQUEST", Reaction.GIVE_UP),
    "429_concurrency": (RateLimited, "CONCURRENCY_LIMIT_EXCEEDED", Reaction.BACK_OFF),
    "500_unexpected_error": (Unavailable, "UNEXPECTED_ERROR", Reaction.RETRY),
    "400_suiteql_unknown_identifier": (QueryRejected, "INVALID_PARAMETER", Reaction.DROP_COLUMN),
    "400_suiteql_unknown_table": (RecordTypeUnavailable, "INVALID_PARAMETER", Reaction.UNAVAILABLE),
    "400_suiteql_record_not_available": (RecordTypeUnavailable, "INVALID_PARAMETER", Reaction.UNAVAILABLE),
    "400_record_q_invalid": (QueryRejected, "INVALID_PARAMETER", Reaction.GIVE_UP),
    "403_insufficient_permission": (RecordTypeUnavailable, "INSUFFICIENT_PERMISSION", Reaction.UNAVAILABLE),
    "400_invalid_header_language": (QueryRejected, "INVALID_HEADER", Reaction.GIVE_UP),
    "400_date_parse_text": (QueryRejected, "INVALID_PARAMETER", Reaction.GIVE_UP),
}


def answered(status: int, body: bytes = b"", **headers: str) -> NetSuiteError:
    return classify(httpx.Response(status, content=body, headers=headers))


def test_every_known_body_has_an_expectation():
    assert {sample["name"] for sample in SAMPLES} == set(EXPECTED)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["name"])
def test_known_body_is_classified_and_quoted(sample):
    body = sample["body"]
    error = answered(body["status"], json.dumps(body).encode())
    kind, code, reaction = EXPECTED[sample["name"]]
    assert (type(error), error.code, error.status, error.reaction) == (kind, code, body["status"], reaction)
    assert body["o:errorDetails"][0]["detail"][:300] in str(error)


@pytest.mark.parametrize(
    ("status", "kind", "category", "reaction"),
    [
        (302, Unavailable, FailureCategory.API_UNAVAILABLE, Reaction.RETRY),
        (401, AuthenticationFailed, FailureCategory.AUTHENTICATION, Reaction.STOP),
        (403, QueryRejected, FailureCategory.PERMANENT_ERROR, Reaction.GIVE_UP),
        (408, TimedOut, FailureCategory.TIMEOUT, Reaction.RETRY),
        (429, RateLimited, FailureCategory.API_RATE_LIMIT, Reaction.BACK_OFF),
        (500, Unavailable, FailureCategory.API_UNAVAILABLE, Reaction.RETRY),
        (502, Unavailable, FailureCategory.API_UNAVAILABLE, Reaction.RETRY),
        (503, Unavailable, FailureCategory.API_UNAVAILABLE, Reaction.RETRY),
        (504, Unavailable, FailureCategory.API_UNAVAILABLE, Reaction.RETRY),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>Bad Gateway</html>", b"[]", b'{"o:errorDetails": ["?"]}', b"\xff"])
def test_status_decides_when_the_body_says_nothing(status, kind, category, reaction, body):
    error = answered(status, body)
    assert (type(error), error.category, error.reaction, error.code) == (kind, category, reaction, None)
    assert str(error) == f"HTTP {status}"


def test_restlet_concurrency_refusal_is_a_rate_limit_although_its_status_is_400():
    body = b'{"o:errorDetails": [{"detail": "Request limit", "o:errorCode": "SSS_REQUEST_LIMIT_EXCEEDED"}]}'
    assert isinstance(answered(400, body), RateLimited)


def test_a_language_that_is_refused_names_the_setting_and_its_value():
    sample = next(sample for sample in SAMPLES if sample["name"] == "400_invalid_header_language")
    error = answered(400, json.dumps(sample["body"]).encode())
    assert "set NETSUITE_LANGUAGE=zh," in error.said


def test_a_language_that_is_refused_without_another_one_names_the_setting():
    details = {"detail": "Invalid language.", "o:errorHeader": "Accept-Language", "o:errorCode": "INVALID_HEADER"}
    error = answered(400, json.dumps({"o:errorDetails": [details]}).encode())
    assert "set NETSUITE_LANGUAGE to the company's default language" in error.said


def test_another_header_that_is_refused_is_no_matter_of_languages():
    details = {"detail": "Invalid header value.", "o:errorHeader": "Prefer", "o:errorCode": "INVALID_HEADER"}
    assert "NETSUITE_LANGUAGE" not in answered(400, json.dumps({"o:errorDetails": [details]}).encode()).said


def test_the_unknown_column_is_named():
    sample = next(sample for sample in SAMPLES if sample["name"] == "400_suiteql_unknown_identifier")
    error = answered(400, json.dumps(sample["body"]).encode())
    assert isinstance(error, QueryRejected)
    assert error.column == "subsidiary"


@pytest.mark.parametrize(
    "detail",
    [
        "Search error occurred: Field 'balance' for record 'customer' was not found. Reason: NOT_EXPOSED - Not"
        " available for channel SEARCH",
        "Search error occurred: Field 'balance' not found.",
    ],
)
def test_a_column_that_netsuite_does_not_expose_is_named_too(detail):
    error = answered(400, json.dumps({"o:errorDetails": [{"detail": detail}]}).encode())
    assert isinstance(error, QueryRejected)
    assert error.column == "balance"


@pytest.mark.parametrize(
    ("detail", "table"),
    [("Search error occurred: Record 'job' was not found.", "job"), ("Invalid search type: chargetype.", "chargetype")],
)
def test_the_missing_table_is_named(detail, table):
    error = answered(400, json.dumps({"o:errorDetails": [{"detail": detail}]}).encode())
    assert isinstance(error, RecordTypeUnavailable)
    assert error.table == table


def test_a_missing_permission_names_no_table():
    error = answered(403, b'{"o:errorDetails": [{"detail": "No", "o:errorCode": "INSUFFICIENT_PERMISSION"}]}')
    assert isinstance(error, RecordTypeUnavailable)
    assert error.table is None


def test_the_texts_of_a_missing_table_mean_nothing_on_a_server_error():
    body = b'{"o:errorDetails": [{"detail": "Record \'x\' was not found"}]}'
    assert isinstance(answered(500, body), Unavailable)


def test_retry_after_is_kept_for_whoever_waits():
    error = answered(429, b"", **{"Retry-After": "7"})
    assert isinstance(error, TransientError)
    assert error.retry_after == "7"


def test_a_long_detail_is_trimmed():
    body = json.dumps({"o:errorDetails": [{"detail": "x" * 5000, "o:errorCode": "INVALID_PARAMETER"}]})
    assert len(str(answered(400, body.encode()))) < 500


def test_an_error_keeps_its_kind_and_code_when_it_gets_context():
    error = answered(503, b"", **{"Retry-After": "9", "Date": "today"}).within("Count records")
    assert error.date == "today"
    assert (str(error), type(error), error.status) == ("Count records: HTTP 503", Unavailable, 503)
    assert isinstance(error, TransientError)
    assert error.retry_after == "9"
