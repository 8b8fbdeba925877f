"""What follows from a failure: another attempt, and when, or none.

Pure. How an error gets its category is decided where it happens (`netsuite.errors`, `warehouse.errors`). What a record
type says of its own failures (`Limits.policies`) goes before the settings.
"""

import datetime as dt
import zlib

from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.record_types.failure_policy import LONGEST_DELAY_SECONDS
from netsuite_pipeline.waves.limits import Limits

_FIRST_DELAY_SECONDS = 5.0
# Every request of such a batch was tried for a minute or two already.
_FIRST_DELAY_WHEN_AWAY_SECONDS = 30.0
MAX_DELAY = dt.timedelta(seconds=LONGEST_DELAY_SECONDS)
FINAL = frozenset({FailureCategory.AUTHENTICATION, FailureCategory.PERMANENT_ERROR})


def should_retry(
    category: FailureCategory, *, record_type: str, attempt: int, max_retries: int, limits: Limits
) -> bool:
    """Whether a batch whose attempt number `attempt` (from 1) failed gets another. When the login was refused it never
    does, after a permanent error only if its type says so. `max_retries` is the batch's own.
    """
    if category is FailureCategory.AUTHENTICATION:
        return False
    own = limits.policy_of(record_type).retry_of(category)
    wanted = (category in limits.retryable and category not in FINAL) if own.retry is None else own.retry
    # A batch is granted the most that any failure of its type gets, by a plan or later by a person; what it had before
    # a person's grant does not count.
    before = max(0, max_retries - limits.attempts_of(record_type))
    allowed = limits.retry_attempts if own.attempts is None else own.attempts
    return wanted and attempt <= min(max_retries, before + allowed)


def retry_delay(
    category: FailureCategory, *, attempt: int, dispatch_key: str, first: float | None = None
) -> dt.timedelta:
    """How long to wait after attempt number `attempt` (from 1) failed: `first` seconds (None: 5, or 30 if NetSuite was
    away), doubled each time, at most 300 s.

    Up to a quarter is taken off, by the dispatch key: different runs spread out, while batches that failed in
    the same run come due together and can share the next one.
    """
    if first is None:
        away = category is FailureCategory.API_UNAVAILABLE
        first = _FIRST_DELAY_WHEN_AWAY_SECONDS if away else _FIRST_DELAY_SECONDS
    seconds = min(MAX_DELAY.total_seconds(), first * 2 ** min(attempt - 1, 16))
    share = zlib.crc32(dispatch_key.encode()) / 2**32
    return dt.timedelta(seconds=seconds * (1 - 0.25 * share))


def retry_at(
    category: FailureCategory,
    *,
    record_type: str,
    attempt: int,
    max_retries: int,
    dispatch_key: str,
    limits: Limits,
    now: dt.datetime,
) -> dt.datetime | None:
    """When the batch is due again, or None when it has failed for good. For `WaveStore.fail_batch` and
    `release`.
    """
    if not should_retry(category, record_type=record_type, attempt=attempt, max_retries=max_retries, limits=limits):
        return None
    first = limits.policy_of(record_type).retry_of(category).delay
    return now + retry_delay(category, attempt=attempt, dispatch_key=dispatch_key, first=first)
