"""An account that lacks columns: runs go on without them, leave their values alone and say so; few requests tell."""

import datetime as dt
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from netsuite_pipeline.netsuite.errors import RequiredColumnMissing, Unavailable
from netsuite_pipeline.netsuite.page import Page
from netsuite_pipeline.orchestration.account_columns import view_of_account
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.orchestration.wave_dispatch import WaveDispatcher
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.sandbox.availability import Availability, Feature
from netsuite_pipeline.sandbox.faults import Fault, FaultKind
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse import missing_columns as memory_module
from netsuite_pipeline.warehouse.missing_columns import CLAIM, EXPIRY, ColumnMemory, account_of, missing_columns
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import JobStatus, utc_now
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.orchestration.runs import (
    batches,
    between,
    error_of,
    materializations,
    plan,
    run_batches,
    run_request,
)

CUSTOMER, ORDER = CATALOG.get("customer"), CATALOG.get("sales_order")
ACCOUNT = "1234567_SB1 127.0.0.1"
GONE = ("email", "creditlimit", "datecreated")


@pytest.fixture
def account(sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> Availability:
    """An account that lacks nothing until the test switches something off."""
    availability = Availability.lacking()
    monkeypatch.setattr(sandbox.account.engine, "availability", availability)
    return availability


@pytest.fixture
def keys(definitions: dg.Definitions, instance: dg.DagsterInstance, account: Availability) -> list[str]:
    """The batches of customers, planned."""
    assert plan(definitions, instance, "customer").success
    return batches(instance, "customer")


def lack(account: Availability, *columns: str, table: str = "customer", available: bool = False) -> None:
    for column in columns:
        account.set_column(table, column, available=available)


def probes(sandbox: SandboxServer) -> int:
    return sum("BETWEEN 0 AND 0" in query for query in sandbox.stats.queries)


def rows_of(engine: Engine, record_type: Any = CUSTOMER) -> dict[int, dict[str, Any]]:
    """All columns of all rows, bookkeeping included, by id."""
    table = sa.Table(record_type.table, sa.MetaData(), autoload_with=engine)
    with engine.connect() as connection:
        return {row["refid"]: dict(row) for row in connection.execute(sa.select(table)).mappings()}


def warnings(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> list[str]:
    """The warnings in the log of a run."""
    entries = instance.all_logs(result.run_id)
    return [entry.user_message for entry in entries if entry.level == logging.WARNING]


def column(rows: dict[int, dict[str, Any]], name: str) -> dict[int, Any]:
    return {key: row[name] for key, row in rows.items()}


def expire(monkeypatch: pytest.MonkeyPatch) -> None:
    """A week passes for the memory, and for nothing else."""
    real = memory_module.utc_now
    monkeypatch.setattr(memory_module, "utc_now", lambda: real() + EXPIRY)


@pytest.mark.usefixtures("both_databases")
def test_columns_that_go_and_come_back_lose_no_value_and_are_written_once(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    account: Availability,
    keys: list[str],
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def imported() -> list[dict[str, Any]]:
        assert run_batches(definitions, instance, "customer", keys).success
        return [found[0] for found in materializations(instance, "customer").values()]

    assert all("missing columns" not in metadata for metadata in imported())
    before = rows_of(engine)

    lack(account, *GONE)
    account.set_table("customersubsidiaryrelationship", available=False)
    expire(monkeypatch)
    first = imported()
    assert {tuple(metadata["missing columns"]) for metadata in first} == {tuple(sorted((*GONE, "subsidiary_id")))}
    assert sum(metadata["updated"] for metadata in first) == len(before)
    lacking = rows_of(engine)
    for name in (field.name for field in CUSTOMER.value_fields):
        assert column(lacking, name) == column(before, name)

    second = imported()
    assert sum(metadata["written"] for metadata in second) == 0
    assert rows_of(engine) == lacking
    assert all(metadata["missing columns"] for metadata in second)

    lack(account, *GONE, available=True)
    account.set_table("customersubsidiaryrelationship", available=True)
    expire(monkeypatch)
    third = imported()
    assert all("missing columns" not in metadata for metadata in third)
    assert sum(metadata["updated"] for metadata in third) == len(before)
    assert column(rows_of(engine), "row_hash") == column(before, "row_hash")
    assert missing_columns(engine, ACCOUNT) == {}
    assert sum(metadata["written"] for metadata in imported()) == 0


@pytest.mark.usefixtures("both_databases")
def test_a_first_import_without_columns_fills_them_when_they_come(
    sandbox: SandboxServer,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    account: Availability,
    keys: list[str],
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lack(account, *GONE)
    for _ in range(2):
        assert run_batches(definitions, instance, "customer", keys).success
    assert set(column(rows_of(engine), "email").values()) == {None}
    # Read again within the week, nothing is asked.
    lack(account, *GONE, available=True)
    sandbox.stats.reset()
    assert run_batches(definitions, instance, "customer", keys).success
    assert probes(sandbox) == 0
    expire(monkeypatch)
    assert run_batches(definitions, instance, "customer", keys).success
    assert probes(sandbox) == 1
    assert set(column(rows_of(engine), "email").values()) != {None}


def test_a_run_warns_once_and_the_reasons_are_listed(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    account: Availability,
    keys: list[str],
    engine: Engine,
) -> None:
    lack(account, "email", "fax")
    result = run_batches(definitions, instance, "customer", keys)
    assert result.success
    (warning,) = warnings(instance, result)
    assert warning.count("email, fax") == 1
    assert "record-types show customer" in warning
    (found,) = missing_columns(engine, ACCOUNT).values()
    assert [(missing.record_type, missing.column, missing.source) for missing in found] == [
        ("customer", "email", "email"),
        ("customer", "fax", "fax"),
    ]


def test_a_derived_column_is_missing_with_the_column_it_comes_from(
    definitions: dg.Definitions, instance: dg.DagsterInstance, account: Availability, engine: Engine
) -> None:
    assert plan(definitions, instance, "sales_order").success
    keys = batches(instance, "sales_order")
    assert run_batches(definitions, instance, "sales_order", keys).success
    before = rows_of(engine, ORDER)
    assert any(column(before, "status_name").values())
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE column_probes SET probed_at = NULL")
    lack(account, "status", table="transaction")
    for _ in range(2):
        assert run_batches(definitions, instance, "sales_order", keys).success
    found = materializations(instance, "sales_order")
    assert all(entries[0]["missing columns"] == ["status", "status_name"] for entries in found.values())
    assert all(entries[0]["written"] == 0 for entries in found.values())
    assert column(rows_of(engine, ORDER), "status_name") == column(before, "status_name")


def test_runs_ask_netsuite_once_in_all(
    sandbox: SandboxServer,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    account: Availability,
    keys: list[str],
) -> None:
    lack(account, *GONE)
    for key in keys[:4]:
        assert run_batches(definitions, instance, "customer", [key]).success
    assert probes(sandbox) == len(GONE) + 1


@pytest.mark.usefixtures("both_databases")
def test_runs_that_start_together_share_one_probe(
    sandbox: SandboxServer, account: Availability, engine: Engine
) -> None:
    lack(account, *GONE)
    sandbox.account.latency = 0.05
    runs = 8
    start = Barrier(runs)

    def view(number: int) -> tuple[str, ...]:
        memory = ColumnMemory(engine, account=ACCOUNT, record_type=CUSTOMER)
        with PipelineResource().client() as client:
            start.wait()
            found = view_of_account(CUSTOMER, memory=memory, queries=client, claimant=f"run {number}")
        return found.record_type.absent

    try:
        with ThreadPoolExecutor(runs) as threads:
            assert set(threads.map(view, range(runs))) == {tuple(sorted(GONE))}
    finally:
        sandbox.account.latency = 0.0
    assert probes(sandbox) == len(GONE) + 1


def test_a_run_does_not_wait_for_one_that_died_asking(
    sandbox: SandboxServer, account: Availability, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = ColumnMemory(engine, account=ACCOUNT, record_type=CUSTOMER)
    assert memory.claim("dead")
    real, waited = memory_module.utc_now, []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            monkeypatch.setattr(memory_module, "utc_now", lambda: real() + CLAIM)

    with PipelineResource().client() as client:
        view = view_of_account(CUSTOMER, memory=memory, queries=client, claimant="alive", sleep=sleep)
    assert (view.record_type, len(waited)) == (CUSTOMER, 3)


def test_a_probe_of_many_queries_keeps_its_claim(
    account: Availability, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    lack(account, *GONE)
    memory, other = (ColumnMemory(engine, account=ACCOUNT, record_type=CUSTOMER) for _ in range(2))
    real, passed = memory_module.utc_now, dt.timedelta()
    monkeypatch.setattr(memory_module, "utc_now", lambda: real() + passed)

    class Slow:
        def query(self, sql: str, *, cancelled: Event | None = None) -> Page:
            nonlocal passed
            passed += CLAIM * 0.6
            assert not other.claim("waiting")
            return client.query(sql, cancelled=cancelled)

    with PipelineResource().client() as client:
        view = view_of_account(CUSTOMER, memory=memory, queries=Slow(), claimant="asking", sleep=pytest.fail)
    assert passed > CLAIM
    assert view.record_type.absent == tuple(sorted(GONE))


@pytest.mark.parametrize("kind", ["400", "503"])
def test_a_probe_that_fails_leaves_the_next_run_free_to_ask(
    sandbox: SandboxServer, account: Availability, engine: Engine, kind: str
) -> None:
    memory = ColumnMemory(engine, account=ACCOUNT, record_type=CUSTOMER)
    if kind == "400":
        lack(account, "id")
    else:
        sandbox.faults.add(Fault(FaultKind(kind), times=None))
    with PipelineResource().client() as client:
        with pytest.raises((RequiredColumnMissing, Unavailable)):
            view_of_account(CUSTOMER, memory=memory, queries=client, claimant="first")
        sandbox.faults.clear()
        lack(account, "id", available=True)
        view = view_of_account(CUSTOMER, memory=memory, queries=client, claimant="second", sleep=pytest.fail)
    assert view.warning is None


def test_a_missing_key_fails_its_type_and_no_other(
    definitions: dg.Definitions, instance: dg.DagsterInstance, account: Availability, engine: Engine
) -> None:
    for name in ("transaction_line", "customer"):
        assert plan(definitions, instance, name).success
    lines, customers = batches(instance, "transaction_line"), batches(instance, "customer")
    lack(account, "id", table="transactionline")
    result = run_batches(definitions, instance, "transaction_line", lines[:2])
    assert not result.success
    assert "2 of 2 batches" in error_of(result)
    assert "Transaction line cannot be imported without the column 'id'" in error_of(result)
    assert missing_columns(engine, ACCOUNT) == {}
    assert run_batches(definitions, instance, "customer", customers[:2]).success


def test_planning_names_a_missing_filter_column_and_plans_the_others(
    definitions: dg.Definitions, instance: dg.DagsterInstance, account: Availability
) -> None:
    lack(account, "type", table="transaction")
    result = plan(definitions, instance, "customer", "sales_order")
    assert result.success
    (metadata,) = (event.step_output_data.metadata for event in result.all_events if event.is_successful_output)
    (unavailable,) = metadata["unavailable"].value
    assert unavailable.startswith("sales_order: Sales order cannot be imported without the column 'type'")
    assert batches(instance, "customer")


def test_a_table_that_is_gone_fails_its_run_as_before(
    sandbox: SandboxServer,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    account: Availability,
    keys: list[str],
) -> None:
    account.set_table("customer", available=False)
    sandbox.stats.reset()
    result = run_batches(definitions, instance, "customer", keys)
    assert f"{len(keys)} of {len(keys)} batches of customer failed" in error_of(result)
    assert "Record 'customer' was not found" in error_of(result)
    assert len(sandbox.stats.queries) == 1
    account.set_table("customer", available=True)
    assert run_batches(definitions, instance, "customer", keys).success


@pytest.mark.usefixtures("both_databases")
def test_a_column_that_is_lost_in_mid_run_fails_the_rest_and_the_next_run_goes_on_without(
    sandbox: SandboxServer,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    account: Availability,
    keys: list[str],
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NETSUITE_CONCURRENCY", "3")
    assert run_batches(definitions, instance, "customer", keys).success
    before = rows_of(engine)
    lose_at(sandbox, account, keys[2], monkeypatch)

    result = run_batches(definitions, instance, "customer", keys)
    assert not result.success
    assert "Unknown identifier 'email'" in error_of(result)
    assert f"{keys[-1]}: NetSuite knew every column of customer a while ago" in error_of(result) or len(keys) > 10
    found = materializations(instance, "customer")
    assert len(found[keys[0]]) == 2
    assert len(found[keys[-1]]) == 1

    sandbox.stats.reset()
    assert run_batches(definitions, instance, "customer", keys).success
    assert probes(sandbox) == 2
    for _, latest in zip(keys, materializations(instance, "customer").values(), strict=True):
        assert latest[0]["missing columns"] == ["email"]
    assert column(rows_of(engine), "email") == column(before, "email")


def test_a_wave_import_that_loses_a_column_tries_again_and_completes(
    sandbox: SandboxServer,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    account: Availability,
    keys: list[str],
    store: WaveStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RUN_BATCHES", "3")
    lose_at(sandbox, account, keys[1], monkeypatch)
    retries_are_due(monkeypatch)
    limits = Limits.of(Settings.load())
    dispatcher = WaveDispatcher(instance=instance, store=store, limits=limits, record_types=CATALOG.names)
    (job,) = store.open_jobs()
    for _ in range(12):
        for answer in dispatcher.tick():
            if isinstance(answer, dg.RunRequest):
                run_request(definitions, instance, answer)
        if store.job(job.job_id).status is not JobStatus.RUNNING:
            break
    assert store.job(job.job_id).status is JobStatus.COMPLETED
    assert set(materializations(instance, "customer")) == set(keys)


def test_an_account_without_features_and_ten_columns_imports_everything_else(
    sandbox: SandboxServer,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    account: Availability,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BATCH_SIZE", "1000")
    for feature in Feature:
        account.set_feature(feature, available=False)
    lack(account, "email", "fax", "creditlimit", "comments")
    lack(account, "averagecost", "quantityonhand", table="item")
    lack(account, "memo", "trandate", table="transaction")
    lack(account, "quantity", "netamount", table="transactionline")
    result = plan(definitions, instance, *CATALOG.names)
    (metadata,) = (event.step_output_data.metadata for event in result.all_events if event.is_successful_output)
    unavailable = {reason.partition(":")[0] for reason in metadata["unavailable"].value}
    assert unavailable == {"subsidiary", "price_level", "project", "charge", "charge_type"}

    for name in (name for name in CATALOG.names if name not in unavailable):
        keys = batches(instance, name)
        for _ in range(2):
            result = run_batches(definitions, instance, name, keys)
            assert result.success, name
        found = materializations(instance, name)
        assert sum(entries[0]["written"] for entries in found.values()) == 0
        assert sum(entries[1]["inserted"] for entries in found.values()) > 0
        absent = {tuple(entries[0].get("missing columns", ())) for entries in found.values()}
        assert len(warnings(instance, result)) == (absent != {()})
    listed = missing_columns(engine, ACCOUNT)
    assert {"email", "fax", "creditlimit", "comments", "pricelevel_id", "subsidiary_id"} <= {
        missing.column for missing in listed["customer"]
    }
    assert {"memo", "trandate", "subsidiary_id"} <= {missing.column for missing in listed["invoice"]}
    assert {"quantity", "netamount", "price_id"} <= {missing.column for missing in listed["transaction_line"]}


def test_the_account_of_these_tests_is_the_one_of_the_settings() -> None:
    assert account_of(Settings.load()) == ACCOUNT


def lose_at(sandbox: SandboxServer, account: Availability, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The account loses `email` when the rows of this batch are asked for."""
    engine = sandbox.account.engine
    answer: Callable[..., Any] = engine.query

    def losing(sql: str, **page: Any) -> Any:
        if between(key) in sql:
            lack(account, "email")
        return answer(sql, **page)

    monkeypatch.setattr(engine, "query", losing)


def retries_are_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes the waiting out of retries: the dispatcher looks when the longest delay has passed."""
    load = WaveStore.load_state

    def later(self: WaveStore, job: str, **changes: Any) -> Any:
        return load(self, job, **{**changes, "now": utc_now() + dt.timedelta(seconds=301)})

    monkeypatch.setattr(WaveStore, "load_state", later)
