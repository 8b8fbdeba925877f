"""What follows from a failure: another attempt, and when, or none.

Pure. How an error gets its category is decided where it happens (`netsuite.errors`, `warehouse.errors`).
"""

import datetime as dt
import zlib

from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.waves.limits import Limits

_FIRST_DELAY_SECONDS = 5.0
# Every request of such a batch was tried for a minute or two already.
_FIRST_DELAY_WHEN_AWAY_SECONDS = 30.0
MAX_DELAY = dt.timedelta(seconds=300)
FINAL = frozenset({FailureCategory.AUTHENTICATION, FailureCategory.PERMANENT_ERROR})


def should_retry(category: FailureCategory, *, attempt: int, max_retries: int, limits: Limits) -> bool:
    """Whether a batch whose attempt number `attempt` (from 1) failed gets another; after a permanent error, or
    when the login was refused, it never does. `max_retries` is the batch's own.
    """
    if category in FINAL or category not in limits.retryable:
        return False
    return attempt <= max_retries


def retry_delay(category: FailureCategory, *, attempt: int, dispatch_key: str) -> dt.timedelta:
    """How long to wait after attempt number `attempt` (from 1) failed: 5 s, or 30 s if NetSuite was away, doubled each
    time, at most 300 s.

    Up to a quarter is taken off, by the dispatch key: different runs spread out, while batches that failed in
    the same run come due together and can share the next one.
    """
    away = category is FailureCategory.API_UNAVAILABLE
    first = _FIRST_DELAY_WHEN_AWAY_SECONDS if away else _FIRST_DELAY_SECONDS
    seconds = min(MAX_DELAY.total_seconds(), first * 2 ** min(attempt - 1, 16))
    share = zlib.crc32(dispatch_key.encode()) / 2**32
    return dt.timedelta(seconds=seconds * (1 - 0.25 * share))


def retry_at(
    category: FailureCategory,
    *,
    attempt: int,
    max_retries: int,
    dispatch_key: str,
    limits: Limits,
    now: dt.datetime,
) -> dt.datetime | None:
    """When the batch is due again, or None when it has failed for good. For `WaveStore.fail_batch` and
    `release`.
    """
    if not should_retry(category, attempt=attempt, max_retries=max_retries, limits=limits):
        return None
    return now + retry_delay(category, attempt=attempt, dispatch_key=dispatch_key)
