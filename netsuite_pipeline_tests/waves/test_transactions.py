"""Contention is told apart by code, retried within bounds, and everything else is raised as it is."""

import sqlite3
from typing import Any

import pymysql
import pytest
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.waves.transactions import Transactions, chunks, is_contention


def server_error(code: int) -> DBAPIError:
    return OperationalError("UPDATE", {}, pymysql.err.OperationalError(code, "said the server"))


@pytest.mark.parametrize(("code", "expected"), [(1205, True), (1213, True), (2013, True), (1146, False)])
def test_contention_on_a_server_is_known_by_its_code(code: int, expected: bool) -> None:
    assert is_contention(server_error(code)) is expected


def test_an_error_of_our_own_is_no_contention() -> None:
    assert not is_contention(ValueError(1213))


@pytest.mark.parametrize(("failures", "sleeps"), [(0, 0), (1, 1), (7, 7)])
def test_a_deadlock_is_tried_again_until_it_passes(engine: Engine, failures: int, sleeps: int) -> None:
    slept: list[float] = []
    left = [failures]

    def work(connection: Connection) -> Any:
        if left[0]:
            left[0] -= 1
            raise server_error(1213)
        return connection.execute(text("SELECT 7")).scalar_one()

    assert Transactions(engine, sleep=slept.append).run(work) == 7
    assert len(slept) == sleeps


def test_endless_contention_ends(engine: Engine) -> None:
    slept: list[float] = []

    def work(_connection: Connection) -> None:
        raise server_error(1205)

    with pytest.raises(OperationalError):
        Transactions(engine, sleep=slept.append).run(work)
    assert len(slept) == 14
    assert sum(slept) < 75


def test_another_error_is_raised_at_once(engine: Engine) -> None:
    slept: list[float] = []
    with pytest.raises((OperationalError, ProgrammingError)):
        Transactions(engine, sleep=slept.append).run(lambda one: one.execute(text("SELECT * FROM nowhere")))
    assert slept == []


def test_a_lock_that_another_holds_is_waited_for(engine: Engine) -> None:
    """Real contention on both: SQLite's one writer, and InnoDB's lock on a primary key."""
    row = "INSERT INTO import_job_types (job_id, record_type, level, status) VALUES ('a', 'b', {}, 'planned')"
    holder = engine.connect()
    holder.execute(text(row.format(0)))
    rival = connect(engine.url.render_as_string(hide_password=False))
    event.listen(rival, "connect", _impatient)
    rival.dispose()
    slept: list[float] = []

    def give_way(seconds: float) -> None:
        slept.append(seconds)
        holder.rollback()
        holder.close()

    transactions = Transactions(rival, sleep=give_way)
    transactions.run(lambda connection: connection.execute(text(row.format(1))))
    assert len(slept) == 1
    level = text("SELECT level FROM import_job_types")
    assert transactions.read(lambda connection: connection.execute(level).scalar_one()) == 1
    rival.dispose()


def _impatient(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    sqlite = isinstance(connection, sqlite3.Connection)
    cursor.execute("PRAGMA busy_timeout = 1" if sqlite else "SET innodb_lock_wait_timeout = 1")
    cursor.close()


def test_chunks_are_complete_and_in_order() -> None:
    pieces = [list(piece) for piece in chunks(range(1201))]
    assert [len(piece) for piece in pieces] == [500, 500, 201]
    assert [one for piece in pieces for one in piece] == list(range(1201))
