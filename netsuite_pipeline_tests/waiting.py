"""Waiting for what other threads and processes bring about. Limits are generous: they cost nothing unless they fail."""

import time
from collections.abc import Callable
from typing import Any


def wait_for(condition: Callable[[], Any], *, seconds: float = 60, what: str, every: float = 0.5) -> Any:
    """The first true value of `condition`; an AssertionError that says what was waited for."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(every)
    return value
