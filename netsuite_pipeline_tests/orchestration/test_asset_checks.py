"""The check of a record type: what it says in the run that imports, and executed alone."""

from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine

from netsuite_pipeline.orchestration.asset_checks import COMPLETE
from netsuite_pipeline.orchestration.wave_dispatch import WaveDispatcher
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.sandbox.faults import Fault, FaultKind
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import JobStatus
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.orchestration.runs import (
    batches,
    between,
    error_of,
    materializations,
    plan,
    reexecute,
    run_batches,
    run_request,
)

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
EVALUATED = dg.DagsterEventType.ASSET_CHECK_EVALUATION.value


@pytest.fixture
def keys(definitions: dg.Definitions, instance: dg.DagsterInstance) -> list[str]:
    """The batches of customers, planned."""
    assert plan(definitions, instance, "customer").success
    found = batches(instance, "customer")
    assert len(found) >= 5
    return found


def _evaluation(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    """The run's one answer, whatever the number of its batches."""
    (evaluation,) = result.get_asset_check_evaluations()
    return evaluation


def _imported(
    definitions: dg.Definitions, instance: dg.DagsterInstance, keys: list[str], record_type: str = "customer"
) -> dg.AssetCheckEvaluation:
    """The answer in the run that imports these batches."""
    result = run_batches(definitions, instance, record_type, keys)
    assert result.success
    return _evaluation(result)


def _alone(
    definitions: dg.Definitions, instance: dg.DagsterInstance, record_type: str = "customer"
) -> dg.AssetCheckEvaluation:
    """The answer without importing, as the UI's button asks for it."""
    key = dg.AssetCheckKey(dg.AssetKey(record_type), COMPLETE)
    everything = definitions.resolve_implicit_global_asset_job_def()
    job = everything.get_subset(asset_selection=set(), asset_check_selection={key})
    result = job.execute_in_process(instance=instance)
    assert result.success
    return _evaluation(result)


def _answer(evaluation: dg.AssetCheckEvaluation) -> tuple[bool, dg.AssetCheckSeverity]:
    return evaluation.passed, evaluation.severity


def _value(evaluation: dg.AssetCheckEvaluation, name: str) -> Any:
    return evaluation.metadata[name].value


def _assert_figures(metadata: dict[str, Any]) -> None:
    """Numbers, which the UI plots, a rating and a table; nothing disagrees and there is too little for advice."""
    assert isinstance(metadata.pop("rating"), dg.TextMetadataValue)
    assert "by NetSuite's clock" in metadata.pop("imported up to").value
    summary = metadata.pop("summary")
    assert isinstance(summary, dg.MarkdownMetadataValue)
    assert "| Records | " in str(summary.value)
    assert {type(value) for value in metadata.values()} == {dg.IntMetadataValue, dg.FloatMetadataValue}


def _run(engine: Engine, sql: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(sql)


def test_every_record_type_has_one_check_that_blocks_nothing(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    assert {(key.asset_key.path[-1], key.name) for key in graph.asset_check_keys} == {
        (record_type.name, COMPLETE) for record_type in CATALOG
    }
    assert not any(graph.get_check_spec(key).blocking for key in graph.asset_check_keys)


@pytest.mark.usefixtures("both_databases")
def test_a_run_judges_its_own_batches_and_the_check_alone_all_of_them(
    definitions: dg.Definitions, instance: dg.DagsterInstance, keys: list[str]
) -> None:
    of_run = _imported(definitions, instance, keys[:3])
    assert of_run.passed
    assert str(of_run.description).startswith("This run's 3 batches: ")
    assert _value(of_run, "batches") == 3
    rows = _value(of_run, "live rows")
    assert rows == _value(of_run, "inserted") == _value(of_run, "expected") > 0
    _assert_figures(dict(of_run.metadata))

    alone = _alone(definitions, instance)
    assert _answer(alone) == (False, WARN)
    missing = f"All of the type ({len(keys)} batches): {len(keys) - 3} batches were never loaded: {keys[3]}, "
    assert str(alone.description).startswith(missing)

    assert _imported(definitions, instance, keys[3:]).passed
    whole = _alone(definitions, instance)
    assert whole.passed
    assert (_value(whole, "batches"), _value(whole, "expected")) == (len(keys), _value(whole, "live rows"))


def test_a_run_over_one_partition_judges_that_one_by_as_many_events_as_a_run_over_all(
    definitions: dg.Definitions, instance: dg.DagsterInstance, keys: list[str]
) -> None:
    one = definitions.resolve_job_def("import_customer").execute_in_process(instance=instance, partition_key=keys[1])
    evaluation = _evaluation(one)
    assert (evaluation.passed, _value(evaluation, "batches")) == (True, 1)

    every = run_batches(definitions, instance, "customer", keys)
    step = f"customer_{COMPLETE}"
    of_one, of_all = (
        [event.event_type_value for event in run.all_events if event.step_key == step] for run in (one, every)
    )
    assert of_one == of_all
    assert of_one.count(EVALUATED) == 1


def test_rows_that_vanished_are_an_error_and_leave_runs_over_other_batches_alone(
    definitions: dg.Definitions, instance: dg.DagsterInstance, keys: list[str], engine: Engine
) -> None:
    _imported(definitions, instance, keys)
    bad = BatchRange.parse(keys[1])
    _run(engine, f"DELETE FROM customers WHERE refid BETWEEN {bad.first} AND {bad.last}")

    alone = _alone(definitions, instance)
    assert _answer(alone) == (False, ERROR)
    assert f"1 batch holds other rows than the ledgers say: {bad.key} (0, not " in str(alone.description)
    assert bad.key in _value(alone, "disagreements")

    assert _imported(definitions, instance, keys[2:]).passed
    assert _imported(definitions, instance, [bad.key]).passed
    assert _alone(definitions, instance).passed


def test_rejected_rows_are_a_warning_until_they_load(
    sandbox: SandboxServer, definitions: dg.Definitions, instance: dg.DagsterInstance, keys: list[str]
) -> None:
    sandbox.faults.add(Fault(kind=FaultKind.REPLACE, match="order by", row=2, column="creditlimit", value="much"))
    evaluation = _imported(definitions, instance, keys[:1])
    assert _answer(evaluation) == (False, WARN)
    assert evaluation.description == "This run's 1 batch: 1 row is rejected: `rejects list` says why."
    assert (_value(evaluation, "rejected"), _value(evaluation, "open rejects")) == (1, 1)
    assert _imported(definitions, instance, keys[:1]).passed


def test_a_run_with_a_failed_batch_is_not_judged(
    sandbox: SandboxServer, definitions: dg.Definitions, instance: dg.DagsterInstance, keys: list[str]
) -> None:
    sandbox.faults.add(Fault(kind=FaultKind.BAD_REQUEST, times=None, match=between(keys[2])))
    result = run_batches(definitions, instance, "customer", keys)
    assert not result.success
    assert list(result.get_asset_check_evaluations()) == []
    assert keys[2] not in materializations(instance, "customer")

    # The others are in, and a run over them is as good as any.
    assert _imported(definitions, instance, keys[3:]).passed
    assert _answer(_alone(definitions, instance)) == (False, WARN)


def test_a_wave_run_is_judged_and_one_whose_batches_went_to_another_is_not(
    definitions: dg.Definitions, instance: dg.DagsterInstance, keys: list[str], store: WaveStore
) -> None:
    limits = Limits.of(Settings.load())
    dispatcher = WaveDispatcher(instance=instance, store=store, limits=limits, record_types=CATALOG.names)
    (request,) = (answer for answer in dispatcher.tick() if isinstance(answer, dg.RunRequest))

    evaluation = _evaluation(run_request(definitions, instance, request))
    assert (evaluation.passed, _value(evaluation, "batches")) == (True, len(keys))

    late = run_request(definitions, instance, request)
    assert "given to another run" in error_of(late)
    assert list(late.get_asset_check_evaluations()) == []


def test_a_run_of_an_import_without_all_that_its_type_depends_on_says_so_and_is_judged_by_its_own_batches(
    sandbox: SandboxServer, definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore
) -> None:
    sandbox.availability.set_table("pricelevel", available=False)
    job_id = plan(definitions, instance, "customer", dependencies=True).run_id
    limits = Limits.of(Settings.load())
    dispatcher = WaveDispatcher(instance=instance, store=store, limits=limits, record_types=CATALOG.names)
    said = {}
    while store.job(job_id).status is JobStatus.RUNNING:
        for request in (answer for answer in dispatcher.tick() if isinstance(answer, dg.RunRequest)):
            evaluation = _evaluation(run_request(definitions, instance, request))
            assert evaluation.passed
            said[evaluation.asset_key.path[-1]] = str(evaluation.description)
    lacks = "It was imported without all of price_level."
    assert {name: lacks in sentence for name, sentence in said.items()} == {
        "subsidiary": False,
        "location": False,
        "customer": True,
    }
    assert store.job(job_id).status is JobStatus.PARTIAL
    assert lacks not in str(_alone(definitions, instance).description)


def test_a_run_that_is_executed_again_is_judged_again(
    definitions: dg.Definitions, instance: dg.DagsterInstance, keys: list[str]
) -> None:
    first = run_batches(definitions, instance, "customer", keys[:2])
    again = reexecute(definitions, instance, first.run_id)
    assert again.status is dg.DagsterRunStatus.SUCCESS
    events = instance.all_logs(again.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    (evaluation,) = (event.get_dagster_event().asset_check_evaluation_data for event in events)
    assert (evaluation.passed, _value(evaluation, "batches"), _value(evaluation, "written")) == (True, 2, 0)


def test_a_type_without_batches_is_not_called_complete(
    definitions: dg.Definitions, instance: dg.DagsterInstance, engine: Engine
) -> None:
    alone = _alone(definitions, instance)
    assert _answer(alone) == (False, WARN)
    assert "No batch is planned" in str(alone.description)


def test_what_cannot_be_checked_is_a_warning_and_no_failed_run(
    definitions: dg.Definitions, instance: dg.DagsterInstance, engine: Engine
) -> None:
    instance.add_dynamic_partitions("customer_batches", ["1..1000"])
    _run(engine, "DROP TABLE batch_ledger")
    alone = _alone(definitions, instance)
    assert _answer(alone) == (False, WARN)
    assert str(alone.description).startswith("Not checked: Comparing customers with its ledgers failed")
