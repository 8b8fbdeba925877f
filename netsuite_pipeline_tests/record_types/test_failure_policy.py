"""What a type may say about its own failures, and what is refused of it."""

from dataclasses import fields

import pytest

from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.record_types.failure_policy import (
    AS_SET,
    LONGEST_DELAY_SECONDS,
    MOST_ATTEMPTS,
    FailurePolicy,
    RetryPolicy,
)
from netsuite_pipeline.settings import Settings

TIMEOUT, PERMANENT = FailureCategory.TIMEOUT, FailureCategory.PERMANENT_ERROR


def test_a_type_that_says_nothing_leaves_everything_to_the_settings() -> None:
    assert FailurePolicy() == AS_SET
    assert (AS_SET.continue_on_permanent, AS_SET.most_attempts, list(AS_SET.faults)) == (None, 0, [])
    for category in FailureCategory:
        said = AS_SET.retry_of(category)
        assert {getattr(said, field.name) for field in fields(said)} == {category, None}


def test_what_is_said_of_one_category_holds_for_no_other() -> None:
    own = RetryPolicy(category=TIMEOUT, attempts=7, delay=60)
    policy = FailurePolicy(retries=(own,))
    assert policy.retry_of(TIMEOUT) is own
    assert policy.retry_of(FailureCategory.DATABASE) == RetryPolicy(category=FailureCategory.DATABASE)
    assert policy.most_attempts == 7


def test_the_most_attempts_are_those_that_the_setting_may_have() -> None:
    (most,) = (bound.le for bound in Settings.model_fields["wave_retry_attempts"].metadata if hasattr(bound, "le"))
    assert most == MOST_ATTEMPTS


@pytest.mark.parametrize(
    "retry",
    [
        RetryPolicy(category=TIMEOUT),
        RetryPolicy(category=TIMEOUT, retry=False),
        RetryPolicy(category=TIMEOUT, attempts=1, delay=1),
        RetryPolicy(category=TIMEOUT, retry=True, attempts=MOST_ATTEMPTS, delay=LONGEST_DELAY_SECONDS),
        RetryPolicy(category=PERMANENT, retry=True, attempts=2),
    ],
)
def test_what_is_within_the_bounds_is_right(retry: RetryPolicy) -> None:
    assert retry.fault is None


@pytest.mark.parametrize(
    ("retry", "fault"),
    [
        (RetryPolicy(category=TIMEOUT, attempts=0), "attempts cannot be 0; write 1 to 20, or retry: false for none"),
        (RetryPolicy(category=TIMEOUT, attempts=21), "attempts cannot be 21"),
        (RetryPolicy(category=TIMEOUT, delay=0), "delay cannot be 0; write 1 to 300 seconds"),
        (RetryPolicy(category=TIMEOUT, delay=301), "delay cannot be 301"),
        (RetryPolicy(category=TIMEOUT, retry=False, attempts=2), "neither attempts nor a delay"),
        (RetryPolicy(category=TIMEOUT, retry=False, delay=2), "neither attempts nor a delay"),
        (RetryPolicy(category=PERMANENT, attempts=2), "write retry: true as well"),
        (RetryPolicy(category=FailureCategory.AUTHENTICATION, retry=False), "a refused login is never tried again"),
    ],
)
def test_what_is_out_of_bounds_or_without_effect_is_a_fault(retry: RetryPolicy, fault: str) -> None:
    ((category, said),) = FailurePolicy(retries=(retry,)).faults
    assert category is retry.category
    assert fault in said


def test_two_retry_policies_for_one_category_are_a_fault() -> None:
    twice = FailurePolicy(retries=(RetryPolicy(category=TIMEOUT, delay=5), RetryPolicy(category=TIMEOUT, delay=6)))
    assert [category for category, _ in twice.faults] == [TIMEOUT]
