"""How long a request waits before it is tried again."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsuite_pipeline.netsuite.errors import RateLimited, Unavailable
from netsuite_pipeline.netsuite.retry import ATTEMPTS, LONGEST_WAIT, TOTAL_WAIT, retrying, seconds_of

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0.0),
        ("", 0.0),
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("86400", LONGEST_WAIT),
        ("-5", 0.0),
        ("soon", 0.0),
        ("\u0667", 0.0),
        (format_datetime(NOW + timedelta(seconds=30), usegmt=True), 30.0),
        (format_datetime(NOW - timedelta(seconds=30), usegmt=True), 0.0),
        (format_datetime(NOW + timedelta(days=2), usegmt=True), LONGEST_WAIT),
        ("Sun, 01 Mar 2026 12:00:20 -0000", 20.0),
    ],
)
def test_retry_after_is_read_in_both_forms_and_capped(header, seconds):
    assert seconds_of(header, now=NOW) == seconds


@given(st.text(max_size=40))
def test_no_header_text_breaks_the_wait(header):
    assert 0 <= seconds_of(header, now=NOW) <= LONGEST_WAIT


def test_waits_grow_with_jitter_within_their_bounds():
    seen: list[list[float]] = []
    for _ in range(20):
        waits: list[float] = []
        with pytest.raises(Unavailable):
            retrying(waits.append)(_fail_with(None))
        seen.append(waits)
    assert {len(waits) for waits in seen} == {ATTEMPTS - 1}
    for number in range(ATTEMPTS - 1):
        at_this_attempt = [waits[number] for waits in seen]
        assert all(0 <= wait <= min(2 * 2**number, LONGEST_WAIT) for wait in at_this_attempt)
        assert len(set(at_this_attempt)) > 1


def test_the_sum_of_all_waits_is_bounded_below_what_netsuite_may_ask_for():
    waits: list[float] = []
    with pytest.raises(RateLimited):
        retrying(waits.append)(_fail_with("3600"))
    assert sum(waits) <= TOTAL_WAIT
    assert waits == [LONGEST_WAIT] * 3


def _fail_with(retry_after):
    def fail():
        error = Unavailable("down") if retry_after is None else RateLimited("slow down")
        error.retry_after = retry_after
        raise error

    return fail
