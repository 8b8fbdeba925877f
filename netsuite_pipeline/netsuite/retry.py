"""How often and how long a request is tried again: bounded attempts, full jitter, `Retry-After`.

Which errors qualify is decided by their reaction, in `errors`.
"""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from netsuite_pipeline.netsuite.errors import NetSuiteError, Reaction, TransientError

_log = logging.getLogger(__name__)

ATTEMPTS = 5
# One wait, and all waits of one query, in seconds. A batch that needs longer is tried again by its wave.
LONGEST_WAIT = 60.0
TOTAL_WAIT = 180.0
# Between two questions while NetSuite is away, in seconds.
FIRST_OUTAGE_PAUSE = 30.0
LONGEST_OUTAGE_PAUSE = 300.0

_AGAIN = frozenset({Reaction.RETRY, Reaction.BACK_OFF})

# Oracle asks for a delay that grows and is not fixed (help bridgehead_1509974866); with full jitter, clients
# that were refused together do not come back together.
_backoff = wait_random_exponential(multiplier=2, max=LONGEST_WAIT)


def retrying(pause: Callable[[float], None], *, attempts: int = ATTEMPTS) -> Retrying:
    """A fresh retry loop. It calls `pause` with the seconds to wait, and in the end raises the last error."""
    return Retrying(
        retry=retry_if_exception(_is_tried_again),
        stop=lambda state: state.attempt_number >= attempts or _has_waited_enough(state),
        wait=_wait,
        before_sleep=_report,
        sleep=pause,
        reraise=True,
    )


def pauses_of_an_outage(patience: float) -> Iterator[float]:
    """Seconds to wait for a NetSuite that is away, one after the other: half a minute to five, `patience` in all."""
    pause = FIRST_OUTAGE_PAUSE
    while patience > 0:
        yield min(pause, patience)
        patience -= pause
        pause = min(2 * pause, LONGEST_OUTAGE_PAUSE)


def seconds_of(retry_after: str | None, *, now: datetime) -> float:
    """The seconds a `Retry-After` header asks for, at most LONGEST_WAIT; both forms of RFC 9110, 10.2.3.

    An absent or unreadable header asks for nothing: NetSuite does not document that it sends one.
    """
    if retry_after is None:
        return 0.0
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        seconds = float(text)
    else:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return 0.0
        seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
    return min(max(seconds, 0.0), LONGEST_WAIT)


def _is_tried_again(error: BaseException) -> bool:
    return isinstance(error, NetSuiteError) and error.reaction in _AGAIN


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, TransientError) else None
    return max(_backoff(state), seconds_of(asked, now=datetime.now(UTC)))


def _has_waited_enough(state: RetryCallState) -> bool:
    return state.idle_for + state.upcoming_sleep > TOTAL_WAIT


def _report(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    _log.warning(
        "NetSuite, attempt %d: %s. Next in %.1f s.",
        state.attempt_number,
        error,
        state.upcoming_sleep,
    )
