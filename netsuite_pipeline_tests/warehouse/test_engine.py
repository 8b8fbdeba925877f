"""Sessions are strict whatever the server thinks, and a refused connection is explained without a secret."""

import multiprocessing
import socket
import traceback
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.warehouse.engine import connect, read_connection
from netsuite_pipeline.warehouse.errors import WarehouseError
from netsuite_pipeline_tests.mariadb_server import MariaDBServer

STRICT = {
    "STRICT_ALL_TABLES",
    "NO_ZERO_DATE",
    "NO_ZERO_IN_DATE",
    "ERROR_FOR_DIVISION_BY_ZERO",
    "NO_ENGINE_SUBSTITUTION",
    "NO_AUTO_VALUE_ON_ZERO",
}


def variables(engine: sa.Engine, *names: str) -> tuple[Any, ...]:
    with engine.connect() as connection:
        return tuple(connection.exec_driver_sql(f"SELECT {', '.join(f'@@{name}' for name in names)}").one())


@pytest.mark.parametrize("scheme", ["mysql+pymysql", "mariadb+pymysql"])
def test_mysql_sessions_are_strict_in_utc_and_utf8mb4_on_a_lenient_server(mariadb_url: str, scheme: str) -> None:
    engine = connect(mariadb_url.replace("mysql+pymysql", scheme))
    with engine.connect() as connection:
        lenient = connection.exec_driver_sql("SELECT @@GLOBAL.sql_mode").scalar_one()
        connection.exec_driver_sql("SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES'")
    engine.dispose()
    try:
        mode, zone, charset, isolation = variables(
            engine, "sql_mode", "time_zone", "character_set_client", "tx_isolation"
        )
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"SET GLOBAL sql_mode = '{lenient}'")
        engine.dispose()
    assert set(mode.split(",")) == STRICT
    assert (zone, charset, isolation) == ("+00:00", "utf8mb4", "READ-COMMITTED")


def test_an_sqlite_file_and_its_folder_are_created_in_wal_mode(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'deep' / 'down' / 'warehouse.db'}")
    with engine.connect() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        ]
    engine.dispose()
    assert pragmas == ["wal", 1, 60_000, 1]


def test_sqlite_readers_and_a_writer_do_not_wait_for_each_other(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'w.db'}")
    with engine.begin() as writer:
        writer.exec_driver_sql("CREATE TABLE t (a INTEGER)")
    with engine.begin() as writer:
        writer.exec_driver_sql("INSERT INTO t VALUES (1)")
        with read_connection(engine) as reader:
            assert reader.exec_driver_sql("SELECT COUNT(*) FROM t").scalar_one() == 0
    engine.dispose()


def test_sqlite_savepoints_undo_what_they_should(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'w.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a INTEGER)")
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
        savepoint = connection.begin_nested()
        connection.exec_driver_sql("INSERT INTO t VALUES (2)")
        savepoint.rollback()
    with read_connection(engine) as connection:
        assert connection.exec_driver_sql("SELECT a FROM t").scalars().all() == [1]
    engine.dispose()


def test_several_processes_may_create_the_same_sqlite_file_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write_once, args=(url,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(180)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    engine = connect(url)
    with read_connection(engine) as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM t").scalar_one() == 30
    engine.dispose()


def _write_once(url: str) -> None:
    engine = connect(url)
    for _ in range(10):
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS t (a INTEGER)")
            connection.exec_driver_sql("INSERT INTO t VALUES (1)")
    engine.dispose()


@pytest.mark.parametrize(
    ("wrong", "code", "advice"),
    [("password", 1045, "check user and password"), ("database", 1049, "create the database")],
)
def test_a_refused_connection_is_one_sentence_without_the_password(
    mariadb_server: MariaDBServer, wrong: str, code: int, advice: str
) -> None:
    url = sa.make_url(mariadb_server.url("mysql"))
    url = url.set(password="s3cret-wrong") if wrong == "password" else url.set(database="nowhere")
    with pytest.raises(WarehouseError, match=advice) as caught:
        connect(url.render_as_string(hide_password=False))
    shown = "".join(traceback.format_exception(caught.value))
    assert "s3cret" not in shown
    assert str(url.password) not in shown
    assert (caught.value.code, caught.value.category) == (code, FailureCategory.DATABASE)
    assert str(caught.value).count("\n") == 0


def test_a_server_that_is_not_there_is_named_with_host_and_port() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(WarehouseError, match=f"127.0.0.1:{port}/w failed: .*check host and port"):
            connect(f"mysql+pymysql://user:s3cret@127.0.0.1:{port}/w")


def test_an_sqlite_path_that_cannot_be_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WarehouseError, match=r"folder of sqlite:///.* cannot be created"):
        connect(f"sqlite:///{tmp_path / 'file' / 'w.db'}")


def test_an_option_that_the_driver_does_not_know_is_one_sentence_without_its_value() -> None:
    with pytest.raises(
        WarehouseError, match=r"does not take all of its options \(foo\); correct WAREHOUSE_URL"
    ) as caught:
        connect("mysql+pymysql://user:secret@127.0.0.1:1/db?foo=bar-value")
    assert "bar-value" not in str(caught.value)
    assert "secret" not in str(caught.value)
