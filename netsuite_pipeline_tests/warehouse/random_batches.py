"""Random rows and sequences of batches: a source whose records come, change and go between imports.

Values are such as `transform` lets pass. What a cell holds follows from a seed, the record, its version and the column,
so that an example without some of them is otherwise the same. Tables are in `random_tables`.
"""

import datetime as dt
import random
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from netsuite_pipeline.record_types.model import Field, Kind, RecordType
from netsuite_pipeline.transform.batch import Row, TransformedBatch
from netsuite_pipeline.transform.rejection import Rejection
from netsuite_pipeline.warehouse.statements import CHUNK_ROWS
from netsuite_pipeline_tests.warehouse.random_tables import recipe_of, types_of
from netsuite_pipeline_tests.warehouse.samples import HOSTILE, batch_of, rejection, row
from netsuite_pipeline_tests.warehouse.table_recipes import Recipe

# Neighbours, overlaps, negative ids, and the whole span.
_RANGES = [(0, 9), (0, 9), (0, 9), (0, 4), (5, 14), (10, 19), (-5, 2), (-(2**63), 2**63 - 1)]
_RANGES = [*_RANGES, *_RANGES, (1000, 2999)]
_ODD_KEYS = [2**63 - 1, -(2**63), 200, 40_000]
# More than one statement takes.
_MANY = [30, 30, 30, CHUNK_ROWS + 37]
_COLUMNS, _BATCHES = 300, 4
_PARTS = [field.name for field in fields(Recipe)]
_EDGES = [0, 1, -1, 7, 127, 128, 255, 32767, 32768, 2**24, 2**31, 2**32, 2**53 + 1, 2**63 - 1, -(2**63)]
_DAYS = ["1000-01-01", "1970-01-01", "2038-01-20", "2024-02-29", "9999-12-31"]
# Most zones of Europe have no half past two on the last of March.
_TIMES = ["00:00:00", "00:00:01", "03:14:08", "02:30:00", "23:59:59"]
_DANGEROUS = "'\"\\%`;-#/*,()\x00\x1a\n\r\b_Nx0 é😀日\x80\xa5\u20a9"
_SIMILAR = ["a", "A", "a ", "á", "ß", "ss", "bad"]
_FULL = "xé😀 '\\\x00"
_HUGE = ["é😀\\'" * 60_000, "\x00\\" * 200_000, "x" * 1_200_000]

Key = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Case:
    """Types that share a table, what people made of it, and what is imported, one batch after the other."""

    types: tuple[RecordType, ...]
    recipe: Recipe
    batches: tuple[TransformedBatch, ...]

    def shown(self) -> list[str]:
        """The batches as people read them."""
        return [
            f"{batch.record_type.name} {batch.range.key}: {[row.values for row in batch.rows]!r:.600},"
            f" {len(batch.rejections)} rejected"
            for batch in self.batches
        ]


@dataclass(frozen=True, kw_only=True)
class Cells:
    """What cells hold: a share of NULLs, a share of values that other rows are likely to have too."""

    seed: int
    nulls: float
    common: float

    def row(self, record_type: RecordType, key: Key, version: int) -> Row:
        """The record in a version."""
        values = {field.name: self._cell(field, key, version) for field in record_type.value_fields}
        return row(record_type, *key, **values)

    def _cell(self, field: Field, key: Key, version: int) -> Any:
        dice = random.Random(f"{self.seed} {field.name} {key} {version}")
        if dice.random() < self.nulls:
            return None
        return value_of(field, dice, common=dice.random() < self.common)


def value_of(field: Field, dice: random.Random, *, common: bool = False) -> Any:
    """A value that the declared column holds; of those in common there are few."""
    match field.kind:
        case Kind.INTEGER | Kind.REFERENCE:
            edge = dice.choice([*_EDGES, dice.randrange(-(2**63), 2**63)])
            return dice.randrange(-3, 12) if common else edge
        case Kind.BOOLEAN:
            return dice.random() < 0.5
        case Kind.DATE:
            return dt.date.fromisoformat(dice.choice(_DAYS)) + dt.timedelta(days=-common)
        case Kind.DATETIME:
            return dt.datetime.fromisoformat(f"{dice.choice(_DAYS)} {dice.choice(_TIMES)}")
        case Kind.DECIMAL:
            return _decimal(dice, field.precision or 24, field.scale or 0, common=common)
        case Kind.TEXT:
            return _text(dice, field.length, common=common)


def _decimal(dice: random.Random, precision: int, scale: int, *, common: bool) -> Decimal:
    most = 10**precision - 1
    digits = dice.choice([0, 1, 2]) if common else dice.choice([-1, most, -most, dice.randrange(-most, most + 1)])
    if digits == 1 and precision > scale:
        # A whole number, written with an exponent.
        return Decimal(f"1E+{dice.randrange(precision - scale)}")
    return Decimal(f"{digits}E-{scale}")


def _text(dice: random.Random, length: int | None, *, common: bool) -> str:
    if common:
        return dice.choice(_SIMILAR)[:length]
    if length is None and dice.random() < 0.02:
        return dice.choice(_HUGE)
    kind = dice.randrange(4)
    if kind == 0:
        return dice.choice(HOSTILE)[:length]
    if kind == 1:
        return dice.choice(_FULL) * (1000 if length is None else length)
    if kind == 2:
        return "".join(dice.choices(_DANGEROUS, k=dice.randrange(12)))[:length]
    # Any character but the halves of surrogate pairs.
    points = (dice.choice([dice.randrange(0xD800), dice.randrange(0xE000, 0x110000)]) for _ in range(6))
    return "".join(map(chr, points))[:length]


def smaller_cases(seed: int, *, server: bool) -> st.SearchStrategy[Case]:
    """The case of the seed, and the same with fewer columns, batches, records and oddities of the table."""
    return st.builds(
        case_of,
        seed=st.just(seed),
        server=st.just(server),
        columns=st.integers(1, _COLUMNS),
        batches=st.integers(1, _BATCHES),
        records=st.integers(0, _MANY[-1]),
        odd=st.frozensets(st.sampled_from(_PARTS)),
    )


def case_of(
    seed: int,
    *,
    server: bool,
    columns: int = _COLUMNS,
    batches: int = _BATCHES,
    records: int = _MANY[-1],
    odd: frozenset[str] = frozenset(_PARTS),
) -> Case:
    """One table and a few imports of it; at most so many columns, batches and records, and so odd a table."""
    dice = random.Random(seed)
    types = types_of(dice, columns=columns)
    recipe = recipe_of(dice, types, server=server)
    recipe = replace(recipe, **{name: getattr(Recipe(), name) for name in _PARTS if name not in odd})
    cells = Cells(seed=seed, nulls=dice.choice([0.1, 0.5, 0.9]), common=dice.choice([0.1, 0.9]))
    truths: dict[str, dict[Key, int]] = {record_type.name: {} for record_type in types}
    made = []
    for _ in range(min(dice.randint(1, _BATCHES), batches)):
        record_type = dice.choice(types)
        truth = truths[record_type.name]
        _move_on(dice, truth, record_type)
        made.append(_batch(dice, record_type, truth, cells, records=records))
    return Case(types=types, recipe=recipe, batches=tuple(made))


def _move_on(dice: random.Random, truth: dict[Key, int], record_type: RecordType) -> None:
    """Some records go, some come, some are in another version."""
    for key in dice.sample(sorted(truth), k=min(dice.randint(0, 4), len(truth))):
        del truth[key]
    second = len(record_type.key) > 1
    for _ in range(dice.choice([1, 4, 12])):
        number = dice.choice([dice.randint(0, 9), dice.randint(0, 9), dice.randint(-5, 19), dice.choice(_ODD_KEYS)])
        truth[(number, dice.randint(0, 3)) if second else (number,)] = dice.randint(0, 2)


def _batch(
    dice: random.Random, record_type: RecordType, truth: Mapping[Key, int], cells: Cells, *, records: int
) -> TransformedBatch:
    """The records of a range, a few of them rejected, twice or nameless; rarely very many."""
    first, last = dice.choice(_RANGES)
    keys = [key for key in truth if first <= key[0] <= last]
    if first == 1000 and len(record_type.value_fields) < 10:
        keys += [(number, *(0,) * (len(record_type.key) - 1)) for number in range(first, first + dice.choice(_MANY))]
    keys = keys[:records]
    rejected: list[Key] = []
    doubled: list[Key] = []
    nameless = False
    if keys and dice.random() < 0.25:
        rejected = dice.sample(keys, k=min(dice.randint(0, 2), len(keys)))
        doubled = dice.sample(keys, k=dice.randint(0, 1))
        nameless = dice.random() < 0.5
    sent = [key for key in keys if key not in rejected] + doubled
    rejections: list[Rejection] = [rejection(key, id=str(key), amount="x") for key in rejected]
    rejections += [rejection(None, name="nameless")] * nameless
    rows = [cells.row(record_type, key, truth.get(key, 0)) for key in sent]
    return batch_of(rows, first=first, last=last, record_type=record_type, rejections=rejections)
