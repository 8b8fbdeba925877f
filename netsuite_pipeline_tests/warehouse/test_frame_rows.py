"""What a frame is as rows of its table, or the one sentence why it is not; no database is needed to know."""

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from netsuite_pipeline.warehouse.errors import FrameError
from netsuite_pipeline.warehouse.frame_rows import frame_rows
from netsuite_pipeline.warehouse.frame_target import FrameTarget

SALES = FrameTarget(asset="sales", table="sales", key=("region", "month"))


def sales(*rows: tuple[Any, ...], columns: tuple[str, ...] = ("region", "month", "total")) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(columns))


@pytest.fixture
def table() -> sa.Table:
    """The table that a frame of whole numbers is given."""
    return frame_rows(sales(("n", 7, 7)), SALES, None).table


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT, Decimal("NaN")], ids=str)
def test_whatever_is_missing_is_null(missing: Any) -> None:
    total = pd.Series([Decimal(1), missing], dtype=object)
    rows = frame_rows(pd.DataFrame({"region": ["n", "s"], "month": 1, "total": total}), SALES, None).rows
    assert [row.values for row in rows] == [("n", 1, Decimal(1)), ("s", 1, None)]


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        (sales(("n", 1), columns=("region", "total")), "lacks the column 'month', which the asset's"),
        (sales(("n", None, 1), ("n", 2, 1)), r"has 1 rows without a value in a column of the key .* \('n', None\)"),
        (sales(("n", 1, 1), ("n", 1, 2)), r"several rows with the same key \(region, month\) for 1 keys.*\('n', 1\)"),
        (sales(("n ", 1, 1)), "'n ', which ends with a blank"),
        (sales(("n" * 192, 1, 1)), "has 192 characters; the column of table sales is VARCHAR"),
        (sales(("n", 1.5, 1)), "holds 1.5, which is no whole number; the column of table sales is BIGINT"),
        (sales(("n", 1, "x")), "total of the frame holds text, and the column of table sales is BIGINT"),
        (sales(("n", 1, 2**63)), "holds 9223372036854775808, which does not fit into 64 bits"),
        (sales(("n", 1, 1, 2), columns=("region", "month", "total", "extra")), "lacks the column extra of its frame"),
        (sales(("n", 1, 1, 2), columns=("region", "month", "total", "Total")), "has the column 'total' twice"),
        (sales(("n", 1, 1, 2), columns=("region", "month", "total", "row_hash")), "column row_hash, where the table"),
        (sales(("n", 1, 1, 2), columns=("region", "month", "total", 3)), "a column called 3: a name is text"),
        (sales(("n", 1, [1])), r"total of the frame holds values that no column of a table has \(object: list\)"),
        (sales(("n", 1, 1), ("n", 2, "x")), r"has \(object: int, str\): convert it"),
    ],
)
def test_a_frame_that_does_not_fit_its_table_is_one_sentence(
    table: sa.Table, frame: pd.DataFrame, sentence: str
) -> None:
    with pytest.raises(FrameError, match=sentence):
        frame_rows(frame, SALES, table)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([np.inf], "holds inf, which is infinite"),
        ([Decimal("1e40"), Decimal("1e-30")], "up to 41 digits before the point and 30 after it"),
        ([Decimal("Infinity")], "holds Infinity, which is infinite"),
        ([pd.Timestamp("2026-01-01") + pd.Timedelta(1, "ns")], "has nanoseconds"),
        (np.array(["10000-01-01"], dtype="datetime64[s]"), "is not between the years 1 and 9999"),
        ([dt.date(2026, 1, 1), dt.datetime(2026, 1, 1)], "is a date-time among dates"),  # noqa: DTZ001
        ([pd.Timedelta(1, "s")], "values that no column of a table has"),
        ([b"x"], "values that no column of a table has"),
        (["\ud800"], "contains half a surrogate pair"),
        ([None], "column total of the first frame of sales has no value that shows what it holds"),
    ],
)
def test_a_first_frame_that_cannot_be_kept_is_one_sentence(values: Any, sentence: str) -> None:
    frame = pd.DataFrame({"region": "n", "month": range(len(values)), "total": values})
    with pytest.raises(FrameError, match=f"(?i){sentence}"):
        frame_rows(frame, SALES, None)


def test_a_key_of_floating_point_numbers_is_refused() -> None:
    with pytest.raises(FrameError, match="Column month of the key of sales holds floating point numbers"):
        frame_rows(sales(("n", 1.5, 1)), SALES, None)


@pytest.mark.parametrize(
    ("values", "digits"),
    [
        (["0"], (24, 8)),
        (["1234567890123456.5"], (28, 8)),
        (["-0.123456789"], (29, 13)),
        (["1e30", "1e-28"], (65, 30)),
        (["1e64"], (65, 0)),
        (["1200"], (24, 8)),
    ],
)
def test_a_decimal_column_holds_its_values_with_room_for_larger_ones(
    values: list[str], digits: tuple[int, int]
) -> None:
    frame = pd.DataFrame({"region": "n", "month": range(len(values)), "total": list(map(Decimal, values))})
    column: Any = frame_rows(frame, SALES, None).table.c["total"].type
    assert (column.precision, column.scale) == digits
