"""Slots: never more than the ceiling, in the order of asking, and all of them come back."""

import random
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from netsuite_pipeline.netsuite.errors import NetSuiteError, QueryRejected, RateLimited, TimedOut, Unavailable
from netsuite_pipeline.netsuite.governor import Governor
from netsuite_pipeline_tests.waiting import wait_for


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Requests:
    """Requests that are under way until they are told how to end."""

    def __init__(self, governor: Governor, threads: ThreadPoolExecutor) -> None:
        self.under_way: list[int] = []
        self._governor = governor
        self._threads = threads
        self._ends: dict[int, threading.Event] = {}
        self._errors: dict[int, NetSuiteError | None] = {}
        self._futures: dict[int, Future[None]] = {}

    def ask(self, number: int) -> None:
        """Returns once the request waits or is under way, so that the order of asking is known."""
        self._ends[number] = threading.Event()
        before = self._asked()
        self._futures[number] = self._threads.submit(self._run, number)
        wait_for(lambda: self._asked() > before, what=f"request {number}", every=0.001)

    def end(self, number: int, error: NetSuiteError | None = None) -> None:
        self._errors[number] = error
        self._ends[number].set()
        self._futures[number].exception()

    def seen(self, *numbers: int) -> None:
        wait_for(lambda: sorted(self.under_way) == list(numbers), what=f"{numbers} under way", every=0.001)

    def _asked(self) -> int:
        return len(self._governor._waiting) + self._governor._held

    def _run(self, number: int) -> None:
        with self._governor.slot():
            self.under_way.append(number)
            self._ends[number].wait(10)
            self.under_way.remove(number)
            if error := self._errors[number]:
                raise error


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(40) as executor:
        yield executor


def test_threads_get_slots_in_the_order_of_asking(threads: ThreadPoolExecutor) -> None:
    requests = Requests(Governor(lambda: 2), threads)
    for number in range(6):
        requests.ask(number)
    requests.seen(0, 1)
    requests.end(1)
    requests.seen(0, 2)
    requests.end(0)
    requests.seen(2, 3)
    requests.end(2)
    requests.end(3)
    requests.seen(4, 5)
    requests.end(4)
    requests.end(5)


def test_after_a_429_fewer_are_under_way_although_more_wait(threads: ThreadPoolExecutor) -> None:
    governor = Governor(lambda: 4)
    requests = Requests(governor, threads)
    for number in range(7):
        requests.ask(number)
    requests.seen(0, 1, 2, 3)
    requests.end(0, RateLimited("429"))
    requests.end(1)
    requests.seen(2, 3)
    requests.end(2)
    requests.seen(3, 4)
    for number in (3, 4, 5, 6):
        requests.end(number)
    assert governor.stats.refusals == 1


def test_requests_that_were_under_way_before_a_decrease_do_not_decrease_again(threads: ThreadPoolExecutor) -> None:
    governor = Governor(lambda: 16)
    requests = Requests(governor, threads)
    for number in range(16):
        requests.ask(number)
    for number in range(16):
        requests.end(number, RateLimited("429"))
    assert (governor.stats.limit, governor.stats.refusals) == (8, 1)


def test_a_lower_ceiling_lets_what_is_under_way_end_and_starts_no_more(threads: ThreadPoolExecutor) -> None:
    ceiling = 3
    governor = Governor(lambda: ceiling)
    requests = Requests(governor, threads)
    for number in range(5):
        requests.ask(number)
    ceiling = 1
    requests.end(0)
    requests.end(1)
    requests.seen(2)
    requests.end(2)
    requests.seen(3)
    ceiling = 3
    requests.ask(5)
    requests.seen(3, 4, 5)
    for number in (3, 4, 5):
        requests.end(number)


@pytest.mark.parametrize(
    ("error", "limit"),
    [(None, 4), (RateLimited("429"), 2), (Unavailable("503"), 4), (QueryRejected("400"), 4), (TimedOut("late"), 2)],
    ids=lambda value: type(value).__name__,
)
def test_the_pace_learns_from_how_a_request_ends(error: NetSuiteError | None, limit: int) -> None:
    governor = Governor(lambda: 4)
    for _ in range(4 if isinstance(error, TimedOut) else 1):
        with ExitStack() as stack:
            if error:
                stack.enter_context(pytest.raises(type(error)))
            stack.enter_context(governor.slot())
            if error:
                raise error
    assert governor.stats.limit == limit


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError()])
def test_a_slot_comes_back_whatever_ends_the_request(error: BaseException) -> None:
    governor = Governor(lambda: 1)
    with pytest.raises(type(error)), governor.slot():
        raise error
    with governor.slot():
        pass


class Interrupted(BaseException):
    pass


def test_a_thread_that_is_interrupted_while_it_waits_is_forgotten(
    threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    governor = Governor(lambda: 1)
    requests = Requests(governor, threads)
    requests.ask(1)
    requests.seen(1)
    with monkeypatch.context() as patched:

        def interrupt(event: threading.Event, timeout: float | None = None) -> bool:
            raise Interrupted

        patched.setattr(threading.Event, "wait", interrupt)
        with pytest.raises(Interrupted), governor.slot():
            pass
    requests.ask(2)
    requests.end(1)
    requests.seen(2)
    requests.end(2)


def test_time_is_told_apart_into_waiting_for_slots_and_holding_them(threads: ThreadPoolExecutor, clock: Clock) -> None:
    governor = Governor(lambda: 1, clock=clock)
    requests = Requests(governor, threads)
    requests.ask(1)
    requests.seen(1)
    requests.ask(2)
    clock.now += 5
    requests.end(1)
    requests.seen(2)
    clock.now += 2
    requests.end(2)
    stats = governor.stats
    assert (stats.seconds_queued, stats.seconds_held, stats.most) == (5.0, 7.0, 1)


def test_slowness_is_measured_from_getting_the_slot_to_giving_it_back(clock: Clock) -> None:
    governor = Governor(lambda: 4, clock=clock)
    for seconds in (1.0, 1.0, 1.0, 9.0, 9.0, 9.0, 9.0):
        with governor.slot() as slot:
            clock.now += seconds
            slot.size = 1_000_000
    assert (governor.stats.limit, governor.stats.slowdowns) == (2, 1)


def test_many_threads_never_exceed_a_ceiling_that_changes_and_none_is_left_behind(threads: ThreadPoolExecutor) -> None:
    rng = random.Random(5)
    ceiling = 6
    governor = Governor(lambda: ceiling)
    lock = threading.Lock()
    held, most, done = 0, 0, 0

    def ask(error: NetSuiteError | None) -> None:
        nonlocal held, most, done
        try:
            with governor.slot():
                with lock:
                    held += 1
                    most = max(most, held)
                threading.Event().wait(0.0002)
                with lock:
                    held -= 1
                    done += 1
                if error:
                    raise error
        except NetSuiteError:
            pass

    errors = (None, None, None, RateLimited("429"), Unavailable("503"))
    futures = []
    for _ in range(2000):
        ceiling = rng.randint(1, 6)
        futures.append(threads.submit(ask, rng.choice(errors)))
    for future in futures:
        future.result(timeout=30)
    assert (done, governor._held, len(governor._waiting)) == (2000, 0, 0)
    assert 2 <= most <= 6
