"""Repeats a transaction that the database broke off for a reason that passes: a deadlock, a lost connection.

What is transient is decided by `warehouse.errors`. A transaction that is repeated must be one that may be done twice.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from netsuite_pipeline.warehouse.errors import ConcurrentWrite, Fault, fault_of

Result = TypeVar("Result")

# Waits between attempts are random up to 0.5, 1, 2, 4 and 8 s: long enough for a server to restart.
ATTEMPTS = 6
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 10.0


def repeat_transient(
    transaction: Callable[[], Result], *, attempts: int = ATTEMPTS, sleep: Callable[[float], None] = time.sleep
) -> Result:
    """The result of the transaction, tried up to `attempts` times; other errors and the last one are passed on."""
    retrying = Retrying(
        stop=stop_after_attempt(attempts),
        wait=wait_random_exponential(multiplier=_FIRST_WAIT, max=_LONGEST_WAIT),
        retry=retry_if_exception(_is_transient),
        sleep=sleep,
        reraise=True,
    )
    return retrying(transaction)


def _is_transient(error: BaseException) -> bool:
    if isinstance(error, ConcurrentWrite):
        return True
    return isinstance(error, DBAPIError) and fault_of(error) is Fault.TRANSIENT
