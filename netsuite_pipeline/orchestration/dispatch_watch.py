"""One evaluation of the dispatcher's sensor: looks that follow each other while an import is under way.

The daemon evaluates a sensor every 5 s at most, and a run's place would be empty for as long. So an evaluation waits
for what lets the next run start, and looks again then. What a look does is in `wave_dispatch`.
"""

import time
from collections.abc import Callable, Iterable

import dagster as dg
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.waves.dispatch_store import Pulse

# With the last look, less than the daemon's 5 s. Where the daemon evaluates sensors one after the other (no
# `sensors.use_threads`), the others wait for so long.
_WATCH_SECONDS = 4.0
_PAUSE_SECONDS = 0.5
# Nothing is in flight, and the job goes on: by a delay, or when Dagster has noted the end of a run.
_QUIET_PAUSES = 2


Answers = tuple[dg.RunRequest | dg.SkipReason, ...]


def watch(
    look: Callable[[], Iterable[dg.RunRequest | dg.SkipReason]],
    pulse: Callable[[], Pulse],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Answers:
    """Looks until there is a run to launch, no import is under way, or it is time for the daemon's next evaluation.

    `look` is a dispatcher's tick, `pulse` its store's.
    """
    until = clock() + _WATCH_SECONDS
    while True:
        before = pulse()
        answers = tuple(look())
        if not before or any(isinstance(answer, dg.RunRequest) for answer in answers):
            return answers
        if not _has_news(pulse, before, until, clock=clock, sleep=sleep):
            return answers


def _has_news(
    pulse: Callable[[], Pulse],
    before: Pulse,
    until: float,
    *,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> bool:
    """Waits for a reason to look again; False if the time is over."""
    pauses = 0
    while clock() + _PAUSE_SECONDS < until:
        sleep(_PAUSE_SECONDS)
        pauses += 1
        try:
            now = pulse()
        except DBAPIError:
            # What the last look said holds; the next evaluation meets the same and says so.
            return False
        if now != before or (pauses >= _QUIET_PAUSES and any(job.is_quiet for job in now)):
            return True
    return False
