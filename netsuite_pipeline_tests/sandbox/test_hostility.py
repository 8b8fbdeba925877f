"""An account in which a share of all requests fails: how large, by whose choice, and how it is switched on and off."""

from collections import Counter
from typing import Any

import pytest

from netsuite_pipeline.sandbox.faults import Endpoint, Fault, FaultKind
from netsuite_pipeline.sandbox.hostility import HOSTILE_KINDS, Hostility

SQL = "SELECT id FROM customer ORDER BY id"
REQUESTS = 5000


def kinds(hostility: Hostility) -> list[str | None]:
    taken = (hostility.take(Endpoint.QUERY) for _ in range(REQUESTS))
    return [None if fault is None else fault.kind.value for fault in taken]


def test_the_share_is_spread_over_all_kinds() -> None:
    counts = Counter(kinds(Hostility(10, seed=4)))
    failed = REQUESTS - counts.pop(None)
    assert 0.08 * REQUESTS < failed < 0.12 * REQUESTS
    assert counts.keys() == {kind.value for kind in HOSTILE_KINDS}
    assert min(counts.values()) > failed / len(HOSTILE_KINDS) / 2


def test_the_same_seed_chooses_the_same_failures() -> None:
    assert kinds(Hostility(10, seed=4)) == kinds(Hostility(10, seed=4)) != kinds(Hostility(10, seed=5))


def test_some_of_the_429s_say_when_to_come_back() -> None:
    hostility = Hostility(100, kinds=[FaultKind.TOO_MANY_REQUESTS])
    said = {fault.retry_after for _ in range(50) if (fault := hostility.take(Endpoint.SYSTEM))}
    assert said == {None, "2"}


@pytest.mark.parametrize(
    "arguments",
    [
        {"share": 101},
        {"share": -1},
        {"share": 1, "kinds": ["418"]},
        {"share": 1, "kinds": []},
        {"share": 1, "kinds": ["drop_key"]},
        {"share": 1, "kinds": ["hang"], "seconds": -1},
    ],
)
def test_an_impossible_hostility_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each kind of mistake has its own text
        Hostility(**arguments)


def test_a_scripted_fault_goes_first(caller: Any) -> None:
    caller.sandbox.hostility = Hostility(100, kinds=["500"])
    caller.sandbox.faults.add(Fault(FaultKind.BAD_GATEWAY))
    assert [caller.post(SQL).status_code for _ in range(3)] == [502, 500, 500]
    assert caller.sandbox.hostility.delivered == {"500": 2}


def test_it_is_switched_on_and_off_over_http(caller: Any) -> None:
    url = caller.sandbox.base_url + "/sandbox/hostility"
    on = caller.http.post(url, json={"share": 100, "seed": 3, "kinds": ["503"], "seconds": 1})
    assert (on.status_code, on.json()) == (200, {"share": 100})
    assert caller.post(SQL).status_code == 503
    assert caller.http.get(caller.sandbox.base_url + "/sandbox/stats").json()["hostility_delivered"] == {"503": 1}
    assert caller.http.delete(url).status_code == 200
    assert caller.post(SQL).status_code == 200


@pytest.mark.parametrize(
    "given", [{}, {"share": 200}, {"share": "ten"}, {"share": 1, "often": 2}, {"share": 1, "kinds": 7}]
)
def test_a_wrong_hostility_is_a_400_with_a_reason(caller: Any, given: dict[str, Any]) -> None:
    answer = caller.http.post(caller.sandbox.base_url + "/sandbox/hostility", json=given)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_dropped_row_is_missing_from_its_page_only(caller: Any) -> None:
    whole = caller.rows(SQL)
    caller.sandbox.faults.add(Fault(FaultKind.DROP_ROW, row=2))
    assert caller.rows(SQL) == [*whole[:2], *whole[3:]]
    assert caller.rows(SQL) == whole
