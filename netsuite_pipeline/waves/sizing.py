"""How many batches of a job may be in flight when that follows what is seen (WAVE_DYNAMIC_SIZING). Pure.

Three things are looked at: how long batches wait for a run (more of them would only wait longer), how many fail (there
may be too many at once), and how many are finished per minute (whether more in flight is of any use), each since the
last change. The least and the most are settings; where the decision is kept is `sizing_store`'s business.
"""

import datetime as dt
from dataclasses import dataclass, replace

from netsuite_pipeline.waves.job_state import JobState, batches_of, count_in_flight
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import BatchStatus

# What is seen in between is the effect of the last decision.
_INTERVAL = dt.timedelta(seconds=60)
_WINDOW = dt.timedelta(seconds=300)
# A run of 75 batches takes up to two minutes at answers of 3 s; in a queue that moves a batch does not wait longer.
_LONG_WAIT = dt.timedelta(seconds=300)
_SHORT_WAIT = dt.timedelta(seconds=30)
_MANY_FAILURES = 0.1
_FEW_FAILURES = 0.02
# Fewer say nothing about a share.
_LEAST_SEEN = 10
# Finished batches per minute vary by a tenth from one minute to the next.
_WORSE = 0.8


@dataclass(frozen=True, kw_only=True)
class Sizing:
    """A decision: so many batches in flight from `at` (naive UTC) on, and why. `per_minute` were finished before it."""

    size: int
    reason: str
    at: dt.datetime
    per_minute: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Recent:
    """How many batches of the whole job were imported within the last so many `seconds`, and how many failed then."""

    completed: int = 0
    failed: int = 0
    seconds: float = _WINDOW.total_seconds()

    @property
    def failing(self) -> float:
        """The share that failed."""
        return self.failed / max(self.completed + self.failed, 1)

    @property
    def per_minute(self) -> float:
        """How many were imported in a minute."""
        # Less than a minute passes between two looks only when the clock is put back.
        return self.completed / max(self.seconds / 60, 1.0)


def is_due(looked_at: dt.datetime | None, now: dt.datetime) -> bool:
    """Whether it is time to look again, whatever the last look led to; one of the future was before the clock was put
    back.
    """
    return looked_at is None or not dt.timedelta() <= now - looked_at < _INTERVAL


def seen_since(before: Sizing | None, now: dt.datetime) -> dt.datetime:
    """From when on batches say something about the size: what failed before the last change led to it."""
    return max(now - _WINDOW, _last_change(before, now) or now - _WINDOW)


def resized(before: Sizing | None, state: JobState, limits: Limits, seen: Recent) -> Sizing | None:
    """Another size for the job, or None if it keeps the one it has, which at first is the most."""
    size = min(before.size, limits.wave_size) if before else limits.wave_size
    target, reason = _target(size, before, state=state, seen=seen, limits=limits)
    target = max(limits.least_in_flight, min(target, limits.wave_size))
    return None if target == size else Sizing(size=target, reason=reason, at=state.now, per_minute=seen.per_minute)


def _target(
    size: int,
    before: Sizing | None,
    *,
    state: JobState,
    seen: Recent,
    limits: Limits,
) -> tuple[int, str]:
    number = seen.completed + seen.failed
    if number >= _LEAST_SEEN and seen.failing > _MANY_FAILURES:
        return size // 2, f"{seen.failing:.0%} of the last {number} batches failed"
    waited = _longest_wait(state, _last_change(before, state.now))
    if waited > _LONG_WAIT:
        return size * 3 // 4, f"a batch has waited {waited.total_seconds():.0f} s for its run"
    # A run that is too large for the rest of the room waits, so nearly all is all.
    largest = replace(limits, in_flight_now=size).dispatch_batches
    full = count_in_flight(state.waves) > max(0, size - largest)
    if full and before is not None and seen.per_minute < before.per_minute * _WORSE:
        return size * 3 // 4, f"{seen.per_minute:.1f} batches were finished per minute, {before.per_minute:.1f} before"
    if full and waited < _SHORT_WAIT and seen.failing < _FEW_FAILURES:
        return size + max(largest, size // 4), "all are in flight, none waits for long and none fails"
    return size, ""


def _last_change(before: Sizing | None, now: dt.datetime) -> dt.datetime | None:
    """When the size changed last; None if it never did, or the clock was put back since."""
    return None if before is None or before.at > now else before.at


def _longest_wait(state: JobState, since: dt.datetime | None) -> dt.timedelta:
    waiting = [
        state.now - max(batch.changed_at, since or batch.changed_at)
        for batch in batches_of(state.waves)
        if batch.status is BatchStatus.DISPATCHED and batch.changed_at is not None
    ]
    return max(waiting, default=dt.timedelta())
