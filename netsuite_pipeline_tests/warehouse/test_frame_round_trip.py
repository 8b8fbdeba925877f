"""Whatever a frame may hold comes back from its table, value by value, on both databases."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.frame_target import FrameTarget
from netsuite_pipeline.warehouse.frame_upsert import upsert_frame
from netsuite_pipeline.warehouse.frames import read_asset_frame

TARGET = FrameTarget(asset="anything", table="anything", key=("key", "number"))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
MOMENTS = st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999_999))  # noqa: DTZ001
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "key": TEXT.map(str.rstrip),
            "whole": st.none() | st.integers(-(2**63), 2**63 - 1),
            "floating": st.floats(allow_infinity=False),
            "money": st.decimals(-(10**18), 10**18, allow_nan=False, places=4),
            "flag": st.none() | st.booleans(),
            "text": st.none() | TEXT,
            "day": st.dates(),
            "moment": st.none() | MOMENTS,
        }
    ),
    min_size=1,
    max_size=6,
)


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    values = {name: [row[name] for row in rows] for name in rows[0]}
    return pd.DataFrame(
        {
            "key": pd.array(values["key"], dtype="string"),
            # The key is unique by this column, and not in the order of the frame.
            "number": np.arange(len(rows))[::-1],
            "whole": pd.array(values["whole"], dtype="Int64"),
            "floating": np.array(values["floating"]),
            "money": pd.Series(values["money"], dtype=object),
            "flag": pd.array(values["flag"], dtype="boolean"),
            "text": pd.array(values["text"], dtype="string"),
            "day": pd.Series(values["day"], dtype=object),
            "moment": np.array(values["moment"], dtype="datetime64[us]"),
        }
    )


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    return value.to_pydatetime() if isinstance(value, pd.Timestamp) else value


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[sa.Engine]:
    """On SQLite and on MariaDB."""
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=ROWS)
def test_a_frame_comes_back_value_by_value(engine: sa.Engine, rows: list[dict[str, Any]]) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS anything")
    frame = _frame(rows)
    assert upsert_frame(engine, frame, TARGET).inserted == len(rows)
    assert upsert_frame(engine, frame, TARGET).unchanged == len(rows)
    back = read_asset_frame(engine, TARGET)
    found = {row["number"]: {name: _plain(value) for name, value in row.items()} for row in back.to_dict("records")}
    for position, row in enumerate(rows):
        number = len(rows) - 1 - position
        midnight = dt.datetime.combine(row["day"], dt.time())
        assert found[number] == {
            **{name: _plain(value) for name, value in row.items()},
            "day": midnight,
            "number": number,
        }
    assert [str(dtype) for dtype in back.dtypes] == [
        "string",
        "Int64",
        "Int64",
        "float64",
        "object",
        "boolean",
        "string",
        "datetime64[s]",
        "datetime64[us]",
    ]
