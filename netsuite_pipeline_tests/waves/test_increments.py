"""Which batches an incremental import reads, from counts alone."""

import datetime as dt
from decimal import Decimal

import pytest

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.waves.increments import Count, Portion, mass_deletion, portions, starting_point

BATCHES = [BatchRange(first, first + 9) for first in range(0, 1000, 10)]
MARK = dt.datetime.fromisoformat("2026-11-25 02:00:00")
LOCAL = dt.datetime.fromisoformat("2026-11-24 16:00:00")
DAY = dt.timedelta(days=1)


def chosen(
    *counts: Count,
    batches: list[BatchRange] = BATCHES,
    marks: dict[BatchRange, dt.datetime] | None = None,
    noted: tuple[int, ...] = (),
) -> list[Portion]:
    known = dict.fromkeys(batches, MARK) if marks is None else marks
    since = starting_point(batches, known) or MARK
    return portions(batches, watermarks=known, since=since, local_since=LOCAL, counts=counts, noted=noted)


def calm(first: int, last: int, rows: int = 10) -> Count:
    return Count(first=first, last=last, unchanged=rows, rows=rows)


def test_nothing_is_read_where_nothing_changed() -> None:
    assert chosen(calm(0, 499), calm(500, 999)) == []


def test_of_a_batch_in_which_something_changed_only_that_is_read() -> None:
    (portion,) = chosen(calm(0, 19), Count(first=20, last=29, changed=3, unchanged=7, rows=7))
    assert (portion.range, portion.number, portion.expected) == (BATCHES[2], 2, 3)
    assert portion.increment
    assert portion.increment.since == LOCAL


def test_a_bucket_that_reaches_over_two_batches_counts_for_both() -> None:
    found = chosen(Count(first=15, last=24, changed=1, unchanged=9, rows=9))
    assert [portion.range for portion in found] == BATCHES[1:3]


@pytest.mark.parametrize(
    ("count", "reason"),
    [
        (Count(first=20, last=29, unchanged=9, rows=10), "counts or sums"),
        (Count(first=20, last=29, unchanged=10, rows=9), "counts or sums"),
        (Count(first=20, last=29, unchanged=1, rows=1, sums=(Decimal(1),), table_sums=(Decimal("1.01"),)), "sums"),
        (Count(first=20, last=29, unchanged=10, rows=10, strays=1), "lines changed"),
        (Count(first=20, last=29, unchanged=9, rows=9, undated=1), "without a date"),
        (Count(first=20, last=29, changed=5, unchanged=4, rows=5), "counts or sums"),
    ],
)
def test_a_batch_whose_counts_no_date_explains_is_read_as_a_whole(count: Count, reason: str) -> None:
    (portion,) = chosen(count)
    assert portion.increment is None
    assert reason in portion.reason


def test_sums_that_binary_numbers_rounded_are_equal() -> None:
    sums = (Decimal("123456789.10"),)
    assert (
        chosen(Count(first=20, last=29, unchanged=1, rows=1, sums=sums, table_sums=(sums[0] + Decimal("1e-8"),))) == []
    )


def test_sums_are_not_compared_where_rows_were_rejected() -> None:
    different = {"sums": (Decimal(1),), "table_sums": (Decimal(2),)}
    assert chosen(Count(first=20, last=29, unchanged=1, rows=1, comparable=False, **different)) == []


def test_a_noted_deletion_is_asked_for() -> None:
    (portion,) = chosen(calm(0, 999), noted=(-5, 21, 25, 5000))
    assert portion.range == BATCHES[2]
    assert portion.increment
    assert portion.increment.noted == {21, 25}


def test_a_batch_without_a_watermark_is_read_as_a_whole() -> None:
    (portion,) = chosen(calm(0, 999), marks=dict.fromkeys(BATCHES[1:], MARK))
    assert (portion.range, portion.increment) == (BATCHES[0], None)


def test_changes_are_looked_for_since_the_oldest_watermark() -> None:
    marks = dict.fromkeys(BATCHES, MARK) | {BATCHES[3]: MARK - DAY}
    assert starting_point(BATCHES, marks) == MARK - DAY
    assert chosen(calm(0, 999), marks=marks) == []


def test_a_batch_that_has_failed_for_over_a_week_does_not_make_all_look_back() -> None:
    marks = dict.fromkeys(BATCHES, MARK) | {BATCHES[3]: MARK - 8 * DAY}
    assert starting_point(BATCHES, marks) == MARK
    (portion,) = chosen(calm(0, 999), marks=marks)
    assert (portion.range, portion.increment) == (BATCHES[3], None)


def test_watermarks_of_former_ranges_do_not_count() -> None:
    assert starting_point(BATCHES, {BatchRange(-10, -1): MARK}) is None


def test_short_gaps_are_bridged_and_long_ones_are_not() -> None:
    ids = (0, 45, 46, 990)
    counts = [Count(first=id_ * 1, last=id_, changed=1) for id_ in ids]
    numbers = [portion.number for portion in chosen(*counts)]
    assert numbers == [0, 1, 2, 3, 4, 99]
    bridged = chosen(*counts)[1]
    assert (bridged.expected, bridged.increment and bridged.increment.since) == (0, LOCAL)


def test_a_gap_before_a_batch_that_is_read_as_a_whole_is_not_bridged() -> None:
    found = chosen(Count(first=0, last=9, changed=1), Count(first=40, last=49, unchanged=1))
    assert [portion.number for portion in found] == [0, 4]


@pytest.mark.parametrize(
    ("records", "rows", "noted", "percent", "held"),
    [
        (100, 100, 0, 50, False),
        (40, 100, 0, 50, True),
        (50, 100, 0, 50, False),
        (40, 100, 60, 50, True),
        (0, 3, 0, 50, True),
        (0, 3, 3, 50, False),
        (1, 5, 0, 50, False),
        (0, 0, 0, 50, False),
        (0, 100, 0, 100, False),
        (200, 100, 0, 0, False),
        (94, 100, 0, 0, True),
    ],
)
def test_a_mass_deletion_is_held_back(records: int, rows: int, noted: int, percent: int, held: bool) -> None:
    reason = mass_deletion("customer", records=records, rows=rows, noted=noted, percent=percent)
    assert (reason is not None) == held
    if reason:
        assert f"DELETE_GUARD_PERCENT={percent}" in reason
