"""A batch: a closed id range of one record type, and its partition key; the key of a row in it; a part of a batch.

The one notation of a range lives here. How ranges are chosen is `waves.planner`'s business.
"""

import datetime as dt
import re
from dataclasses import dataclass

# A row's key: its id, for lines with a number behind it.
Key = tuple[int, ...]

_KEY = re.compile(r"(-?[0-9]{1,19})\.\.(-?[0-9]{1,19})")


class BatchKeyError(ValueError):
    """A partition key that is not a range of ids."""


@dataclass(frozen=True, order=True)
class BatchRange:
    """All ids from `first` to `last`, both included. Ids may be negative, hence dots and no dash in the key."""

    first: int
    last: int

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise BatchKeyError(f"A batch must not end before it starts: {self.first}..{self.last}.")

    @property
    def key(self) -> str:
        """The partition key, e.g. `1001..5233`."""
        return f"{self.first}..{self.last}"

    @classmethod
    def parse(cls, key: str) -> "BatchRange":
        """The range a partition key stands for; BatchKeyError where it stands for none."""
        match = _KEY.fullmatch(key)
        if match is None:
            raise BatchKeyError(f"{key!r} is no batch: expected two ids such as 1001..5233.")
        batch = cls(int(match[1]), int(match[2]))
        if batch.key != key:
            # 007..9 next to 7..9 would be two partitions over the same records.
            raise BatchKeyError(f"{key!r} is no batch: it is written {batch.key}.")
        return batch

    def __contains__(self, value: int) -> bool:
        return self.first <= value <= self.last


@dataclass(frozen=True, kw_only=True)
class Increment:
    """The part of a batch that an incremental import reads: what changed at `since` (account-local) or later.

    `noted` are ids of records that NetSuite is said to have deleted: they are asked for too, and what is not there any
    more is deleted. `expected` is about how many rows there are.
    """

    since: dt.datetime
    expected: int = 0
    noted: frozenset[int] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Watermark:
    """Up to when a batch is imported: `moment` is by NetSuite's clock, naive UTC.

    `imported_as` is the digest of account and declaration (`RecordType.digest`): read or typed otherwise, rows are not
    what they would be now.
    """

    moment: dt.datetime
    imported_as: str
