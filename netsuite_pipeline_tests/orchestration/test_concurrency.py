"""All runs together stay within NETSUITE_CONCURRENCY."""

from pathlib import Path

import dagster as dg
import pytest

from netsuite_pipeline.orchestration.concurrency import pool_limit, share_of
from netsuite_pipeline.orchestration.tags import NETSUITE_POOL
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import SettingsError
from netsuite_pipeline_tests.orchestration.runs import batches, error_of, plan, run_batches

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("concurrency", range(2, 40))
@pytest.mark.parametrize("runs", range(1, 12))
def test_the_shares_of_all_runs_and_planning_fit(concurrency: int, runs: int) -> None:
    if concurrency <= runs:
        return
    share = share_of(concurrency, runs=runs)
    assert share >= 1
    assert runs * share + 1 <= concurrency
    assert runs * (share + 1) + 1 > concurrency, "more would fit"


def test_when_nobody_knows_how_many_runs_there_are_each_takes_one_slot() -> None:
    assert share_of(15, runs=None) == 1


def test_fewer_slots_than_runs_is_one_sentence_that_names_both() -> None:
    with pytest.raises(SettingsError, match=r"NETSUITE_CONCURRENCY=1 is too little for the 2 runs .* netsuite_api"):
        share_of(1, runs=2)


@pytest.fixture
def configured(tmp_path: Path) -> dg.DagsterInstance:
    """An instance with the project's own dagster.yaml."""
    (tmp_path / "dagster.yaml").write_text((PROJECT / "dagster.yaml").read_text())
    return dg.DagsterInstance.from_config(str(tmp_path))


def test_the_limit_is_dagster_yamls_until_someone_sets_another_in_the_ui(configured: dg.DagsterInstance) -> None:
    assert pool_limit(configured) == 2
    configured.event_log_storage.set_concurrency_slots(NETSUITE_POOL, 4)
    assert pool_limit(configured) == 4


def test_an_instance_without_a_limit_has_none(instance: dg.DagsterInstance) -> None:
    assert pool_limit(instance) is None


def test_a_run_takes_its_share_and_no_more(
    definitions: dg.Definitions, instance: dg.DagsterInstance, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert plan(definitions, instance, "customer").success
    keys = batches(instance, "customer")
    instance.event_log_storage.set_concurrency_slots(NETSUITE_POOL, 2)
    for concurrency, expected in (("2", 1), ("7", 3)):
        monkeypatch.setenv("NETSUITE_CONCURRENCY", concurrency)
        sandbox.stats.reset()
        assert run_batches(definitions, instance, "customer", keys).success
        assert sandbox.stats.peak_in_flight <= expected

    monkeypatch.setenv("NETSUITE_CONCURRENCY", "1")
    refused = run_batches(definitions, instance, "customer", keys)
    assert "NETSUITE_CONCURRENCY=1 is too little" in error_of(refused)
