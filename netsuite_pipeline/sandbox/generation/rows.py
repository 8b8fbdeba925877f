"""What generators share: the shape of their result, seeded randomness, days and money as NetSuite keeps
them.
"""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

# The generated past. Fixed, so that a dataset does not depend on the day it is made.
FIRST_DAY = date(2018, 1, 1)
LAST_DAY = date(2025, 9, 30)
DAYS = tuple((FIRST_DAY + timedelta(days=offset)).isoformat() for offset in range((LAST_DAY - FIRST_DAY).days + 1))
MIDNIGHT = " 00:00:00"


@dataclass(frozen=True)
class Rows:
    """Rows of one table: every tuple follows `columns`, values are stored as they are."""

    table: str
    columns: tuple[str, ...]
    values: Iterable[tuple[object, ...]]

    @classmethod
    def of(cls, table: str, records: Iterable[Mapping[str, object]], columns: tuple[str, ...] | None = None) -> "Rows":
        """Rows of records by column name; a column that a record lacks is NULL.

        With `columns` the records are read one by one as rows are taken, so that a large table is never held.
        """
        if columns is None:
            records = list(records)
            columns = tuple(dict.fromkeys(name for record in records for name in record))
        names = columns
        return cls(table, names, (tuple(map(record.get, names)) for record in records))


def generator_for(seed: int, table: str) -> random.Random:
    """A generator of its own per table, so that a change to one table leaves the values of others alone."""
    return random.Random(f"{seed}:{table}")  # noqa: S311 - reproducible data, no secret


def flag(value: object) -> str:
    """NetSuite's boolean."""
    return "T" if value else "F"


def day(index: int) -> str:
    """A DATE as stored: midnight of the index-th day, clamped to the generated past."""
    return DAYS[min(max(index, 0), len(DAYS) - 1)] + MIDNIGHT


def moment(index: int, second: int) -> str:
    """A DATETIME as stored: second `second` (0..86399) of the index-th day."""
    return f"{DAYS[min(max(index, 0), len(DAYS) - 1)]} {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"


def cents(amount: int) -> str:
    """Money as text without trailing zeros, the way Oracle prints a NUMBER: 9500 is `95`, -1250 is
    `-12.5`.
    """
    sign = "-" if amount < 0 else ""
    whole, rest = divmod(abs(amount), 100)
    if rest == 0:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{rest:02}".rstrip("0")
