"""What a record type says about its own failures, and the bounds of it. Data only.

Whatever it leaves out is as the settings say. What follows is decided in `waves.failure_policy` (another attempt, and
when) and in `waves.job_end` (whether the import goes on).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from netsuite_pipeline.record_types.failure import FailureCategory

# As many as WAVE_RETRY_ATTEMPTS may be.
MOST_ATTEMPTS = 20
LONGEST_DELAY_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """Whether batches are tried again whose failure has this category, how often, and `delay` seconds after the first
    failure, twice as long each time. None: as the settings say.
    """

    category: FailureCategory
    retry: bool | None = None
    attempts: int | None = None
    delay: int | None = None

    @property
    def fault(self) -> str | None:
        """What is wrong with it, as the end of a sentence that says what to write; None if nothing is."""
        if self.category is FailureCategory.AUTHENTICATION:
            # The next attempt would be one more refused login, and enough of them lock the user out.
            return "a refused login is never tried again; remove this"
        if self.attempts is not None and not 1 <= self.attempts <= MOST_ATTEMPTS:
            return f"attempts cannot be {self.attempts}; write 1 to {MOST_ATTEMPTS}, or retry: false for none"
        if self.delay is not None and not 1 <= self.delay <= LONGEST_DELAY_SECONDS:
            return f"delay cannot be {self.delay}; write 1 to {LONGEST_DELAY_SECONDS} seconds"
        if self.attempts is None and self.delay is None:
            return None
        if self.retry is False:
            return "what is not tried again has neither attempts nor a delay; remove them, or retry: false"
        if self.category is FailureCategory.PERMANENT_ERROR and self.retry is None:
            return "a permanent error is not tried again unless the type says so; write retry: true as well"
        return None


@dataclass(frozen=True, kw_only=True)
class FailurePolicy:
    """A record type's own answers to failures: at most one RetryPolicy for a category, and whether the import goes on
    after a permanent error of it (None: as WAVE_CONTINUE_ON_PERMANENT says).
    """

    retries: tuple[RetryPolicy, ...] = ()
    continue_on_permanent: bool | None = None

    def retry_of(self, category: FailureCategory) -> RetryPolicy:
        """What it says about failures of the category; nothing, if it does not mention them."""
        return next((one for one in self.retries if one.category is category), RetryPolicy(category=category))

    @property
    def most_attempts(self) -> int:
        """The most attempts that it names for any category, 0 if none."""
        return max((one.attempts or 0 for one in self.retries), default=0)

    @property
    def faults(self) -> Iterator[tuple[FailureCategory, str]]:
        """What is wrong with it, category by category."""
        for category, count in Counter(one.category for one in self.retries).items():
            if count > 1:
                yield category, "there may be one retry policy for it; remove the others"
        yield from ((one.category, one.fault) for one in self.retries if one.fault is not None)


AS_SET = FailurePolicy()
