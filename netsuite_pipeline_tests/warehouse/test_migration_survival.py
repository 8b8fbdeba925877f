"""Upgrades that are killed, that meet each other or an import, and that the database stops halfway."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from netsuite_pipeline.warehouse import engine as engine_module
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.errors import WarehouseError
from netsuite_pipeline.warehouse.migration import session as session_module
from netsuite_pipeline.warehouse.migration.changes_table import SCHEMA_CHANGES
from netsuite_pipeline.warehouse.migration.downgrade import downgrade
from netsuite_pipeline.warehouse.migration.errors import ChangesBusy
from netsuite_pipeline.warehouse.migration.session import changing
from netsuite_pipeline.warehouse.migration.upgrade import check, upgrade
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline_tests.mariadb_server import MariaDBServer
from netsuite_pipeline_tests.warehouse.migration_samples import Edit, create, data, declared, insert_widgets, schema

OLD: dict[str, list[Edit]] = {
    "sqlite": [("name VARCHAR(200)", "name VARCHAR(50)"), ("class_id BIGINT, \n\t", "")],
    "mysql": [
        ("name VARCHAR(200)", "name VARCHAR(50)"),
        ("amount NUMERIC(24, 8)", "amount NUMERIC(10, 2)"),
        ("class_id BIGINT, \n\t", ""),
    ],
}
MISSING = {"batch_ledger", "import_rejects_job", SCHEMA_CHANGES}
silent = [].append

# Kills itself at the n-th statement that changes a table, before or after the server has carried it out.
KILLED = """
import os, signal, sys
from sqlalchemy import event
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.migration.downgrade import downgrade
from netsuite_pipeline.warehouse.migration.upgrade import upgrade
from netsuite_pipeline_tests.warehouse.migration_samples import declared

url, what, moment, number = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
engine = connect(url)
seen = 0

def count(connection, cursor, statement, *rest):
    global seen
    seen += statement.lstrip().startswith(("CREATE", "ALTER", "DROP"))
    if seen == number:
        os.kill(os.getpid(), signal.SIGKILL)

event.listen(engine, f"{moment}_cursor_execute", count)
if what == "upgrade":
    upgrade(engine, declared(), widen=True, report=print)
else:
    downgrade(engine, yes=True, report=print)
"""


# Kills itself after the first step was marked as done, before the second began.
KILLED_BETWEEN = """
import os, signal, sys
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.migration.change_log import ChangeLog
from netsuite_pipeline.warehouse.migration.upgrade import upgrade
from netsuite_pipeline_tests.warehouse.migration_samples import declared

finish = ChangeLog.finish

def die(self, change):
    finish(self, change)
    os.kill(os.getpid(), signal.SIGKILL)

ChangeLog.finish = die
upgrade(connect(sys.argv[1]), declared(), widen=True, report=print)
"""


@pytest.fixture
def old(warehouse_url: str) -> Iterator[sa.Engine]:
    """A warehouse of an older declaration, with rows in it."""
    engine = connect(warehouse_url)
    create(engine, OLD[engine.dialect.name], without=MISSING)
    insert_widgets(engine, amount="1234.56")
    yield engine
    engine.dispose()


def kill(engine: sa.Engine, what: str, moment: str, number: int) -> None:
    die(engine, KILLED, what, moment, str(number))


def die(engine: sa.Engine, script: str, *arguments: str) -> None:
    command = [sys.executable, "-c", script, engine.url.render_as_string(hide_password=False), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


@pytest.mark.parametrize(("moment", "number"), [("after", 1), ("before", 2), ("after", 2), ("after", 4), ("after", 7)])
def test_the_next_upgrade_finishes_a_killed_one_and_one_downgrade_undoes_both(
    old: sa.Engine, moment: str, number: int
) -> None:
    before = schema(old), data(old)
    kill(old, "upgrade", moment, number)
    upgrade(old, declared(), widen=True, report=silent)
    assert check(old, declared()) == ()
    downgrade(old, yes=False, report=silent)
    assert (schema(old), data(old)) == before
    assert downgrade(old, yes=False, report=silent).number is None


def test_one_downgrade_undoes_an_upgrade_that_was_killed_between_two_steps(old: sa.Engine) -> None:
    before = schema(old), data(old)
    die(old, KILLED_BETWEEN)
    upgrade(old, declared(), widen=True, report=silent)
    downgrade(old, yes=False, report=silent)
    assert (schema(old), data(old)) == before


@pytest.mark.parametrize("number", [3, 6])
def test_what_a_killed_upgrade_did_can_be_undone_at_once(old: sa.Engine, number: int) -> None:
    before = schema(old), data(old)
    kill(old, "upgrade", "after", number)
    downgrade(old, yes=False, report=silent)
    assert (schema(old), data(old)) == before


@pytest.mark.parametrize("number", [1, 3])
def test_the_next_downgrade_finishes_a_killed_one(old: sa.Engine, number: int) -> None:
    before = schema(old), data(old)
    upgrade(old, declared(), widen=True, report=silent)
    kill(old, "downgrade", "after", number)
    downgrade(old, yes=False, report=silent)
    assert (schema(old), data(old)) == before


def test_upgrades_at_the_same_moment_do_everything_once(old: sa.Engine) -> None:
    before = schema(old), data(old)
    engines = [connect(old.url.render_as_string(hide_password=False)) for _ in range(3)]
    with ThreadPoolExecutor(len(engines)) as pool:
        outcomes = list(pool.map(lambda engine: upgrade(engine, declared(), widen=True, report=silent), engines))
    assert sorted(bool(outcome.done) for outcome in outcomes) == [False, False, True]
    assert check(old, declared()) == ()
    downgrade(old, yes=False, report=silent)
    assert (schema(old), data(old)) == before
    for engine in engines:
        engine.dispose()


def test_an_upgrade_and_imports_may_create_the_tables_at_once(warehouse_url: str) -> None:
    engines = [connect(warehouse_url) for _ in range(4)]

    def work(number: int) -> None:
        if number:
            ensure_tables(engines[number], declared())
        else:
            upgrade(engines[number], declared(), widen=False, report=silent)

    with ThreadPoolExecutor(len(engines)) as pool:
        list(pool.map(work, range(len(engines))))
    assert check(engines[0], declared()) == ()
    for engine in engines:
        engine.dispose()


def test_an_upgrade_that_has_to_wait_too_long_says_so(warehouse_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "_LOCK_SECONDS", 1)
    monkeypatch.setattr(engine_module, "_SQLITE_BUSY_SECONDS", 1)
    first, second = connect(warehouse_url), connect(warehouse_url)
    create(first, OLD[first.dialect.name], without=MISSING)
    with changing(first, doing="Holding the lock") as held:
        held.connection.execute(sa.text("SELECT 1"))
        with pytest.raises(ChangesBusy, match=r"Another process is changing the tables of .*, and nothing was done"):
            upgrade(second, declared(), widen=True, report=silent)
    upgrade(second, declared(), widen=True, report=silent)
    first.dispose()
    second.dispose()


def test_an_upgrade_that_the_database_stops_goes_on_when_run_again(
    mariadb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "_TABLE_LOCK_SECONDS", 1)
    engine = connect(mariadb_url)
    create(engine, OLD["mysql"], without=MISSING)
    insert_widgets(engine)
    before = schema(engine), data(engine)
    with engine.connect() as importing:
        importing.exec_driver_sql("SELECT * FROM widgets").all()
        with pytest.raises(
            WarehouseError, match=r"stopped at step . of . \(what was done before it stays; run it again to go on"
        ):
            upgrade(engine, declared(), widen=True, report=silent)
    assert sa.inspect(engine).has_table("batch_ledger")
    upgrade(engine, declared(), widen=True, report=silent)
    assert check(engine, declared()) == ()
    downgrade(engine, yes=False, report=silent)
    assert (schema(engine), data(engine)) == before
    engine.dispose()


def test_a_user_who_may_not_alter_is_told_in_one_sentence(mariadb_url: str, mariadb_server: MariaDBServer) -> None:
    engine = connect(mariadb_url)
    create(engine, OLD["mysql"], without=MISSING)
    user = engine.url.database
    mariadb_server._execute(f"CREATE USER '{user}'@'%' IDENTIFIED BY 'hidden-word'")
    mariadb_server._execute(f"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, INDEX ON {user}.* TO '{user}'@'%'")
    poor = connect(engine.url.set(username=user, password="hidden-word").render_as_string(hide_password=False))
    with pytest.raises(WarehouseError, match="ALTER command denied") as caught:
        upgrade(poor, declared(), widen=True, report=silent)
    assert "hidden-word" not in str(caught.value)
    poor.dispose()
    engine.dispose()
    mariadb_server._execute(f"DROP USER '{user}'@'%'")
