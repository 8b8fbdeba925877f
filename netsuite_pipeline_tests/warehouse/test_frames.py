"""Frames hold the live rows of the asked batches, typed, and nothing of the bookkeeping."""

import datetime as dt
import subprocess
import sys
from decimal import Decimal

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
        lastmodifieddate=dt.datetime(9999, 12, 31, 23, 59, 59),  # noqa: DTZ001 - the account's zone
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
    assert frame["lastmodifieddate"][0].to_pydatetime() == dt.datetime(9999, 12, 31, 23, 59, 59)  # noqa: DTZ001
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
        "import sys, netsuite_pipeline.warehouse.loader, netsuite_pipeline.warehouse.frames;"
        " sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
