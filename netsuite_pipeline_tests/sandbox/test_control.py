"""The control API, the system endpoints and malformed requests."""

from typing import Any

import httpx
import pytest

PLAIN = "SELECT id FROM customer ORDER BY id"


def control(caller: Any, method: str, path: str, content: Any = None) -> httpx.Response:
    answer: httpx.Response = caller.http.request(method, caller.sandbox.base_url + "/sandbox/" + path, json=content)
    return answer


def test_statistics_count_requests_by_path_and_status(caller: Any) -> None:
    caller.post(PLAIN)
    caller.post("SELECT nothing FROM customer")
    caller.post(PLAIN, client_secret="wrong")
    stats = control(caller, "GET", "stats").json()
    assert stats["requests"] == {"/services/rest/query/v1/suiteql": {"200": 1, "400": 1, "401": 1}}
    assert (stats["total_requests"], stats["total_queries"], stats["authentication_failures"]) == (3, 2, 1)
    assert stats["peak_in_flight"] == 1
    assert control(caller, "GET", "queries").json()["queries"] == [PLAIN, "SELECT nothing FROM customer"]
    control(caller, "DELETE", "stats")
    assert control(caller, "GET", "stats").json()["total_requests"] == 0


def test_faults_are_added_and_cleared_over_http(caller: Any) -> None:
    assert control(caller, "POST", "faults", {"kind": "503", "times": 2, "match": "customer"}).status_code == 200
    assert caller.post(PLAIN).status_code == 503
    control(caller, "DELETE", "faults")
    assert caller.post(PLAIN).status_code == 200


@pytest.mark.parametrize("fault", [{"kind": "418"}, {"kind": "503", "often": 3}, {}, []])
def test_a_wrong_fault_is_a_400_with_a_reason(caller: Any, fault: Any) -> None:
    answer = control(caller, "POST", "faults", fault)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_table_that_is_switched_off_is_not_found_until_it_is_back(caller: Any) -> None:
    control(caller, "POST", "tables/location", {"available": False})
    assert caller.refusal("SELECT id FROM location") == (
        "Invalid search query. Detailed unprocessed description follows. "
        "Search error occurred: Record 'location' was not found."
    )
    control(caller, "POST", "tables/location", {"available": True})
    assert caller.rows("SELECT id FROM location")


def test_a_column_that_is_switched_off_is_unknown(caller: Any) -> None:
    control(caller, "POST", "tables/customer", {"available": False, "columns": ["terms"]})
    assert "Unknown identifier 'terms'" in caller.refusal("SELECT id, terms FROM customer")
    assert "terms" not in caller.rows("SELECT * FROM customer WHERE id = 138")[0]


def test_records_are_inserted_updated_and_stamped(caller: Any) -> None:
    dataset = caller.sandbox.dataset
    started = dataset.local_now()
    rows = [{"id": 900_001, "altname": "Ñew 🙂", "creditlimit": "12345678901234567.12345678", "email": ""}]
    assert control(caller, "PUT", "records/customer", rows).json() == {"written": 1}
    control(caller, "PUT", "records/customer", {"id": 900_001, "isinactive": "T"})
    (row,) = caller.rows(
        "SELECT altname, creditlimit, email, isinactive, "
        "TO_CHAR(lastmodifieddate, 'YYYY-MM-DD HH24:MI:SS') AS changed FROM customer WHERE id = 900001"
    )
    changed = row.pop("changed")
    assert row == {"altname": "Ñew 🙂", "creditlimit": "12345678901234567.12345678", "isinactive": "T"}
    assert started <= changed <= dataset.local_now()


def test_an_empty_text_that_a_query_makes_is_null_too(caller: Any) -> None:
    control(caller, "PUT", "records/customer", {"id": 900_002, "startdate": "typo"})
    sql = "SELECT TO_CHAR(startdate, 'DD') AS day, TO_CHAR(startdate, 'YYYY') AS year FROM customer WHERE id = 900002"
    assert caller.rows(sql) == [{"year": "typo"}]


def test_a_given_modified_date_stays(caller: Any) -> None:
    row = {"transaction": 1, "id": 1, "linelastmodifieddate": "2020-01-02"}
    control(caller, "PUT", "records/transactionline", [row])
    sql = "SELECT TO_CHAR(linelastmodifieddate, 'YYYY-MM-DD HH24:MI:SS') FROM transactionline WHERE transaction = 1"
    assert caller.value(sql) == "2020-01-02 00:00:00"


def test_deleting_a_transaction_takes_its_lines_and_leaves_a_deleted_record(caller: Any) -> None:
    identifier = caller.value("SELECT MIN(id) FROM transaction")
    assert control(caller, "DELETE", f"records/transaction/{identifier}").json() == {"deleted": 1}
    assert caller.rows(f"SELECT id FROM transaction WHERE id = {identifier}") == []
    assert caller.rows(f"SELECT id FROM transactionline WHERE transaction = {identifier}") == []
    (row,) = caller.rows("SELECT recordid, type, iscustomrecord FROM deletedrecord")
    assert row == {"recordid": identifier, "type": "TRANSACTION", "iscustomrecord": "F"}
    assert control(caller, "DELETE", f"records/transaction/{identifier}").json() == {"deleted": 0}


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("PUT", "records/nothing", [{"id": 1}]),
        ("PUT", "records/customer", [{"id": 1, "nothing": 1}]),
        ("PUT", "records/customer", [{"altname": "no id"}]),
        ("PUT", "records/customer", [{"id": "abc"}]),
        ("PUT", "records/dual", [{"dummy": "Y"}]),
        ("DELETE", "records/customer/abc", None),
        ("POST", "tables/nothing", {"available": False}),
        ("POST", "tables/customer", {"available": "no"}),
        ("POST", "latency", {"milliseconds": -1}),
    ],
)
def test_a_wrong_change_is_a_400_with_a_reason(caller: Any, method: str, path: str, content: Any) -> None:
    answer = control(caller, method, path, content)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_latency_can_be_set_while_it_runs(caller: Any) -> None:
    control(caller, "POST", "latency", {"milliseconds": 20})
    assert caller.sandbox.account.latency == 0.02
    assert caller.post(PLAIN).status_code == 200


def test_system_endpoints_answer_time_and_limits(reader: Any) -> None:
    server_time = reader.get("/services/rest/system/v1/serverTime").json()["serverTime"]
    assert len(server_time) == len("2025-03-26T16:21:00.000Z")
    assert server_time.endswith("Z")
    limits = reader.get("/services/rest/system/v1/governanceLimits").json()
    assert limits["accountConcurrencyLimit"] == 20
    assert set(limits) == {
        "accountConcurrencyLimit",
        "accountUnallocatedConcurrencyLimit",
        "integrationConcurrencyLimit",
        "integrationLimitType",
    }


def send(caller: Any, content: bytes, prefer: str | None = "transient") -> httpx.Response:
    url = caller.sandbox.base_url + "/services/rest/query/v1/suiteql"
    headers = caller.signed("POST", url) | {"Content-Type": "application/json"}
    if prefer is not None:
        headers["Prefer"] = prefer
    answer: httpx.Response = caller.http.post(url, content=content, headers=headers)
    return answer


@pytest.mark.parametrize("prefer", [None, "respond-async"])
def test_prefer_transient_is_mandatory(reader: Any, prefer: str | None) -> None:
    answer = send(reader, b'{"q": "SELECT id FROM item"}', prefer)
    (detail,) = answer.json()["o:errorDetails"]
    assert (answer.status_code, detail["o:errorCode"], detail["o:errorHeader"]) == (400, "INVALID_HEADER", "Prefer")


@pytest.mark.parametrize(
    "content", [b"", b"SELECT 1", b'{"q": 1}', b"[]", b'{"q": "SELECT id FROM item", "params": 1}']
)
def test_a_body_that_is_no_query_is_a_400(reader: Any, content: bytes) -> None:
    assert send(reader, content).status_code == 400


def test_an_unknown_path_is_a_404_with_netsuites_body(reader: Any) -> None:
    answer = reader.get("/services/rest/record/v1/customer/1")
    assert (answer.status_code, answer.json()["o:errorDetails"][0]["o:errorCode"]) == (404, "NONEXISTENT_ID")
