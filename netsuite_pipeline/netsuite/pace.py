"""How many requests may be in flight: additive increase, multiplicative decrease, decided from the answers alone.

Pure: no clock and no lock, so that it can be tested on paper. `governor` keeps the threads to it.

It starts at the ceiling: that is the run's share of what people set for the account, a run is but a few round trips
long, and a first 429 halves it within one. A refusal of a request that was sent before the last decrease says nothing
new, so every request carries the number of decreases before it, its `generation`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Self

# Close to what was refused last, a step up takes so many round trips instead of one: every step too far costs a 429.
CAREFUL_ROUNDS = 5
# An answer is slow when it took so many times as long as the fastest of its size lately.
SLOW_RATIO = 3.0
# With every answer the fastest one counts for so much more, so that lasting slowness is normal after some 50 of them.
_FORGETTING = 1.02
# Answers of fewer bytes are not compared: they are counts and probes, which take as long as what they look at is large.
COMPARED_BYTES = 16_384


class Answer(Enum):
    """How a request ended, as far as the pace is concerned."""

    SERVED = "served"
    # There were too many requests at once.
    REFUSED = "refused"
    # Nothing came in time.
    SILENT = "silent"
    # Any other failure, which says nothing about how many requests are too many.
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Pace:
    """The state. `limit` is fractional: a whole request more takes a round trip of answers.

    `refused_at` is how many were allowed when the last one was refused, 0 if none is remembered. `slow` counts slow
    answers in a row. `fastest` has the seconds of the fastest recent answer by the size of the answers.
    """

    ceiling: int
    limit: float
    refusals: int = 0
    slowdowns: int = 0
    refused_at: int = 0
    slow: int = 0
    fastest: Mapping[int, float] = field(default_factory=dict)

    @classmethod
    def starting(cls, ceiling: int) -> Self:
        """At the ceiling."""
        return cls(ceiling=ceiling, limit=float(ceiling))

    @property
    def allowed(self) -> int:
        """How many requests may be in flight: one at least, the ceiling at most."""
        return max(1, min(int(self.limit), self.ceiling))

    @property
    def generation(self) -> int:
        """How many decreases there were."""
        return self.refusals + self.slowdowns

    def under(self, ceiling: int) -> Self:
        """The same under another ceiling. What no trouble held back follows it upwards at once."""
        if ceiling == self.ceiling:
            return self
        limit = float(ceiling) if self.limit >= self.ceiling else min(self.limit, float(ceiling))
        return replace(self, ceiling=ceiling, limit=limit)

    def after(self, answer: Answer, *, generation: int, seconds: float = 0.0, size: int = 0) -> "Pace":
        """What follows from an answer to a request of that generation, which took `seconds` and has `size` bytes."""
        if generation != self.generation:
            return self
        match answer:
            case Answer.REFUSED:
                return _refused(self)
            case Answer.SILENT:
                return _slower(self)
            case Answer.FAILED:
                return self
        return _served(self, seconds, size)


def _refused(pace: Pace) -> Pace:
    if pace.limit <= 1:
        # Fewer than one is none, and then nobody would learn that it is over.
        return pace
    return replace(
        pace,
        limit=max(1.0, min(pace.limit, pace.ceiling) / 2),
        refused_at=pace.allowed,
        refusals=pace.refusals + 1,
        slow=0,
    )


def _served(pace: Pace, seconds: float, size: int) -> Pace:
    if size < COMPARED_BYTES:
        return replace(_faster(pace), slow=pace.slow)
    group = size.bit_length()
    known = pace.fastest.get(group, seconds)
    pace = replace(pace, fastest={**pace.fastest, group: min(seconds, known * _FORGETTING)})
    return _slower(pace) if seconds > known * SLOW_RATIO else _faster(pace)


def _faster(pace: Pace) -> Pace:
    # Reached again without a refusal: whoever took the slots has gone.
    refused_at = 0 if pace.allowed >= pace.refused_at else pace.refused_at
    rounds = CAREFUL_ROUNDS if refused_at and pace.allowed >= refused_at - 1 else 1
    limit = min(pace.limit + 1 / (pace.limit * rounds), float(pace.ceiling))
    return replace(pace, limit=limit, refused_at=refused_at, slow=0)


def _slower(pace: Pace) -> Pace:
    """Slower for once is chance: only a round trip of slow answers is acted upon, down to half the ceiling."""
    if pace.slow + 1 < pace.allowed:
        return replace(pace, slow=pace.slow + 1)
    floor = (pace.ceiling + 1) // 2
    if pace.limit <= floor:
        return replace(pace, slow=0)
    return replace(pace, limit=max(pace.limit / 2, float(floor)), slowdowns=pace.slowdowns + 1, slow=0)
