"""The governor: threads wait here for a slot, first come, first served, and never hold more than the pace allows.

How many that is follows from the answers, in `pace`, and from a ceiling that may change while a run is under way, in
`budget`. Here are only the locks.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from netsuite_pipeline.netsuite.errors import NetSuiteError, Reaction, TimedOut
from netsuite_pipeline.netsuite.pace import Answer, Pace

Ceiling = Callable[[], int]


@dataclass(frozen=True, kw_only=True)
class SlotStats:
    """The slots of a client, as of now and so far.

    `limit` requests may be in flight now, `ceiling` in the best case, `most` were. `refusals` and `slowdowns` are the
    decreases after a 429 and because answers became slow. `seconds_queued` were spent waiting for a slot and
    `seconds_held` holding one, over all threads.
    """

    ceiling: int
    limit: int
    most: int = 0
    refusals: int = 0
    slowdowns: int = 0
    seconds_queued: float = 0.0
    seconds_held: float = 0.0


class Slot:
    """A request's permission to be sent. Whoever sends it notes the `size` of the answer, in bytes."""

    def __init__(self) -> None:
        self.size = 0
        self.generation = 0
        self.since = 0.0
        self.admitted = threading.Event()


class Governor:
    """Hands out slots. Thread-safe. `ceiling` gives the most requests that may be in flight now, 1 or more."""

    def __init__(self, ceiling: Ceiling, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._ceiling = ceiling
        self._clock = clock
        self._lock = threading.Lock()
        self._pace = Pace.starting(ceiling())
        self._waiting: deque[Slot] = deque()
        self._held = 0
        self._stats = SlotStats(ceiling=self._pace.ceiling, limit=self._pace.allowed)

    @contextmanager
    def slot(self) -> Iterator[Slot]:
        """A slot for one request, waited for in the order of asking; the way it ends is what the pace learns from."""
        slot = self._take()
        answer = Answer.FAILED
        try:
            yield slot
            answer = Answer.SERVED
        except NetSuiteError as error:
            answer = _answer_of(error)
            raise
        finally:
            self._give_back(slot, answer)

    @property
    def stats(self) -> SlotStats:
        """A snapshot."""
        with self._lock:
            self._follow()
            pace = self._pace
            return replace(
                self._stats,
                ceiling=pace.ceiling,
                limit=pace.allowed,
                refusals=pace.refusals,
                slowdowns=pace.slowdowns,
            )

    def _take(self) -> Slot:
        slot = Slot()
        asked = self._clock()
        with self._lock:
            self._waiting.append(slot)
            self._admit()
        try:
            slot.admitted.wait()
        except BaseException:
            # An interrupt of the main thread; the others must not wait for its slot.
            with self._lock:
                self._withdraw(slot)
            raise
        with self._lock:
            self._stats = replace(self._stats, seconds_queued=self._stats.seconds_queued + slot.since - asked)
        return slot

    def _give_back(self, slot: Slot, answer: Answer) -> None:
        with self._lock:
            seconds = self._clock() - slot.since
            self._held -= 1
            self._stats = replace(self._stats, seconds_held=self._stats.seconds_held + seconds)
            self._pace = self._pace.after(answer, generation=slot.generation, seconds=seconds, size=slot.size)
            self._admit()

    def _withdraw(self, slot: Slot) -> None:
        if slot.admitted.is_set():
            self._held -= 1
        else:
            self._waiting.remove(slot)
        self._admit()

    def _admit(self) -> None:
        """Admits whoever may go now, the longest waiting first. Whenever anybody waits, a held slot will come back."""
        self._follow()
        while self._waiting and self._held < self._pace.allowed:
            slot = self._waiting.popleft()
            slot.generation, slot.since = self._pace.generation, self._clock()
            self._held += 1
            slot.admitted.set()
        self._stats = replace(self._stats, most=max(self._stats.most, self._held))

    def _follow(self) -> None:
        self._pace = self._pace.under(self._ceiling())


def _answer_of(error: NetSuiteError) -> Answer:
    if error.reaction is Reaction.BACK_OFF:
        return Answer.REFUSED
    return Answer.SILENT if isinstance(error, TimedOut) else Answer.FAILED
