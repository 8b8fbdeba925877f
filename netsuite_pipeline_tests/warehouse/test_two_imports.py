"""Two imports that hold the same batch: what was read earlier never overwrites what was read later."""

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import pytest

from netsuite_pipeline.transform.batch import TransformedBatch
from netsuite_pipeline.warehouse import loader
from netsuite_pipeline.warehouse.errors import StaleRead
from netsuite_pipeline.warehouse.ledger import Ledger
from netsuite_pipeline.warehouse.tables import utc_now
from netsuite_pipeline_tests.warehouse.samples import ITEM, Importer, batch_of, row, widgets

# Enough that the delete guard looks.
MANY = range(10, 60)


def _meanwhile(monkeypatch: pytest.MonkeyPatch, other: Callable[[], Any], *, before_the_scan: bool) -> None:
    """Lets another import commit in the middle of the next load, just before or after it compares with the table."""
    difference = loader.difference
    waiting = [other]

    def compared(*args: Any, **parts: Any) -> Any:
        if before_the_scan and waiting:
            waiting.pop()()
        found = difference(*args, **parts)
        if waiting:
            waiting.pop()()
        return found

    monkeypatch.setattr(loader, "difference", compared)


def _read(rows: list[Any], read_at: dt.datetime) -> TransformedBatch:
    return batch_of(rows, read_at=read_at)


@pytest.mark.parametrize("before_the_scan", [True, False])
def test_a_change_that_another_import_commits_meanwhile_is_kept(
    mariadb_importer: Importer, monkeypatch: pytest.MonkeyPatch, before_the_scan: bool
) -> None:
    importer = mariadb_importer
    importer.load(batch_of(widgets([1, 2], name="first")))
    early = utc_now()
    newer = batch_of(widgets([1, 2], name="newer"))
    _meanwhile(
        monkeypatch, lambda: importer.loader.load(newer, job_id=None, run_id="other"), before_the_scan=before_the_scan
    )

    with pytest.raises(StaleRead, match="was read before run other committed"):
        importer.loader.load(_read(widgets([1, 2], name="older"), early), job_id=None, run_id="late")

    assert {values[2] for values in importer.imported().values()} == {"newer"}


def test_an_import_on_a_host_whose_clock_is_slow_is_noticed(
    mariadb_importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    importer = mariadb_importer
    importer.load(batch_of(widgets([1], name="former")))

    def on_the_other_host() -> None:
        with monkeypatch.context() as its:
            its.setattr(loader, "utc_now", lambda: utc_now() - dt.timedelta(hours=1))
            importer.loader.load(batch_of(widgets([1], name="older")), job_id=None, run_id="other")

    _meanwhile(monkeypatch, on_the_other_host, before_the_scan=False)

    # By now NetSuite has the former name again, so there is nothing to write.
    with pytest.raises(StaleRead, match="run other"):
        importer.loader.load(_read(widgets([1], name="former"), utc_now()), job_id=None, run_id="late")


@pytest.mark.parametrize("ids", [[3], MANY])
def test_rows_that_another_import_adds_meanwhile_are_not_called_deleted(
    mariadb_importer: Importer, monkeypatch: pytest.MonkeyPatch, ids: list[int]
) -> None:
    importer = mariadb_importer
    importer.load(batch_of(widgets([1, 2])))
    early = utc_now()
    newer = batch_of(widgets([1, 2, *ids]))
    _meanwhile(monkeypatch, lambda: importer.loader.load(newer, job_id=None, run_id="other"), before_the_scan=True)

    with pytest.raises(StaleRead):
        importer.loader.load(_read(widgets([1, 2]), early), job_id=None, run_id="late")

    assert sorted(importer.imported()) == [(1,), (2,), *((number,) for number in ids)]


def test_an_import_that_reads_later_waits_for_one_that_is_about_to_commit(mariadb_importer: Importer) -> None:
    importer = mariadb_importer
    started: list[threading.Thread] = []
    late: list[Ledger] = []

    def load_late() -> None:
        # By now NetSuite has none of the rows, and what the earlier import writes cannot be seen yet.
        late.append(importer.loader.load(batch_of([], read_at=utc_now()), job_id=None, run_id="later"))

    def about_to_commit(connection: Any, ledger: Ledger) -> None:
        if not started:
            started.append(threading.Thread(target=load_late))
            started[0].start()
            # Long enough for it to be over, if nothing held it back.
            started[0].join(1.0)

    importer.loader.load(batch_of(widgets([1]), read_at=utc_now()), job_id=None, run_id="e", on_commit=about_to_commit)
    started[0].join(60)
    assert [ledger.deleted for ledger in late] == [1]
    assert importer.imported() == {}


def test_imports_of_other_types_wait_for_nobody(mariadb_importer: Importer) -> None:
    importer = mariadb_importer
    items = batch_of([row(ITEM, 1)], record_type=ITEM)
    others: list[Ledger] = []

    def meanwhile(connection: Any, ledger: Ledger) -> None:
        others.append(importer.loader.load(items, job_id=None, run_id="other"))

    importer.loader.load(batch_of(widgets([1])), job_id=None, run_id="run", on_commit=meanwhile)
    assert [ledger.inserted for ledger in others] == [1]
