"""How long free slots waited for the next dispatch, worked out from the moments of batches. Pure."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A batch of that level and wave: when it was claimed for a run and when it was committed (naive UTC)."""

    level: int
    wave: int
    dispatched: dt.datetime
    completed: dt.datetime


def lags(batches: Sequence[Moment], *, in_flight: int, threshold: int) -> list[float]:
    """For each dispatch that had to wait, the seconds from when it was its turn: its batches had room, their level was
    open, and of the wave before it, if that is of the same level, `threshold` percent were over.

    The first dispatch of all has waited for nothing.
    """
    found = []
    begun = min(batch.dispatched for batch in batches)
    for moment in sorted({batch.dispatched for batch in batches} - {begun}):
        group = [batch for batch in batches if batch.dispatched == moment]
        earlier = [batch for batch in batches if batch.dispatched < moment]
        opened = _last(batch.completed for batch in earlier if batch.level < group[0].level)
        room = _room_since(earlier, moment, needed=len(group), in_flight=in_flight)
        turn = _turn_since(earlier, group[0], threshold=threshold)
        since = max((one for one in (opened, room, turn) if one is not None), default=None)
        if since is not None and since <= moment:
            found.append((moment - since).total_seconds())
    return found


def _room_since(earlier: Sequence[Moment], moment: dt.datetime, *, needed: int, in_flight: int) -> dt.datetime | None:
    """When enough of the earlier batches were over for `needed` more; None if there was room all the time."""
    over = sorted(batch.completed for batch in earlier if batch.completed <= moment)
    must_be_over = len(earlier) + needed - in_flight
    return over[must_be_over - 1] if 0 < must_be_over <= len(over) else None


def _turn_since(earlier: Sequence[Moment], batch: Moment, *, threshold: int) -> dt.datetime | None:
    over = sorted(one.completed for one in earlier if (one.level, one.wave) == (batch.level, batch.wave - 1))
    return over[-(-threshold * len(over) // 100) - 1] if over else None


def _last(moments: Iterable[dt.datetime]) -> dt.datetime | None:
    return max(moments, default=None)
