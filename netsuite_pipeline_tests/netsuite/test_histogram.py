"""Measuring how records are spread over ids: exact, in few requests, whatever the ids look like."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netsuite_pipeline.netsuite.errors import IncompleteRead, QueryRejected, RecordTypeUnavailable, Unavailable
from netsuite_pipeline.netsuite.histogram import Bucket, Histogram, measure
from netsuite_pipeline.sandbox.generation.sizes import Sizes
from netsuite_pipeline.sandbox.generation.world import World
from netsuite_pipeline.waves.planner import plan_ranges
from netsuite_pipeline_tests.netsuite.sqlite_account import LINE, THING, SqliteAccount


def check_exact(histogram: Histogram, ids: list[int]) -> None:
    assert histogram.total == len(ids) == sum(bucket.records for bucket in histogram.buckets)
    assert (histogram.first, histogram.last) == ((min(ids), max(ids)) if ids else (None, None))
    for before, after in zip(histogram.buckets, histogram.buckets[1:], strict=False):
        assert before.last < after.first
    for bucket in histogram.buckets:
        assert bucket.records == sum(bucket.first <= id_ <= bucket.last for id_ in ids) > 0
        assert histogram.first is not None
        assert histogram.last is not None
        assert histogram.first <= bucket.first
        assert bucket.last <= histogram.last


def fill_of(histogram: Histogram, *, batch_size: int) -> float:
    """Records of a planned batch by what it may have, on average: of all but the last, which ends where the ids do."""
    plan = plan_ranges(histogram.buckets, batch_size=batch_size)
    *full, _ = (plan.expected[batch] for batch in plan.add)
    return sum(full) / len(full) / batch_size


def test_no_records_are_no_buckets(account_of):
    account = account_of()
    assert measure(account, THING, batch_size=1000) == Histogram(total=0, first=None, last=None, buckets=())
    assert len(account.queries) == 1


def test_one_record_is_one_bucket_after_one_request(account_of):
    account = account_of([-42])
    assert measure(account, THING, batch_size=1000).buckets == (Bucket(-42, -42, 1),)
    assert len(account.queries) == 1


def test_what_fits_one_batch_needs_one_request(account_of):
    account = account_of(range(1, 1001))
    assert measure(account, THING, batch_size=1000).buckets == (Bucket(1, 1000, 1000),)
    assert len(account.queries) == 1


def test_137705_customers_are_measured_in_at_most_five_requests(account_of):
    account = account_of(range(1, 137_706))
    histogram = measure(account, THING, batch_size=1000)
    assert histogram.total == 137_705
    assert max(bucket.records for bucket in histogram.buckets) <= 1000
    assert len(account.queries) <= 5


@pytest.mark.parametrize("seed", [1, 7])
@pytest.mark.parametrize(
    ("customers", "batch_size", "requests"),
    [(5000, 1000, 2), (71_000, 1000, 2), (137_705, 1000, 3), (150_000, 1000, 4), (400_000, 1000, 7)],
)
def test_batches_of_generated_customers_are_planned_95_percent_full_in_few_requests(
    account_of, customers, batch_size, requests, seed
):
    account = account_of(World.populated(Sizes.of(1000, customers=customers), seed).customers)
    histogram = measure(account, THING, batch_size=batch_size)
    assert fill_of(histogram, batch_size=batch_size) >= 0.95
    assert len(account.queries) <= requests


@pytest.mark.parametrize("count", [2500, 20_000, 137_705])
def test_ids_without_gaps_are_planned_99_percent_full(account_of, count):
    histogram = measure(account_of(range(1, count + 1)), THING, batch_size=1000)
    assert fill_of(histogram, batch_size=1000) >= 0.99


def test_an_outlier_does_not_leave_batches_half_empty(account_of):
    account = account_of([*World.populated(Sizes.of(1000, customers=20_000), 1).customers, 1_000_000_000])
    histogram = measure(account, THING, batch_size=1000)
    assert fill_of(histogram, batch_size=1000) >= 0.9
    assert len(account.queries) <= 5


def test_walked_ids_are_planned_95_percent_full(account_of):
    account = account_of(lines=[(parent, line) for parent in range(1, 400) for line in range(7)])
    account.before = refuse("FLOOR")
    histogram = measure(account, LINE, batch_size=100)
    assert fill_of(histogram, batch_size=100) >= 0.95


def test_a_wide_span_is_paged_by_id_and_never_by_offset(account_of):
    ids = list(range(-5, 29_000_000, 10_007))
    account = account_of(ids)
    histogram = measure(account, THING, batch_size=1000)
    check_exact(histogram, ids)
    assert len(account.queries) <= 5
    assert not any("OFFSET" in query for query in account.queries)


def test_a_crowded_bucket_is_divided_until_it_fits_a_batch(account_of):
    ids = [1, *range(500_000_000, 500_005_000), 1_000_000_000]
    account = account_of(ids)
    histogram = measure(account, THING, batch_size=1000)
    check_exact(histogram, ids)
    assert max(bucket.records for bucket in histogram.buckets) <= 1000
    assert len(account.queries) <= 10


def test_neighbouring_crowded_buckets_are_divided_together(account_of):
    account = account_of(lines=[(parent, line) for parent in range(1, 2001) for line in range(20)])
    histogram = measure(account, LINE, batch_size=1000)
    assert histogram.total == 40_000
    assert max(bucket.records for bucket in histogram.buckets) <= 1000
    assert len(account.queries) <= 4


def test_the_rows_of_one_id_stay_together_even_if_they_are_too_many(account_of):
    lines = [(7, line) for line in range(3000)] + [(8, 0), (9, 0)]
    account = account_of(lines=lines)
    histogram = measure(account, LINE, batch_size=1000)
    assert histogram.total == 3002
    assert max(bucket.records for bucket in histogram.buckets) >= 3000
    assert len(account.queries) <= 10


def test_measuring_from_an_id_leaves_out_what_is_below(account_of):
    account = account_of(range(-100, 5000))
    check_exact(measure(account, THING, batch_size=100, from_id=4000), list(range(4000, 5000)))


def test_an_account_that_refuses_the_histogram_is_walked_by_id(account_of):
    ids = [*range(-3000, 0, 3), *range(10, 1500)]
    account = account_of(ids)
    account.before = refuse("FLOOR")
    histogram = measure(account, THING, batch_size=1000)
    check_exact(histogram, ids)
    assert max(bucket.records for bucket in histogram.buckets) <= 1000


def test_a_walk_does_not_divide_the_rows_of_one_id(account_of):
    account = account_of(lines=[(parent, line) for parent in range(1, 400) for line in range(7)])
    account.before = refuse("FLOOR")
    histogram = measure(account, LINE, batch_size=100)
    assert histogram.total == 399 * 7
    assert all(bucket.records % 7 == 0 for bucket in histogram.buckets)
    for before, after in zip(histogram.buckets, histogram.buckets[1:], strict=False):
        assert before.last < after.first


def test_a_missing_table_is_not_walked(account_of):
    account = account_of(range(5000))
    account.before = refuse("FLOOR", RecordTypeUnavailable)
    with pytest.raises(RecordTypeUnavailable):
        measure(account, THING, batch_size=1000)


def test_an_unavailable_api_is_not_answered_with_a_walk(account_of):
    account = account_of(range(5000))
    account.before = refuse("FLOOR", Unavailable)
    with pytest.raises(Unavailable):
        measure(account, THING, batch_size=1000)
    assert not any(" > " in query for query in account.queries)


@pytest.mark.parametrize("spoil", [lambda rows: rows[::-1], lambda rows: rows + rows, lambda rows: [{"bucket": "1"}]])
def test_a_histogram_out_of_order_or_with_gaps_in_its_rows_is_refused(account_of, spoil):
    account = account_of(range(5000))
    account.tamper = lambda sql, rows: spoil(rows) if "FLOOR" in sql else rows
    with pytest.raises(IncompleteRead):
        measure(account, THING, batch_size=1000)


@pytest.mark.parametrize("left_out", [0, -1])
def test_a_bucket_left_out_at_an_end_is_covered_all_the_same(account_of, left_out):
    account = account_of(range(5000))
    account.tamper = lambda sql, rows: [row for row in rows if row is not rows[left_out]] if "FLOOR" in sql else rows
    buckets = measure(account, THING, batch_size=1000).buckets
    assert (buckets[0].first, buckets[-1].last) == (0, 4999)


def test_a_histogram_without_buckets_is_refused_where_there_are_records(account_of):
    account = account_of(range(5000))
    account.tamper = lambda sql, rows: [] if "FLOOR" in sql else rows
    with pytest.raises(IncompleteRead, match="in no bucket"):
        measure(account, THING, batch_size=1000)


def test_a_count_without_a_row_is_refused(account_of):
    account = account_of(range(5))
    account.tamper = lambda sql, rows: []
    with pytest.raises(IncompleteRead, match="0 rows"):
        measure(account, THING, batch_size=1000)


@pytest.mark.parametrize("lost", ["records", "lowest", "highest"])
def test_bounds_that_lost_a_number_are_no_type_without_records(account_of, lost):
    account = account_of(range(5))
    account.tamper = lambda sql, rows: [{name: value for name, value in row.items() if name != lost} for row in rows]
    with pytest.raises(IncompleteRead, match="None"):
        measure(account, THING, batch_size=1000)


def test_records_that_come_while_measuring_do_not_disturb(account_of):
    account = account_of(range(1, 5001))
    account.before = lambda sql: account.insert([9000]) if "FLOOR" in sql else None
    histogram = measure(account, THING, batch_size=1000)
    assert (histogram.total, histogram.last) == (5000, 5000)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    ids=st.sets(st.one_of(st.integers(-2000, 2000), st.integers(-(10**12), 10**12)), max_size=300),
    batch_size=st.integers(1, 200),
    refused=st.booleans(),
)
def test_any_ids_are_measured_exactly(ids, batch_size, refused):
    account = SqliteAccount(ids)
    if refused:
        account.before = refuse("FLOOR")
    histogram = measure(account, THING, batch_size=batch_size)
    account.close()
    check_exact(histogram, sorted(ids))


def refuse(part, kind=QueryRejected):
    def before(sql):
        if part in sql:
            raise kind("as scripted")

    return before
