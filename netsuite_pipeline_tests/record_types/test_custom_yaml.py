"""What is refused of a user's YAML before anything is made of it: nesting and aliases without an end."""

from pathlib import Path

import pytest

from netsuite_pipeline.record_types.custom_yaml import CustomTypesError, parsed

FILE = Path("types.yaml")


def test_three_thousand_brackets_are_refused_with_their_line() -> None:
    with pytest.raises(CustomTypesError, match=r"^types.yaml, line 2: this is more than 20 levels deep; write it as"):
        parsed("extend: {}\ntypes: " + "[" * 3000 + "]" * 3000, FILE)


def test_a_chain_of_aliases_is_as_deep_as_what_it_stands_for() -> None:
    chain = "".join(f"a{number}: &a{number} [*a{number - 1}]\n" for number in range(1, 2000))
    with pytest.raises(CustomTypesError, match=r"line 1: this is more than 20 levels deep"):
        parsed(f"a0: &a0 [x]\n{chain}", FILE)


def test_aliases_that_multiply_are_refused_before_they_fill_the_memory() -> None:
    lines = "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    with pytest.raises(CustomTypesError, match=r"the file has more than 100,000 values, those behind aliases counted"):
        parsed(f"a0: &a0 [x,x,x,x,x,x,x,x,x]\n{lines}", FILE)


def test_an_alias_stands_for_what_it_names() -> None:
    assert parsed("a: &one {kind: date}\nb: *one\n", FILE).data == {"a": {"kind": "date"}, "b": {"kind": "date"}}
