"""The one notation of a batch."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsuite_pipeline.record_types.batch import BatchKeyError, BatchRange

IDS = st.integers(-(2**63), 2**63 - 1)


@given(IDS, IDS)
def test_a_key_leads_back_to_its_range(one, other):
    batch = BatchRange(min(one, other), max(one, other))
    assert BatchRange.parse(batch.key) == batch


def test_the_key_is_readable_and_takes_negative_ids():
    assert BatchRange(1001, 5233).key == "1001..5233"
    assert BatchRange(-7, -1).key == "-7..-1"


def test_both_ends_belong_to_the_range():
    batch = BatchRange(-2, 3)
    assert [id_ for id_ in range(-4, 6) if id_ in batch] == [-2, -1, 0, 1, 2, 3]


NO_KEYS = ["", "1", "1..", "..1", "1-2", "a..b", "1...2", " 1..2", "1..2\n", "5..1", "007..9", "-0..9", "+1..2"]


@pytest.mark.parametrize("key", [*NO_KEYS, "\u0661..\u0662", "1.." + "9" * 5000])
def test_anything_else_is_no_batch(key):
    with pytest.raises(BatchKeyError):
        BatchRange.parse(key)


@given(st.text(alphabet="-+.0123456789 ", max_size=12))
def test_a_text_is_a_batch_only_if_it_is_its_own_key(text):
    with suppress(BatchKeyError):
        assert BatchRange.parse(text).key == text


def test_a_range_does_not_end_before_it_starts():
    with pytest.raises(BatchKeyError, match=r"2\.\.1"):
        BatchRange(2, 1)
