"""Which failures are tried again, how often and when."""

import datetime as dt
from dataclasses import replace

import pytest

from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.waves.failure_policy import FINAL, MAX_DELAY, retry_at, retry_delay, should_retry
from netsuite_pipeline.waves.limits import Limits


@pytest.mark.parametrize("category", sorted(set(FailureCategory) - FINAL))
def test_every_failure_but_a_permanent_one_is_tried_again_as_often_as_set(
    limits: Limits, category: FailureCategory
) -> None:
    wanted = [should_retry(category, attempt=attempt, max_retries=3, limits=limits) for attempt in (1, 2, 3, 4)]
    assert wanted == [True, True, True, False]


@pytest.mark.parametrize("category", [FailureCategory.PERMANENT_ERROR, FailureCategory.AUTHENTICATION])
def test_a_permanent_error_and_a_refused_login_are_never_tried_again(limits: Limits, category: FailureCategory) -> None:
    everything = replace(limits, retryable=frozenset(FailureCategory))
    assert not should_retry(category, attempt=1, max_retries=3, limits=everything)


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
    tried = {one for one in FailureCategory if should_retry(one, attempt=1, max_retries=3, limits=limits)}
    assert tried == set(FailureCategory) - off - FINAL


def test_a_batch_that_may_not_be_tried_again_is_not(limits: Limits) -> None:
    assert not should_retry(FailureCategory.TIMEOUT, attempt=1, max_retries=0, limits=limits)


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
        retry_at(FailureCategory.TIMEOUT, attempt=1, max_retries=3, dispatch_key="job:w1", limits=limits, now=now)
        for _ in range(3)
    }
    assert len(due) == 1
    assert None not in due


def test_a_failure_for_good_is_not_due_again(limits: Limits, now: dt.datetime) -> None:
    due = retry_at(FailureCategory.PERMANENT_ERROR, attempt=1, max_retries=3, dispatch_key="k", limits=limits, now=now)
    assert due is None
