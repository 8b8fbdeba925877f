"""The lock of planners, on both databases: who holds it, and how its holder learns that it is gone."""

import hashlib
import time

import pytest
from sqlalchemy import Engine, text

from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.waves.errors import LockLost, PlanningBusy
from netsuite_pipeline.waves.planning_lock import PlanningLock
from netsuite_pipeline_tests.mariadb_server import MariaDBServer


def _lock(engine: Engine) -> PlanningLock:
    return PlanningLock(engine, timeout=0)


def _end_connection_of_the_lock(engine: Engine) -> None:
    """As a restart of the server, its wait_timeout or a firewall does."""
    digest = hashlib.blake2b((engine.url.database or "").encode(), digest_size=16).hexdigest()
    with engine.connect() as connection:
        name = {"name": f"netsuite_planning_{digest}"}
        holder = connection.execute(text("SELECT IS_USED_LOCK(:name)"), name).scalar_one()
        connection.execute(text(f"KILL {holder}"))


def test_whoever_holds_the_lock_holds_it_until_the_end_of_the_block(engine: Engine) -> None:
    with _lock(engine) as lock:
        lock.check()
        with pytest.raises(PlanningBusy, match="Another process"), _lock(engine):
            pass
        lock.check()
    with _lock(engine) as other:
        other.check()


def test_a_planner_that_failed_leaves_no_lock(engine: Engine) -> None:
    with pytest.raises(RuntimeError), _lock(engine):
        raise RuntimeError
    with _lock(engine):
        pass


def test_a_lock_that_was_left_is_free_for_others_and_no_longer_held(engine: Engine) -> None:
    with _lock(engine) as lock:
        lock.leave()
        with _lock(engine) as other:
            other.check()
            with pytest.raises(LockLost):
                lock.check()


def test_a_lock_that_was_left_can_be_taken_again(engine: Engine) -> None:
    lock = _lock(engine)
    with lock:
        lock.leave()
    with lock:
        lock.check()


def test_whoever_does_not_hold_the_lock_is_told(engine: Engine) -> None:
    with pytest.raises(LockLost):
        _lock(engine).check()


@pytest.mark.parametrize("engine", ["mariadb"], indirect=True)
def test_a_lock_whose_connection_ended_is_lost_and_taken_again_by_the_next_block(engine: Engine) -> None:
    lock = _lock(engine)
    with lock:
        _end_connection_of_the_lock(engine)
        with _lock(engine):
            for _ in range(2):
                with pytest.raises(LockLost, match="start it again"):
                    lock.check()
    with lock:
        lock.check()


def test_a_lock_outlives_the_time_after_which_the_server_ends_idle_connections(mariadb_server: MariaDBServer) -> None:
    engine = connect(mariadb_server.create_database("idle_planner"))
    with engine.begin() as connection:
        usual = connection.execute(text("SELECT @@GLOBAL.wait_timeout")).scalar_one()
        connection.execute(text("SET GLOBAL wait_timeout = 1"))
    engine.dispose()
    try:
        with _lock(engine) as lock:
            time.sleep(2.5)
            lock.check()
    finally:
        with engine.begin() as connection:
            connection.execute(text(f"SET GLOBAL wait_timeout = {usual}"))
        engine.dispose()
        mariadb_server.drop_database("idle_planner")
