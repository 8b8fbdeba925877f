"""Finding rows by their keys: conditions, and lists short enough for one statement.

Not what a key is made of (`record_types.batch`), nor which rows have to be found.
"""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

Value = TypeVar("Value")

# Far below the databases' limits on variables, and on what their optimizers take for ranges.
_KEYS_PER_STATEMENT = 500


def slices(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    """The values in their order, at most 500 at a time."""
    for start in range(0, len(values), _KEYS_PER_STATEMENT):
        yield values[start : start + _KEYS_PER_STATEMENT]


def matching(columns: Sequence[sa.Column[Any]], keys: Sequence[tuple[Any, ...]]) -> list[sa.ColumnElement[bool]]:
    """The conditions for rows with these keys."""
    # The condition on the first column alone is what lets the optimizer use the key for pairs.
    first = columns[0].in_(sorted({key[0] for key in keys}))
    return [first, sa.tuple_(*columns).in_(keys)] if len(columns) > 1 else [first]
