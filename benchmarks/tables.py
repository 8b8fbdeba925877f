"""The tables of the benchmarks and the rows that go into them: mixed kinds, a third NULL, the same in every run.

A row follows from its id and its version alone, so that every technique gets equal rows and no process has to keep
them. How rows are loaded is in `techniques` and its neighbours, how they are served as NetSuite does in `page_server`.
"""

import datetime as dt
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from netsuite_pipeline.record_types.model import (
    Field,
    Kind,
    RecordType,
    Source,
    date,
    decimal,
    flag,
    integer,
    moment,
    reference,
    text,
)
from netsuite_pipeline.transform.batch import Row
from netsuite_pipeline.transform.rows import columns_of, hash_values

BATCH_ROWS = 1000
# Imported columns, `refid` and `external_id` included.
SHAPES: Mapping[str, int] = {"narrow": 12, "wide": 60, "very_wide": 200}

# A prime, so that neighbouring rows and columns walk through the values at different paces.
_POOL = 1009
_NULL_SHARE = 1 / 3
# Every how many columns one differs between two versions of a row.
_CHANGING = 3
_TEXT = (
    "Acme Supplies Northwind Trading & Sons GmbH Ltd. net 30 days wholesale priority quarterly invoice due renewal"
    " spare parts pallet of steel pipes, 12 mm, second floor O'Brien back\\slash (EMEA) attn. accounts payable"
)
_FOREIGN_TEXT = "Müller Zürich Straße Łódź Ångström naïve façade 東京 😀"
_WORDS, _FOREIGN_WORDS = _TEXT.split(), _FOREIGN_TEXT.split()
_FOREIGN_SHARE = 1 / 8
_FIRST_DAY = dt.datetime(2015, 1, 1)  # noqa: DTZ001 - naive, as NetSuite renders it
_DAYS = 4000


@dataclass(frozen=True)
class Batch:
    """The rows of a contiguous range of ids, ascending; `bad` holds the ids of those that the table cannot take."""

    rows: list[Row]
    bad: frozenset[int] = frozenset()

    @property
    def good(self) -> list[Row]:
        """The rows that have to be in the table afterwards."""
        return [row for row in self.rows if row.key[0] not in self.bad] if self.bad else self.rows


class Table:
    """One shape: its record type, and the row of any id in any version.

    `fields` are the declarations of the columns `names`. `pools` holds the values of each column but the first two.
    """

    def __init__(self, name: str, columns: int) -> None:
        self.name = name
        self.record_type = RecordType(
            name=f"bench_{name}",
            id=-9000 - columns,
            table=f"bench_{name}",
            source=Source(table=f"bench_{name}"),
            fields=tuple(_field(number) for number in range(columns - 2)),
        )
        self.names = columns_of(self.record_type)
        self.fields: tuple[Field, ...] = (*self.record_type.key, text("external_id", 64), *self.record_type.fields)
        self.pools = [_pool(field, number) for number, field in enumerate(self.record_type.fields)]

    @classmethod
    def of(cls, shape: str) -> "Table":
        """The table of a shape in SHAPES."""
        return cls(shape, SHAPES[shape])

    def values(self, refid: int, version: int = 0) -> tuple[Any, ...]:
        """The typed values in the order of `names`. Every third column differs between versions."""
        drawn = [pool[place] for pool, place in zip(self.pools, self.places(refid, version), strict=True)]
        return (refid, str(refid), *drawn)

    def places(self, refid: int, version: int = 0) -> list[int]:
        """Which value of each pool the row has."""
        start = refid * 7
        moved = start + version * 13
        return [((start if number % _CHANGING else moved) + number * 101) % _POOL for number in range(len(self.pools))]

    def batches(self, count: int, *, version: int = 0) -> list[Batch]:
        """`count` batches of BATCH_ROWS rows, from id 1 on."""
        return [
            Batch([self._row(self.values(refid, version)) for refid in range(first, first + BATCH_ROWS)])
            for first in range(1, count * BATCH_ROWS + 1, BATCH_ROWS)
        ]

    def spoiled(self, batches: Iterable[Batch], bad: int) -> list[Batch]:
        """The batches with `bad` rows of each made too long for the table, spread over the batch."""
        step = BATCH_ROWS // bad
        spoiled = []
        for batch in batches:
            rows = list(batch.rows)
            places = range(step // 3, step * bad, step)
            for place in places:
                refid, external_id, _, *others = rows[place].values
                text_too_long = "x" * ((self.fields[2].length or 0) + 1)
                rows[place] = self._row((refid, external_id, text_too_long, *others))
            spoiled.append(Batch(rows, frozenset(rows[place].key[0] for place in places)))
        return spoiled

    def _row(self, values: tuple[Any, ...]) -> Row:
        return Row(values[:1], values, hash_values(values))


# The first column is text of a limited length and never NULL: bad rows are bad there, and it differs in every version.
_COLUMNS: tuple[Callable[[str], Field], ...] = (
    lambda name: text(name, 64),
    decimal,
    lambda name: replace(reference(name), name=name),
    flag,
    date,
    lambda name: text(name, 255),
    integer,
    moment,
    lambda name: text(name, 40),
    lambda name: text(name, 120),
)


def _field(number: int) -> Field:
    declare = _COLUMNS[number % len(_COLUMNS)]
    kind = declare("x").kind
    return declare(f"{kind}_value_{number:03}")


def _pool(field: Field, number: int) -> list[Any]:
    chance = random.Random(number)
    if number == 0:
        return [f"{place} {_sentence(chance, 24)}" for place in range(_POOL)]
    return [None if chance.random() < _NULL_SHARE else _value(field, chance) for _ in range(_POOL)]


def _value(field: Field, chance: random.Random) -> Any:
    match field.kind:
        case Kind.INTEGER | Kind.REFERENCE:
            return chance.randrange(1, 10 ** chance.randrange(1, 8))
        case Kind.DECIMAL:
            return Decimal(chance.randrange(-(10**6), 10**8)).scaleb(-2)
        case Kind.BOOLEAN:
            return chance.random() < 1 / 4
        case Kind.DATE:
            return (_FIRST_DAY + dt.timedelta(days=chance.randrange(_DAYS))).date()
        case Kind.DATETIME:
            return _FIRST_DAY + dt.timedelta(seconds=chance.randrange(_DAYS * 86_400))
        case Kind.TEXT:
            # Most text is far shorter than its column.
            return _sentence(chance, min(field.length or 255, chance.choice((8, 16, 24, 40, 100))))


def _sentence(chance: random.Random, length: int) -> str:
    words = chance.choice(_FOREIGN_WORDS if chance.random() < _FOREIGN_SHARE else _WORDS)
    while len(words) < length:
        words += f" {chance.choice(_WORDS)}"
    return words[:length].rstrip()
