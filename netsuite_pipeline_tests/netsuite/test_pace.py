"""How many requests may be in flight follows from the answers; all on paper, in round trips instead of seconds."""

import random
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsuite_pipeline.netsuite.pace import CAREFUL_ROUNDS, COMPARED_BYTES, Answer, Pace

PAGE = 20 * COMPARED_BYTES


def answered(pace: Pace, *answers: Answer, seconds: float = 1.0, size: int = PAGE) -> Pace:
    """The pace after answers to requests that were each sent after the answer before."""
    for answer in answers:
        pace = pace.after(answer, generation=pace.generation, seconds=seconds, size=size)
    return pace


def served(pace: Pace, times: int, *, seconds: float = 1.0, size: int = PAGE) -> Pace:
    return answered(pace, *[Answer.SERVED] * times, seconds=seconds, size=size)


def round_trips_until(pace: Pace, allowed: int) -> int:
    trips = 0
    while pace.allowed < allowed:
        pace = served(pace, pace.allowed)
        trips += 1
        assert trips < 1000
    return trips


@pytest.mark.parametrize("ceiling", [1, 2, 5, 15, 100])
def test_it_starts_at_the_ceiling_and_stays_there_without_trouble(ceiling: int) -> None:
    pace = Pace.starting(ceiling)
    assert pace.allowed == ceiling
    assert served(pace, 1000).allowed == ceiling


@pytest.mark.parametrize(("ceiling", "after"), [(1, 1), (2, 1), (5, 2), (15, 7), (100, 50)])
def test_a_refusal_halves_it(ceiling: int, after: int) -> None:
    assert answered(Pace.starting(ceiling), Answer.REFUSED).allowed == after


def test_refusals_of_requests_that_were_sent_before_the_last_decrease_do_not_decrease_it_again() -> None:
    pace = Pace.starting(15)
    for _ in range(15):
        pace = pace.after(Answer.REFUSED, generation=0)
    assert (pace.allowed, pace.refusals) == (7, 1)


def test_a_refusal_of_a_request_that_was_sent_after_it_does() -> None:
    pace = answered(Pace.starting(15), Answer.REFUSED, Answer.REFUSED)
    assert (pace.allowed, pace.refusals) == (3, 2)


def test_what_was_sent_before_the_last_decrease_does_not_make_it_grow() -> None:
    pace = answered(Pace.starting(8), Answer.REFUSED)
    for _ in range(100):
        pace = pace.after(Answer.SERVED, generation=0, seconds=1.0, size=PAGE)
    assert pace.allowed == 4


def test_it_never_falls_below_one_request() -> None:
    pace = answered(Pace.starting(5), *[Answer.REFUSED] * 50)
    assert pace.allowed == 1
    assert served(pace, 100).allowed == 5


def test_a_single_slot_cannot_become_fewer_and_counts_no_decrease() -> None:
    assert answered(Pace.starting(1), Answer.REFUSED).refusals == 0


def test_it_grows_by_one_request_each_round_trip() -> None:
    pace = answered(Pace.starting(40), Answer.REFUSED)
    for expected in (21, 22, 23):
        pace = served(pace, pace.allowed + 1)
        assert pace.allowed == expected


def test_close_to_what_was_refused_it_grows_carefully() -> None:
    pace = answered(Pace.starting(10), Answer.REFUSED)
    assert round_trips_until(pace, 9) <= 5
    while pace.allowed < 9:
        pace = served(pace, 1)
    assert CAREFUL_ROUNDS <= round_trips_until(pace, 10) <= CAREFUL_ROUNDS + 1


def test_once_the_refused_number_is_served_again_it_grows_as_before() -> None:
    pace = answered(Pace.starting(20), Answer.REFUSED, Answer.REFUSED)
    while pace.allowed < 11:
        pace = served(pace, 1)
    assert round_trips_until(pace, 18) <= 8


@pytest.mark.parametrize("answer", [Answer.FAILED, Answer.SILENT])
def test_another_failure_changes_nothing_by_itself(answer: Answer) -> None:
    assert answered(Pace.starting(5), answer).allowed == 5


def test_a_latency_that_is_high_and_constant_changes_nothing() -> None:
    assert served(Pace.starting(5), 500, seconds=90.0).slowdowns == 0


def test_a_round_trip_of_slow_answers_slows_down() -> None:
    pace = served(served(Pace.starting(8), 20), 8, seconds=3.5)
    assert (pace.allowed, pace.slowdowns) == (4, 1)


def test_single_slow_answers_are_chance() -> None:
    pace = Pace.starting(5)
    for _ in range(100):
        pace = served(served(pace, 4), 1, seconds=30.0)
    assert pace.slowdowns == 0


def test_answers_twice_as_slow_as_the_fastest_are_not_slow() -> None:
    assert served(served(Pace.starting(5), 20, seconds=0.5), 100, seconds=1.0).slowdowns == 0


@pytest.mark.parametrize("ceiling", [1, 2, 5, 7, 15])
def test_slowness_alone_never_takes_more_than_half(ceiling: int) -> None:
    pace = served(Pace.starting(ceiling), 20, seconds=0.01)
    seconds = 0.01
    for _ in range(200):
        # Ever slower, so that it is never normal.
        seconds *= 1.1
        pace = served(pace, 1, seconds=seconds)
        assert pace.allowed >= ceiling / 2
    pace = answered(pace, *[Answer.SILENT] * 200)
    assert pace.allowed >= ceiling / 2


def test_slowness_that_lasts_is_normal_after_a_while() -> None:
    pace = served(served(Pace.starting(10), 20), 20, seconds=4.0)
    assert pace.allowed == 5
    assert served(pace, 120, seconds=4.0).allowed == 10


def test_silence_counts_as_slow() -> None:
    pace = answered(Pace.starting(4), *[Answer.SILENT] * 4)
    assert (pace.allowed, pace.slowdowns) == (2, 1)


def test_a_large_answer_is_not_slow_because_small_ones_are_fast() -> None:
    pace = served(Pace.starting(5), 20, seconds=0.05, size=PAGE // 8)
    assert served(pace, 50, seconds=2.0, size=PAGE).slowdowns == 0


def test_counts_and_probes_are_not_compared() -> None:
    pace = served(Pace.starting(5), 20, seconds=0.01, size=200)
    assert served(pace, 50, seconds=5.0, size=200).slowdowns == 0


def test_a_lower_ceiling_holds_at_once() -> None:
    assert Pace.starting(10).under(3).allowed == 3


def test_what_no_trouble_held_back_follows_the_ceiling_up_at_once() -> None:
    assert Pace.starting(10).under(3).under(10).allowed == 10
    assert Pace.starting(3).under(10).allowed == 10


def test_after_trouble_a_higher_ceiling_is_grown_into() -> None:
    pace = answered(Pace.starting(4), Answer.REFUSED).under(10)
    assert pace.allowed == 2
    assert served(pace, 200).allowed == 10


@given(
    st.integers(1, 30),
    st.lists(
        st.tuples(
            st.sampled_from(Answer), st.integers(0, 3), st.floats(0, 1000), st.integers(0, 10**8), st.integers(1, 30)
        ),
        max_size=200,
    ),
)
def test_whatever_happens_it_is_between_one_and_the_ceiling(
    ceiling: int, events: list[tuple[Answer, int, float, int, int]]
) -> None:
    pace = Pace.starting(ceiling)
    for answer, age, seconds, size, next_ceiling in events:
        pace = pace.after(answer, generation=max(0, pace.generation - age), seconds=seconds, size=size)
        pace = pace.under(next_ceiling)
        assert 1 <= pace.allowed <= next_ceiling


def simulated(*, ceiling: int, capacity: int, round_trips: int, seed: int = 1) -> tuple[float, float]:
    """Requests per round trip, and the share that was refused, of threads that ask on and on.

    Whatever is sent while `capacity` others are being served is refused at once. Time is counted in hundredths of a
    round trip.
    """
    rng = random.Random(seed)
    pace = Pace.starting(ceiling)
    sent: deque[tuple[int, int]] = deque()
    served_count = refused_count = 0
    for now in range(round_trips * 100):
        while sent and sent[0][0] <= now:
            _, generation = sent.popleft()
            pace = pace.after(Answer.SERVED, generation=generation, seconds=1.0, size=PAGE)
            served_count += 1
        # A refused thread comes back later, by which time another one asks: one request each hundredth.
        if len(sent) < pace.allowed:
            if len(sent) >= capacity:
                pace = pace.after(Answer.REFUSED, generation=pace.generation)
                refused_count += 1
            else:
                sent.append((now + 100 + rng.randint(0, 5), pace.generation))
                sent = deque(sorted(sent))
    return served_count / round_trips, refused_count / (served_count + refused_count)


@pytest.mark.parametrize("capacity", [1, 2, 3, 4, 6, 8, 12])
def test_slots_that_others_hold_for_good_are_found_out_without_asking_again_and_again(capacity: int) -> None:
    rate, refused = simulated(ceiling=15, capacity=capacity, round_trips=500)
    assert rate >= 0.8 * capacity
    assert refused <= 0.12


def test_with_all_slots_free_nothing_is_lost() -> None:
    rate, refused = simulated(ceiling=5, capacity=5, round_trips=200)
    assert rate >= 0.93 * 5
    assert refused == 0
