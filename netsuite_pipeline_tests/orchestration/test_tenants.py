"""Two companies in one Dagster instance: no name in common, no hand on the other's runs, a turn for each."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.utils import make_new_run_id
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from netsuite_pipeline.orchestration import supervision
from netsuite_pipeline.orchestration.concurrency import ensure_pool
from netsuite_pipeline.orchestration.io_manager import WarehouseIOManager
from netsuite_pipeline.orchestration.location import build_definitions
from netsuite_pipeline.orchestration.names import record_type_of
from netsuite_pipeline.orchestration.partitions import PartitionRegistry
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.orchestration.supervision import end_dead_runs
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.orchestration.runs import create_run, error_of

PROJECT = Path(__file__).resolve().parents[2]
COMPANIES = ("", "acme", "globex")


@contextmanager
def _process_of(company: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NETSUITE_TENANT", company)
        yield


@pytest.fixture(scope="module")
def locations() -> dict[str, dg.Definitions]:
    """The definitions of a deployment of one company, and of two companies."""
    found = {}
    for company in COMPANIES:
        with _process_of(company):
            found[company] = build_definitions(CATALOG, Settings())
    return found


def test_two_companies_have_no_name_in_common_that_is_the_instances(locations: dict[str, dg.Definitions]) -> None:
    names = {company: _names_of(definitions) for company, definitions in locations.items()}
    assert all(len(found) == len(names[""]) for found in names.values())
    for company, other in (("", "acme"), ("", "globex"), ("acme", "globex")):
        assert names[company].isdisjoint(names[other])


def test_one_company_that_has_the_deployment_to_itself_keeps_its_names(locations: dict[str, dg.Definitions]) -> None:
    assert {"asset customer", "pool netsuite_api", "batches customer_batches", "job import_customer"} <= _names_of(
        locations[""]
    )


def test_a_company_stands_in_front_of_its_assets_and_jobs(locations: dict[str, dg.Definitions]) -> None:
    assert {
        "asset acme/customer",
        "check acme/customer complete",
        "pool acme__netsuite_api",
        "batches acme__customer_batches",
        "job acme__import_customer",
        "job acme__start_import",
    } <= _names_of(locations["acme"])


def test_lineage_stays_within_a_company(locations: dict[str, dg.Definitions]) -> None:
    graph = locations["acme"].resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        assert key.path[0] == "acme"
        assert {parent.path[0] for parent in graph.get(key).parent_keys} <= {"acme"}
    assert dg.AssetKey(["acme", "price_level"]) in graph.get(dg.AssetKey(["acme", "customer"])).parent_keys


@pytest.mark.parametrize(("company", "ours"), [("acme", ["acme", "customer"]), ("", ["customer"])])
def test_an_asset_of_another_company_is_no_record_type_of_ours(company: str, ours: list[str]) -> None:
    with _process_of(company):
        assert record_type_of(dg.AssetKey(ours)) == "customer"
        assert record_type_of(dg.AssetKey(["globex", "customer"])) is None


def test_a_dead_run_is_ended_by_its_own_company_alone(
    locations: dict[str, dg.Definitions],
    instance: dg.DagsterInstance,
    store: WaveStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = [
        create_run(locations["acme"], instance, dg.RunRequest(job_name=job), status=dg.DagsterRunStatus.STARTED)
        for job in ("acme__import_customer", "acme__start_import")
    ]
    monkeypatch.setattr(supervision, "_FIRST_HEARTBEAT", supervision.dt.timedelta())
    for company, status in (("globex", "STARTED"), ("", "STARTED"), ("acme", "FAILURE")):
        with _process_of(company):
            end_dead_runs(instance, store, record_types=CATALOG.names)
        assert [run.status.value for run in instance.get_runs(dg.RunsFilter(run_ids=runs))] == [status, status]


def test_a_run_keeps_the_batches_of_its_own_company_alone(
    locations: dict[str, dg.Definitions], instance: dg.DagsterInstance
) -> None:
    _queue(instance, locations["acme"], "acme__import_customer", runs=1)
    for company, expected in (("globex", False), ("", False), ("acme", True)):
        with _process_of(company):
            assert PartitionRegistry(instance).in_use("customer") is expected


def test_a_company_with_a_hundred_runs_in_the_queue_does_not_keep_another_waiting(
    locations: dict[str, dg.Definitions], tmp_path: Path
) -> None:
    (tmp_path / "dagster.yaml").write_text((PROJECT / "dagster.yaml").read_text())
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        for company, runs in (("acme", 101), ("globex", 3)):
            with _process_of(company):
                ensure_pool(instance)
            _queue(instance, locations[company], f"{company}__import_customer", runs=runs)
        assert _to_launch(instance) == ["acme__import_customer"] * 2 + ["globex__import_customer"] * 2


def test_an_asset_of_ones_own_reads_the_records_of_its_own_company_alone(
    instance: dg.DagsterInstance, store: WaveStore
) -> None:
    for company, succeeds in (("acme", True), ("globex", False)):
        with _process_of(company):
            result = _read_records(instance, of="acme")
        assert result.success is succeeds
    assert "Asset acme/price_level is no record type of the tenant globex" in error_of(result)


def _read_records(instance: dg.DagsterInstance, *, of: str) -> dg.ExecuteInProcessResult:
    """A run of somebody's own asset that asks for all rows of a record type."""
    key = dg.AssetKey([of, "price_level"])

    @dg.asset(ins={"levels": dg.AssetIn(key, input_manager_key="warehouse")})
    def levels_counted(levels: Any) -> int:
        return len(levels)

    return dg.materialize(
        [levels_counted, dg.AssetSpec(key)],
        instance=instance,
        selection=[levels_counted],
        resources={"warehouse": WarehouseIOManager(catalog=CATALOG, pipeline=PipelineResource())},
        raise_on_error=False,
    )


def _queue(instance: dg.DagsterInstance, definitions: dg.Definitions, job: str, *, runs: int) -> None:
    """So many runs of a job in the queue, as a daemon puts them there."""
    run = instance.create_run_for_job(definitions.resolve_job_def(job))
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("anywhere"), "__repository__")
    for _ in range(runs):
        instance.add_run(
            run._replace(
                run_id=make_new_run_id(),
                status=dg.DagsterRunStatus.QUEUED,
                remote_job_origin=RemoteJobOrigin(repository, job),
            )
        )


def _to_launch(instance: dg.DagsterInstance) -> list[str]:
    """The jobs of the runs that Dagster's queue would launch now, in its order."""
    with QueuedRunCoordinatorDaemon(interval_seconds=1) as queue:
        chosen = queue._get_runs_to_dequeue(instance, instance.get_concurrency_config(), fixed_iteration_time=None)
        return [run.job_name for run in chosen]


def _names_of(definitions: dg.Definitions) -> set[str]:
    """What the instance knows of a location, whichever location it is."""
    graph = definitions.resolve_asset_graph()
    found = {f"asset {key.to_user_string()}" for key in graph.get_all_asset_keys()}
    found |= {f"check {check.asset_key.to_user_string()} {check.name}" for check in graph.asset_check_keys}
    found |= {f"job {job.name}" for job in definitions.resolve_all_job_defs() if not job.name.startswith("__")}
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        found |= {f"pool {pool}" for pool in node.pools}
        assert isinstance(node.partitions_def, dg.DynamicPartitionsDefinition)
        found.add(f"batches {node.partitions_def.name}")
    return found
