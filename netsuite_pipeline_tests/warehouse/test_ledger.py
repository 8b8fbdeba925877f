"""What the ledger of a load says besides its counts, and that a warehouse of an older version can be upgraded."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from netsuite_pipeline.warehouse.engine import read_connection
from netsuite_pipeline.warehouse.errors import ConcurrentWrite
from netsuite_pipeline.warehouse.ledger import Ledger
from netsuite_pipeline.warehouse.measures import StatementCount, peak_memory
from netsuite_pipeline.warehouse.migration.changes_table import change_tables
from netsuite_pipeline.warehouse.migration.upgrade import upgrade
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline_tests.warehouse.samples import (
    INVENTORY_ITEM,
    ITEM,
    MORE_THAN_A_CHUNK,
    Importer,
    batch_of,
    rejection,
    row,
    widgets,
)

# What batch_ledger did not have before it held more than counts and seconds.
ADDED = (
    "read_at",
    "live_before",
    "live_after",
    "database_retries",
    "statements",
    "fallback_rows",
    "repaired",
    "peak_memory",
)


def test_a_ledger_comes_back_from_its_row_as_it_was(importer: Importer) -> None:
    ledger = importer.load(batch_of(widgets([1, 2]), rejections=[rejection((3,), id="3")]))
    assert Ledger.of_row(importer.rows_of("batch_ledger")[0]) == ledger


def test_live_rows_are_those_before_and_after_the_load(importer: Importer) -> None:
    first = importer.load(batch_of(widgets([1, 2, 3])))
    second = importer.load(batch_of(widgets([2, 3, 4, 5])))
    assert (first.live_before, first.live_after) == (0, 3)
    assert (second.live_before, second.live_after) == (3, 4)


def test_a_row_that_is_rejected_now_is_still_live(importer: Importer) -> None:
    importer.load(batch_of(widgets([1, 2, 3])))
    ledger = importer.load(batch_of(widgets([1]), rejections=[rejection((2,), id="2"), rejection((9,), id="9")]))
    assert (ledger.rejected, ledger.deleted, ledger.live_after) == (2, 1, 2)


def test_rows_that_nobody_may_call_deleted_are_still_live(importer: Importer) -> None:
    importer.load(batch_of(widgets([1, 2, 3])))
    ledger = importer.load(batch_of(widgets([1]), rejections=[rejection(None, id="?")]))
    assert (ledger.deleted, ledger.live_after) == (0, 3)


def test_a_row_the_database_refuses_is_live_only_if_it_was(importer: Importer) -> None:
    importer.load(batch_of(widgets([1, 2])))
    importer.refuse("new.amount > 5")
    changed = [*widgets([1]), *widgets([2, 3], amount=Decimal(6))]
    ledger = importer.load(batch_of(changed))
    assert (ledger.rejected, ledger.live_after) == (2, 2)


def test_rows_of_other_types_of_the_table_are_not_live_rows_of_this_one(importer: Importer) -> None:
    importer.load(batch_of([row(ITEM, 1), row(ITEM, 2)], record_type=ITEM))
    moved = importer.load(batch_of([row(INVENTORY_ITEM, 2), row(INVENTORY_ITEM, 3)], record_type=INVENTORY_ITEM))
    assert (moved.inserted, moved.updated, moved.live_before, moved.live_after) == (1, 1, 0, 2)


def test_statements_are_counted_over_all_attempts(importer: Importer) -> None:
    attempts: list[str] = []

    def disturb(_: Any, ledger: Ledger) -> None:
        attempts.append(ledger.range.key)
        if len(attempts) == 1:
            raise ConcurrentWrite("once")

    load = importer.loader.load
    plain = load(batch_of(widgets([1])), job_id=None, run_id=None)
    again = load(batch_of(widgets([2001]), first=2001, last=3000), job_id=None, run_id=None, on_commit=disturb)
    assert (plain.database_retries, plain.retries) == (0, 0)
    assert (again.database_retries, again.retries) == (1, 1)
    assert plain.statements is not None
    assert again.statements is not None
    assert again.statements > plain.statements


def test_rows_of_several_chunks_take_more_statements_and_unchanged_ones_fewer(importer: Importer) -> None:
    load, rows = importer.loader.load, widgets(range(1, MORE_THAN_A_CHUNK))
    sent = [
        load(batch_of(some, last=MORE_THAN_A_CHUNK), job_id=None, run_id=None).statements
        for some in (rows[:1], rows, rows)
    ]
    one, several, unchanged = (number or 0 for number in sent)
    assert 0 < unchanged < one < several < 30


def test_only_the_statements_of_watched_connections_are_counted(importer: Importer) -> None:
    count = StatementCount()
    with read_connection(importer.engine) as watched, read_connection(importer.engine) as other:
        watched.begin()
        count.watch(watched)
        for connection in (watched, other, watched):
            connection.exec_driver_sql("SELECT 1")
        with watched.begin_nested():
            pass
    # SELECT twice, SAVEPOINT and its release.
    assert count.sent == 4


def test_peak_memory_is_in_bytes() -> None:
    resident = psutil.Process().memory_info().rss
    assert 0.5 * resident < peak_memory() < 100 * resident


def test_metadata_holds_plain_numbers_and_nothing_that_is_unknown(importer: Importer) -> None:
    ledger = importer.load(batch_of(widgets([1, 2])))
    metadata = ledger.as_metadata()
    numbers = {name: value for name, value in metadata.items() if name not in {"batch", "record_type"}}
    assert all(isinstance(value, int | float) for value in numbers.values())
    assert {"statements", "fallback_rows", "repaired", "peak_memory", "records_per_second", "live_after"} <= set(
        numbers
    )
    assert "statements" not in replace(ledger, statements=None).as_metadata()


@pytest.mark.parametrize(("seconds", "rate"), [(0.0, 0.0), (0.5, 4.0)])
def test_records_per_second_count_all_work(importer: Importer, seconds: float, rate: float) -> None:
    ledger = importer.load(batch_of(widgets([1, 2])))
    parts = {"api_seconds": seconds / 2, "transform_seconds": 0.0, "database_seconds": seconds / 2}
    assert replace(ledger, **parts).records_per_second == rate


def test_an_older_warehouse_with_ledgers_in_it_is_upgraded_and_goes_on(importer: Importer) -> None:
    importer.load(batch_of(widgets([1, 2])))
    quoted = importer.quoted
    for name in ADDED:
        importer.run(f"ALTER TABLE {quoted('batch_ledger')} DROP COLUMN {quoted(name)}")
    importer.run(
        "DROP INDEX batch_ledger_range" + ("" if importer.engine.dialect.name == "sqlite" else " ON batch_ledger")
    )

    upgrade(importer.engine, change_tables(importer.metadata), widen=False, report=lambda sentence: None)

    ensure_tables(importer.engine, importer.metadata)
    old, *_ = (Ledger.of_row(entry) for entry in importer.rows_of("batch_ledger"))
    assert (old.inserted, old.live_after, old.statements, old.read_at) == (2, None, None, None)
    assert importer.load(batch_of(widgets([1, 2, 3]))).live_after == 3
    indexes = {index["name"] for index in sa.inspect(importer.engine).get_indexes("batch_ledger")}
    assert "batch_ledger_range" in indexes
