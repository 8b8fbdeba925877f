"""What a load does when the database refuses rows, is busy, dies, or when the caller changes its mind."""

import sqlite3
import traceback
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pymysql
import pytest
import sqlalchemy as sa
from sqlalchemy import event

from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.errors import RejectGuardTripped, WarehouseError
from netsuite_pipeline.warehouse.ledger import Ledger
from netsuite_pipeline.warehouse.loader import BatchLoader
from netsuite_pipeline.warehouse.repeating import ATTEMPTS
from netsuite_pipeline_tests.mariadb_server import MariaDBServer
from netsuite_pipeline_tests.warehouse.samples import (
    MORE_THAN_A_CHUNK,
    WIDGET,
    Importer,
    batch_of,
    build_importer,
    row,
    widgets,
)


class CallerError(Exception):
    pass


@pytest.fixture
def statements(importer: Importer) -> list[str]:
    """Every upsert that is sent to `widgets`."""
    sent: list[str] = []

    def remember(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith("INSERT INTO") and "widgets" in statement[:30]:
            sent.append(statement)

    event.listen(importer.engine, "before_cursor_execute", remember)
    return sent


def patient_loader(importer: Importer, sleep: Callable[[float], None]) -> BatchLoader:
    return BatchLoader(
        importer.engine, importer.metadata, delete_guard_percent=50, reject_guard_percent=50, sleep=sleep
    )


def test_refused_rows_become_rejects_and_the_others_load(importer: Importer, statements: list[str]) -> None:
    importer.refuse("new.name = 'bad'")
    rows = widgets(range(1, MORE_THAN_A_CHUNK))
    for position in (0, 250, 499):
        rows[position] = row(WIDGET, position + 1, name="bad")
    ledger = importer.load(batch_of(rows, last=MORE_THAN_A_CHUNK))
    assert (ledger.inserted, ledger.rejected) == (len(rows) - 3, 3)
    assert importer.imported() == {entry.key: entry.values for entry in rows if entry.values[2] != "bad"}
    rejects = importer.rows_of("import_rejects")
    assert [reject["row_key"] for reject in rejects] == ["1", "251", "500"]
    causes = {"sqlite": ("database", sqlite3.SQLITE_CONSTRAINT), "mysql": ("check_failed", 4025)}
    assert {(reject["reason"], reject["error_code"]) for reject in rejects} == {causes[importer.engine.dialect.name]}
    assert '"name":"bad"' in rejects[0]["payload"]


def test_one_bad_row_costs_a_few_statements_and_not_one_per_row(importer: Importer, statements: list[str]) -> None:
    importer.refuse("new.name = 'bad'")
    rows = widgets(range(1, 501))
    rows[123] = row(WIDGET, 124, name="bad")
    importer.loader.load(batch_of(rows), job_id=None, run_id=None)
    assert len(statements) <= 20
    statements.clear()
    importer.loader.load(batch_of(rows), job_id=None, run_id=None)
    assert len(statements) == 1


def test_a_refused_change_leaves_the_row_as_it_was(importer: Importer) -> None:
    importer.refuse("new.name = 'bad'")
    importer.load(batch_of(widgets([1, 2])))
    ledger = importer.load(batch_of([row(WIDGET, 1, name="bad"), row(WIDGET, 2, name="good")]))
    assert (ledger.updated, ledger.rejected, ledger.deleted) == (1, 1, 0)
    assert {values[2] for values in importer.imported().values()} == {"widget 1", "good"}


def test_a_table_that_refuses_everything_fails_the_batch(importer: Importer) -> None:
    importer.refuse("new.name <> ''")
    for _ in range(2):
        with pytest.raises(
            RejectGuardTripped, match=r"at least 25 of 49 rows were rejected for .*REJECT_GUARD_PERCENT"
        ):
            importer.loader.load(batch_of(widgets(range(1, 50))), job_id=None, run_id=None)
    assert importer.imported() == {}
    assert importer.rows_of("import_rejects") == []


@pytest.mark.parametrize(
    ("change", "bad", "cause"),
    [
        ("MODIFY name VARCHAR(9)", {"name": "0123456789"}, (1406, "too_long", "name")),
        ("MODIFY name VARCHAR(9) CHARACTER SET ascii", {"name": "é"}, (1366, "invalid_text", None)),
        ("MODIFY `order` TINYINT", {"order": 128}, (1264, "out_of_range", "order")),
        ("MODIFY class_id BIGINT NOT NULL", {"class_id": None}, (1048, "null_value", "class_id")),
        # Rounding is only a note to the server, even in strict mode.
        ("MODIFY amount DECIMAL(10, 2)", {"amount": Decimal("1.239")}, (1265, "too_precise", "amount")),
    ],
)
def test_a_value_that_a_changed_column_cannot_hold_is_rejected_and_never_altered(
    mariadb_importer: Importer, change: str, bad: dict[str, Any], cause: tuple[int, str, str | None]
) -> None:
    mariadb_importer.run(f"ALTER TABLE widgets {change}")
    good = {"name": "good", "class_id": 1}
    rows = [row(WIDGET, 1, **good), row(WIDGET, 2, **{**good, **bad}), row(WIDGET, 3, **good)]
    ledger = mariadb_importer.load(batch_of(rows))
    assert (ledger.inserted, ledger.rejected) == (2, 1)
    assert sorted(mariadb_importer.imported()) == [(1,), (3,)]
    (reject,) = mariadb_importer.rows_of("import_rejects")
    assert (reject["error_code"], reject["reason"], reject["field"]) == cause


def test_a_second_unique_key_never_lets_one_row_overwrite_another(importer: Importer) -> None:
    importer.run("CREATE UNIQUE INDEX widget_names ON widgets (name)")
    importer.load(batch_of(widgets([1, 2])))
    before = importer.imported()
    ledger = importer.load(batch_of([*widgets([1, 2]), row(WIDGET, 3, name="widget 1")]))
    assert (ledger.unchanged, ledger.rejected) == (2, 1)
    assert importer.imported() == before
    ledger = importer.load(batch_of([row(WIDGET, 1, name="widget 2"), *widgets([2])]))
    assert (ledger.unchanged, ledger.rejected) == (1, 1)
    assert importer.imported() == before


def test_an_exception_of_the_caller_rolls_everything_back(importer: Importer) -> None:
    def refuse(connection: sa.Connection, ledger: Ledger) -> None:
        assert ledger.inserted == 2
        raise CallerError

    for _ in range(2):
        with pytest.raises(CallerError):
            importer.loader.load(batch_of(widgets([1, 2])), job_id=None, run_id=None, on_commit=refuse)
    assert importer.everything("widgets") == []
    assert importer.rows_of("batch_ledger") == []


def test_the_caller_writes_in_the_same_transaction(importer: Importer) -> None:
    importer.run("CREATE TABLE done (batch VARCHAR(64))")

    def remember(connection: sa.Connection, ledger: Ledger) -> None:
        connection.execute(sa.text("INSERT INTO done VALUES (:batch)"), {"batch": ledger.range.key})

    for _ in range(2):
        importer.loader.load(batch_of(widgets([1])), job_id=None, run_id=None, on_commit=remember)
    with importer.engine.connect() as connection:
        assert connection.execute(sa.text("SELECT batch FROM done")).scalars().all() == ["1..1000"] * 2


@pytest.fixture
def impatient_server(mariadb_server: MariaDBServer) -> Iterator[None]:
    """Sessions that begin during the test wait one second for a lock."""

    def wait(seconds: int) -> None:
        engine = sa.create_engine(mariadb_server.url("mysql"))
        with engine.connect() as connection:
            connection.exec_driver_sql(f"SET GLOBAL innodb_lock_wait_timeout = {seconds}")
        engine.dispose()

    wait(1)
    yield
    wait(50)


def test_a_lock_wait_is_tried_again(impatient_server: None, mariadb_importer: Importer) -> None:
    importer = mariadb_importer
    importer.load(batch_of(widgets([1, 2])))
    waits: list[float] = []
    changed = batch_of([row(WIDGET, 1, name="changed"), row(WIDGET, 2, name="changed")])
    with importer.engine.connect() as blocker:
        blocker.exec_driver_sql("SELECT * FROM widgets WHERE refid = 2 FOR UPDATE")

        def release(seconds: float) -> None:
            waits.append(seconds)
            blocker.rollback()

        ledger = patient_loader(importer, release).load(changed, job_id=None, run_id=None)
    assert (ledger.updated, ledger.retries, len(waits)) == (2, 1, 1)
    assert importer.load(changed).unchanged == 2


def test_a_busy_sqlite_file_is_tried_again_and_then_reported(tmp_path: Any) -> None:
    importer = build_importer(f"sqlite:///{tmp_path / 'busy.db'}")
    with importer.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 20")
    blocker = sqlite3.connect(tmp_path / "busy.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    waits: list[float] = []
    with pytest.raises(WarehouseError, match=f"attempt {ATTEMPTS} of {ATTEMPTS}.*locked") as caught:
        patient_loader(importer, waits.append).load(batch_of(widgets([1])), job_id=None, run_id=None)
    assert (len(waits), caught.value.category) == (ATTEMPTS - 1, FailureCategory.DATABASE)

    def release(seconds: float) -> None:
        blocker.execute("ROLLBACK")

    loader = patient_loader(importer, release)
    assert loader.load(batch_of(widgets([1])), job_id=None, run_id=None).retries == 1
    assert importer.load(batch_of(widgets([1]))).unchanged == 1
    blocker.close()
    importer.engine.dispose()


def test_a_killed_connection_repeats_the_transaction(mariadb_importer: Importer) -> None:
    importer = mariadb_importer
    killed: list[int] = []

    def kill_once(connection: sa.Connection, ledger: Ledger) -> None:
        if not killed:
            killed.append(connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one())
            importer.run(f"KILL {killed[0]}")

    batch = batch_of(widgets(range(1, 100)))
    ledger = importer.loader.load(batch, job_id=None, run_id=None, on_commit=kill_once)
    assert (ledger.inserted, ledger.retries) == (99, 1)
    assert len(importer.rows_of("batch_ledger")) == 1
    assert importer.load(batch).unchanged == 99


def test_a_server_that_is_killed_and_comes_back_loses_and_doubles_nothing() -> None:
    with MariaDBServer() as server:
        importer = build_importer(server.create_database("killed"))

        def kill_once(connection: sa.Connection, ledger: Ledger) -> None:
            if not ledger.retries:
                server.kill()

        loader = patient_loader(importer, lambda seconds: server.start())
        batch = batch_of(widgets(range(1, 100)))
        ledger = loader.load(batch, job_id=None, run_id=None, on_commit=kill_once)
        assert (ledger.inserted, ledger.retries) == (99, 1)
        assert importer.load(batch).unchanged == 99
        assert importer.imported() == {entry.key: entry.values for entry in batch.rows}
        importer.engine.dispose()


def test_a_commit_whose_answer_is_lost_is_not_done_twice(
    mariadb_importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    importer = mariadb_importer
    dialect: Any = importer.engine.dialect
    commit = dialect.do_commit
    lost: list[bool] = []
    completed: list[Ledger] = []

    def lose_the_first_answer(connection: Any) -> None:
        commit(connection)
        if not lost:
            lost.append(True)
            raise pymysql.err.OperationalError(2013, "Lost connection to server during query")

    monkeypatch.setattr(dialect, "do_commit", lose_the_first_answer)
    batch = batch_of(widgets([1, 2]))
    ledger = importer.loader.load(
        batch, job_id="j", run_id="r", on_commit=lambda connection, ledger: completed.append(ledger)
    )
    monkeypatch.undo()
    assert (lost, completed) == ([True], [ledger])
    assert ledger.inserted == 2
    assert len(importer.rows_of("batch_ledger")) == 1
    assert importer.load(batch).unchanged == 2


def test_a_row_that_another_writer_adds_meanwhile_is_compared_again(mariadb_importer: Importer) -> None:
    importer = mariadb_importer
    other = connect(importer.engine.url.render_as_string(hide_password=False))
    intruder = BatchLoader(other, importer.metadata, delete_guard_percent=50, reject_guard_percent=50)
    intruded: list[bool] = []

    def intrude(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if "row_hash" in statement and statement.startswith("SELECT") and not intruded:
            intruded.append(True)
            intruder.load(batch_of(widgets([2])), job_id=None, run_id=None)

    event.listen(importer.engine, "after_cursor_execute", intrude)
    ledger = importer.loader.load(batch_of(widgets([1, 2, 3])), job_id=None, run_id=None)
    assert (ledger.inserted, ledger.unchanged, ledger.retries) == (2, 1, 1)
    assert importer.load(batch_of(widgets([1, 2, 3]))).unchanged == 3
    other.dispose()


def test_a_missing_table_stops_at_once_with_one_sentence(importer: Importer) -> None:
    importer.run("DROP TABLE widgets")
    waits: list[float] = []
    with pytest.raises(WarehouseError, match=r"Loading batch 1\.\.1000 of widget failed: .*widgets") as caught:
        patient_loader(importer, waits.append).load(batch_of(widgets([1])), job_id=None, run_id=None)
    assert waits == []
    assert caught.value.category is FailureCategory.DATABASE


def test_an_error_shows_neither_the_password_nor_customers_data(importer: Importer) -> None:
    importer.run("ALTER TABLE widgets DROP COLUMN class_id")
    private = "-".join(("private", "matter"))
    with pytest.raises(WarehouseError) as caught:
        importer.loader.load(batch_of(widgets([1], group=private)), job_id=None, run_id=None)
    shown = "".join(traceback.format_exception(caught.value))
    assert "class_id" in shown
    assert private not in shown
    assert (importer.engine.url.password or private) not in shown
