"""Streams of batches: each complete or failed, in order, while the data changes underneath."""

from collections import Counter

import pytest

from netsuite_pipeline.netsuite.errors import (
    AuthenticationFailed,
    IncompleteRead,
    QueryRejected,
    RecordTypeUnavailable,
    TimedOut,
    Unavailable,
)
from netsuite_pipeline.netsuite.reading import count_ranges
from netsuite_pipeline.netsuite.stream import stream_batches
from netsuite_pipeline.netsuite.suiteql import ZONE_QUERY
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.transform.batch import FailedBatch, TransformedBatch
from netsuite_pipeline.transform.rejection import RejectReason
from netsuite_pipeline_tests.netsuite.sqlite_account import LINE, THING
from netsuite_pipeline_tests.netsuite.streams import batches, is_count, is_page, loaded, pages_of
from netsuite_pipeline_tests.waiting import wait_for


def only(account, batch: BatchRange, record_type=THING) -> TransformedBatch | FailedBatch:
    (result,) = stream_batches(account, record_type, [batch], workers=1)
    return result


@pytest.mark.parametrize("workers", [1, 4])
def test_every_record_arrives_once_and_in_order(account_of, workers):
    account = account_of(range(-500, 3000, 3))
    ranges = batches(-500, 3000, 100)
    results = [loaded(result) for result in stream_batches(account, THING, ranges, workers=workers)]
    assert [result.range for result in results] == ranges
    assert [row.key[0] for result in results for row in result.rows] == list(range(-500, 3000, 3))
    assert all(result.expected == result.fetched == len(result.rows) for result in results)


def test_no_ranges_are_no_batches(account_of):
    assert list(stream_batches(account_of(), THING, [], workers=2)) == []


def test_a_range_without_records_is_a_complete_batch(account_of):
    result = loaded(only(account_of([1]), BatchRange(5, 9)))
    assert (result.expected, result.fetched, result.rows) == (0, 0, [])


def test_counting_takes_one_query_per_100_batches(account_of):
    account = account_of(range(5050))
    assert count_ranges(account, THING, batches(0, 5049, 50)) == [50] * 101
    assert len(account.queries) == 2


@pytest.mark.parametrize("count", [999, 1000, 1001, 2000, 3500])
def test_a_batch_that_outgrew_a_page_is_read_to_its_end(account_of, count):
    result = loaded(only(account_of(range(count)), BatchRange(0, 10_000)))
    assert [row.key[0] for row in result.rows] == list(range(count))


def test_a_full_page_with_every_counted_row_is_the_end(account_of):
    account = account_of(range(2000))
    assert only(account, BatchRange(0, 10_000)).fetched == 2000
    assert pages_of(account) == 2


def test_a_short_page_with_every_counted_row_is_the_end(account_of):
    account = account_of(range(700))
    only(account, BatchRange(0, 10_000))
    assert pages_of(account) == 1


def test_pages_end_within_the_lines_of_one_transaction(account_of):
    lines = [(parent, line) for parent in (5, 6) for line in range(1700)]
    result = loaded(only(account_of(lines=lines), BatchRange(5, 6), LINE))
    assert [row.key for row in result.rows] == lines


def test_a_short_page_in_the_middle_is_followed(account_of):
    account = account_of(range(1500))
    account.tamper = lambda sql, rows: rows[:300] if is_page(sql) else rows
    assert len(loaded(only(account, BatchRange(0, 1499))).rows) == 1500


def test_a_record_that_comes_between_count_and_page_is_imported(account_of):
    account = account_of(range(10))
    account.tamper = after(is_count, lambda: account.insert([50]))
    account.before = wait_for_the_count(account)
    result = loaded(only(account, BatchRange(0, 99)))
    assert (result.expected, result.fetched) == (11, 11)


def test_a_record_that_goes_between_count_and_page_is_no_failure(account_of):
    account = account_of(range(10))
    account.tamper = after(is_count, lambda: account.run("DELETE FROM thing WHERE id = 3"))
    account.before = wait_for_the_count(account)
    result = loaded(only(account, BatchRange(0, 99)))
    assert (result.expected, result.fetched) == (9, 9)


def test_a_page_that_lost_a_row_once_is_read_again(account_of):
    account = account_of(range(10))
    lost = iter([True])
    account.tamper = lambda sql, rows: rows[:-1] if is_page(sql) and next(lost, False) else rows
    # The first read sees nine rows and then asks for what follows; the tenth comes with the second page.
    assert len(loaded(only(account, BatchRange(0, 99))).rows) == 10


def test_a_row_lost_in_the_middle_once_is_found_by_reading_again(account_of):
    account = account_of(range(10))
    lost = iter([True])
    account.tamper = lambda sql, rows: rows[:4] + rows[5:] if is_page(sql) and next(lost, False) else rows
    result = loaded(only(account, BatchRange(0, 99)))
    assert [row.key[0] for row in result.rows] == list(range(10))


def test_a_row_that_is_counted_and_never_sent_fails_the_batch_with_both_numbers(account_of):
    account = account_of(range(10))
    account.tamper = lambda sql, rows: [row for row in rows if row.get("refid") != "4"]
    result = only(account, BatchRange(0, 99))
    assert isinstance(result, FailedBatch)
    assert result.category == FailureCategory.UNKNOWN
    assert "9 rows and counts 10" in result.reason
    assert sum(map(is_count, account.queries)) == 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda rows: [rows[0], *rows],
        lambda rows: [*rows, rows[0]],
        lambda rows: rows[::-1],
        lambda rows: [rows[1], rows[0], *rows[2:]],
    ],
    ids=["doubled", "repeated at the end", "descending", "two swapped"],
)
def test_rows_that_are_not_in_strict_key_order_fail_the_batch(account_of, spoil):
    account = account_of(range(10))
    account.tamper = lambda sql, rows: spoil(rows) if is_page(sql) and len(rows) > 1 else rows
    result = only(account, BatchRange(0, 99))
    assert isinstance(result, FailedBatch)
    assert result.category == FailureCategory.UNKNOWN
    assert "came after" in result.reason


def test_a_page_that_never_advances_is_asked_for_twice_at_most(account_of):
    account = account_of(range(1500))
    first: list[list[dict[str, str]]] = []

    def repeat(sql, rows):
        if not is_page(sql):
            return rows
        first.append(rows)
        return first[0]

    account.tamper = repeat
    assert isinstance(only(account, BatchRange(0, 5000)), FailedBatch)
    assert pages_of(account) == 2


@pytest.mark.parametrize("lost", ["0", "500", "998", "999", "1000", "1499"])
def test_a_row_without_its_key_is_rejected_once_wherever_it_stands_in_a_page(account_of, lost):
    account = account_of(range(1500))

    def drop_key(sql, rows):
        return [{"name": "lost"} if row.get("refid") == lost else row for row in rows] if is_page(sql) else rows

    account.tamper = drop_key
    result = loaded(only(account, BatchRange(0, 1499)))
    assert (result.fetched, len(result.rows), len(result.rejections)) == (1500, 1499, 1)


def test_a_keyless_row_in_a_short_page_is_rejected_and_the_sums_agree(account_of):
    account = account_of(range(10))
    account.tamper = lambda sql, rows: (
        [{key: value for key, value in row.items() if (key, row["refid"]) != ("refid", "4")} for row in rows]
        if is_page(sql)
        else rows
    )
    result = loaded(only(account, BatchRange(0, 99)))
    assert (result.expected, len(result.rows), len(result.rejections)) == (10, 9, 1)
    assert result.rejections[0].reason == RejectReason.MISSING_KEY
    assert not result.may_reconcile


def test_a_page_without_any_key_ends_the_reading_and_the_count_decides(account_of):
    account = account_of(range(3))
    account.tamper = lambda sql, rows: [{"name": row["name"]} for row in rows] if is_page(sql) else rows
    result = loaded(only(account, BatchRange(0, 99)))
    assert (len(result.rows), len(result.rejections)) == (0, 3)


def test_upper_case_names_are_read_as_well(account_of):
    account = account_of(range(1200))
    account.tamper = lambda sql, rows: [{name.upper(): value for name, value in row.items()} for row in rows]
    assert len(loaded(only(account, BatchRange(0, 5000))).rows) == 1200


@pytest.mark.parametrize(
    ("kind", "category"),
    [
        (TimedOut, FailureCategory.TIMEOUT),
        (Unavailable, FailureCategory.API_UNAVAILABLE),
        (QueryRejected, FailureCategory.PERMANENT_ERROR),
        (IncompleteRead, FailureCategory.UNKNOWN),
    ],
)
def test_a_batch_that_cannot_be_read_fails_alone(account_of, kind, category):
    account = account_of(range(100))
    account.before = fail_on(lambda sql: is_page(sql) and "BETWEEN 40 AND 49" in sql, kind)
    results = list(stream_batches(account, THING, batches(0, 99, 10), workers=3))
    failed = [result for result in results if isinstance(result, FailedBatch)]
    assert [(result.range.key, result.category, result.reason) for result in failed] == [
        ("40..49", category, "as scripted")
    ]
    assert sum(len(result.rows) for result in results if isinstance(result, TransformedBatch)) == 90


def test_a_common_count_that_fails_is_replaced_by_a_count_of_each_batch(account_of):
    account = account_of(range(100))
    account.before = fail_on(lambda sql: " AS c1" in sql, TimedOut)
    results = [loaded(result) for result in stream_batches(account, THING, batches(0, 99, 10), workers=2)]
    assert sum(result.expected for result in results) == 100
    assert sum(map(is_count, account.queries)) == 10


@pytest.mark.parametrize("kind", [AuthenticationFailed, RecordTypeUnavailable])
@pytest.mark.parametrize("where", [is_page, is_count])
def test_a_refusal_that_meets_every_batch_fails_all_without_asking_again(account_of, kind, where):
    account = account_of(range(1000))
    asked: list[str] = []

    def before(sql):
        asked.append(sql)
        if where(sql):
            raise kind("not for you")

    account.before = before
    results = list(stream_batches(account, THING, batches(0, 999, 10), workers=2))
    failed = [result for result in results if isinstance(result, FailedBatch)]
    assert len(failed) == len(results) == 100
    outcomes = {(result.category, result.reason) for result in failed}
    assert outcomes == {(kind.category, "not for you")}
    assert len(asked) <= 4


@pytest.mark.parametrize("kind", [Unavailable, TimedOut])
def test_after_three_batches_in_a_row_without_an_answer_no_other_is_asked_for(account_of, kind):
    account = account_of(range(1000))
    asked = Counter[str]()

    def before(sql):
        asked["page"] += is_page(sql)
        if is_page(sql) or sql == ZONE_QUERY:
            raise kind("as scripted")

    account.before = before
    results = list(stream_batches(account, THING, batches(0, 999, 10), workers=1))
    assert {result.category for result in results} == {kind.category}
    unasked = [one for one in results if one.reason.startswith("Not asked for, after 3 batches without an answer")]
    assert (asked["page"], len(unasked)) == (3, 97)


@pytest.mark.parametrize("workers", [1, 4])
def test_batches_that_alone_get_no_answer_do_not_cost_those_behind_them(account_of, workers):
    account = account_of(range(100))

    def before(sql):
        if sql == ZONE_QUERY:
            raise QueryRejected("an answer")
        if is_page(sql) and any(f"BETWEEN {n} " in sql for n in (0, 10, 20, 30)):
            raise TimedOut("as scripted")

    account.before = before
    results = list(stream_batches(account, THING, batches(0, 99, 10), workers=workers))
    assert [type(result) for result in results] == [FailedBatch] * 4 + [TransformedBatch] * 6


def test_batches_without_an_answer_among_others_do_not_add_up(account_of):
    account = account_of(range(100))
    account.before = fail_on(
        lambda sql: is_page(sql) and any(f"BETWEEN {n} " in sql for n in range(0, 100, 20)), TimedOut
    )
    results = list(stream_batches(account, THING, batches(0, 99, 10), workers=1))
    assert [type(result) for result in results] == [FailedBatch, TransformedBatch] * 5


def test_batches_before_the_refusal_are_delivered(account_of):
    account = account_of(range(100))
    account.before = fail_on(lambda sql: is_page(sql) and "BETWEEN 50 " in sql, RecordTypeUnavailable)
    results = list(stream_batches(account, THING, batches(0, 99, 10), workers=1))
    assert [type(result) for result in results] == [TransformedBatch] * 5 + [FailedBatch] * 5


def test_a_defect_costs_its_batch_and_names_itself(account_of):
    account = account_of(range(10))
    account.before = fail_on(is_page, ZeroDivisionError)
    found = list(stream_batches(account, THING, batches(0, 9, 5), workers=2))
    assert [(one.category, "ZeroDivisionError" in one.reason) for one in found] == [(FailureCategory.UNKNOWN, True)] * 2


def test_requests_and_seconds_are_those_of_the_batch(account_of):
    result = loaded(only(account_of(range(1500)), BatchRange(0, 5000)))
    assert (result.requests, result.retries) == (2, 0)
    assert result.api_seconds > 0
    assert result.transform_seconds > 0


def fail_on(condition, kind):
    def before(sql):
        if condition(sql):
            raise kind("as scripted")

    return before


def after(condition, change):
    """Changes the data once, right after the first query that `condition` picks."""
    changes = Counter[str]()

    def tamper(sql, rows):
        if condition(sql) and not changes["done"]:
            changes["done"] = 1
            change()
        return rows

    return tamper


def wait_for_the_count(account):
    """Holds pages back until a count has been answered."""

    def before(sql):
        if is_page(sql):
            wait_for(lambda: any(map(is_count, account.queries)), what="the count", every=0.01)

    return before
