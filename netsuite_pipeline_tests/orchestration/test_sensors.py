"""What the daemon evaluates: the two sensors. The schedules are in `test_schedules`."""

import datetime as dt
from typing import Any

import dagster as dg
import pytest

from netsuite_pipeline.orchestration import sensors
from netsuite_pipeline.orchestration.location import build_definitions
from netsuite_pipeline.orchestration.names import netsuite_pool, partitions_name
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.orchestration.tags import DISPATCH
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.sandbox.faults import Fault, FaultKind
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.waves.planning_lock import PlanningLock
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.orchestration.runs import batches, plan


def _evaluate(
    definitions: dg.Definitions, instance: dg.DagsterInstance, name: str, *, cursor: str | None = None
) -> Any:
    sensor = definitions.resolve_sensor_def(name)
    resources = {"pipeline": PipelineResource()}
    with dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources) as context:
        return sensor.evaluate_tick(context)


def _discover(definitions: dg.Definitions, instance: dg.DagsterInstance, *, cursor: str | None = None) -> str:
    data = _evaluate(definitions, instance, "batch_discovery", cursor=cursor)
    assert data.run_requests == []
    return str(data.skip_message)


def test_discovery_shows_the_batches_of_every_type_and_repeats_without_a_change(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    message = _discover(definitions, instance)
    before = {name: batches(instance, name) for name in CATALOG.names}
    for name, keys in before.items():
        assert keys
        assert f"{name}: 0 batches kept, {len(keys)} added" in message

    message = _discover(definitions, instance)

    assert {name: batches(instance, name) for name in CATALOG.names} == before
    for name, keys in before.items():
        assert f"{name}: {len(keys)} batches kept, 0 added" in message


def test_an_import_after_discovery_uses_the_same_batches(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    _discover(definitions, instance)
    before = batches(instance, "customer")
    assert plan(definitions, instance, "customer").success
    assert batches(instance, "customer") == before


def test_discovery_names_an_unavailable_type_and_goes_on(
    definitions: dg.Definitions, instance: dg.DagsterInstance, sandbox: SandboxServer
) -> None:
    sandbox.availability.set_table("location", available=False)
    message = _discover(definitions, instance)
    assert "location is unavailable (" in message
    assert "Record 'location' was not found" in message
    assert batches(instance, "location") == []
    assert batches(instance, "customer")


def test_discovery_names_a_type_whose_partitions_are_spoilt_and_goes_on(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    instance.add_dynamic_partitions(partitions_name("subsidiary"), ["2026-01-31"])
    message = _discover(definitions, instance)
    assert "Batches of subsidiary cannot be planned: '2026-01-31' is no batch" in message
    assert batches(instance, "customer")


def test_netsuite_being_down_is_a_reason_to_skip(
    definitions: dg.Definitions, instance: dg.DagsterInstance, sandbox: SandboxServer
) -> None:
    sandbox.faults.add(Fault(kind=FaultKind.UNAVAILABLE, times=None))
    message = _discover(definitions, instance)
    assert message.startswith("Batches could not be brought up to date: ")
    assert "HTTP 503" in message


def test_a_finished_round_is_followed_by_a_pause_and_a_broken_one_by_the_rest(
    definitions: dg.Definitions, instance: dg.DagsterInstance, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = Fault(kind=FaultKind.UNAVAILABLE, times=None, match="FROM item")
    sandbox.faults.add(fault)
    broken = _evaluate(definitions, instance, "batch_discovery")
    assert "could not be brought up to date" in broken.skip_message
    sandbox.faults.clear()

    finished = _evaluate(definitions, instance, "batch_discovery", cursor=broken.cursor)
    assert "sales_order: 0 batches kept" in finished.skip_message
    asked = sandbox.stats.total_queries
    pausing = _evaluate(definitions, instance, "batch_discovery", cursor=finished.cursor)
    assert pausing.skip_message.startswith("All batches were brought up to date at ")
    assert sandbox.stats.total_queries == asked

    monkeypatch.setattr(sensors, "_DISCOVERY_PAUSE", dt.timedelta())
    assert "sales_order: " in _discover(definitions, instance, cursor=finished.cursor)


def test_the_pause_does_not_keep_a_record_type_that_was_added_meanwhile_from_the_ui(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    smaller = Catalog([CATALOG.get("price_level")])
    before = _evaluate(build_definitions(smaller, Settings.load()), instance, "batch_discovery")
    assert batches(instance, "project") == []

    _discover(definitions, instance, cursor=before.cursor)

    assert batches(instance, "project")


def test_a_type_that_cannot_be_counted_does_not_keep_the_next_tick_from_the_others(
    definitions: dg.Definitions, instance: dg.DagsterInstance, sandbox: SandboxServer
) -> None:
    sandbox.faults.add(Fault(kind=FaultKind.GATEWAY_TIMEOUT, times=None, match="FROM customer "))
    sandbox.faults.add(Fault(kind=FaultKind.GATEWAY_TIMEOUT, times=None, match="FROM customer"))
    first = _evaluate(definitions, instance, "batch_discovery")
    assert first.cursor == f"customer {CATALOG.digest}"
    assert batches(instance, "sales_order") == []
    _discover(definitions, instance, cursor=first.cursor)
    assert batches(instance, "sales_order")


def test_a_round_that_began_with_other_declarations_begins_anew(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    _discover(definitions, instance, cursor=f"{CATALOG.names[-2]} other declarations")
    assert all(batches(instance, name) for name in CATALOG.names)


def test_a_type_for_which_another_planner_was_at_work_is_not_left_out(
    definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore
) -> None:
    cursor = f"{CATALOG.names[-2]} {CATALOG.digest}"
    with PlanningLock(store.engine, timeout=0):
        data = _evaluate(definitions, instance, "batch_discovery", cursor=cursor)
    assert "Another process is planning" in str(data.skip_message)
    _discover(definitions, instance, cursor=data.cursor)
    assert batches(instance, CATALOG.names[-1])
    assert not batches(instance, CATALOG.names[0])


def test_missing_settings_are_a_reason_to_skip(
    definitions: dg.Definitions, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NETSUITE_TOKEN_ID")
    assert "NETSUITE_TOKEN_ID is not set" in _discover(definitions, instance)


def test_wrong_credentials_cost_discovery_two_logins(
    definitions: dg.Definitions, instance: dg.DagsterInstance, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETSUITE_TOKEN_SECRET", "wrong-5d1c")
    failures = sandbox.account.authenticator.failures
    message = _discover(definitions, instance)
    assert "account 1234567_SB1 with NETSUITE_AUTH=tba" in message
    assert "wrong-5d1c" not in message
    assert sandbox.account.authenticator.failures - failures == 2


def test_missing_settings_and_a_database_that_is_away_are_reasons_to_dispatch_nothing(
    definitions: dg.Definitions, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value, reason in (
        ("WAREHOUSE_URL", "mysql+pymysql://nobody:secret-9f@127.0.0.1:1/nothing", "Connecting to "),
        ("BATCH_SIZE", "many", "BATCH_SIZE is not usable"),
    ):
        monkeypatch.setenv(name, value)
        data = _evaluate(definitions, instance, "wave_dispatcher")
        assert data.run_requests == []
        assert str(data.skip_message).startswith(f"Nothing can be dispatched: {reason}")
        assert "secret-9f" not in str(data.skip_message)


def test_both_sensors_run_without_being_switched_on(definitions: dg.Definitions) -> None:
    for name in ("wave_dispatcher", "batch_discovery"):
        assert definitions.resolve_sensor_def(name).default_status is dg.DefaultSensorStatus.RUNNING


def test_the_dispatcher_sensor_launches_the_runs_of_a_planned_import(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    job_id = plan(definitions, instance, "customer").run_id
    data = _evaluate(definitions, instance, "wave_dispatcher")
    assert data.run_requests
    for request in data.run_requests:
        assert request.run_key == request.tags[DISPATCH]
        assert request.run_key.startswith(f"{job_id}:w1:customer:")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("NETSUITE_CONCURRENCY", "1", "NETSUITE_CONCURRENCY=1 is too little for the 2 runs"),
        ("NETSUITE_TOKEN_ID", "", "NETSUITE_TOKEN_ID is not set"),
        ("NETSUITE_AUTH", "m2m", "NETSUITE_CLIENT_ID is not set"),
    ],
)
def test_nothing_is_dispatched_with_settings_with_which_each_run_would_fail(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    store: WaveStore,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    reason: str,
) -> None:
    instance.event_log_storage.set_concurrency_slots(netsuite_pool(), 2)
    job_id = plan(definitions, instance, "customer").run_id
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(sensors, "watch", lambda look, _: tuple(look()))
    data = _evaluate(definitions, instance, "wave_dispatcher")
    assert data.run_requests == []
    assert f"{job_id}: Nothing is dispatched: {reason}" in str(data.skip_message)
    assert {batch.attempt for batch in store.batches(job_id)} == {0}


def test_the_dispatcher_sensor_makes_its_tables_and_has_nothing_to_do(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    data = _evaluate(definitions, instance, "wave_dispatcher")
    assert data.run_requests == []
    assert data.skip_message == "No import is under way."


def test_the_nightly_schedule_is_off_until_someone_switches_it_on(definitions: dg.Definitions) -> None:
    schedule = definitions.resolve_schedule_def("nightly_import")
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    assert schedule.job_name == "start_import"
