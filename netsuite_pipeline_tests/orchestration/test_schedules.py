"""What the daemon evaluates at night and once a week, and what it refuses to start."""

import datetime as dt
from typing import Any

import dagster as dg
import pytest

from netsuite_pipeline.orchestration.location import build_definitions
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.settings import Settings, SettingsError
from netsuite_pipeline.waves.model import ImportMode, JobStatus, utc_now
from netsuite_pipeline.waves.store import WaveStore

NIGHT = dt.datetime(2026, 1, 31, 2, tzinfo=dt.UTC)


def evaluate(definitions: dg.Definitions, instance: dg.DagsterInstance, name: str, at: dt.datetime = NIGHT) -> Any:
    schedule = definitions.resolve_schedule_def(name)
    resources = {"pipeline": PipelineResource()}
    with dg.build_schedule_context(instance=instance, scheduled_execution_time=at, resources=resources) as context:
        return schedule.evaluate_tick(context)


@pytest.mark.parametrize(
    ("name", "mode"), [("nightly_import", ImportMode.INCREMENTAL), ("weekly_import", ImportMode.FULL)]
)
def test_a_tick_is_one_run_request_that_plans_every_type(
    definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore, name: str, mode: ImportMode
) -> None:
    keys = []
    for scheduled in (NIGHT, NIGHT, NIGHT + dt.timedelta(days=1)):
        (request,) = evaluate(definitions, instance, name, scheduled).run_requests
        keys.append(request.run_key)
    assert keys[0] == keys[1] != keys[2]

    job = definitions.resolve_job_def("start_import")
    result = job.execute_in_process(instance=instance, run_config=request.run_config)

    summary = store.job_summary(result.run_id)
    assert summary.job.status is JobStatus.RUNNING
    assert (summary.job.trigger, summary.job.mode) == (name, mode)
    assert {kind.record_type for kind in summary.types} == set(CATALOG.names)


@pytest.mark.parametrize("name", ["nightly_import", "weekly_import"])
def test_nothing_is_started_while_an_import_of_a_schedule_is_under_way(
    definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore, name: str
) -> None:
    store.create_job(
        "job-1", record_types=["customer"], with_dependencies=False, trigger="nightly_import", now=utc_now()
    )
    tick = evaluate(definitions, instance, name)
    assert tick.run_requests == []
    assert "job-1" in tick.skip_message
    store.fail_job("job-1", "lost", now=utc_now())
    assert len(evaluate(definitions, instance, name).run_requests) == 1


def test_an_import_that_a_person_started_does_not_keep_the_night_from_starting(
    definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore
) -> None:
    store.create_job("job-1", record_types=["customer"], with_dependencies=False, trigger="ui", now=utc_now())
    assert len(evaluate(definitions, instance, "nightly_import").run_requests) == 1


def test_the_first_night_starts_in_a_warehouse_without_tables(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    assert len(evaluate(definitions, instance, "nightly_import").run_requests) == 1


def test_times_and_zone_are_settings(environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTLY_CRON", "30 1 * * 1-5")
    monkeypatch.setenv("WEEKLY_CRON", "15 4 * * 6")
    monkeypatch.setenv("SCHEDULE_TIME_ZONE", "Europe/Berlin")
    definitions = build_definitions(CATALOG, Settings.load())
    found = [definitions.resolve_schedule_def(name) for name in ("nightly_import", "weekly_import")]
    assert [schedule.cron_schedule for schedule in found] == ["30 1 * * 1-5", "15 4 * * 6"]
    assert {schedule.execution_timezone for schedule in found} == {"Europe/Berlin"}


def test_a_time_that_cron_does_not_know_is_one_sentence(environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEEKLY_CRON", "0 25 * * 0")
    with pytest.raises(SettingsError, match=r"^WEEKLY_CRON is not usable: '0 25 \* \* 0' is no time that cron knows"):
        build_definitions(CATALOG, Settings.load())


def test_both_schedules_are_off_until_someone_switches_them_on(definitions: dg.Definitions) -> None:
    for name in ("nightly_import", "weekly_import"):
        assert definitions.resolve_schedule_def(name).default_status is dg.DefaultScheduleStatus.STOPPED
