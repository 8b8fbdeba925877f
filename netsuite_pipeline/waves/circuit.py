"""The circuit breaker: while NetSuite is away nothing is dispatched, and one small question is asked now and then.

Pure: state in, state out. It opens when a batch failed because NetSuite did not answer, after every attempt of its
requests, and a probe that is sent then is not answered either. Asking is `orchestration.outages`' business.
"""

import datetime as dt
from dataclasses import dataclass, replace

from netsuite_pipeline.record_types.failure import FailureCategory

# What a batch fails with when NetSuite is away: its requests were refused by a gateway, or hung.
AWAY = frozenset({FailureCategory.API_UNAVAILABLE, FailureCategory.TIMEOUT})
_FIRST_PAUSE = dt.timedelta(seconds=30)
_LONGEST_PAUSE = dt.timedelta(seconds=300)


@dataclass(frozen=True, kw_only=True)
class Circuit:
    """Whether NetSuite answers. Times are naive UTC.

    `opened_at` is None while it does. `probe_at` is when it is asked next, `probes` how often it was in vain in a row,
    `reason` what came instead of the last answer. `looked_at` is when it answered last after a doubt: failures of
    batches before say nothing any more.
    """

    opened_at: dt.datetime | None = None
    probe_at: dt.datetime | None = None
    probes: int = 0
    reason: str | None = None
    looked_at: dt.datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether nothing may be dispatched."""
        return self.opened_at is not None

    @property
    def waiting_for(self) -> str | None:
        """What is waited for while it is open, as a sentence for people; None while it is closed."""
        if self.opened_at is None or self.probe_at is None:
            return None
        return (
            f"NetSuite has not answered since {self.opened_at:%Y-%m-%d %H:%M} UTC ({self.reason}); nothing is"
            f" dispatched until it does. It is asked again at {self.probe_at:%H:%M:%S} UTC."
        )

    def is_due(self, now: dt.datetime) -> bool:
        """Whether an open circuit is to be probed; a clock that was put back delays it by no more than a pause."""
        return self.probe_at is not None and not now < self.probe_at <= now + _LONGEST_PAUSE

    def answered(self, now: dt.datetime) -> "Circuit":
        """After a probe that NetSuite answered, with whatever."""
        return Circuit(looked_at=now)

    def unanswered(self, reason: str, now: dt.datetime) -> "Circuit":
        """After a probe in vain: open, with pauses that double from half a minute to five minutes."""
        pause = min(_FIRST_PAUSE * 2 ** min(self.probes, 10), _LONGEST_PAUSE)
        opened_at = self.opened_at or now
        return replace(self, opened_at=opened_at, probe_at=now + pause, probes=self.probes + 1, reason=reason)


CLOSED = Circuit()
