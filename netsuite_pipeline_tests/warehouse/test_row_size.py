"""A table is declared so that its fullest row fits, or not at all; a real server agrees."""

import random

import pytest

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.catalog import CatalogError
from netsuite_pipeline.record_types.model import Field, RecordType, Source, date, decimal, flag, integer, moment, text
from netsuite_pipeline.warehouse.row_size import columns_to_unbound, declared_bytes, page_bytes
from netsuite_pipeline_tests.warehouse.samples import batch_of, build_importer, row
from netsuite_pipeline_tests.warehouse.test_catalog_rows import fullest

# 8,126 bytes less what InnoDB and the bookkeeping take, in columns of 8 bytes and one bit.
MOST_INTEGERS = 983


def many(count: int, word: object) -> tuple[Field, ...]:
    return tuple(word(f"c{number}") for number in range(count))  # type: ignore[operator]


def short(name: str) -> Field:
    # 252 bytes, of which InnoDB never moves one out of the page.
    return text(name, 63)


@pytest.mark.parametrize(
    ("field", "declared", "page"),
    [
        (integer("a"), 8, 8),
        (flag("a"), 1, 1),
        (date("a"), 3, 3),
        (moment("a"), 5, 5),
        (decimal("a", precision=24, scale=8), 12, 12),
        (decimal("a", precision=65, scale=30), 30, 30),
        (text("a", 10), 42, 41),
        (text("a", 63), 254, 253),
        (text("a", 64), 258, 42),
        (text("a", None), 12, 42),
    ],
)
def test_what_a_column_takes(field: Field, declared: int, page: int) -> None:
    assert (declared_bytes(field), page_bytes(field)) == (declared, page)


@pytest.mark.parametrize("table", sorted({record_type.table for record_type in CATALOG}))
def test_no_table_of_the_catalog_needs_a_column_to_be_changed(table: str) -> None:
    fields = {field.name: field for found in CATALOG if found.table == table for field in found.value_fields}
    assert columns_to_unbound(table, fields.values()) == frozenset()


def test_short_columns_that_never_leave_the_page_become_text_where_they_are_too_many() -> None:
    assert columns_to_unbound("t", many(30, short)) == frozenset()
    assert columns_to_unbound("t", (*many(40, short), text("tiny", 10))) < {f"c{number}" for number in range(40)}


def test_a_row_that_text_cannot_make_fit_is_refused_with_advice() -> None:
    with pytest.raises(CatalogError, match=r"table 't' takes 8,?\d+ bytes in the page .* declare fewer columns"):
        columns_to_unbound("t", many(MOST_INTEGERS + 1, integer))
    with pytest.raises(CatalogError, match="has 1100 columns; InnoDB takes 1012"):
        columns_to_unbound("t", many(1100, flag))


def test_the_order_of_the_columns_does_not_matter() -> None:
    fields = [*many(60, short), *(text(f"long{number}", 500) for number in range(30))]
    shuffled = random.Random(3).sample(fields, len(fields))
    assert columns_to_unbound("t", fields) == columns_to_unbound("t", shuffled)


def mixture(seed: int) -> tuple[Field, ...]:
    """Columns of all kinds up to the limit: one more would be refused."""
    dice = random.Random(seed)
    fields: list[Field] = []
    while True:
        name = f"c{len(fields)}"
        new = dice.choice(
            (
                text(name, dice.choice((1, 5, 10, 11, 32, 62, 63, 64, 255, 1000))),
                text(name, None),
                decimal(name, precision=dice.choice((10, 24, 65)), scale=dice.choice((0, 8, 10))),
                integer(name),
                moment(name),
                flag(name),
            )
        )
        try:
            columns_to_unbound("t", (integer("refid"), *fields, new))
        except CatalogError:
            return tuple(fields)
        fields.append(new)


@pytest.mark.parametrize(
    "fields",
    [
        many(MOST_INTEGERS - 1, integer),
        many(40, short),
        many(180, short),
        tuple(text(f"c{number}", None) for number in range(188)),
        *map(mixture, range(3)),
    ],
    ids=["integers", "short", "very many short", "long", *(f"mixture {seed}" for seed in range(3))],
)
def test_mariadb_takes_a_full_row_of_whatever_is_accepted(mariadb_url: str, fields: tuple[Field, ...]) -> None:
    wide = RecordType(name="wide", id=-1, table="wide", source=Source(table="wide"), fields=fields)
    importer = build_importer(mariadb_url, [wide])
    for length in (40, 10, 20_000):
        # Of a text column, the worst may be the longest that stays in the page.
        values = {field.name: value[:length] if isinstance(value := fullest(field), str) else value for field in fields}
        full = row(wide, 1, **values)
        ledger = importer.loader.load(batch_of([full], record_type=wide), job_id=None, run_id=None)
        assert ledger.rejected == 0
        assert importer.imported(wide) == {(1,): full.values}
    importer.engine.dispose()
