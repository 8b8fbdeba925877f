"""Which failures are tried again, how often and when."""

import datetime as dt
from dataclasses import replace

import pytest

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.record_types.failure_policy import FailurePolicy, RetryPolicy
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.waves.failure_policy import FINAL, MAX_DELAY, retry_at, retry_delay, should_retry
from netsuite_pipeline.waves.limits import Limits

TYPE = "customer"


@pytest.mark.parametrize("category", sorted(set(FailureCategory) - FINAL))
def test_every_failure_but_a_permanent_one_is_tried_again_as_often_as_set(
    limits: Limits, category: FailureCategory
) -> None:
    wanted = [
        should_retry(category, record_type=TYPE, attempt=attempt, max_retries=3, limits=limits)
        for attempt in (1, 2, 3, 4)
    ]
    assert wanted == [True, True, True, False]


@pytest.mark.parametrize("category", [FailureCategory.PERMANENT_ERROR, FailureCategory.AUTHENTICATION])
def test_a_permanent_error_and_a_refused_login_are_never_tried_again(limits: Limits, category: FailureCategory) -> None:
    everything = replace(limits, retryable=frozenset(FailureCategory))
    assert not should_retry(category, record_type=TYPE, attempt=1, max_retries=3, limits=everything)


@pytest.mark.parametrize(
    ("setting", "off"),
    [
        ("wave_retry_timeout_errors", {FailureCategory.TIMEOUT}),
        ("wave_retry_api_errors", {FailureCategory.API_RATE_LIMIT, FailureCategory.API_UNAVAILABLE}),
        ("wave_retry_database_errors", {FailureCategory.DATABASE}),
    ],
)
def test_each_switch_turns_off_its_categories(
    monkeypatch: pytest.MonkeyPatch, setting: str, off: set[FailureCategory]
) -> None:
    monkeypatch.setenv(setting.upper(), "false")
    limits = Limits.of(Settings.load())
    tried = {
        one for one in FailureCategory if should_retry(one, record_type=TYPE, attempt=1, max_retries=3, limits=limits)
    }
    assert tried == set(FailureCategory) - off - FINAL


def test_a_batch_that_may_not_be_tried_again_is_not(limits: Limits) -> None:
    assert not should_retry(FailureCategory.TIMEOUT, record_type=TYPE, attempt=1, max_retries=0, limits=limits)


@pytest.mark.parametrize(("attempt", "longest"), [(1, 5), (2, 10), (3, 20), (7, 300), (10_000, 300)])
def test_delays_double_up_to_five_minutes(attempt: int, longest: int) -> None:
    database = FailureCategory.DATABASE
    delays = [retry_delay(database, attempt=attempt, dispatch_key=f"job:{n}").total_seconds() for n in range(50)]
    assert all(0.75 * longest <= delay <= longest <= MAX_DELAY.total_seconds() for delay in delays)
    assert len(set(delays)) > 40


@pytest.mark.parametrize(("attempt", "longest"), [(1, 30), (2, 60), (5, 300)])
def test_a_batch_whose_source_was_away_waits_longer(attempt: int, longest: int) -> None:
    delay = retry_delay(FailureCategory.API_UNAVAILABLE, attempt=attempt, dispatch_key="job:w1").total_seconds()
    assert 0.75 * longest <= delay <= longest


def test_batches_of_the_same_run_come_due_together(limits: Limits, now: dt.datetime) -> None:
    due = {
        retry_at(
            FailureCategory.TIMEOUT,
            record_type=TYPE,
            attempt=1,
            max_retries=3,
            dispatch_key="job:w1",
            limits=limits,
            now=now,
        )
        for _ in range(3)
    }
    assert len(due) == 1
    assert None not in due


def test_a_failure_for_good_is_not_due_again(limits: Limits, now: dt.datetime) -> None:
    due = retry_at(
        FailureCategory.PERMANENT_ERROR,
        record_type=TYPE,
        attempt=1,
        max_retries=3,
        dispatch_key="k",
        limits=limits,
        now=now,
    )
    assert due is None


def own(limits: Limits, *retries: RetryPolicy, name: str = TYPE) -> Limits:
    """The limits with a policy of the record type's own."""
    return replace(limits, policies={name: FailurePolicy(retries=retries)})


def tried(category: FailureCategory, limits: Limits, *, max_retries: int | None = None, name: str = TYPE) -> list[int]:
    """The attempts after whose failure there is another; unless given, the batch was granted what a plan grants."""
    granted = limits.attempts_of(name) if max_retries is None else max_retries
    return [
        attempt
        for attempt in range(1, 30)
        if should_retry(category, record_type=name, attempt=attempt, max_retries=granted, limits=limits)
    ]


def test_a_type_names_the_attempts_of_a_category_and_the_settings_those_of_the_others(limits: Limits) -> None:
    more = own(
        limits,
        RetryPolicy(category=FailureCategory.API_RATE_LIMIT, attempts=7),
        RetryPolicy(category=FailureCategory.TIMEOUT, attempts=1),
    )
    assert tried(FailureCategory.API_RATE_LIMIT, more) == [1, 2, 3, 4, 5, 6, 7]
    assert tried(FailureCategory.TIMEOUT, more) == [1]
    assert tried(FailureCategory.DATABASE, more) == [1, 2, 3]
    assert tried(FailureCategory.API_RATE_LIMIT, more, name="vendor") == [1, 2, 3]


def test_a_person_grants_each_category_its_own_attempts_again(limits: Limits) -> None:
    more = own(limits, RetryPolicy(category=FailureCategory.API_RATE_LIMIT, attempts=7))
    # Eight attempts failed, then `waves retry` granted as many as a plan does.
    granted = 8 + more.attempts_of(TYPE)
    assert max(tried(FailureCategory.API_RATE_LIMIT, more, max_retries=granted)) == 15
    assert max(tried(FailureCategory.DATABASE, more, max_retries=granted)) == 11


def test_no_batch_is_tried_more_often_than_it_was_granted(limits: Limits) -> None:
    more = own(limits, RetryPolicy(category=FailureCategory.DATABASE, attempts=7))
    assert tried(FailureCategory.DATABASE, more, max_retries=3) == [1, 2, 3]


def test_a_type_that_does_not_want_a_category_tried_again_is_heard(limits: Limits) -> None:
    never = own(limits, RetryPolicy(category=FailureCategory.UNKNOWN, retry=False))
    assert tried(FailureCategory.UNKNOWN, never) == []
    assert tried(FailureCategory.UNKNOWN, never, name="vendor") == [1, 2, 3]


def test_a_type_that_wants_it_is_tried_again_where_the_setting_is_off(limits: Limits) -> None:
    off = replace(limits, retryable=frozenset())
    wanted = own(off, RetryPolicy(category=FailureCategory.TIMEOUT, retry=True))
    assert tried(FailureCategory.TIMEOUT, wanted) == [1, 2, 3]
    assert tried(FailureCategory.DATABASE, wanted) == []


def test_a_permanent_error_is_tried_again_where_the_type_says_so_and_a_refused_login_nowhere(limits: Limits) -> None:
    bold = own(
        limits,
        RetryPolicy(category=FailureCategory.PERMANENT_ERROR, retry=True, attempts=2),
        RetryPolicy(category=FailureCategory.AUTHENTICATION, retry=True),
    )
    assert tried(FailureCategory.PERMANENT_ERROR, bold) == [1, 2]
    assert tried(FailureCategory.PERMANENT_ERROR, bold, name="vendor") == []
    assert tried(FailureCategory.AUTHENTICATION, bold) == []


@pytest.mark.parametrize(("attempt", "longest"), [(1, 90), (2, 180), (3, 300), (9, 300)])
def test_a_delay_of_the_types_own_doubles_up_to_five_minutes(
    limits: Limits, now: dt.datetime, attempt: int, longest: int
) -> None:
    slow = own(limits, RetryPolicy(category=FailureCategory.DATABASE, attempts=20, delay=90))
    given = {"attempt": attempt, "max_retries": 20, "dispatch_key": "k", "limits": slow, "now": now}
    due = retry_at(FailureCategory.DATABASE, record_type=TYPE, **given)
    assert due is not None
    assert 0.75 * longest <= (due - now).total_seconds() <= longest
    other = retry_at(FailureCategory.TIMEOUT, record_type=TYPE, **{**given, "attempt": 1})
    assert other is not None
    assert (other - now).total_seconds() <= 5


def test_the_limits_hold_what_the_record_types_declare() -> None:
    policy = FailurePolicy(retries=(RetryPolicy(category=FailureCategory.TIMEOUT, attempts=9),))
    limits = Limits.of(Settings(), [replace(CATALOG.get(TYPE), failure_policy=policy), CATALOG.get("vendor")])
    assert limits.policies == {TYPE: policy}
    assert (limits.attempts_of(TYPE), limits.attempts_of("vendor")) == (9, limits.retry_attempts)
