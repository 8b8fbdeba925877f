"""Which fields exist and which dates have a time: many at once, few queries, and nothing is left out in silence."""

import re
from collections.abc import Callable

import pytest

from netsuite_pipeline.netsuite.draft_questions import ask_existing, ask_times
from netsuite_pipeline.netsuite.errors import NetSuiteError, QueryRejected, TimedOut
from netsuite_pipeline.netsuite.page import Page, RawRow
from netsuite_pipeline.record_types.model import RecordType, Source

THING = RecordType(name="thing", id=5, table="things", source=Source(table="thing", where="thing.x = 1"), fields=())


class Account:
    """Refuses the query for the first column that `refuses` finds in it; `names` whether it says which."""

    def __init__(
        self,
        refuses: Callable[[str], bool] = lambda _: False,
        *,
        names: bool = True,
        error: NetSuiteError | None = None,
    ) -> None:
        self.queries: list[str] = []
        self._refuses = refuses
        self._names = names
        self._error = error
        self.row: RawRow = {"links": []}

    def query(self, sql: str, *, cancelled: object = None) -> Page:
        self.queries.append(sql)
        if self._error is not None:
            raise self._error
        for name in re.findall(r"thing\.(f\d+)", sql):
            if self._refuses(name):
                refusal = QueryRejected("refused", status=400)
                refusal.column = f"thing.{name.upper()}" if self._names else None
                raise refusal
        return Page(items=[self.row], total=1, has_more=False)


def fields(count: int) -> list[str]:
    return [f"f{number:04}" for number in range(count)]


def test_four_hundred_fields_that_exist_cost_four_queries() -> None:
    account = Account()
    assert ask_existing(account, THING, fields(400)).names == tuple(fields(400))
    assert len(account.queries) == 4


def test_fields_of_other_tables_cost_one_query_each_and_hide_none_of_the_rest() -> None:
    account = Account(lambda name: name < "f0050")
    found = ask_existing(account, THING, fields(400))
    assert (found.names, found.unasked) == (tuple(fields(400)[50:]), ())
    assert len(account.queries) <= 50 + 10


def test_what_is_left_after_a_hundred_queries_is_told() -> None:
    account = Account(lambda name: name != "f0299")
    found = ask_existing(account, THING, fields(1000))
    assert len(account.queries) == 100
    assert len(found.unasked) >= 900
    assert "f0299" in {*found.names, *found.unasked}
    assert found.reason == "100 queries were not enough to ask for them"


def test_refusals_that_name_no_column_are_narrowed_down() -> None:
    found = ask_existing(Account(lambda name: name == "f0007", names=False), THING, fields(20))
    assert found.names == tuple(name for name in fields(20) if name != "f0007")
    assert found.unasked == ()


def test_no_answer_in_time_ends_the_questions_and_not_the_draft() -> None:
    account = Account(error=TimedOut("no answer"))
    found = ask_existing(account, THING, fields(400))
    assert (found.names, found.unasked, found.reason) == ((), tuple(fields(400)), "no answer")
    assert len(account.queries) == 1


def test_all_dates_are_asked_for_at_once() -> None:
    account = Account()
    account.row = {"links": [], "C0": "00:00:00", "c1": "08:15:00"}
    assert ask_times(account, THING, ["f0", "f1", "f2"]).kinds == {"f0": "date", "f1": "datetime", "f2": "datetime"}
    assert account.queries == [
        "SELECT MAX(TO_CHAR(thing.f0, 'HH24:MI:SS')) AS c0, MAX(TO_CHAR(thing.f1, 'HH24:MI:SS')) AS c1,"
        " MAX(TO_CHAR(thing.f2, 'HH24:MI:SS')) AS c2 FROM thing WHERE thing.x = 1"
    ]


@pytest.mark.parametrize("names", [True, False])
def test_text_that_looks_like_a_date_is_told_apart(names: bool) -> None:
    times = ask_times(Account(lambda name: name == "f0003", names=names), THING, fields(6))
    assert times.kinds.keys() == {*fields(6)} - {"f0003"}
    assert times.unasked == ()


def test_dates_that_take_too_long_to_ask_for_are_told() -> None:
    times = ask_times(Account(error=TimedOut("no answer")), THING, fields(3))
    assert (times.kinds, times.unasked, times.reason) == ({}, tuple(fields(3)), "no answer")


def test_without_a_question_nothing_is_asked() -> None:
    account = Account()
    assert ask_existing(account, THING, []).unasked == ask_times(account, THING, []).unasked == ()
    assert account.queries == []
