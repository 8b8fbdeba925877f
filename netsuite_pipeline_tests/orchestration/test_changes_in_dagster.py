"""An incremental import through Dagster: what is planned, launched, coloured and shown on the assets."""

from collections.abc import Iterator

import dagster as dg
import pytest

from netsuite_pipeline.orchestration.wave_dispatch import WaveDispatcher
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import JobStatus
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.orchestration.nights import Clock, served
from netsuite_pipeline_tests.orchestration.runs import batches, materializations, plan, run_request


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> Iterator[SandboxServer]:
    with served(300, clock=clock) as server:
        yield server


def carried_out(
    definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore, **config: object
) -> tuple[str, int]:
    """Plans an import of customers and launches what the dispatcher asks for; the job's id and the number of runs."""
    result = plan(definitions, instance, "customer", **config)
    assert result.success
    dispatcher = WaveDispatcher(
        instance=instance,
        store=store,
        limits=Limits.of(Settings.load()),
        record_types=CATALOG.names,
        declarations=CATALOG.digest,
    )
    runs = 0
    for _ in range(10):
        requests = [answer for answer in dispatcher.tick() if isinstance(answer, dg.RunRequest)]
        runs += len(requests)
        assert all(run_request(definitions, instance, request).success for request in requests)
        if store.job(result.run_id).status is not JobStatus.RUNNING:
            break
    assert store.job(result.run_id).status is JobStatus.COMPLETED
    return result.run_id, runs


def observations(instance: dg.DagsterInstance) -> list[dict[str, object]]:
    found = instance.fetch_observations(dg.AssetKey("customer"), limit=10).records
    metadata = [record.asset_observation.metadata for record in found if record.asset_observation]
    return [{name: value.value for name, value in one.items()} for one in metadata]


def test_changes_are_imported_and_a_calm_night_is_seen_on_the_asset(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    store: WaveStore,
    sandbox: SandboxServer,
    clock: Clock,
) -> None:
    carried_out(definitions, instance, store)
    before = materializations(instance, "customer")
    connection = sandbox.dataset.connection()
    ids = [id_ for (id_,) in connection.execute("SELECT id FROM customer ORDER BY id")]
    clock.forward(hours=24)
    sandbox.dataset.put("customer", [{"id": ids[0], "companyname": "first"}, {"id": ids[-1], "companyname": "last"}])
    # Longer than the overlap, within which changes are looked at again.
    clock.forward(hours=3)

    _, runs = carried_out(definitions, instance, store, changes_only=True)
    assert runs == 1
    after = materializations(instance, "customer")
    assert set(after) == set(before) == set(batches(instance, "customer"))
    changed = after[batches(instance, "customer")[0]][0]
    assert (changed["expected"], changed["updated"]) == (1, 1)
    assert "changed_since" in changed
    # The batch is as large as it was, though one row of it was read.
    assert (
        changed["dagster/partition_row_count"]
        == before[batches(instance, "customer")[0]][0]["dagster/partition_row_count"]
    )
    assert observations(instance)[0]["batches to read"] == len(after)

    clock.forward(hours=24)
    _, runs = carried_out(definitions, instance, store, changes_only=True)
    assert runs == 0
    assert materializations(instance, "customer") == after
    seen = observations(instance)[0]
    assert (seen["batches to read"], seen["records in NetSuite"]) == (0, len(ids))
    assert str(seen["compared with NetSuite at"]).startswith("2026-10-22")
