"""The job `start_import`: what it plans, what a second run of it does, and what it says when it cannot plan."""

from typing import Any

import dagster as dg
import pytest

from netsuite_pipeline.netsuite import retry
from netsuite_pipeline.netsuite.client import NetSuiteClient
from netsuite_pipeline.orchestration.names import partitions_name
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.sandbox.faults import Fault, FaultKind
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.waves.model import JobStatus, TypeStatus
from netsuite_pipeline.waves.planning_lock import PlanningLock
from netsuite_pipeline.waves.progress import JobSummary
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.orchestration.runs import batches, error_of, plan, reexecute


def _types(summary: JobSummary) -> dict[str, TypeStatus]:
    return {kind.record_type: kind.status for kind in summary.types}


@pytest.mark.usefixtures("both_databases")
def test_the_default_configuration_plans_every_record_type(
    definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore, sandbox: SandboxServer
) -> None:
    result = definitions.resolve_job_def("start_import").execute_in_process(instance=instance)

    summary = store.job_summary(result.run_id)
    assert summary.job.status is JobStatus.RUNNING
    assert (summary.job.trigger, summary.job.with_dependencies) == ("ui", True)
    assert _types(summary) == dict.fromkeys(CATALOG.names, TypeStatus.PLANNED)
    for kind in summary.types:
        assert kind.total_batches == len(batches(instance, kind.record_type)) > 0
    counts = {kind.record_type: kind.source_records for kind in summary.types}
    assert counts["customer"] == _stored(sandbox, "customer")
    assert [wave.level for wave in summary.waves] == sorted(wave.level for wave in summary.waves)


def _stored(sandbox: SandboxServer, table: str) -> int:
    (count,) = sandbox.dataset.connection().execute(f"SELECT COUNT(*) FROM {table}").fetchone()
    return int(count)


def test_dependencies_are_planned_unless_they_are_not_wanted(
    definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore
) -> None:
    alone = plan(definitions, instance, "customer", dependencies=False)
    whole = plan(definitions, instance, "customer", dependencies=True)
    assert set(_types(store.job_summary(alone.run_id))) == {"customer"}
    assert set(_types(store.job_summary(whole.run_id))) == {"customer", *CATALOG.get("customer").depends_on}


def test_planning_again_adds_no_partition(definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
    assert plan(definitions, instance, "customer").success
    before = batches(instance, "customer")
    assert plan(definitions, instance, "customer").success
    assert batches(instance, "customer") == before


def test_a_retried_planning_run_goes_on_with_the_job_that_the_first_one_noted(
    definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*args: Any, **kwargs: Any) -> Any:
        raise SystemExit

    # As if the process had died between asking NetSuite and storing the plan.
    with monkeypatch.context() as context:
        context.setattr(WaveStore, "save_plan", crash)
        assert not plan(definitions, instance, "customer").success
    (run,) = instance.get_runs()
    assert store.job(run.run_id).status is JobStatus.PLANNING

    assert reexecute(definitions, instance, run.run_id).is_success

    assert store.job(run.run_id).status is JobStatus.RUNNING
    assert [job.job_id for job in store.open_jobs()] == [run.run_id]
    assert store.job_summary(run.run_id).total_batches == len(batches(instance, "customer"))


def test_a_planning_run_that_is_repeated_after_it_had_stored_its_plan_changes_nothing(
    definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore
) -> None:
    first = plan(definitions, instance, "customer")
    before = store.job_summary(first.run_id)
    assert reexecute(definitions, instance, first.run_id).is_success
    assert store.job_summary(first.run_id) == before
    assert len(store.open_jobs()) == 1


def test_an_unknown_record_type_is_one_sentence_and_no_job(
    definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore
) -> None:
    result = plan(definitions, instance, "custome")
    assert not result.success
    assert "There is no record type 'custome'. Known: subsidiary, location, " in error_of(result)
    assert store.latest_job() is None


def test_a_table_that_the_account_lacks_is_recorded_with_netsuites_reason_and_the_others_go_on(
    definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore, sandbox: SandboxServer
) -> None:
    sandbox.availability.set_table("pricelevel", available=False)
    result = plan(definitions, instance, "customer", dependencies=True)
    assert result.success
    kinds = {kind.record_type: kind for kind in store.job_summary(result.run_id).types}
    assert kinds["price_level"].status is TypeStatus.UNAVAILABLE
    assert "Record 'pricelevel' was not found" in str(kinds["price_level"].reason)
    assert kinds["price_level"].source_records is None
    assert kinds["customer"].total_batches > 0
    assert kinds["customer"].status is TypeStatus.PLANNED
    assert batches(instance, "price_level") == []


def test_planning_goes_on_when_netsuite_is_back(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    store: WaveStore,
    sandbox: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retry, "FIRST_OUTAGE_PAUSE", 0.01)
    sandbox.faults.add(Fault(kind=FaultKind.UNAVAILABLE, times=15))
    result = plan(definitions, instance, "customer")
    assert result.success
    assert store.job(result.run_id).status is JobStatus.RUNNING


@pytest.mark.usefixtures("both_databases")
def test_others_may_plan_while_planning_waits_for_netsuite(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    store: WaveStore,
    sandbox: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []

    def pause(_: NetSuiteClient, seconds: float, **__: Any) -> None:
        if seconds < retry.FIRST_OUTAGE_PAUSE:
            return
        with PlanningLock(store.engine, timeout=0):
            waits.append(seconds)
        sandbox.faults.clear()

    monkeypatch.setattr(NetSuiteClient, "_pause", pause)
    sandbox.faults.add(Fault(kind=FaultKind.UNAVAILABLE, times=None, skip=2))
    result = plan(definitions, instance, "customer", dependencies=True)
    assert result.success
    assert len(waits) == 1
    summary = store.job_summary(result.run_id)
    assert summary.job.status is JobStatus.RUNNING
    for kind in summary.types:
        assert kind.total_batches == len(batches(instance, kind.record_type)) > 0


def test_netsuite_being_down_too_long_fails_the_run_and_the_job_with_the_same_sentence(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    store: WaveStore,
    sandbox: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WAVE_OUTAGE_TIMEOUT", "1")
    sandbox.faults.add(Fault(kind=FaultKind.UNAVAILABLE, times=None))
    result = plan(definitions, instance, "customer")
    assert not result.success
    assert "after 5 of at most 5 attempts" in error_of(result)
    job = store.job(result.run_id)
    assert job.status is JobStatus.FAILED
    assert "HTTP 503" in error_of(result)
    assert "HTTP 503" in str(job.failure_reason)


def test_a_type_with_a_partition_added_by_hand_is_recorded_with_what_to_do_and_the_others_go_on(
    definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore
) -> None:
    instance.add_dynamic_partitions(partitions_name("customer"), ["2026-01-31"])
    result = plan(definitions, instance, "customer", dependencies=True)
    kinds = {kind.record_type: kind for kind in store.job_summary(result.run_id).types}
    assert kinds["customer"].status is TypeStatus.UNAVAILABLE
    assert "Batches of customer cannot be planned: '2026-01-31' is no batch" in str(kinds["customer"].reason)
    assert "Delete this partition" in str(kinds["customer"].reason)
    assert kinds["subsidiary"].total_batches > 0
