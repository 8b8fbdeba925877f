"""All runs together stay within the budget of requests in flight."""

import datetime as dt
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from netsuite_pipeline.netsuite.client import NetSuiteClient
from netsuite_pipeline.netsuite.governor import SlotStats
from netsuite_pipeline.netsuite.stream import stream_batches
from netsuite_pipeline.orchestration.concurrency import pool_limit, share_of
from netsuite_pipeline.orchestration.names import netsuite_pool
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.sandbox.faults import Fault, FaultKind
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings, SettingsError
from netsuite_pipeline.transform.batch import TransformedBatch
from netsuite_pipeline_tests.orchestration.runs import batches, error_of, plan, run_batches

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("runs", range(1, 12))
def test_the_shares_of_all_runs_and_planning_fit(runs: int) -> None:
    for concurrency in range(runs + 1, 40):
        share = share_of(Settings(netsuite_concurrency=concurrency), runs=runs).usual
        assert share >= 1
        assert runs * share + 1 <= concurrency
        assert runs * (share + 1) + 1 > concurrency, "more would fit"


@pytest.mark.parametrize("runs", range(1, 7))
def test_the_shares_of_all_runs_leave_what_is_reserved(runs: int) -> None:
    for concurrency in range(1, 25):
        for reserve in range(concurrency - runs + 1):
            settings = Settings(netsuite_concurrency=concurrency, netsuite_reserve=reserve)
            assert runs * share_of(settings, runs=runs).usual <= concurrency - reserve


def business(**changes: Any) -> Settings:
    hours: dict[str, Any] = {
        "netsuite_business_hours": "08:00-18:00",
        "netsuite_concurrency": 15,
        "netsuite_reserve": 2,
    }
    return Settings(**{**hours, **changes})


@pytest.mark.parametrize("runs", range(1, 7))
def test_the_shares_in_business_hours_fit_their_budget(runs: int) -> None:
    within, without = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC), dt.datetime(2026, 3, 2, 20, tzinfo=dt.UTC)
    for budget in range(runs, 14):
        share = share_of(business(netsuite_business_concurrency=budget), runs=runs)
        assert runs * share.at(within) <= budget
        assert runs * share.at(without) <= 13
        assert share.at(within) <= share.at(without) == share.most


def test_when_nobody_knows_how_many_runs_there_are_each_takes_one_slot() -> None:
    assert share_of(Settings(netsuite_concurrency=15), runs=None).most == 1


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        (Settings(netsuite_concurrency=1), "NETSUITE_CONCURRENCY=1"),
        (Settings(netsuite_concurrency=5, netsuite_reserve=4), "NETSUITE_CONCURRENCY=5 less NETSUITE_RESERVE=4"),
        (business(netsuite_business_concurrency=1), "NETSUITE_BUSINESS_CONCURRENCY=1"),
    ],
    ids=["concurrency", "reserve", "business hours"],
)
def test_fewer_slots_than_runs_is_one_sentence_that_names_both(settings: Settings, setting: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{setting} is too little for the 2 runs .* netsuite_api"):
        share_of(settings, runs=2)


@pytest.fixture
def configured(tmp_path: Path) -> dg.DagsterInstance:
    """An instance with the project's own dagster.yaml."""
    (tmp_path / "dagster.yaml").write_text((PROJECT / "dagster.yaml").read_text())
    return dg.DagsterInstance.from_config(str(tmp_path))


def test_the_limit_is_dagster_yamls_until_someone_sets_another_in_the_ui(configured: dg.DagsterInstance) -> None:
    assert pool_limit(configured) == 2
    configured.event_log_storage.set_concurrency_slots(netsuite_pool(), 4)
    assert pool_limit(configured) == 4


def test_the_pool_is_known_before_the_first_run_of_it(
    definitions: dg.Definitions, configured: dg.DagsterInstance
) -> None:
    for _ in range(2):
        with dg.build_sensor_context(instance=configured, resources={"pipeline": PipelineResource()}) as context:
            definitions.resolve_sensor_def("wave_dispatcher").evaluate_tick(context)
    (pool,) = configured.event_log_storage.get_pool_limits()
    assert (pool.name, pool.limit, pool.from_default) == ("netsuite_api", 2, True)


def test_the_dispatcher_cuts_a_wave_into_as_many_runs_as_may_be_at_work(
    definitions: dg.Definitions, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATCH_SIZE", "5")
    instance.event_log_storage.set_concurrency_slots(netsuite_pool(), 2)
    assert plan(definitions, instance, "customer").success
    number = len(batches(instance, "customer"))
    assert 20 <= number <= 75
    with dg.build_sensor_context(instance=instance, resources={"pipeline": PipelineResource()}) as context:
        data = definitions.resolve_sensor_def("wave_dispatcher").evaluate_tick(context)
    assert len(data.run_requests or []) == 2


def test_an_instance_without_a_limit_has_none(instance: dg.DagsterInstance) -> None:
    assert pool_limit(instance) is None


def test_a_run_takes_its_share_and_no_more(
    definitions: dg.Definitions, instance: dg.DagsterInstance, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert plan(definitions, instance, "customer").success
    keys = batches(instance, "customer")
    instance.event_log_storage.set_concurrency_slots(netsuite_pool(), 2)
    for concurrency, expected in (("2", 1), ("7", 3)):
        monkeypatch.setenv("NETSUITE_CONCURRENCY", concurrency)
        sandbox.stats.reset()
        assert run_batches(definitions, instance, "customer", keys).success
        assert sandbox.stats.peak_in_flight <= expected

    monkeypatch.setenv("NETSUITE_CONCURRENCY", "1")
    refused = run_batches(definitions, instance, "customer", keys)
    assert "NETSUITE_CONCURRENCY=1 is too little" in error_of(refused)


def test_the_runs_log_ends_with_what_netsuite_was_asked(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    assert plan(definitions, instance, "subsidiary").success
    instance.event_log_storage.set_concurrency_slots(netsuite_pool(), 2)
    run = run_batches(definitions, instance, "subsidiary", batches(instance, "subsidiary"))
    assert run.success
    said = [entry.user_message for entry in instance.all_logs(run.run_id) if "NetSuite: " in entry.user_message]
    assert len(said) == 1
    assert "0 tried again" in said[0]
    assert "2 of 2 allowed at the end" in said[0]


RUNS = 6
CONCURRENCY, RESERVE = 16, 3


def test_six_runs_at_once_never_have_more_in_flight_than_is_allowed_whatever_is_refused() -> None:
    with SandboxServer(records=1000, customers=800, seed=3, concurrency=100, latency=0.01) as account:
        _refuse_at_random(account)
        settings = _settings(account, netsuite_concurrency=CONCURRENCY, netsuite_reserve=RESERVE)
        with ThreadPoolExecutor(RUNS) as threads:
            runs = [threads.submit(_read_customers, settings) for _ in range(RUNS)]
            results = [run.result() for run in runs]
        refused = account.faults.delivered["429"]
        peak = account.stats.peak_in_flight

    assert {fetched for fetched, _ in results} == {800}
    assert refused > 20
    assert sum(stats.refusals for _, stats in results) > RUNS
    assert peak <= CONCURRENCY - RESERVE
    # Otherwise nothing was put to the test.
    assert peak > RUNS


def _refuse_at_random(account: SandboxServer) -> None:
    rng = random.Random(11)
    # Every waiting fault counts the requests that pass it, so these are places in their order.
    for _ in range(40):
        account.faults.add(Fault(FaultKind.TOO_MANY_REQUESTS, skip=rng.randint(1, 150)))


def _settings(account: SandboxServer, **changes: int) -> Settings:
    known = account.credentials
    return Settings(
        netsuite_account_id=known.account,
        netsuite_base_url=account.base_url,
        netsuite_auth="tba",
        netsuite_consumer_key=known.consumer_key,
        netsuite_consumer_secret=known.consumer_secret,
        netsuite_token_id=known.token_id,
        netsuite_token_secret=known.token_secret,
        **changes,
    )


def _read_customers(settings: Settings) -> tuple[int, SlotStats]:
    share = share_of(settings, runs=RUNS)
    ranges = [BatchRange(first, first + 199) for first in range(1, 5000, 200)]
    with NetSuiteClient.connect(settings, concurrency=share, sleep=lambda _: None) as client:
        read = list(stream_batches(client, CATALOG.get("customer"), ranges, workers=2 * client.concurrency))
        assert all(isinstance(batch, TransformedBatch) for batch in read)
        return sum(batch.fetched for batch in read if isinstance(batch, TransformedBatch)), client.stats.slots
