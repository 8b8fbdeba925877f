"""A hostile account: a share of all requests fails, each in a way that a seeded generator chooses.

For rehearsing bad hours; single failures at chosen requests are scripted in `faults`. Neither logins nor permissions
are refused unless asked for by kind, because such an answer rightly ends an import.
"""

import random
import threading
from collections import Counter
from collections.abc import Collection

from netsuite_pipeline.sandbox.faults import Endpoint, Fault, FaultKind

HOSTILE_KINDS = (
    FaultKind.TOO_MANY_REQUESTS,
    FaultKind.INTERNAL_ERROR,
    FaultKind.BAD_GATEWAY,
    FaultKind.UNAVAILABLE,
    FaultKind.GATEWAY_TIMEOUT,
    FaultKind.HANG,
    FaultKind.RESET,
    FaultKind.RESET_MIDWAY,
    FaultKind.EMPTY,
    FaultKind.EMPTY_BODY,
    FaultKind.TRUNCATED,
    FaultKind.DUPLICATE_ROW,
    FaultKind.DROP_ROW,
)
_RETRY_AFTER = "2"
# The rows that are doubled or dropped, so that answers of few rows are hit as well.
_FIRST_ROWS = 3
_MAX_SHARE = 100


class Hostility:
    """Fails `share` percent of the requests. Thread-safe: the same seed gives the same failures, in whichever order
    requests come.

    `kinds` are those to choose from, `seconds` is how long a hang lasts. Every other 429 says when to come back.
    """

    def __init__(
        self,
        share: float,
        *,
        seed: int = 1,
        kinds: Collection[FaultKind | str] = HOSTILE_KINDS,
        seconds: float = 30.0,
    ) -> None:
        if not 0 <= share <= _MAX_SHARE:
            raise ValueError(f"A share is a percentage from 0 to {_MAX_SHARE}, not {share}.")
        self.share = share
        # Fault refuses what is impossible: a kind that needs a column, or a hang shorter than nothing.
        self._kinds = [Fault(FaultKind(kind), seconds=seconds).kind for kind in kinds]
        if not self._kinds:
            raise ValueError("A hostile account needs a kind of failure.")
        self._seconds = seconds
        self._random = random.Random(seed)  # noqa: S311 - to be repeatable
        self._delivered: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, endpoint: Endpoint) -> Fault | None:
        """The failure of this request, if it is one of those."""
        with self._lock:
            # Always as many numbers, so that what fails does not depend on how.
            lot, kind = self._random.uniform(0, _MAX_SHARE), self._random.choice(self._kinds)
            row, says_when = self._random.randrange(_FIRST_ROWS), self._random.random() < 0.5
            if lot >= self.share:
                return None
            self._delivered[kind.value] += 1
        return Fault(
            kind,
            endpoint=endpoint,
            seconds=self._seconds,
            retry_after=_RETRY_AFTER if says_when and kind is FaultKind.TOO_MANY_REQUESTS else None,
            row=row,
        )

    @property
    def delivered(self) -> dict[str, int]:
        """How often each kind has happened."""
        with self._lock:
            return dict(self._delivered)
