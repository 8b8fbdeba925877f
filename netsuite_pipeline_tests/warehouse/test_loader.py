"""What a load leaves in the tables. Every load runs twice (see `Importer.load`)."""

import datetime as dt
import random
from dataclasses import replace
from decimal import Decimal

import pytest

from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.record_types.model import RecordType, Source, text
from netsuite_pipeline.transform.batch import Row
from netsuite_pipeline.warehouse.errors import DeleteGuardTripped, LedgerMismatch, RejectGuardTripped, StaleRead
from netsuite_pipeline.warehouse.loader import BatchLoader
from netsuite_pipeline.warehouse.tables import utc_now
from netsuite_pipeline_tests.warehouse.samples import (
    HOSTILE,
    INVENTORY_ITEM,
    ITEM,
    LINE,
    MORE_THAN_A_CHUNK,
    WIDGET,
    Importer,
    batch_of,
    rejection,
    row,
    while_loading,
    widgets,
)


def test_rows_of_every_kind_come_back_as_they_were_sent(importer: Importer) -> None:
    full = row(
        WIDGET,
        7,
        name="a",
        group="no limit",
        order=-(2**63),
        class_id=2**63 - 1,
        amount=Decimal("-1234567890123456.12345678"),
        isinactive=True,
        startdate=dt.date(1000, 1, 1),
        lastmodifieddate=dt.datetime(9999, 12, 31, 23, 59, 59),  # noqa: DTZ001 - the account's zone
    )
    empty = row(WIDGET, 8, isinactive=False)
    ledger = importer.load(batch_of([full, empty]))
    assert (ledger.inserted, ledger.written) == (2, 2)
    assert importer.imported() == {(7,): full.values, (8,): empty.values}


def test_text_without_a_limit_may_be_larger_than_a_chunk(importer: Importer) -> None:
    rows = [row(WIDGET, number, group=f"{number}é" * 800_000) for number in range(1, 5)]
    importer.load(batch_of(rows))
    same = importer.imported() == {entry.key: entry.values for entry in rows}
    assert same  # apart from the comparison: pytest would explain the difference of 10 MB for minutes


def test_hostile_text_comes_back_value_by_value(importer: Importer) -> None:
    rows = [row(WIDGET, number, name=value, group=value * 3) for number, value in enumerate(HOSTILE, 1)]
    importer.load(batch_of(rows))
    assert importer.imported() == {entry.key: entry.values for entry in rows}


def test_random_text_of_dangerous_characters_comes_back_value_by_value(importer: Importer) -> None:
    dice = random.Random(20260101)
    alphabet = "'\"\\%`;-#/*,()\x00\x1a\n\r\b_Nx0é😀"
    rows = [
        row(WIDGET, number, name="".join(dice.choices(alphabet, k=dice.randrange(12)))) for number in range(1, 2001)
    ]
    importer.load(batch_of(rows, last=2000))
    assert importer.imported() == {entry.key: entry.values for entry in rows}


@pytest.mark.parametrize(
    "digits",
    ["0", "-0.00000001", "0.1", "9999999999999999.99999999", "-9999999999999999.99999999", "1E+5", "1.50", "1E-8"],
)
def test_decimals_are_exact(importer: Importer, digits: str) -> None:
    importer.load(batch_of([row(WIDGET, 1, amount=Decimal(digits))]))
    (values,) = importer.imported().values()
    assert Decimal(digits) in values


def test_ids_may_be_negative_and_at_the_ends_of_the_range(importer: Importer) -> None:
    rows = widgets([-5, -1, 0, 3])
    importer.load(batch_of(rows, first=-5, last=3))
    assert sorted(importer.imported()) == [(-5,), (-1,), (0,), (3,)]


def test_only_new_and_changed_rows_are_written(importer: Importer) -> None:
    importer.load(batch_of(widgets(range(1, MORE_THAN_A_CHUNK)), last=MORE_THAN_A_CHUNK))
    untouched = importer.bookkeeping("widgets", 3)
    changed = [*widgets(range(1, MORE_THAN_A_CHUNK + 1))]
    changed[1] = row(WIDGET, 2, name="another name")
    ledger = importer.load(batch_of(changed, last=MORE_THAN_A_CHUNK))
    assert (ledger.inserted, ledger.updated, ledger.unchanged) == (1, 1, MORE_THAN_A_CHUNK - 2)
    assert importer.bookkeeping("widgets", 3) == untouched
    assert importer.imported() == {entry.key: entry.values for entry in changed}


def test_a_value_that_becomes_null_is_updated(importer: Importer) -> None:
    importer.load(batch_of([row(WIDGET, 1, name="a", amount=Decimal(5))]))
    ledger = importer.load(batch_of([row(WIDGET, 1, name="a")]))
    assert ledger.updated == 1
    assert importer.imported()[(1,)] == row(WIDGET, 1, name="a").values


def test_rows_are_loaded_in_key_order_whatever_order_they_come_in(importer: Importer) -> None:
    rows = widgets(range(1, 50))
    importer.load(batch_of(rows[::-1]))
    assert importer.imported() == {entry.key: entry.values for entry in rows}


def test_an_empty_batch_is_a_batch(importer: Importer) -> None:
    ledger = importer.load(batch_of([]))
    assert (ledger.expected, ledger.written) == (0, 0)


def test_rows_that_netsuite_no_longer_has_are_flagged_and_others_are_not(importer: Importer) -> None:
    importer.load(batch_of(widgets([1, 2, 3])))
    importer.load(batch_of(widgets([1001]), first=1001, last=2000))
    ledger = importer.load(batch_of(widgets([1, 3])))
    assert (ledger.deleted, ledger.unchanged) == (1, 2)
    assert sorted(importer.imported()) == [(1,), (3,), (1001,)]
    assert while_loading(ledger, importer.bookkeeping("widgets", 2)["deleted_at"])


def test_a_deleted_row_that_comes_back_is_live_again(importer: Importer) -> None:
    importer.load(batch_of(widgets([1, 2])))
    importer.load(batch_of(widgets([1])))
    ledger = importer.load(batch_of(widgets([1, 2])))
    assert (ledger.updated, ledger.unchanged) == (1, 1)
    assert importer.bookkeeping("widgets", 2)["deleted_at"] is None


def test_a_rejected_row_is_neither_deleted_nor_overwritten(importer: Importer) -> None:
    importer.load(batch_of(widgets([1, 2])))
    ledger = importer.load(batch_of(widgets([1]), rejections=[rejection((2,), id="2", amount="x")]))
    assert (ledger.rejected, ledger.deleted, ledger.unchanged) == (1, 0, 1)
    assert sorted(importer.imported()) == [(1,), (2,)]


def test_nothing_is_deleted_while_a_row_without_id_is_about(importer: Importer) -> None:
    importer.load(batch_of(widgets([1, 2])))
    ledger = importer.load(batch_of(widgets([1]), rejections=[rejection(None, name="nameless")]))
    assert ledger.deleted == 0
    assert sorted(importer.imported()) == [(1,), (2,)]


def test_a_batch_that_would_delete_most_of_its_rows_is_refused(importer: Importer) -> None:
    importer.load(batch_of(widgets(range(1, 101))))
    before = importer.everything("widgets")
    remaining = [row(WIDGET, 1, name="changed"), *widgets(range(2, 50))]
    for _ in range(2):
        with pytest.raises(DeleteGuardTripped, match=r"51 of 100 .*DELETE_GUARD_PERCENT=50") as caught:
            importer.loader.load(batch_of(remaining), job_id=None, run_id=None)
    assert caught.value.category is FailureCategory.PERMANENT_ERROR
    assert importer.everything("widgets") == before
    assert len(importer.rows_of("batch_ledger")) == 2


def test_the_guard_allows_its_share_and_small_numbers(importer: Importer) -> None:
    importer.load(batch_of(widgets(range(1, 101))))
    assert importer.load(batch_of(widgets(range(1, 51)))).deleted == 50
    importer.load(batch_of(widgets(range(1001, 1021)), first=1001, last=2000))
    assert importer.load(batch_of([], first=1001, last=2000)).deleted == 20


def test_a_batch_of_which_most_rows_are_rejected_for_one_column_is_refused(importer: Importer) -> None:
    importer.load(batch_of(widgets([1])))
    before = importer.everything("widgets")
    bad = [
        replace(rejection((number,), id=str(number), amount="x"), reason=("too_long", "invalid_text")[number % 2])
        for number in range(2, 53)
    ]
    for _ in range(2):
        with pytest.raises(RejectGuardTripped, match=r"51 of 100 rows .*REJECT_GUARD_PERCENT=50") as caught:
            importer.load(batch_of(widgets(range(53, 102)), rejections=bad))
    assert caught.value.category is FailureCategory.PERMANENT_ERROR
    assert importer.everything("widgets") == before
    assert importer.rows_of("import_rejects") == []


def test_half_of_the_rows_a_few_rows_and_rows_with_faults_of_their_own_are_quarantined(importer: Importer) -> None:
    bad = [rejection((number,), id=str(number), amount="x") for number in range(1, 51)]
    assert importer.load(batch_of(widgets(range(51, 101)), rejections=bad)).rejected == 50
    few = [rejection((number,), id=str(number), amount="x") for number in range(1001, 1021)]
    assert importer.load(batch_of([], rejections=few, first=1001, last=2000)).rejected == 20
    mixed = [
        replace(rejection((number,), id=str(number)), field=("amount", "name")[number % 2])
        for number in range(2001, 2041)
    ]
    assert importer.load(batch_of([], rejections=mixed, first=2001, last=3000)).rejected == 40


def test_two_types_share_a_table_without_deleting_each_others_rows(importer: Importer) -> None:
    stock = [row(INVENTORY_ITEM, number, itemid=f"stock {number}") for number in (1, 3)]
    other = [row(ITEM, number, itemid=f"other {number}") for number in (2, 4)]
    for record_type, rows in ((INVENTORY_ITEM, stock), (ITEM, other), (INVENTORY_ITEM, stock)):
        assert importer.load(batch_of(rows, record_type=record_type)).deleted == 0
    assert sorted(importer.imported(INVENTORY_ITEM)) == [(1,), (3,)]
    assert sorted(importer.imported(ITEM)) == [(2,), (4,)]


@pytest.mark.parametrize("gone_first", [True, False])
def test_an_item_may_move_from_one_type_to_the_other(importer: Importer, *, gone_first: bool) -> None:
    importer.load(batch_of([row(INVENTORY_ITEM, 1, itemid="a")], record_type=INVENTORY_ITEM))
    leaving = batch_of([], record_type=INVENTORY_ITEM)
    # The same values, so that only the record type differs.
    arriving = batch_of([row(ITEM, 1, itemid="a")], record_type=ITEM)
    for batch in (leaving, arriving) if gone_first else (arriving, leaving):
        importer.load(batch)
    assert importer.imported(INVENTORY_ITEM) == {}
    assert sorted(importer.imported(ITEM)) == [(1,)]


def test_lines_are_keyed_by_transaction_and_line(importer: Importer) -> None:
    def lines(*keys: tuple[int, int]) -> list[Row]:
        return [row(LINE, *key, memo=f"line {key}", quantity=Decimal(-key[1])) for key in keys]

    importer.load(batch_of(lines((10, 0), (10, 1), (10, 2), (11, 0), (11, 1)), record_type=LINE))
    ledger = importer.load(batch_of(lines((10, 0), (10, 2), (11, 1)), record_type=LINE))
    assert (ledger.unchanged, ledger.deleted) == (3, 2)
    assert sorted(importer.imported(LINE)) == [(10, 0), (10, 2), (11, 1)]


def test_many_lines_are_deleted_in_several_statements(importer: Importer) -> None:
    rows = [row(LINE, 1 + number // 50, number % 50) for number in range(2 * MORE_THAN_A_CHUNK)]
    importer.load(batch_of(rows, record_type=LINE))
    ledger = importer.load(batch_of(rows[MORE_THAN_A_CHUNK:], record_type=LINE))
    assert ledger.deleted == MORE_THAN_A_CHUNK
    assert importer.imported(LINE) == {entry.key: entry.values for entry in rows[MORE_THAN_A_CHUNK:]}


def test_rows_that_come_twice_are_rejected_and_the_others_load(importer: Importer) -> None:
    rows = [*widgets([1, 2]), row(WIDGET, 2, name="another two")]
    ledger = importer.load(batch_of(rows))
    assert (ledger.inserted, ledger.rejected) == (1, 2)
    assert sorted(importer.imported()) == [(1,)]
    (reject,) = importer.rows_of("import_rejects")
    assert (reject["row_key"], reject["reason"]) == ("2", "duplicate_key")


@pytest.mark.parametrize("expected", [1, 3])
def test_a_batch_that_does_not_add_up_is_not_written(importer: Importer, expected: int) -> None:
    for _ in range(2):
        with pytest.raises(LedgerMismatch, match=f"counted {expected}, sent 2, and 2 were accounted for"):
            importer.loader.load(batch_of(widgets([1, 2]), expected=expected), job_id=None, run_id=None)
    assert importer.everything("widgets") == []
    assert importer.rows_of("batch_ledger") == []


def test_the_ledger_is_stored_with_its_job_and_run(importer: Importer) -> None:
    ledger = importer.load(batch_of(widgets([1, 2]), rejections=[rejection((3,), id="3")]))
    stored = importer.rows_of("batch_ledger")[0]
    assert {name: stored[name] for name in ledger.as_row()} == ledger.as_row()
    assert (stored["job_id"], stored["run_id"], stored["batch_key"]) == ("job", "run", "1..1000")


def test_values_of_the_former_type_do_not_stay_behind_when_a_row_moves(importer: Importer) -> None:
    gadget = RecordType(
        name="gadget", id=-9002, table="widgets", source=Source(table="gadget"), fields=(text("name", 200),)
    )
    importer.load(batch_of(widgets([1], amount=Decimal(5))))
    importer.load(batch_of([row(gadget, 1, name="moved")], record_type=gadget))
    (moved,) = importer.everything("widgets")
    assert Decimal(5) not in moved
    assert list(importer.imported(gadget)) == [(1,)]


def test_rows_of_other_types_of_the_table_are_not_read(mariadb_importer: Importer) -> None:
    # A rare subtype has one batch over the whole span of ids, and the table may hold millions of the others.
    importer = mariadb_importer
    importer.load(batch_of([row(ITEM, number) for number in range(2, 900)], record_type=ITEM))
    rare = batch_of([row(INVENTORY_ITEM, 1), row(INVENTORY_ITEM, 2)], record_type=INVENTORY_ITEM)
    before = _rows_sent(importer)
    ledger = importer.loader.load(rare, job_id=None, run_id=None)
    assert (ledger.inserted, ledger.updated) == (1, 1)
    assert _rows_sent(importer) - before < 50


def _rows_sent(importer: Importer) -> int:
    with importer.engine.connect() as connection:
        return int(connection.exec_driver_sql("SHOW GLOBAL STATUS LIKE 'Rows_sent'").one()[1])


def test_rows_that_were_read_before_another_import_committed_them_are_not_written_back(importer: Importer) -> None:
    read_at = utc_now()
    importer.load(batch_of(widgets([1], name="new")))
    late = {"job_id": None, "run_id": "late"}

    with pytest.raises(StaleRead, match="was read before run run committed"):
        importer.loader.load(batch_of(widgets([1], name="old"), read_at=read_at), **late)
    with pytest.raises(StaleRead):
        importer.loader.load(batch_of([], last=1, read_at=read_at), **late)

    [kept] = importer.imported().values()
    assert "new" in kept
    # Ranges that do not touch the committed one are nobody's business.
    importer.loader.load(batch_of([], first=2000, last=3000, read_at=read_at), **late)


def test_rows_that_netsuite_no_longer_has_are_removed_if_that_is_wanted(importer: Importer) -> None:
    importer.load(batch_of(widgets(range(1, 11))))
    removing = BatchLoader(
        importer.engine, importer.metadata, delete_guard_percent=50, reject_guard_percent=50, remove_deleted=True
    )
    importer.loader = removing
    ledger = importer.load(batch_of(widgets(range(1, 8))))
    assert (ledger.deleted, ledger.live_after) == (3, 7)
    assert len(importer.everything("widgets")) == 7
