"""Incremental imports from a sandbox whose clock the test sets: what they read, write, leave alone, and what it costs.

A whole company's fortnight is in `test_fortnight`; which batches follow from counts is in `waves/test_increments`.
"""

import datetime as dt
import random
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from netsuite_pipeline.netsuite.errors import Unavailable
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.sandbox.faults import Fault, FaultKind
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.waves.model import JobStatus
from netsuite_pipeline_tests.orchestration.nights import Clock, Deployment, Night, served


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> Iterator[SandboxServer]:
    with served(300, clock=clock) as server:
        yield server


@pytest.fixture
def deployment(sandbox: SandboxServer, clock: Clock, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    # What is found by the overlap is found by luck.
    monkeypatch.setenv("INCREMENTAL_OVERLAP", "0")
    monkeypatch.setenv("BATCH_SIZE", "20")
    return Deployment(sandbox, clock, engine)


def ids_of(deployment: Deployment, table: str, where: str = "1 = 1") -> list[int]:
    rows = deployment.sandbox.dataset.connection().execute(f'SELECT id FROM "{table}" WHERE {where} ORDER BY id')
    return [id_ for (id_,) in rows]


def rename(deployment: Deployment, *ids: int, **values: str) -> None:
    for id_ in ids:
        deployment.sandbox.dataset.put("customer", [{"id": id_, "companyname": f"renamed {id_}", **values}])


def a_day_later(deployment: Deployment, *names: str) -> Night:
    deployment.clock.forward(hours=24)
    return deployment.night(*names)


def test_a_night_without_a_change_asks_once_for_each_type_and_writes_nothing(deployment: Deployment) -> None:
    deployment.full()
    night = a_day_later(deployment)
    assert night.status is JobStatus.COMPLETED
    assert night.written == 0
    # The one type without a date of modification is read; the clock, the zone and the deletions are asked for once.
    assert {ledger.record_type for ledger in night.ledgers} == {"charge_type"}
    assert night.planning_requests <= 3 + len(CATALOG) + 1
    # The second calm night is as cheap: watermarks have moved although nothing was read.
    assert a_day_later(deployment).requests == night.requests


def test_changed_rows_alone_are_read_with_shared_requests(deployment: Deployment) -> None:
    deployment.full("customer")
    changed = random.Random(1).sample(ids_of(deployment, "customer"), 40)
    deployment.clock.forward(hours=1)
    rename(deployment, *changed)
    night = a_day_later(deployment, "customer")
    assert (night.fetched, night.written) == (40, 40)
    assert night.runs == 1
    assert night.requests <= 10
    deployment.assert_exact("customer")
    again = a_day_later(deployment, "customer")
    assert (again.fetched, again.written) == (0, 0)


def test_a_created_record_gets_a_batch_of_its_own_and_one_in_a_gap_is_read(deployment: Deployment) -> None:
    deployment.full("customer")
    known = ids_of(deployment, "customer")
    gap = next(id_ for id_ in range(known[0], known[-1]) if id_ not in set(known))
    deployment.clock.forward(hours=1)
    rename(deployment, gap, known[-1] + 5, isperson="F", entityid="new")
    night = a_day_later(deployment, "customer")
    assert night.status is JobStatus.COMPLETED
    assert sum(ledger.inserted for ledger in night.ledgers) == 2
    deployment.assert_exact("customer")


def test_a_deleted_record_is_flagged_and_a_record_of_another_type_with_its_id_is_not(deployment: Deployment) -> None:
    deployment.full("customer", "inventory_item")
    shared = set(ids_of(deployment, "customer")) & set(ids_of(deployment, "item", "itemtype = 'InvtPart'"))
    customer = min(shared or ids_of(deployment, "customer"))
    deployment.clock.forward(hours=1)
    deployment.sandbox.dataset.delete("customer", customer)
    night = a_day_later(deployment, "customer", "inventory_item")
    assert sum(ledger.deleted for ledger in night.ledgers) == night.written == 1
    deployment.assert_exact("customer", "inventory_item")
    assert a_day_later(deployment, "customer", "inventory_item").ledgers == []


def test_a_deletion_that_its_night_could_not_import_arrives_the_next_one(deployment: Deployment) -> None:
    deployment.full("customer")
    gone, edited = ids_of(deployment, "customer")[:2]
    deployment.clock.forward(hours=1)
    deployment.sandbox.dataset.delete("customer", gone)
    rename(deployment, edited)
    deployment.sandbox.faults.add(Fault(FaultKind.UNAVAILABLE, times=None, match="customer.entitynumber AS"))
    assert a_day_later(deployment, "customer").status is JobStatus.FAILED
    deployment.sandbox.faults.clear()
    assert a_day_later(deployment, "customer").status is JobStatus.COMPLETED
    deployment.assert_exact("customer")


def test_deletions_that_the_role_may_not_see_are_found_by_counting(deployment: Deployment) -> None:
    deployment.full("customer")
    deployment.sandbox.dataset.delete("customer", ids_of(deployment, "customer")[7])
    deployment.sandbox.availability.set_table("deletedrecord", available=False)
    night = a_day_later(deployment, "customer")
    assert sum(ledger.deleted for ledger in night.ledgers) == 1
    assert "other counts" in str(night.reason("customer"))
    deployment.assert_exact("customer")


def test_more_deletions_than_are_listed_are_found_by_counting(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    deployment.full("customer", "vendor")
    monkeypatch.setattr("netsuite_pipeline.netsuite.census.MOST_DELETIONS", 2)
    for id_ in ids_of(deployment, "customer")[5:9]:
        deployment.sandbox.dataset.delete("customer", id_)
    night = a_day_later(deployment, "customer", "vendor")
    assert "Deletions are found by counting only" in caplog.text
    assert sum(ledger.deleted for ledger in night.ledgers) == 4
    deployment.assert_exact("customer", "vendor")


def test_a_type_that_lost_most_of_its_records_waits_for_a_person(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.full("customer")
    ids = ids_of(deployment, "customer")
    connection = deployment.sandbox.dataset.connection()
    # As if the role saw fewer records than before.
    connection.execute(f"DELETE FROM customer WHERE id > {ids[len(ids) // 4]}")
    deployment.sandbox.dataset.version += 1
    night = a_day_later(deployment, "customer")
    assert night.status is JobStatus.FAILED
    assert "DELETE_GUARD_PERCENT=50" in str(night.reason("customer"))
    assert live(deployment, "customers") == len(ids)
    # A full import is held back as well, until someone has looked.
    assert deployment.full("customer").ledgers == []
    monkeypatch.setenv("DELETE_GUARD_PERCENT", "100")
    assert a_day_later(deployment, "customer").status is JobStatus.COMPLETED
    deployment.assert_exact("customer")


def test_a_type_that_vanished_as_a_whole_waits_for_a_person_however_small_it_is(deployment: Deployment) -> None:
    deployment.full("location")
    before = live(deployment, "locations")
    deployment.sandbox.dataset.connection().execute("DELETE FROM location")
    deployment.sandbox.dataset.version += 1
    assert a_day_later(deployment, "location").status is JobStatus.FAILED
    assert live(deployment, "locations") == before > 0


def test_a_batch_that_failed_keeps_its_watermark_and_the_others_move_on(deployment: Deployment) -> None:
    deployment.full("customer")
    ids = ids_of(deployment, "customer")
    deployment.clock.forward(hours=1)
    rename(deployment, ids[0], ids[-1])
    deployment.sandbox.faults.add(Fault(FaultKind.UNAVAILABLE, times=None, match="customer.entitynumber AS"))
    assert a_day_later(deployment, "customer").status is JobStatus.FAILED
    deployment.sandbox.faults.clear()
    rename(deployment, ids[5])
    night = a_day_later(deployment, "customer")
    # What changed before the failed night is still found, and what did not change is not read again.
    assert (night.fetched, night.written) == (3, 3)
    deployment.assert_exact("customer")


def test_a_change_in_the_hour_that_comes_twice_is_found(deployment: Deployment, clock: Clock) -> None:
    # In Los Angeles it is 01:50 for the first time; at 09:00 UTC clocks go back to 01:00.
    clock.now = dt.datetime(2026, 11, 1, 8, 50, tzinfo=dt.UTC)
    deployment.full("customer")
    clock.now = dt.datetime(2026, 11, 1, 9, 5, tzinfo=dt.UTC)
    rename(deployment, ids_of(deployment, "customer")[3])
    assert deployment.night("customer").written == 1
    deployment.assert_exact("customer")


def test_a_change_that_was_committed_late_is_found_within_the_overlap(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INCREMENTAL_OVERLAP", "120")
    begun = deployment.sandbox.dataset.local_now()
    deployment.clock.forward(minutes=90)
    deployment.full("customer")
    rename(deployment, ids_of(deployment, "customer")[3], lastmodifieddate=begun)
    assert a_day_later(deployment, "customer").written == 1
    deployment.assert_exact("customer")


def test_thousands_of_rows_of_one_second_are_read_completely(deployment: Deployment) -> None:
    deployment.full("customer")
    ids = ids_of(deployment, "customer")
    deployment.clock.forward(hours=1)
    rows = [
        {"id": ids[-1] + n, "entityid": f"bulk {n}", "companyname": f"bulk {n}", "isperson": "F"}
        for n in range(1, 2501)
    ]
    deployment.sandbox.dataset.put("customer", rows)
    rename(deployment, *ids)
    assert a_day_later(deployment, "customer").status is JobStatus.COMPLETED
    deployment.assert_exact("customer")


def test_records_without_a_date_of_modification_are_read_every_time_and_it_is_said(deployment: Deployment) -> None:
    deployment.full("customer")
    undated = ids_of(deployment, "customer")[30]
    rename(deployment, undated, lastmodifieddate="")
    night = a_day_later(deployment, "customer")
    assert "without a date of modification" in str(night.reason("customer"))
    assert 0 < len(night.ledgers) < len(deployment.registry.existing("customer"))
    deployment.assert_exact("customer")
    deployment.sandbox.dataset.put("customer", [{"id": undated, "companyname": "again", "lastmodifieddate": ""}])
    a_day_later(deployment, "customer")
    deployment.assert_exact("customer")


def test_a_type_whose_date_of_modification_is_missing_is_read_as_a_whole_and_it_is_said(deployment: Deployment) -> None:
    deployment.full("customer")
    deployment.sandbox.availability.set_column("customer", "lastmodifieddate", available=False)
    night = a_day_later(deployment, "customer")
    assert "NetSuite does not say what changed" in str(night.reason("customer"))
    assert len(night.ledgers) == len(deployment.registry.existing("customer"))


def test_lines_follow_their_transaction(deployment: Deployment) -> None:
    deployment.full("transaction_line")
    order = ids_of(deployment, "transaction", "type = 'SalesOrd'")[0]
    connection = deployment.sandbox.dataset.connection()
    lines = connection.execute('SELECT id FROM transactionline WHERE "transaction" = ?', (order,)).fetchall()
    deployment.clock.forward(hours=1)
    deployment.sandbox.dataset.put("transaction", [{"id": order, "memo": "a line less"}])
    connection.execute('DELETE FROM transactionline WHERE "transaction" = ? AND id = ?', (order, lines[-1][0]))
    night = a_day_later(deployment, "transaction_line")
    assert night.reason("transaction_line") is None
    assert night.fetched == len(lines) - 1
    assert sum(ledger.deleted for ledger in night.ledgers) == 1
    deployment.assert_exact("transaction_line")


@pytest.mark.parametrize("dated", [True, False])
def test_a_line_that_was_edited_without_its_transaction_is_found(deployment: Deployment, dated: bool) -> None:
    deployment.full("transaction_line")
    connection = deployment.sandbox.dataset.connection()
    order = ids_of(deployment, "transaction", "type = 'SalesOrd'")[0]
    other = ids_of(deployment, "transaction", "type = 'SalesOrd'")[1]
    line, date = connection.execute(
        'SELECT id, linelastmodifieddate FROM transactionline WHERE "transaction" = ? ORDER BY id', (order,)
    ).fetchone()
    deployment.clock.forward(hours=1)
    edited = {"transaction": order, "id": line, "quantity": "-77"}
    deployment.sandbox.dataset.put("transactionline", [edited if dated else {**edited, "linelastmodifieddate": date}])
    # A neighbour that did change must not hide it.
    deployment.sandbox.dataset.put("transaction", [{"id": other, "memo": "changed"}])
    night = a_day_later(deployment, "transaction_line")
    assert ("lines changed" if dated else "other counts or sums") in str(night.reason("transaction_line"))
    deployment.assert_exact("transaction_line")


def test_deleting_a_transaction_deletes_its_lines(deployment: Deployment) -> None:
    deployment.full("transaction_line", "sales_order")
    order = ids_of(deployment, "transaction", "type = 'SalesOrd'")[0]
    deployment.clock.forward(hours=1)
    deployment.sandbox.dataset.delete("transaction", order)
    night = a_day_later(deployment, "transaction_line", "sales_order")
    assert night.reason("transaction_line") is None
    assert sum(ledger.deleted for ledger in night.ledgers) > 1
    deployment.assert_exact("transaction_line", "sales_order")


def test_a_first_incremental_import_reads_everything(deployment: Deployment) -> None:
    night = deployment.night("customer", "location")
    assert "not imported before" in str(night.reason("customer"))
    deployment.assert_exact("customer", "location")


def test_where_netsuite_does_not_tell_the_time_everything_is_read(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.full("customer")
    monkeypatch.setattr("netsuite_pipeline.netsuite.client._SERVER_TIME_PATH", "/services/rest/system/v1/absent")
    night = a_day_later(deployment, "customer")
    assert "did not tell the time" in str(night.reason("customer"))
    assert night.status is JobStatus.COMPLETED


def test_a_record_that_is_back_is_live_again(deployment: Deployment) -> None:
    deployment.full("customer")
    gone = ids_of(deployment, "customer")[4]
    row = (
        deployment.sandbox.dataset.connection()
        .execute("SELECT entityid, companyname, isperson FROM customer WHERE id = ?", (gone,))
        .fetchone()
    )
    deployment.clock.forward(hours=1)
    deployment.sandbox.dataset.delete("customer", gone)
    a_day_later(deployment, "customer")
    values = dict(zip(("entityid", "companyname", "isperson"), row, strict=True))
    deployment.sandbox.dataset.put("customer", [{"id": gone, **values}])
    a_day_later(deployment, "customer")
    deployment.assert_exact("customer")


def test_rejected_rows_do_not_make_their_batches_drift(deployment: Deployment) -> None:
    deployment.full("customer")
    bad = ids_of(deployment, "customer")[9]
    deployment.clock.forward(hours=1)
    rename(deployment, bad + 100_000, isperson="F", entityid="bad", datecreated="not a date")
    deployment.sandbox.dataset.put("customer", [{"id": bad, "datecreated": "not a date"}])
    a_day_later(deployment, "customer")
    with deployment.engine.connect() as connection:
        assert (
            connection.execute(sa.text("SELECT COUNT(*) FROM import_rejects WHERE resolved_at IS NULL")).scalar() == 2
        )
    calm = a_day_later(deployment, "customer")
    assert calm.ledgers == []
    # Their neighbours change, and the rejects stay open.
    rename(deployment, *ids_of(deployment, "customer")[7:12:2])
    a_day_later(deployment, "customer")
    assert a_day_later(deployment, "customer").ledgers == []


def test_a_noted_deletion_of_a_record_that_is_still_there_is_no_deletion(deployment: Deployment) -> None:
    deployment.full("customer")
    kept = ids_of(deployment, "customer")[3]
    deployment.clock.forward(hours=1)
    # The id of a record of a type that is not imported.
    deployment.sandbox.dataset.connection().execute(
        "INSERT INTO deletedrecord (recordid, recordtypeid, scriptid, deleteddate) VALUES (?, -200, 'X', ?)",
        (kept, deployment.sandbox.dataset.local_now()),
    )
    deployment.sandbox.dataset.version += 1
    assert a_day_later(deployment, "customer").ledgers == []


def test_a_type_of_a_single_batch_that_grows_is_imported(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATCH_SIZE", "1000")
    deployment.full("location", "customer")
    top = ids_of(deployment, "location")[-1]
    deployment.sandbox.dataset.put("location", [{"id": top + 1, "name": "new", "isinactive": "F"}])
    night = a_day_later(deployment, "location", "customer")
    assert night.status is JobStatus.COMPLETED
    assert "not imported lately" in str(night.reason("location"))
    deployment.assert_exact("location", "customer")


def test_batches_are_not_moved_on_by_a_look_that_began_after_them(deployment: Deployment) -> None:
    deployment.full("customer")
    deployment.clock.forward(days=3)
    rename(deployment, ids_of(deployment, "customer")[5])
    deployment.clock.forward(days=6)
    # The last batch alone was imported since, and grows now: all others have not been looked at for over a week.
    batches = deployment.registry.kept["customer"]
    with deployment.engine.begin() as connection:
        youngest = deployment.clock.now.replace(tzinfo=None)
        connection.execute(
            sa.text("UPDATE batch_watermarks SET watermark = :moment WHERE batch_last = :last"),
            {"moment": youngest, "last": batches[-1].last},
        )
    rename(deployment, ids_of(deployment, "customer")[-1] + 1, isperson="F", entityid="new")
    assert a_day_later(deployment, "customer").status is JobStatus.COMPLETED
    deployment.assert_exact("customer")


def test_a_column_that_the_account_has_again_is_filled_in_every_row(deployment: Deployment) -> None:
    deployment.sandbox.availability.set_column("customer", "email", available=False)
    deployment.full("customer")
    deployment.sandbox.availability.set_column("customer", "email", available=True)
    with deployment.engine.begin() as connection:
        # What is known of an account's columns expires after a day.
        for table in ("column_probes", "missing_columns"):
            connection.execute(sa.text(f"DELETE FROM {table}"))
    night = a_day_later(deployment, "customer")
    assert "not as it is declared now" in str(night.reason("customer"))
    deployment.assert_exact("customer")
    assert a_day_later(deployment, "customer").ledgers == []


def test_a_watermark_that_is_ahead_of_netsuites_clock_is_not_believed(deployment: Deployment) -> None:
    right = deployment.clock.now
    deployment.clock.forward(days=3)
    deployment.full("customer")
    deployment.clock.now = right
    rename(deployment, ids_of(deployment, "customer")[3])
    assert a_day_later(deployment, "customer").written == 1
    deployment.assert_exact("customer")


def test_another_account_is_imported_as_a_whole(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment.full("customer")
    monkeypatch.setenv("NETSUITE_BASE_URL", deployment.sandbox.base_url.replace("127.0.0.1", "localhost"))
    assert "not as it is declared now" in str(a_day_later(deployment, "customer").reason("customer"))


def test_a_partition_that_was_removed_by_hand_is_planned_again(deployment: Deployment) -> None:
    deployment.full("customer")
    batches = deployment.registry.kept["customer"]
    removed = batches.pop(1)
    edited = next(id_ for id_ in ids_of(deployment, "customer") if id_ in removed)
    deployment.clock.forward(hours=1)
    rename(deployment, edited)
    assert a_day_later(deployment, "customer").status is JobStatus.COMPLETED
    deployment.assert_exact("customer")


def test_a_type_whose_count_netsuite_does_not_answer_does_not_keep_the_others_from_being_imported(
    deployment: Deployment,
) -> None:
    deployment.full("customer", "location", "vendor")
    deployment.clock.forward(hours=1)
    rename(deployment, ids_of(deployment, "customer")[3])
    deployment.sandbox.faults.add(Fault(FaultKind.UNAVAILABLE, times=None, match="FROM location"))
    night = a_day_later(deployment, "customer", "location", "vendor")
    assert night.status is JobStatus.PARTIAL
    assert "503" in str(night.reason("location"))
    deployment.assert_exact("customer", "vendor")


@pytest.mark.parametrize(("lost", "said"), [("records", "no count"), ("lowest", "not which")])
def test_a_type_whose_counts_are_unreadable_does_not_keep_the_others_from_being_imported(
    deployment: Deployment, lost: str, said: str
) -> None:
    deployment.full("customer", "location")
    deployment.clock.forward(hours=1)
    rename(deployment, ids_of(deployment, "customer")[3])
    # An answer of the census that lacks its count.
    fault = Fault(FaultKind.DROP_KEY, times=None, match="FROM location", column=lost)
    deployment.sandbox.faults.add(fault)
    night = a_day_later(deployment, "customer", "location")
    assert night.status is JobStatus.PARTIAL
    assert said in str(night.reason("location"))
    deployment.assert_exact("customer")


@pytest.mark.parametrize("asked", ["AS id FROM customer", "AS bucket, COUNT(*) AS records, COUNT(CASE WHEN customer"])
def test_a_type_that_the_role_may_not_ask_for_changes_does_not_keep_the_others_from_being_imported(
    deployment: Deployment, asked: str
) -> None:
    deployment.full("customer", "location")
    deployment.clock.forward(hours=1)
    rename(deployment, ids_of(deployment, "customer")[3])
    top = ids_of(deployment, "location")[-1]
    deployment.sandbox.dataset.put("location", [{"id": top, "name": "renamed"}])
    deployment.sandbox.faults.add(Fault(FaultKind.FORBIDDEN, times=None, match=asked))
    night = a_day_later(deployment, "customer", "location")
    assert night.status is JobStatus.PARTIAL
    assert "403" in str(night.reason("customer"))
    deployment.assert_exact("location")


def test_an_outage_ends_the_plan_instead_of_being_met_by_every_type(deployment: Deployment) -> None:
    deployment.full("customer", "location", "vendor")
    deployment.sandbox.faults.add(Fault(FaultKind.UNAVAILABLE, times=None, match="AS highest"))
    with pytest.raises(Unavailable):
        a_day_later(deployment, "customer", "location", "vendor")
    assert deployment.sandbox.stats.total_queries < 20


def test_most_of_a_type_is_read_as_a_whole(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netsuite_pipeline.orchestration.change_finder._MANY_CHANGES", 10)
    deployment.full("customer")
    deployment.clock.forward(hours=1)
    ids = ids_of(deployment, "customer")
    rename(deployment, *ids[: len(ids) // 2 + 1])
    night = a_day_later(deployment, "customer")
    assert f"{len(ids) // 2 + 1} of {len(ids)} records changed" in str(night.reason("customer"))
    deployment.assert_exact("customer")


def live(deployment: Deployment, table: str) -> int:
    with deployment.engine.connect() as connection:
        count = connection.execute(sa.text(f"SELECT COUNT(*) FROM {table} WHERE deleted_at IS NULL")).scalar_one()
    return int(count)
