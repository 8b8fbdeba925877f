"""Reading what changed: complete by NetSuite's count, with shared requests, and each batch gets its own rows."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import pytest

from netsuite_pipeline.netsuite import changes
from netsuite_pipeline.netsuite.changes import read_together
from netsuite_pipeline.netsuite.errors import Unavailable
from netsuite_pipeline.netsuite.stream import stream_batches
from netsuite_pipeline.record_types.batch import BatchRange, Increment, Watermark
from netsuite_pipeline.transform.batch import FailedBatch, TransformedBatch
from netsuite_pipeline_tests.netsuite.sqlite_account import THING, SqliteAccount
from netsuite_pipeline_tests.netsuite.streams import batches, loaded, pages_of

SINCE = dt.datetime.fromisoformat("2026-11-24 16:00:00")
MARK = Watermark(moment=dt.datetime.fromisoformat("2026-11-25 02:00:00"), imported_as="as declared")
RANGES = batches(0, 9999, 100)
AccountOf = Callable[..., SqliteAccount]


def increments(
    *ranges: BatchRange, expected: int = 1, noted: frozenset[int] = frozenset()
) -> dict[BatchRange, Increment]:
    return {
        batch: Increment(since=SINCE, expected=expected, noted=frozenset(id_ for id_ in noted if id_ in batch))
        for batch in ranges
    }


def changed(account: SqliteAccount, *ids: int, at: str = "2026-11-24 16:00:00") -> None:
    for id_ in ids:
        account.run("UPDATE thing SET lastmodifieddate = ? WHERE id = ?", (at, id_))


def read(
    account: SqliteAccount, *ranges: BatchRange, wanted: dict[BatchRange, Increment], workers: int = 2
) -> list[TransformedBatch]:
    stream = stream_batches(account, THING, ranges, workers=workers, increments=wanted, watermark=MARK)
    return [loaded(result) for result in stream]


def ids_of(batch: TransformedBatch) -> list[int]:
    return [row.key[0] for row in batch.rows]


def test_changed_rows_of_a_hundred_batches_take_two_requests(account_of: AccountOf) -> None:
    account = account_of(range(0, 10_000, 10))
    changed(account, 0, 90, 150, 9990)
    changed(account, 20, at="2026-11-24 15:59:59")
    results = read(account, *RANGES, wanted=increments(*RANGES))
    assert [result.range for result in results] == RANGES
    assert [ids_of(result) for result in results if result.rows] == [[0, 90], [150], [9990]]
    assert len(account.queries) == sum(result.requests for result in results) == 2


def test_each_batch_says_what_it_is_and_up_to_when(account_of: AccountOf) -> None:
    account = account_of(range(0, 300, 10))
    changed(account, 50, 120)
    wanted = increments(*RANGES[:3])
    results = read(account, *RANGES[:3], wanted=wanted)
    assert {result.watermark for result in results} == {MARK}
    assert [result.increment for result in results] == list(wanted.values())
    assert [(result.expected, result.fetched, result.examined) for result in results] == [
        (1, 1, {50}),
        (1, 1, {120}),
        (0, 0, frozenset()),
    ]


def test_noted_ids_are_asked_for_and_examined_though_they_are_gone(account_of: AccountOf) -> None:
    account = account_of([10, 20, 120])
    changed(account, 10)
    results = read(account, *RANGES[:2], wanted=increments(*RANGES[:2], noted=frozenset({20, 30, 130})))
    assert [ids_of(result) for result in results] == [[10, 20], []]
    assert [result.examined for result in results] == [{10, 20, 30}, {130}]


def test_where_nothing_changed_no_page_is_asked_for(account_of: AccountOf) -> None:
    account = account_of(range(0, 1000, 10))
    read(account, *RANGES, wanted=increments(*RANGES))
    assert len(account.queries) == 1


def test_whole_batches_and_increments_come_in_their_order(account_of: AccountOf) -> None:
    account = account_of(range(0, 500, 10))
    changed(account, 150, 350)
    results = read(account, *RANGES[:5], wanted=increments(RANGES[1], RANGES[3]), workers=1)
    assert [len(result.rows) for result in results] == [10, 1, 10, 1, 10]
    assert [result.increment is None for result in results] == [True, False, True, False, True]
    assert [result.examined is None for result in results] == [True, False, True, False, True]


def test_more_changes_than_one_page_are_read_page_by_page(account_of: AccountOf) -> None:
    account = account_of(range(2500))
    changed(account, *range(2500))
    results = read(account, *batches(0, 2499, 100), wanted=increments(*batches(0, 2499, 100)))
    assert sum(len(result.rows) for result in results) == 2500
    assert pages_of(account) == 3


def test_far_more_changes_than_expected_are_read_in_parts(
    account_of: AccountOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "_ROWS_TOGETHER", 100)
    account = account_of(range(1600))
    changed(account, *range(1600))
    ranges = batches(0, 1599, 100)
    seen: list[int] = []
    account.tamper = lambda sql, page: (seen.append(len(page)) if "ORDER BY" in sql else None) or page
    results = read(account, *ranges, wanted=increments(*ranges, expected=0))
    assert [len(result.rows) for result in results] == [100] * 16
    assert max(seen) <= 200


def test_neighbours_are_read_together_as_long_as_their_rows_are_few() -> None:
    some = RANGES[:6]
    wanted = increments(*some, expected=1000)
    assert [len(group) for group in read_together(some, wanted)] == [3, 3]
    noted = {batch: Increment(since=SINCE, noted=frozenset(range(batch.first, batch.last))) for batch in RANGES[:8]}
    assert max(len(group) for group in read_together(RANGES[:8], noted)) == 5


def test_ranges_with_a_gap_between_them_are_read_apart() -> None:
    some = [RANGES[0], RANGES[1], RANGES[5]]
    assert list(read_together(some, increments(*some))) == [some[:2], some[2:]]


def test_a_missing_row_fails_the_batches_that_were_read_together(account_of: AccountOf) -> None:
    account = account_of(range(0, 500, 10))
    changed(account, 10, 120, 450)
    account.tamper = lambda sql, page: page[:-1] if "ORDER BY" in sql else page
    stream = stream_batches(account, THING, RANGES[:5], workers=1, increments=increments(*RANGES[:5]))
    results = list(stream)
    assert all(isinstance(result, FailedBatch) for result in results)
    assert len(results) == 5


def test_an_outage_fails_the_batches_and_the_next_group_is_tried(
    account_of: AccountOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "_ROWS_TOGETHER", 1)
    account = account_of([10, 120])
    changed(account, 10, 120)

    def before(sql: str) -> None:
        if "BETWEEN 0 AND 99" in sql:
            raise Unavailable("HTTP 503")

    account.before = before
    first, second = stream_batches(account, THING, RANGES[:2], workers=1, increments=increments(*RANGES[:2]))
    assert isinstance(first, FailedBatch)
    assert ids_of(loaded(second)) == [120]


def test_a_row_without_a_key_is_rejected_and_the_others_are_read(account_of: AccountOf) -> None:
    account = account_of([10, 120])
    changed(account, 10, 120)

    def tamper(sql: str, page: list[dict[str, object]]) -> list[dict[str, object]]:
        if "ORDER BY" in sql:
            page[0].pop("refid")
        return page

    account.tamper = tamper
    first, second = read(account, *RANGES[:2], wanted=increments(*RANGES[:2]))
    assert (len(first.rejections), ids_of(first), ids_of(second)) == (1, [], [120])
    assert not first.may_reconcile


def test_a_type_without_a_date_of_modification_cannot_be_narrowed(account_of: AccountOf) -> None:
    undated = replace(THING, source=replace(THING.source, modified=None))
    (result,) = stream_batches(account_of([1]), undated, RANGES[:1], workers=1, increments=increments(RANGES[0]))
    assert isinstance(result, FailedBatch)
