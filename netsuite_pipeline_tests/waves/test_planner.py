"""Which batches follow from which counts, on first and on later plans."""

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.waves.errors import PlanError
from netsuite_pipeline.waves.model import Batch
from netsuite_pipeline.waves.planner import RangePlan, plan_ranges, plan_waves, tail_origin, with_exact_tail


@dataclass(frozen=True)
class Bucket:
    first: int
    last: int
    records: int


def buckets(*triples: tuple[int, int, int]) -> list[Bucket]:
    return [Bucket(*triple) for triple in triples]


def histogram(ids: list[int], *, width: int, origin: int | None = None) -> list[Bucket]:
    """What NetSuite counts for these ids, as `netsuite.histogram` cuts it: clipped to the first and last id."""
    if not ids:
        return []
    start = min(ids) if origin is None else origin
    counts: dict[int, int] = {}
    for one in ids:
        counts[(one - start) // width] = counts.get((one - start) // width, 0) + 1
    return [
        Bucket(max(start + n * width, min(ids)), min(start + n * width + width - 1, max(ids)), counts[n])
        for n in sorted(counts)
    ]


def keys(ranges: tuple[BatchRange, ...]) -> list[str]:
    return [one.key for one in ranges]


def parsed(*texts: str) -> list[BatchRange]:
    return [BatchRange.parse(text) for text in texts]


def after(plan: RangePlan) -> list[BatchRange]:
    return sorted((*plan.keep, *plan.add))


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        pytest.param([], [], id="no record"),
        pytest.param([(7, 7, 1)], ["7..7"], id="one record"),
        pytest.param([(1, 50, 50), (51, 100, 50)], ["1..100"], id="two buckets that fit"),
        pytest.param([(1, 60, 60), (61, 120, 60)], ["1..60", "61..120"], id="two buckets that do not"),
        pytest.param([(1, 60, 60), (500, 560, 60)], ["1..499", "500..560"], id="a gap belongs to the batch before"),
        pytest.param([(-200, -101, 90), (-100, 5, 90)], ["-200..-101", "-100..5"], id="negative ids"),
        pytest.param([(1, 1, 900), (2, 2, 5)], ["1..1", "2..2"], id="one heavy bucket stands alone"),
        pytest.param([(1, 9, 9), (10, 19, 0), (20, 29, 9)], ["1..29"], id="an empty bucket is no reason to stop"),
    ],
)
def test_a_first_plan_covers_every_id_once(counted: list[tuple[int, int, int]], expected: list[str]) -> None:
    plan = plan_ranges(buckets(*counted), batch_size=100)
    assert keys(plan.add) == expected
    assert (plan.keep, plan.remove) == ((), ())


def test_200_000_records_become_200_batches_of_a_thousand() -> None:
    counted = [Bucket(n * 250 + 1, n * 250 + 250, 250) for n in range(800)]
    plan = plan_ranges(counted, batch_size=1000)
    assert len(plan.add) == 200
    assert set(plan.expected.values()) == {1000}
    assert keys(plan.add)[-1] == "199001..200000"


def test_planning_again_with_the_same_counts_changes_nothing() -> None:
    counted = buckets((-5, 60, 60), (61, 120, 60), (400, 480, 40))
    first = plan_ranges(counted, batch_size=100)
    again = plan_ranges(counted, batch_size=100, existing=first.add)
    assert (again.keep, again.add, again.remove) == (first.add, (), ())
    assert again.expected == first.expected


def test_the_last_batch_grows_while_it_has_room() -> None:
    plan = plan_ranges(buckets((101, 180, 80)), batch_size=100, existing=parsed("1..100", "101..150"))
    assert (keys(plan.keep), keys(plan.add), keys(plan.remove)) == (["1..100"], ["101..180"], ["101..150"])


def test_a_last_batch_in_flight_stays_and_new_ids_come_after_it() -> None:
    existing = parsed("1..100", "101..150")
    plan = plan_ranges(buckets((101, 180, 80)), batch_size=100, existing=existing, in_flight=existing[1:])
    assert (keys(plan.add), keys(plan.remove)) == (["151..180"], [])


def test_a_full_last_batch_stays_and_is_not_stretched_over_a_gap() -> None:
    counted = buckets((1, 100, 100), (901, 950, 50))
    plan = plan_ranges(counted, batch_size=100, existing=parsed("1..100"))
    assert (keys(plan.keep), keys(plan.add), keys(plan.remove)) == (["1..100"], ["101..950"], [])


def test_a_last_batch_that_became_too_full_is_not_shortened() -> None:
    plan = plan_ranges(buckets((1, 40, 60), (41, 90, 60), (91, 120, 10)), batch_size=100, existing=parsed("1..80"))
    assert keys(plan.keep) == ["1..80"]
    assert keys(plan.add) == ["81..120"]


def test_growth_may_fill_the_last_batch_and_start_others() -> None:
    counted = [Bucket(101 + n * 25, 125 + n * 25, 25) for n in range(10)]
    plan = plan_ranges(counted, batch_size=100, existing=parsed("1..100", "101..110"))
    assert keys(plan.remove) == ["101..110"]
    assert keys(plan.add) == ["101..200", "201..300", "301..350"]


def test_ids_below_the_first_batch_get_batches_before_it() -> None:
    plan = plan_ranges(buckets((-30, 0, 30), (1, 100, 100)), batch_size=100, existing=parsed("5..100"))
    assert (keys(plan.keep), keys(plan.add)) == (["5..100"], ["-30..4"])


def test_a_gap_that_holds_records_is_filled() -> None:
    existing = parsed("1..100", "301..400")
    plan = plan_ranges(buckets((1, 100, 100), (150, 160, 10), (301, 400, 100)), batch_size=100, existing=existing)
    assert (keys(plan.keep), keys(plan.add)) == (["1..100", "301..400"], ["101..300"])


def test_a_gap_without_records_is_left_alone() -> None:
    existing = parsed("1..100", "301..400")
    plan = plan_ranges(buckets((1, 100, 100), (301, 400, 100)), batch_size=100, existing=existing)
    assert plan.add == ()


def test_batches_stay_when_their_records_are_gone() -> None:
    plan = plan_ranges([], batch_size=100, existing=parsed("1..100", "101..150"))
    assert (keys(plan.keep), plan.add, plan.remove) == (["1..100", "101..150"], (), ())
    assert set(plan.expected.values()) == {0}


def test_overlapping_batches_are_named() -> None:
    with pytest.raises(PlanError, match=r"1\.\.100 and 100\.\.150 overlap"):
        plan_ranges([], batch_size=100, existing=parsed("100..150", "1..100"))


def test_a_histogram_that_does_not_ascend_is_refused() -> None:
    with pytest.raises(PlanError, match="does not come after"):
        plan_ranges(buckets((1, 10, 5), (10, 20, 5)), batch_size=100)


def test_the_tail_begins_with_the_last_batch_in_id_order() -> None:
    assert tail_origin([]) is None
    assert tail_origin(parsed("1..100", "101..150", "-50..0")) == 101


def test_an_exact_tail_replaces_the_buckets_it_was_measured_over() -> None:
    joined = with_exact_tail(buckets((1, 100, 100), (101, 200, 60)), buckets((151, 170, 20)), origin=151)
    assert [(one.first, one.last, one.records) for one in joined] == [(1, 100, 100), (101, 150, 30), (151, 170, 20)]


ids = st.lists(st.integers(-2_000, 2_000), unique=True, max_size=200)


@given(first=ids, grown=ids, width=st.integers(1, 60), size=st.integers(1, 80), busy=st.booleans())
def test_however_ids_grow_each_is_in_exactly_one_batch_and_plans_are_stable(
    first: list[int], grown: list[int], width: int, size: int, busy: bool
) -> None:
    counted = histogram(first, width=width)
    planned = plan_ranges(counted, batch_size=size)
    assert sum(planned.expected.values()) == len(first)
    everything = sorted({*first, *grown})
    counted = histogram(everything, width=width)
    in_flight = planned.add if busy else ()
    plan = plan_ranges(counted, batch_size=size, existing=planned.add, in_flight=in_flight)
    batches = after(plan)
    assert all(sum(one in batch for batch in batches) == 1 for one in everything)
    assert all(before.last + 1 == later.first for before, later in pairwise(batches))
    assert set(plan.remove) <= set(planned.add[-1:])
    assert not busy or plan.remove == ()
    assert sum(plan.expected.values()) == len(everything)
    assert all(plan.expected[one] <= max(size, *(bucket.records for bucket in counted)) for one in plan.add)
    again = plan_ranges(counted, batch_size=size, existing=batches)
    if not busy:
        assert (again.add, again.remove) == ((), ())


def _batch(record_type: str, number: int) -> Batch:
    return Batch(
        batch_id=f"{record_type}{number}",
        record_type=record_type,
        record_type_id=-1,
        range=BatchRange(number, number),
        batch_number=number,
    )


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ({}, []),
        ({0: 0, 1: 1}, [(1, 1, 1)]),
        ({2: 3, 0: 5}, [(1, 0, 2), (2, 0, 2), (3, 0, 1), (4, 2, 2), (5, 2, 1)]),
    ],
)
def test_waves_are_full_and_never_mix_levels(levels: dict[int, int], expected: list[tuple[int, int, int]]) -> None:
    by_level = {level: [_batch("customer", n) for n in range(count)] for level, count in levels.items()}
    waves = plan_waves(by_level, wave_size=2)
    assert [(wave.number, wave.level, len(wave.batches)) for wave in waves] == expected
