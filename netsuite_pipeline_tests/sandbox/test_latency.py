"""How long an answer of the sandbox takes, its own work included."""

import time
from typing import Any

import pytest

from netsuite_pipeline.sandbox.engine import Page

PLAIN = "SELECT id FROM customer ORDER BY id"


@pytest.mark.parametrize(("sql", "status"), [(PLAIN, 200), ("SELECT nothing FROM customer", 400)])
def test_no_query_is_answered_or_refused_before_its_latency(caller: Any, sql: str, status: int) -> None:
    caller.sandbox.account.latency = 0.2
    asked = time.monotonic()
    assert caller.post(sql).status_code == status
    assert time.monotonic() - asked >= 0.2


def test_what_the_sandbox_works_is_a_part_of_the_latency(caller: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    account = caller.sandbox.account
    answered = account.engine.query

    def slowly(*given: Any, **named: Any) -> Page:
        time.sleep(1.0)
        return answered(*given, **named)

    monkeypatch.setattr(account.engine, "query", slowly)
    account.latency = 1.0
    asked = time.monotonic()
    assert caller.post(PLAIN).status_code == 200
    assert time.monotonic() - asked < 1.9
