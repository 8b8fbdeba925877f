"""Runs whose process is gone are ended, whoever launched them; runs that live, and other people's, are left alone."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta

import dagster as dg
import pytest
from sqlalchemy import Engine

from netsuite_pipeline.orchestration import heartbeat, supervision
from netsuite_pipeline.orchestration.heartbeat import heartbeats
from netsuite_pipeline.orchestration.names import import_job_name, start_import_name
from netsuite_pipeline.orchestration.resources import warehouse_metadata
from netsuite_pipeline.orchestration.supervision import end_dead_runs
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.errors import WarehouseError
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline.waves import heartbeat_store, transactions
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.mariadb_server import MariaDBServer
from netsuite_pipeline_tests.orchestration.runs import batches, create_run, materializations, plan, run_batches
from netsuite_pipeline_tests.waiting import wait_for

IMPORT = import_job_name("customer")
LOOK = "listener: look"


def _launch(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    job: str = IMPORT,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED,
) -> str:
    return create_run(definitions, instance, dg.RunRequest(job_name=job), status=status)


def _status_after_a_look(instance: dg.DagsterInstance, store: WaveStore, run_id: str) -> dg.DagsterRunStatus:
    end_dead_runs(instance, store, record_types=CATALOG.names)
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


@pytest.mark.parametrize("job", [IMPORT, start_import_name()])
def test_a_run_that_fell_silent_is_ended(
    definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore, job: str
) -> None:
    run_id = _launch(definitions, instance, job)
    store.beat(run_id, age=timedelta(seconds=31))
    assert _status_after_a_look(instance, store, run_id) is dg.DagsterRunStatus.FAILURE
    assert run_id not in store.silences()


@pytest.mark.parametrize("job", [IMPORT, start_import_name()])
def test_a_run_that_beats_is_left_alone_however_long_it_takes(
    definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore, job: str
) -> None:
    run_id = _launch(definitions, instance, job)
    store.beat(run_id, age=timedelta(seconds=3600))
    store.beat(run_id, age=timedelta(seconds=20))
    assert _status_after_a_look(instance, store, run_id) is dg.DagsterRunStatus.STARTED
    assert run_id in store.silences()


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING])
def test_a_run_that_has_no_process_yet_is_dagsters_business(
    definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore, status: dg.DagsterRunStatus
) -> None:
    run_id = _launch(definitions, instance, status=status)
    assert _status_after_a_look(instance, store, run_id) is status


def test_a_run_that_died_before_its_first_heartbeat_is_ended_after_a_while(
    definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = _launch(definitions, instance)
    assert _status_after_a_look(instance, store, run_id) is dg.DagsterRunStatus.STARTED
    monkeypatch.setattr(supervision, "_FIRST_HEARTBEAT", timedelta())
    assert _status_after_a_look(instance, store, run_id) is dg.DagsterRunStatus.FAILURE


def test_a_living_run_is_not_ended_at_the_first_look_after_the_database_or_the_daemon_was_away(
    definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore
) -> None:
    run_id = _launch(definitions, instance)
    store.beat(run_id, age=timedelta(seconds=62))
    store.beat(LOOK, age=timedelta(seconds=60))
    for _ in range(2):
        assert _status_after_a_look(instance, store, run_id) is dg.DagsterRunStatus.STARTED


def test_a_run_that_died_while_the_database_or_the_daemon_was_away_is_ended_a_silence_later(
    definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore
) -> None:
    run_id = _launch(definitions, instance)
    for name, seconds in {run_id: 95, "listener: deaf from": 94, "listener: deaf until": 31, LOOK: 4}.items():
        store.beat(name, age=timedelta(seconds=seconds))
    assert _status_after_a_look(instance, store, run_id) is dg.DagsterRunStatus.FAILURE


def test_a_run_that_could_not_send_its_first_heartbeat_is_given_time_when_the_database_is_back(
    definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "_running_for", lambda _: timedelta(seconds=400))
    run_id = _launch(definitions, instance)
    store.beat(LOOK, age=timedelta(seconds=380))
    assert _status_after_a_look(instance, store, run_id) is dg.DagsterRunStatus.STARTED


def test_a_run_of_other_assets_needs_no_heartbeat(
    instance: dg.DagsterInstance, store: WaveStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dg.asset
    def their_own() -> None: ...

    @dg.job
    def their_job() -> None: ...

    monkeypatch.setattr(supervision, "_FIRST_HEARTBEAT", timedelta())
    theirs = dg.Definitions(assets=[their_own], jobs=[their_job, dg.define_asset_job("their_assets", [their_own])])
    for job in ("their_job", "their_assets"):
        run_id = _launch(theirs, instance, job)
        assert _status_after_a_look(instance, store, run_id) is dg.DagsterRunStatus.STARTED


def test_heartbeats_of_runs_that_are_no_longer_known_are_forgotten_after_a_day(
    instance: dg.DagsterInstance, store: WaveStore
) -> None:
    store.beat("deleted long ago", age=timedelta(days=2))
    store.beat("a command", age=timedelta(hours=2))
    end_dead_runs(instance, store, record_types=CATALOG.names)
    assert store.silences().keys() == {"a command"}


def test_every_run_that_plans_or_imports_beats(
    definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore
) -> None:
    planned = plan(definitions, instance, "customer")
    imported = run_batches(definitions, instance, "customer", batches(instance, "customer")[:1])
    assert imported.success
    assert store.silences().keys() == {planned.run_id, imported.run_id}
    assert materializations(instance, "customer")


def test_a_database_that_is_away_stops_no_heart(
    engine: Engine, store: WaveStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "HEARTBEAT_SECONDS", 0.01)
    away = [1, 2, 3]

    @contextmanager
    def sometimes() -> Iterator[Engine]:
        if away:
            away.pop()
            raise WarehouseError("Connecting failed.")
        yield engine

    with heartbeats("run-1", sometimes):
        while "run-1" not in store.silences():
            pass
    assert not away


def test_when_a_server_is_back_living_runs_go_on_and_the_others_are_ended(
    definitions: dg.Definitions, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times as fast as in life: silence, the listener's patience, heartbeats, and the waits for a server."""
    monkeypatch.setattr(supervision, "SILENCE", timedelta(seconds=3))
    monkeypatch.setattr(heartbeat_store, "_DEAF_AFTER", timedelta(seconds=2))
    monkeypatch.setattr(heartbeat_store, "_LOOK_EVERY", timedelta(seconds=0.5))
    monkeypatch.setattr(heartbeat, "HEARTBEAT_SECONDS", 0.5)
    monkeypatch.setattr(transactions, "_LONGEST_WAIT_SECONDS", 0.2)
    alive, dead = _launch(definitions, instance), _launch(definitions, instance)
    with MariaDBServer() as server:
        engine = connect(server.create_database("warehouse"))
        ensure_tables(engine, warehouse_metadata(CATALOG))
        store = WaveStore(engine)
        store.beat(dead)
        with heartbeats(alive, lambda: nullcontext(engine)):
            wait_for(lambda: alive in store.silences(), seconds=30, what="the first heartbeat", every=0.05)
            assert _status_after_a_look(instance, store, alive) is dg.DagsterRunStatus.STARTED
            server.stop()
            time.sleep(4)
            server.start()
            assert _status_after_a_look(instance, store, alive) is dg.DagsterRunStatus.STARTED
            assert _status_after_a_look(instance, store, dead) is dg.DagsterRunStatus.STARTED

            def dead_is_ended() -> bool:
                return _status_after_a_look(instance, store, dead) is dg.DagsterRunStatus.FAILURE

            wait_for(dead_is_ended, seconds=30, what="the dead run to be ended", every=0.2)
            assert _status_after_a_look(instance, store, alive) is dg.DagsterRunStatus.STARTED
        engine.dispose()
