"""A run over many batches: exactly the batches that were committed are green, whatever became of the others."""

from collections.abc import Sequence
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from netsuite_pipeline.orchestration import io_manager
from netsuite_pipeline.orchestration.io_manager import WarehouseIOManager
from netsuite_pipeline.orchestration.names import partitions_name
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.sandbox.faults import Fault, FaultKind
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline_tests.orchestration.runs import (
    batches,
    between,
    error_of,
    materializations,
    plan,
    run_batches,
)


@pytest.fixture
def keys(definitions: dg.Definitions, instance: dg.DagsterInstance) -> list[str]:
    """The batches of customers, planned."""
    assert plan(definitions, instance, "customer").success
    found = batches(instance, "customer")
    assert len(found) >= 5
    return found


def _refuse(sandbox: SandboxServer, *refused: str) -> None:
    for key in refused:
        sandbox.faults.add(Fault(kind=FaultKind.BAD_REQUEST, times=None, match=between(key)))


def _live_rows(engine: Engine, key: str) -> int:
    batch = BatchRange.parse(key)
    query = text("SELECT COUNT(*) FROM customers WHERE refid BETWEEN :first AND :last AND deleted_at IS NULL")
    with engine.connect() as connection:
        return int(connection.execute(query, {"first": batch.first, "last": batch.last}).scalar_one())


@pytest.mark.usefixtures("both_databases")
def test_each_batch_of_a_good_run_has_one_materialization_with_its_own_ledger(
    definitions: dg.Definitions, instance: dg.DagsterInstance, keys: list[str], engine: Engine
) -> None:
    assert run_batches(definitions, instance, "customer", keys).success

    found = materializations(instance, "customer")
    assert list(found.keys() ^ set(keys)) == []
    for key, (ledger,) in found.items():
        assert ledger["batch"] == key
        assert ledger["expected"] == ledger["fetched"] == ledger["inserted"] + ledger["rejected"] > 0
        assert ledger["dagster/partition_row_count"] == _live_rows(engine, key)

    assert run_batches(definitions, instance, "customer", keys).success

    for key, (second, _) in materializations(instance, "customer").items():
        assert second["batch"] == key
        assert second["written"] == 0
        assert second["unchanged"] == second["fetched"] - second["rejected"]


@pytest.mark.usefixtures("both_databases")
def test_a_failed_batch_alone_is_red_and_a_new_run_turns_it_green(
    sandbox: SandboxServer, definitions: dg.Definitions, instance: dg.DagsterInstance, keys: list[str], engine: Engine
) -> None:
    bad = keys[2]
    _refuse(sandbox, bad)

    result = run_batches(definitions, instance, "customer", keys)

    assert not result.success
    assert f"1 of {len(keys)} batches of customer failed: {bad}: " in error_of(result)
    found = materializations(instance, "customer")
    assert found.keys() == set(keys) - {bad}
    for key, (ledger,) in found.items():
        assert ledger["batch"] == key
        assert _live_rows(engine, key) == ledger["inserted"] > 0
    assert _live_rows(engine, bad) == 0

    sandbox.faults.clear()
    assert run_batches(definitions, instance, "customer", [bad]).success

    assert materializations(instance, "customer").keys() == set(keys)
    assert _live_rows(engine, bad) > 0


def test_several_failed_batches_are_all_named(
    sandbox: SandboxServer, definitions: dg.Definitions, instance: dg.DagsterInstance, keys: list[str]
) -> None:
    _refuse(sandbox, keys[0], keys[-1])
    result = run_batches(definitions, instance, "customer", keys)
    assert f"2 of {len(keys)} batches" in error_of(result)
    assert {keys[0], keys[-1]} == set(keys) - materializations(instance, "customer").keys()


def test_a_run_whose_only_batch_failed_leaves_nothing_green(
    sandbox: SandboxServer, definitions: dg.Definitions, instance: dg.DagsterInstance, keys: list[str]
) -> None:
    _refuse(sandbox, keys[1])
    assert not run_batches(definitions, instance, "customer", [keys[1]]).success
    assert materializations(instance, "customer") == {}


def test_a_batch_that_trips_the_delete_guard_is_red_and_keeps_its_rows(
    definitions: dg.Definitions, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    monkeypatch.setenv("BATCH_SIZE", "100")
    with SandboxServer(records=600, seed=5) as other:
        monkeypatch.setenv("NETSUITE_BASE_URL", other.base_url)
        assert plan(definitions, instance, "customer").success
        keys = batches(instance, "customer")
        assert run_batches(definitions, instance, "customer", keys).success
        before = _live_rows(engine, keys[0])
        batch = BatchRange.parse(keys[0])
        ids = f"SELECT id FROM customer WHERE id BETWEEN {batch.first} AND {batch.last}"
        for (identifier,) in other.dataset.connection().execute(ids).fetchall()[1:]:
            other.dataset.delete("customer", identifier)

        result = run_batches(definitions, instance, "customer", keys)

    assert not result.success
    assert "DELETE_GUARD_PERCENT=50" in error_of(result)
    assert _live_rows(engine, keys[0]) == before
    found = materializations(instance, "customer")
    assert len(found.pop(keys[0])) == 1
    assert all(len(events) == 2 for events in found.values())


def test_returning_normally_would_turn_the_failed_batch_green(
    sandbox: SandboxServer,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    keys: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Why handle_output has to raise: should Dagster ever change, this says so and the rule may go."""
    handle = WarehouseIOManager.handle_output

    def swallow(self: WarehouseIOManager, context: dg.OutputContext, obj: Any) -> Any:
        try:
            yield from handle(self, context, obj)
        except dg.Failure:
            return

    monkeypatch.setattr(WarehouseIOManager, "handle_output", swallow)
    _refuse(sandbox, keys[2])
    assert run_batches(definitions, instance, "customer", keys).success
    assert keys[2] in materializations(instance, "customer")


def test_a_batch_that_nobody_loaded_is_never_green(
    definitions: dg.Definitions, instance: dg.DagsterInstance, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load = io_manager.import_batches

    def forgetful(run: Any, **parts: Any) -> Any:
        fetch = run.fetch

        def all_but_the_last(ranges: Sequence[BatchRange]) -> Any:
            yield from fetch(ranges[:-1])

        object.__setattr__(run, "fetch", all_but_the_last)
        return load(run, **parts)

    monkeypatch.setattr(io_manager, "import_batches", forgetful)
    assert not run_batches(definitions, instance, "customer", keys).success
    assert keys[-1] not in materializations(instance, "customer")


def test_a_partition_that_is_no_range_fails_with_one_sentence(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    instance.add_dynamic_partitions(partitions_name("customer"), ["2026-01-31"])
    result = run_batches(definitions, instance, "customer", ["2026-01-31"])
    assert not result.success
    assert "'2026-01-31' is no batch" in error_of(result)
    assert "Delete this partition" in error_of(result)


def test_missing_credentials_fail_the_run_with_the_variables_name(
    definitions: dg.Definitions, instance: dg.DagsterInstance, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NETSUITE_TOKEN_SECRET")
    result = run_batches(definitions, instance, "customer", keys[:1])
    assert not result.success
    (failure,) = (event for event in result.all_events if event.is_step_failure)
    error = failure.step_failure_data.error
    assert error is not None
    assert "NETSUITE_TOKEN_SECRET is not set" in error.to_string()
    assert "sandbox-consumer-secret" not in error.to_string()
