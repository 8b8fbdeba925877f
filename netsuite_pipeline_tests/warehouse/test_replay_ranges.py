"""How rejects become ranges: few, small, none too many, and none that would resolve what it does not read."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.warehouse.replay_ranges import PIECES, Place, pieces_of, ranges_of

BATCH = BatchRange(1, 10_000)


def ranges(*firsts: int, batch: BatchRange = BATCH) -> list[str]:
    return [piece.key for piece in pieces_of([Place(first, batch, whole=False) for first in firsts])]


def test_neighbours_are_read_together_and_scattered_ones_alone() -> None:
    assert ranges(5, 5, 205, 406, 9000) == ["5..205", "406..406", "9000..9000"]


def test_a_batch_in_too_many_pieces_is_read_from_its_first_reject_to_its_last() -> None:
    assert len(ranges(*range(1000, 5000, 1000))) == PIECES
    assert ranges(*range(1000, 6000, 1000)) == ["1000..5000"]


def test_no_range_reaches_from_one_batch_into_the_next() -> None:
    places = [Place(1000, BatchRange(1, 1000), whole=False), Place(1001, BatchRange(1001, 2000), whole=False)]
    assert ranges_of(pieces_of(places), []) == (BatchRange(1000, 1000), BatchRange(1001, 1001))


def test_ranges_that_overlap_because_a_batch_grew_are_read_once() -> None:
    pieces = [BatchRange(1, 500), BatchRange(400, 900), BatchRange(450, 460)]
    assert ranges_of(pieces, []) == (BatchRange(1, 900),)


@st.composite
def quarantines(draw: st.DrawFn) -> tuple[list[Place], set[BatchRange]]:
    """Places as a type's rejects come, and the ranges of rejects without a key, chosen or not."""
    edges = sorted(draw(st.sets(st.integers(-3000, 3000), min_size=2, max_size=8)))
    batches = [BatchRange(first, last - 1) for first, last in pairwise(edges)]
    places, whole = [], set()
    for batch in batches:
        firsts = draw(st.lists(st.integers(batch.first, batch.last), max_size=6))
        places += [Place(first, batch, whole=False) for first in firsts]
        if draw(st.booleans()):
            whole.add(batch)
            if draw(st.booleans()):
                places.append(Place(batch.first, batch, whole=True))
    return sorted(places, key=lambda place: place.first), whole


@given(quarantines())
def test_every_place_is_read_once_and_no_range_resolves_a_reject_it_does_not_read(
    quarantine: tuple[list[Place], set[BatchRange]],
) -> None:
    places, whole = quarantine
    found = ranges_of(list(pieces_of(places)), sorted(whole))
    assert all(sum(place.first in one for one in found) == 1 for place in places)
    assert all(before.last < after.first for before, after in pairwise(found))
    for batch in whole:
        for one in found:
            if batch.first in one:
                assert batch.last in one
