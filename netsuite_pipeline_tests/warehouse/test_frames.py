# ruff: noqa: DTZ001 - the account's zone
"""Frames hold the live rows of the asked batches, typed, and nothing of the bookkeeping."""

import datetime as dt
import math
import subprocess
import sys
from decimal import Decimal
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.transform.rows import columns_of
from netsuite_pipeline.warehouse.errors import FrameError, WarehouseError
from netsuite_pipeline.warehouse.frame_options import FrameOptions
from netsuite_pipeline.warehouse.frames import read_frame
from netsuite_pipeline_tests.warehouse.samples import INVENTORY_ITEM, ITEM, WIDGET, Importer, batch_of, row, widgets


def test_a_frame_has_the_declared_types_and_values(importer: Importer) -> None:
    full = row(
        WIDGET,
        1,
        name="a",
        order=2**63 - 1,
        amount=Decimal("0.1"),
        isinactive=True,
        startdate=dt.date(1000, 1, 1),
        lastmodifieddate=dt.datetime(9999, 12, 31, 23, 59, 59),
    )
    importer.load(batch_of([full, row(WIDGET, 2)]))
    frame = read_frame(importer.engine, WIDGET, [BatchRange(1, 1000)])
    assert tuple(frame.columns) == columns_of(WIDGET)
    assert [str(kind) for kind in frame.dtypes] == [
        "Int64",
        "string",
        "string",
        "string",
        "Int64",
        "Int64",
        "object",
        "boolean",
        "datetime64[s]",
        "datetime64[s]",
    ]
    assert (frame["order"][0], frame["amount"][0], frame["isinactive"][0]) == (2**63 - 1, Decimal("0.1"), True)
    assert str(frame["startdate"][0].date()) == "1000-01-01"
    assert frame["lastmodifieddate"][0].to_pydatetime() == dt.datetime(9999, 12, 31, 23, 59, 59)
    assert frame.loc[1].drop(["refid", "external_id"]).isna().all()


def test_an_empty_frame_has_the_same_types(importer: Importer) -> None:
    importer.load(batch_of(widgets([1])))
    full, empty = (read_frame(importer.engine, WIDGET, ranges) for ranges in ([BatchRange(1, 9)], []))
    assert (len(full), len(empty)) == (1, 0)
    assert list(full.dtypes) == list(empty.dtypes)


def test_only_live_rows_of_the_type_and_the_batches_are_read(importer: Importer) -> None:
    stock = [row(INVENTORY_ITEM, number, itemid="s") for number in (1, 2, 9, 15, 25)]
    importer.load(batch_of(stock, record_type=INVENTORY_ITEM))
    importer.load(batch_of([entry for entry in stock if entry.key != (2,)], record_type=INVENTORY_ITEM))
    importer.load(batch_of([row(ITEM, 3, itemid="o")], record_type=ITEM))
    ranges = [BatchRange(21, 30), BatchRange(1, 5), BatchRange(6, 10)]
    frame = read_frame(importer.engine, INVENTORY_ITEM, ranges, options=FrameOptions(columns=("itemid", "refid")))
    assert list(frame.columns) == ["itemid", "refid"]
    assert list(frame["refid"]) == [1, 9, 25]


def test_a_frame_of_many_chunks_is_that_of_one(importer: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row(WIDGET, number, name=f"w{number}" if number % 3 else None, amount=None) for number in range(1, 8)]
    importer.load(batch_of(rows))
    whole = read_frame(importer.engine, WIDGET, [BatchRange(1, 9)])
    monkeypatch.setattr("netsuite_pipeline.warehouse.frames._CHUNK_ROWS", 2)
    pieces = read_frame(importer.engine, WIDGET, [BatchRange(1, 9)])
    pd.testing.assert_frame_equal(pieces, whole)
    assert list(pieces["refid"]) == list(range(1, 8))


def test_decimals_are_floats_on_request_and_null_is_nan(importer: Importer) -> None:
    importer.load(batch_of([row(WIDGET, 1, amount=Decimal("0.1")), row(WIDGET, 2)]))
    options = FrameOptions(columns=("amount",), decimals_as_float=True)
    amounts = read_frame(importer.engine, WIDGET, [BatchRange(1, 9)], options=options)["amount"]
    assert str(amounts.dtype) == "float64"
    assert amounts[0] == 0.1
    assert math.isnan(amounts[1])


def test_date_times_are_put_into_a_time_zone_and_those_of_a_change_of_clocks_are_told(importer: Importer) -> None:
    times = [
        dt.datetime(2026, 7, 1, 12),
        dt.datetime(2026, 11, 1, 1, 30),
        dt.datetime(2026, 3, 8, 2, 30),
        dt.datetime(9999, 12, 31),
        None,
    ]
    day = dt.date(2026, 3, 8)
    rows = [row(WIDGET, number, lastmodifieddate=time, startdate=day) for number, time in enumerate(times, 1)]
    importer.load(batch_of(rows))
    told: list[str] = []
    options = FrameOptions(columns=("lastmodifieddate", "startdate"), time_zone=ZoneInfo("America/Los_Angeles"))
    frame = read_frame(importer.engine, WIDGET, [BatchRange(1, 9)], options=options, warn=told.append)
    assert [str(dtype) for dtype in frame.dtypes] == ["datetime64[s, America/Los_Angeles]", "datetime64[s]"]
    assert [str(value) for value in frame["lastmodifieddate"]] == [
        "2026-07-01 12:00:00-07:00",
        "2026-11-01 01:30:00-07:00",
        "2026-03-08 03:00:00-07:00",
        "9999-12-31 00:00:00-08:00",
        "NaT",
    ]
    assert len(told) == 1
    assert told[0].startswith("2 date-times of column lastmodifieddate exist twice or not at all in America/Los_Ang")


def test_a_date_time_that_a_time_zone_moves_out_of_the_calendar_is_one_sentence(importer: Importer) -> None:
    importer.load(batch_of([row(WIDGET, 1, lastmodifieddate=dt.datetime(9999, 12, 31, 23, 59, 59))]))
    options = FrameOptions(time_zone=ZoneInfo("America/Los_Angeles"))
    with pytest.raises(FrameError, match="Column lastmodifieddate holds date-times that cannot be put into the time"):
        read_frame(importer.engine, WIDGET, [BatchRange(1, 9)], options=options)


def test_an_unknown_column_is_named(importer: Importer) -> None:
    with pytest.raises(
        FrameError, match="Table widgets has no column colour to read; its columns are refid, external_id"
    ):
        read_frame(importer.engine, WIDGET, [], options=FrameOptions(columns=("colour",)))


def test_a_missing_table_is_one_sentence(importer: Importer) -> None:
    importer.run("DROP TABLE widgets")
    with pytest.raises(WarehouseError, match="Reading widgets failed"):
        read_frame(importer.engine, WIDGET, [BatchRange(1, 9)])


def test_importing_the_warehouse_does_not_import_pandas() -> None:
    code = (
        "import sys, netsuite_pipeline.warehouse.loader, netsuite_pipeline.warehouse.frames,"
        " netsuite_pipeline.warehouse.frame_upsert;"
        " sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
