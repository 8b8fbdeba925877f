"""Ledgers against tables: exact whatever was imported, replayed, deleted or moved, and honest where it cannot be."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
import sqlalchemy as sa

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.warehouse.completeness import Completeness, Verdict, completeness
from netsuite_pipeline.warehouse.errors import WarehouseError
from netsuite_pipeline_tests.warehouse.samples import (
    INVENTORY_ITEM,
    ITEM,
    LINE,
    WIDGET,
    Importer,
    batch_of,
    rejection,
    row,
    widgets,
)

FIRST, SECOND, THIRD = BatchRange(1, 100), BatchRange(101, 200), BatchRange(201, 300)


def examine(importer: Importer, *batches: BatchRange, record_type: RecordType = WIDGET) -> Completeness:
    return completeness(importer.engine, record_type, batches)


def load(
    importer: Importer, batch: BatchRange, ids: Sequence[int], *, rejected: Sequence[int] = (), name: str = "a"
) -> None:
    rejections = [rejection((number,), id=str(number)) for number in rejected]
    rows = widgets(ids, name=name)
    importer.load(batch_of(rows, first=batch.first, last=batch.last, rejections=rejections))


def three_batches(importer: Importer) -> None:
    load(importer, FIRST, [1, 2, 3])
    load(importer, SECOND, [101, 102])
    load(importer, THIRD, [])


def test_what_was_imported_is_complete(importer: Importer) -> None:
    three_batches(importer)
    found = examine(importer, THIRD, FIRST, SECOND)
    assert (found.verdict, found.batches, found.live) == (Verdict.COMPLETE, 3, 5)
    assert [ledger.fetched for ledger in found.ledgers] == [3, 2, 0]


def test_later_imports_of_a_batch_replace_what_its_ledger_says(importer: Importer) -> None:
    three_batches(importer)
    load(importer, FIRST, [1, 4, 5, 6], name="changed")
    found = examine(importer, FIRST, SECOND, THIRD)
    assert (found.verdict, found.live) == (Verdict.COMPLETE, 6)


@pytest.mark.parametrize(
    ("statement", "counted"),
    [
        ("DELETE FROM widgets WHERE refid = 102", 1),
        ("UPDATE widgets SET deleted_at = '2026-01-01' WHERE refid = 102", 1),
        ("UPDATE widgets SET refid = 103 WHERE refid = 3", 3),
    ],
)
def test_rows_that_are_missing_or_too_many_are_found_and_their_batch_named(
    importer: Importer, statement: str, counted: int
) -> None:
    three_batches(importer)
    importer.run(statement)
    found = examine(importer, SECOND, THIRD)
    assert found.verdict is Verdict.WRONG
    (wrong,) = found.disagreements
    assert (wrong.range, wrong.expected, wrong.counted) == (SECOND, 2, counted)
    assert examine(importer, THIRD).verdict is Verdict.COMPLETE


def test_a_rejected_row_leaves_the_type_open_and_its_former_version_counts(importer: Importer) -> None:
    load(importer, FIRST, [1, 2, 3])
    load(importer, FIRST, [1, 2], rejected=[3, 4])
    found = examine(importer, FIRST)
    assert (found.verdict, found.live, found.rejects, found.disagreements) == (Verdict.OPEN, 3, 2, ())
    importer.run("DELETE FROM widgets WHERE refid = 3")
    assert examine(importer, FIRST).verdict is Verdict.WRONG


def test_rejects_of_other_batches_are_not_this_ones(importer: Importer) -> None:
    load(importer, FIRST, [1], rejected=[2])
    load(importer, SECOND, [101])
    assert examine(importer, SECOND).verdict is Verdict.COMPLETE


def test_replayed_parts_of_a_batch_add_to_its_last_import(importer: Importer) -> None:
    load(importer, FIRST, [1, 2, 3])
    load(importer, FIRST, [1, 2], rejected=[3, 4, 5, 6])
    # 3 was live and stays so, 4 and 6 are new, 5 is gone from NetSuite by now, and 1 was deleted there.
    for number in (3, 4, 6):
        load(importer, BatchRange(number, number), [number], name="mended")
    load(importer, BatchRange(5, 5), [])
    load(importer, BatchRange(1, 1), [])
    found = examine(importer, FIRST)
    assert (found.verdict, found.live, found.uncounted) == (Verdict.COMPLETE, 4, ())
    importer.run("DELETE FROM widgets WHERE refid = 4")
    assert examine(importer, FIRST).verdict is Verdict.WRONG


def test_an_import_of_the_whole_batch_makes_its_replays_history(importer: Importer) -> None:
    load(importer, FIRST, [1], rejected=[2])
    load(importer, BatchRange(2, 2), [2])
    load(importer, FIRST, [1, 2, 3])
    found = examine(importer, FIRST)
    assert (found.verdict, found.live) == (Verdict.COMPLETE, 3)


def test_a_batch_that_was_never_loaded_leaves_the_type_open(importer: Importer) -> None:
    load(importer, FIRST, [1])
    found = examine(importer, FIRST, SECOND)
    assert (found.verdict, found.missing, found.live) == (Verdict.OPEN, (SECOND,), 1)


def test_a_lengthened_batch_was_not_loaded_yet_whatever_its_shorter_self_was(importer: Importer) -> None:
    load(importer, BatchRange(101, 150), [101])
    assert examine(importer, SECOND).missing == (SECOND,)


def test_no_batches_are_not_called_complete(importer: Importer) -> None:
    assert examine(importer).verdict is Verdict.OPEN


def test_an_import_across_the_border_of_two_batches_leaves_both_uncounted_and_not_wrong(importer: Importer) -> None:
    three_batches(importer)
    load(importer, BatchRange(150, 250), [150, 250])
    found = examine(importer, FIRST, SECOND, THIRD)
    assert (found.verdict, found.uncounted) == (Verdict.OPEN, (SECOND, THIRD))


def test_a_ledger_that_does_not_add_up_is_wrong(importer: Importer) -> None:
    three_batches(importer)
    importer.run("UPDATE batch_ledger SET expected = 4 WHERE batch_first = 1")
    found = examine(importer, FIRST, SECOND)
    assert found.verdict is Verdict.WRONG
    assert [ledger.range for ledger in found.unbalanced] == [FIRST]


def test_ledgers_of_older_versions_are_believed_unless_rows_were_rejected(importer: Importer) -> None:
    load(importer, FIRST, [1, 2])
    load(importer, SECOND, [101], rejected=[102])
    importer.run("UPDATE batch_ledger SET live_before = NULL, live_after = NULL, read_at = NULL")
    importer.run("UPDATE import_rejects SET resolved_at = '2026-01-01'")
    found = examine(importer, FIRST, SECOND)
    assert (found.verdict, found.live, found.uncounted) == (Verdict.OPEN, 2, (SECOND,))
    importer.run("DELETE FROM widgets WHERE refid = 1")
    assert examine(importer, FIRST).verdict is Verdict.WRONG


def test_types_that_share_a_table_are_counted_apart(importer: Importer) -> None:
    importer.load(batch_of([row(ITEM, 1), row(ITEM, 4)], record_type=ITEM))
    importer.load(batch_of([row(INVENTORY_ITEM, 2), row(INVENTORY_ITEM, 3)], record_type=INVENTORY_ITEM))
    whole = BatchRange(1, 1000)
    for record_type in (ITEM, INVENTORY_ITEM):
        found = examine(importer, whole, record_type=record_type)
        assert (found.verdict, found.live) == (Verdict.COMPLETE, 2)


def test_rows_that_may_have_moved_to_another_type_are_not_called_wrong(importer: Importer) -> None:
    whole = BatchRange(1, 1000)
    importer.load(batch_of([row(ITEM, number) for number in (1, 2, 3)], record_type=ITEM))
    importer.run("UPDATE batch_ledger SET read_at = committed_at")
    importer.load(batch_of([row(INVENTORY_ITEM, 2)], record_type=INVENTORY_ITEM))
    found = examine(importer, whole, record_type=ITEM)
    assert (found.verdict, [one.moved for one in found.disagreements]) == (Verdict.OPEN, [1])
    assert examine(importer, whole, record_type=INVENTORY_ITEM).verdict is Verdict.COMPLETE
    # One more is missing than can have moved.
    importer.run("DELETE FROM items WHERE refid = 3")
    assert examine(importer, whole, record_type=ITEM).verdict is Verdict.WRONG


def test_rows_of_other_types_that_were_there_before_explain_nothing(importer: Importer) -> None:
    importer.load(batch_of([row(INVENTORY_ITEM, number) for number in (2, 3)], record_type=INVENTORY_ITEM))
    importer.load(batch_of([row(ITEM, 1)], record_type=ITEM))
    importer.run("UPDATE batch_ledger SET read_at = committed_at")
    importer.run("DELETE FROM items WHERE refid = 1")
    assert examine(importer, BatchRange(1, 1000), record_type=ITEM).verdict is Verdict.WRONG


def test_lines_are_counted_and_not_their_transactions(importer: Importer) -> None:
    lines = [row(LINE, 7, 0), row(LINE, 7, 1), row(LINE, 8, 0, quantity=Decimal(2))]
    importer.load(batch_of(lines, record_type=LINE))
    found = examine(importer, BatchRange(1, 1000), record_type=LINE)
    assert (found.verdict, found.live) == (Verdict.COMPLETE, 3)


def test_neighbouring_batches_are_counted_by_one_query(importer: Importer) -> None:
    batches = [BatchRange(first, first + 9) for first in range(1, 51, 10)]
    for batch in batches:
        load(importer, batch, [batch.first])
    statements = _statements(importer, batches[:3])
    assert statements == _statements(importer, batches[:1])
    # Not neighbours: for each, a query more for the rows and one for the rejects.
    assert _statements(importer, [batches[0], batches[2], batches[4]]) == statements + 4


def test_a_database_that_refuses_is_reported_in_one_sentence(importer: Importer) -> None:
    importer.run("DROP TABLE batch_ledger")
    with pytest.raises(WarehouseError, match=r"^Comparing widgets with its ledgers"):
        examine(importer, FIRST)


def _statements(importer: Importer, batches: Sequence[BatchRange]) -> int:
    sent: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    sa.event.listen(importer.engine, "before_cursor_execute", note)
    try:
        examine(importer, *batches)
    finally:
        sa.event.remove(importer.engine, "before_cursor_execute", note)
    return len(sent)
