"""Statements stay within their limits, hold every row once and never interpret a value."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from netsuite_pipeline.record_types.model import flag
from netsuite_pipeline.warehouse.encoding import mysql_encoder, quote_decimal, quote_text
from netsuite_pipeline.warehouse.statements import (
    CHUNK_BYTES,
    CHUNK_ROWS,
    MOST_BYTES,
    MySQLUpsertBuilder,
    optimize_batch_size,
    record_layout,
)
from netsuite_pipeline.warehouse.tables import target_metadata
from netsuite_pipeline_tests.warehouse.samples import MORE_THAN_A_CHUNK, WIDGET, row, widgets

NOW = dt.datetime(2026, 1, 31, 23, 59, 59, 123456)  # noqa: DTZ001 - bookkeeping times are naive UTC
TABLE = target_metadata([WIDGET]).tables["widgets"]


def builder(**options: Any) -> MySQLUpsertBuilder:
    return MySQLUpsertBuilder(
        record_layout(WIDGET, TABLE), **{"row_alias": False, "versioned": False, "max_packet": 64 * 2**20, **options}
    )


def test_a_statement_reads_as_expected() -> None:
    values = {"name": "it's", "amount": Decimal("-1.50"), "isinactive": True, "startdate": dt.date(2026, 1, 2)}
    sample = row(WIDGET, -7, **values)
    (chunk,) = builder().chunks([sample], NOW)
    assert chunk.parameters is None
    assert chunk.sql.splitlines()[1] == (
        f"(-7,'-7','it\\'s',NULL,NULL,NULL,-1.50,true,'2026-01-02',NULL,x'{sample.hash.hex()}',"
        "'2026-01-31 23:59:59.123456','widget',NULL)"
    )
    assert "`order`=VALUES(`order`)" in chunk.sql
    assert "`deleted_at`=VALUES(`deleted_at`)" in chunk.sql
    assert "`refid`=" not in chunk.sql


def test_mysql_8_gets_the_row_alias_because_values_is_deprecated_there() -> None:
    (chunk,) = builder(row_alias=True).chunks(widgets([1]), NOW)
    assert "AS new ON DUPLICATE KEY UPDATE" in chunk.sql
    assert "`order`=new.`order`" in chunk.sql
    assert "VALUES(`" not in chunk.sql


def test_rows_are_chunked_in_order_and_each_is_sent_once() -> None:
    rows = widgets(range(MORE_THAN_A_CHUNK))
    chunks = list(builder().chunks(rows, NOW))
    assert [len(chunk.rows) for chunk in chunks] == [CHUNK_ROWS, MORE_THAN_A_CHUNK - CHUNK_ROWS]
    assert [entry for chunk in chunks for entry in chunk.rows] == rows


@pytest.mark.parametrize(("packet", "limit"), [(1_000_000, 500_000), (64 * 2**20, MOST_BYTES)])
def test_statements_are_limited_in_bytes_and_not_in_characters(packet: int, limit: int) -> None:
    rows = widgets(range(40), group="é" * 100_000)
    chunks = list(builder(max_packet=packet).chunks(rows, NOW))
    assert [entry for chunk in chunks for entry in chunk.rows] == rows
    for chunk in chunks:
        assert len(chunk.sql.encode()) < limit + 2000
        assert chunk.oversize is None


@pytest.mark.parametrize(
    ("row_bytes", "rows"), [(100, CHUNK_ROWS), (CHUNK_BYTES // 100, 100), (16 * 2**20, 1), (1, CHUNK_ROWS)]
)
def test_a_statement_holds_fewer_rows_the_larger_they_are(row_bytes: int, rows: int) -> None:
    assert optimize_batch_size([row_bytes, row_bytes]) == rows


def test_a_thousand_columns_and_five_thousand_rows_are_no_limit() -> None:
    wide = replace(WIDGET, fields=tuple(flag(f"c{number}") for number in range(1000)))
    layout = record_layout(wide, target_metadata([wide]).tables["widgets"])
    wide_builder = MySQLUpsertBuilder(layout, row_alias=False, versioned=False, max_packet=16 * 2**20)
    rows = [row(wide, number, c1=True, c999=False) for number in range(5000)]
    sent = [entry for chunk in wide_builder.chunks(rows, NOW) for entry in chunk.rows]
    assert sent == rows


def test_a_huge_row_goes_alone_and_one_beyond_the_packet_is_not_sent() -> None:
    rows = [*widgets([1]), row(WIDGET, 2, group="x" * 600_000), *widgets([3]), row(WIDGET, 4, group="x" * 1_000_000)]
    chunks = list(builder(max_packet=1_000_000).chunks(rows, NOW))
    assert [[entry.key[0] for entry in chunk.rows] for chunk in chunks] == [[1], [2], [3], [4]]
    assert [bool(chunk.oversize) for chunk in chunks] == [False, False, False, True]


def test_backslash_and_quote_are_escaped() -> None:
    assert quote_text("\\' OR 1=1 -- %s \x00") == "'\\\\\\' OR 1=1 -- %s \x00'"


def test_decimals_have_no_exponent() -> None:
    assert [quote_decimal(Decimal(digits)) for digits in ("1E+5", "1E-8", "-0.00")] == ["100000", "0.00000001", "-0.00"]


@pytest.mark.parametrize("column", [column.name for column in TABLE.c if not isinstance(column.type, sa.String)])
def test_a_value_of_the_wrong_type_can_never_become_sql(column: str) -> None:
    with pytest.raises(TypeError):
        mysql_encoder(TABLE.c[column])(["1); DROP TABLE widgets; --"])
