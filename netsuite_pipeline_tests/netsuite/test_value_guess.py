"""Kinds from values alone: what can hold something else tomorrow is text."""

import pytest

from netsuite_pipeline.netsuite.value_guess import guess_kind, number_in


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["T", "F"], "boolean"),
        # A zip code today, `K1A 0B1` tomorrow.
        (["90210", "10115"], "text"),
        (["1", "2.5", ".5"], "text"),
        (["31/1/2025"], "date"),
        (["31-Jan-2025", "1 February, 2025"], "date"),
        (["2025-01-31", "soon"], "text"),
        (["x" * 3000], "long_text"),
        ([], "text"),
    ],
)
def test_a_kind_that_holds_all_values_is_guessed(values: list[str], kind: str) -> None:
    assert guess_kind(values).kind == kind


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-7", "0"], "integer"),
        (["1", "2.5", ".5"], "decimal"),
        (["12345678901234567890"], "decimal"),
        (["007", "1"], None),
        ([".", "1"], None),
        (["-"], None),
        ([], None),
    ],
)
def test_values_that_are_all_numbers_are_noticed(values: list[str], kind: str | None) -> None:
    number = number_in(values)
    assert (number.kind if number else None) == kind
