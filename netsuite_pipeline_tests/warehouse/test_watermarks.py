"""Watermarks and noted deletions are written with the rows they speak of; increments leave the other rows alone."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from netsuite_pipeline.record_types.batch import BatchRange, Increment, Watermark
from netsuite_pipeline.transform.batch import Row, TransformedBatch
from netsuite_pipeline.warehouse import watermarks
from netsuite_pipeline.warehouse.errors import StaleRead
from netsuite_pipeline.warehouse.table_census import count_by_bucket, count_by_id, table_census
from netsuite_pipeline.warehouse.targets import Target, target_of
from netsuite_pipeline_tests.warehouse.samples import LINE, WIDGET, Importer, batch_of, rejection, row, widgets

MARK = dt.datetime.fromisoformat("2026-11-25 02:00:00")
LOCAL = dt.datetime.fromisoformat("2026-11-24 16:00:00")
DAY = dt.timedelta(days=1)


def mark(moment: dt.datetime, imported_as: str = "now") -> Watermark:
    return Watermark(moment=moment, imported_as=imported_as)


def increment_of(rows: Sequence[Row], *, noted: Sequence[int] = (), **parts: Any) -> TransformedBatch:
    batch = batch_of(rows, **parts)
    return replace(batch, increment=Increment(since=LOCAL, noted=frozenset(noted)), watermark=mark(MARK + DAY))


def marks(importer: Importer, record_type: str = "widget") -> dict[BatchRange, Watermark]:
    with importer.engine.connect() as connection:
        return watermarks.watermarks(connection, importer.metadata, record_type)


def note(importer: Importer, *ids: int) -> None:
    with importer.engine.begin() as connection:
        watermarks.note_deletions(connection, importer.metadata, record_type="widget", ids=ids, now=MARK)


def noted(importer: Importer) -> list[int]:
    with importer.engine.connect() as connection:
        return watermarks.noted_deletions(connection, importer.metadata, "widget")


def target(importer: Importer) -> Target:
    return target_of(importer.metadata, WIDGET)


def test_an_increment_changes_what_it_has_and_leaves_the_others_alone(importer: Importer) -> None:
    importer.load(batch_of(widgets(range(1, 11))))
    ledger = importer.load(increment_of([*widgets([3], name="changed"), *widgets([20])]))
    assert (ledger.expected, ledger.inserted, ledger.updated, ledger.deleted) == (2, 1, 1, 0)
    assert (ledger.live_before, ledger.live_after, ledger.changed_since) == (10, 11, LOCAL)
    assert len(importer.imported()) == 11
    assert ledger.as_metadata()["changed_since"] == "2026-11-24 16:00:00"


def test_what_an_increment_asked_for_and_did_not_get_is_deleted(importer: Importer) -> None:
    importer.load(batch_of(widgets(range(1, 11))))
    note(importer, 4, 5)
    # 5 is still there: somebody else's id, or back again.
    ledger = importer.load(increment_of(widgets([5]), noted=[4, 5]))
    assert (ledger.unchanged, ledger.deleted, ledger.live_after) == (1, 1, 9)
    assert (4,) not in importer.imported()
    assert noted(importer) == []


def test_lines_of_a_transaction_that_changed_are_replaced_and_no_others(importer: Importer) -> None:
    lines = [row(LINE, transaction, line) for transaction in (1, 2) for line in (0, 1, 2)]
    importer.load(batch_of(lines, record_type=LINE))
    ledger = importer.load(increment_of([row(LINE, 1, 0, memo="kept"), row(LINE, 1, 1)], record_type=LINE))
    assert (ledger.updated, ledger.unchanged, ledger.deleted) == (1, 1, 1)
    assert set(importer.imported(LINE)) == {(1, 0), (1, 1), (2, 0), (2, 1), (2, 2)}


def test_a_rejected_line_is_not_deleted(importer: Importer) -> None:
    importer.load(batch_of([row(LINE, 1, 0), row(LINE, 1, 1)], record_type=LINE))
    batch = increment_of([row(LINE, 1, 0)], record_type=LINE, rejections=[rejection((1, 1))])
    assert importer.load(batch).deleted == 0


def test_a_whole_batch_has_no_increment_and_deletes_what_is_gone(importer: Importer) -> None:
    importer.load(batch_of(widgets(range(1, 11))))
    ledger = importer.load(batch_of(widgets(range(1, 10))))
    assert (ledger.deleted, ledger.changed_since) == (1, None)


def test_the_watermark_is_stored_with_the_rows(importer: Importer) -> None:
    importer.load(replace(batch_of(widgets([1])), watermark=mark(MARK)))
    assert marks(importer) == {BatchRange(1, 1000): mark(MARK)}
    importer.load(increment_of([]))
    assert marks(importer) == {BatchRange(1, 1000): mark(MARK + DAY)}


def test_a_batch_that_is_not_committed_keeps_its_watermark(importer: Importer) -> None:
    importer.load(replace(batch_of(widgets([1])), watermark=mark(MARK)))
    note(importer, 1)
    with pytest.raises(StaleRead):
        importer.loader.load(
            replace(increment_of([], noted=[1]), read_at=dt.datetime.fromisoformat("2020-01-01")),
            job_id=None,
            run_id=None,
        )
    assert marks(importer) == {BatchRange(1, 1000): mark(MARK)}
    assert noted(importer) == [1]


def test_a_range_of_which_nobody_asked_the_time_gets_no_watermark(importer: Importer) -> None:
    importer.load(batch_of(widgets([1])))
    assert marks(importer) == {}


def test_advancing_moves_what_is_unchanged_and_behind_and_imported_as_now(importer: Importer) -> None:
    stored = (mark(MARK), mark(MARK), mark(MARK, "otherwise"), mark(MARK + 2 * DAY))
    with importer.engine.begin() as connection:
        for number, one in enumerate(stored):
            batch = replace(batch_of([], first=number * 10, last=number * 10 + 9), watermark=one)
            watermarks.store_watermark(connection, importer.metadata, batch)
        unchanged = [BatchRange(first, first + 9) for first in (0, 20, 30, 40)]
        watermarks.advance(
            connection, importer.metadata, record_type="widget", unchanged=unchanged, watermark=mark(MARK + DAY)
        )
    assert list(marks(importer).values()) == [mark(MARK + DAY), *stored[1:]]


def test_watermarks_of_ranges_that_are_no_batches_any_more_are_forgotten(importer: Importer) -> None:
    importer.load(replace(batch_of(widgets([1])), watermark=mark(MARK)))
    with importer.engine.begin() as connection:
        watermarks.retain(
            connection, importer.metadata, record_type="widget", batches=[BatchRange(1, 1000), BatchRange(5, 6)]
        )
    assert list(marks(importer)) == [BatchRange(1, 1000)]
    with importer.engine.begin() as connection:
        watermarks.retain(connection, importer.metadata, record_type="widget", batches=[BatchRange(1, 2000)])
    assert marks(importer) == {}


def test_noting_twice_is_noting_once(importer: Importer) -> None:
    note(importer, 3, -1)
    note(importer, 3)
    note(importer)
    assert noted(importer) == [-1, 3]


def test_the_table_is_counted_as_a_whole_by_buckets_and_by_ids(importer: Importer) -> None:
    summing = replace(WIDGET, source=replace(WIDGET.source, summed=("amount",)))
    ids = (-7, 1, 2, 10, 999_999_999, 1_000_000_000)
    importer.load(batch_of(widgets(ids, amount=Decimal("0.10")), first=-7, last=1_000_000_000))
    importer.load(batch_of([], first=2, last=2))
    span = BatchRange(-7, 1_000_000_000)
    with importer.engine.connect() as connection:
        whole = table_census(connection, importer.metadata, target(importer), summing)
        # A width of which MySQL's division makes 999999999/1000000007 to 1.0000.
        buckets = count_by_bucket(connection, target(importer), summing, span=span, width=1_000_000_007)
        narrow = count_by_bucket(connection, target(importer), summing, span=span, width=8)
        single = count_by_id(connection, target(importer), summing, [-7, 2, 3, 10])
    assert (whole.first, whole.last, whole.count.rows, whole.unloaded) == (-7, 1_000_000_000, 5, {})
    assert [round(total, 6) for total in whole.count.sums] == [Decimal("0.5")]
    assert {number: count.rows for number, count in buckets.items()} == {0: 4, 1: 1}
    assert {number: count.rows for number, count in narrow.items() if number < 3} == {0: 1, 1: 1, 2: 1}
    assert {id_: count.rows for id_, count in single.items()} == {-7: 1, 10: 1}


def test_a_column_that_is_called_bucket_is_not_taken_for_the_buckets(importer: Importer) -> None:
    table = importer.quoted("group")
    importer.load(batch_of(widgets(range(1, 7), group="same")))
    importer.run(f"ALTER TABLE widgets RENAME COLUMN {table} TO bucket")
    with importer.engine.connect() as connection:
        counted = count_by_bucket(connection, target(importer), WIDGET, span=BatchRange(1, 6), width=3)
    assert {number: count.rows for number, count in counted.items()} == {0: 3, 1: 3}


def test_rejects_without_a_live_row_are_counted_as_unloaded(importer: Importer) -> None:
    importer.load(batch_of(widgets([1, 2])))
    importer.load(batch_of(widgets([1]), rejections=[rejection((2,)), rejection((3,)), rejection(None, name="x")]))
    with importer.engine.connect() as connection:
        assert table_census(connection, importer.metadata, target(importer), WIDGET).unloaded == {3: 1}


def test_an_increment_resolves_the_rejects_of_the_rows_that_it_has_and_no_others(importer: Importer) -> None:
    rejections = [rejection((3,)), rejection((4,)), rejection((5,)), rejection(None, name="without a key")]
    importer.load(batch_of(widgets([1]), rejections=rejections))
    importer.load(increment_of(widgets([1, 3]), noted=[5]))
    open_ones = {entry["row_key"] for entry in importer.rows_of("import_rejects") if entry["resolved_at"] is None}
    # 3 was loaded and 5 is gone; of 4 nothing is known.
    assert {key for key in open_ones if not key.startswith("sha256")} == {"4"}
    assert len(open_ones) == 2
