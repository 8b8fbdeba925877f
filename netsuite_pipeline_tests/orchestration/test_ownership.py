"""Two Dagster instances on one warehouse, by mistake: one carries an import out, the other leaves it alone."""

from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from netsuite_pipeline.orchestration.partitions import PartitionRegistry
from netsuite_pipeline.orchestration.wave_dispatch import WaveDispatcher
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.waves.errors import Refused
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import BatchStatus, JobStatus, utc_now
from netsuite_pipeline.waves.retrying import reset_wave, retry_job
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.orchestration.runs import create_run, plan

Look = Callable[[dg.DagsterInstance], list[dg.RunRequest | dg.SkipReason]]


@pytest.fixture
def limits(environment: None) -> Limits:
    return Limits.of(Settings.load())


@pytest.fixture
def other(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "other").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "other")) as instance:
        yield instance


@pytest.fixture
def look(store: WaveStore, limits: Limits) -> Look:
    """One look of an instance's dispatcher."""

    def tick(instance: dg.DagsterInstance) -> list[dg.RunRequest | dg.SkipReason]:
        return list(WaveDispatcher(instance=instance, store=store, limits=limits, record_types=CATALOG.names).tick())

    return tick


def said(answers: list[dg.RunRequest | dg.SkipReason]) -> str:
    """Why a look launched nothing."""
    (skip,) = answers
    assert isinstance(skip, dg.SkipReason)
    return str(skip.skip_message)


@pytest.fixture
def job_id(
    limits: Limits, definitions: dg.Definitions, instance: dg.DagsterInstance, look: Look, store: WaveStore
) -> str:
    """An import of which everything is in flight, in runs that its instance starts."""
    result = plan(definitions, instance, "customer")
    assert result.success
    for request in look(instance):
        assert isinstance(request, dg.RunRequest)
        create_run(definitions, instance, request, status=dg.DagsterRunStatus.STARTING)
    look(instance)
    assert {batch.status for batch in store.batches(result.run_id)} == {BatchStatus.DISPATCHED}
    return result.run_id


def test_an_instance_is_told_from_another_and_stays_the_same(
    instance: dg.DagsterInstance, other: dg.DagsterInstance
) -> None:
    identity = PartitionRegistry(instance).identity
    assert identity
    assert PartitionRegistry(instance).identity == identity
    assert PartitionRegistry(other).identity not in {identity, None}


def test_the_import_of_another_instance_is_left_alone_and_named(
    other: dg.DagsterInstance, job_id: str, look: Look, store: WaveStore
) -> None:
    before = store.batches(job_id)
    assert f"Import {job_id} belongs to another Dagster instance" in said(look(other))
    assert store.batches(job_id) == before


def test_the_plan_of_another_instance_is_not_given_up(
    instance: dg.DagsterInstance, other: dg.DagsterInstance, look: Look, store: WaveStore
) -> None:
    registry = PartitionRegistry(instance).identity
    created = {"record_types": ["customer"], "with_dependencies": False, "trigger": "cli", "registry": registry}
    store.create_job("planned", now=utc_now().replace(year=2020), **created)  # type: ignore[arg-type]
    look(other)
    assert store.job("planned").status is JobStatus.PLANNING


def test_what_another_instance_has_under_way_is_neither_retried_nor_reset_here(
    other: dg.DagsterInstance, job_id: str, limits: Limits, store: WaveStore
) -> None:
    registry = PartitionRegistry(other)
    with pytest.raises(Refused, match="belongs to another Dagster instance"):
        retry_job(job_id, store=store, registry=registry, limits=limits, now=utc_now())
    with pytest.raises(Refused, match="belongs to another Dagster instance"):
        reset_wave(job_id, 1, store=store, registry=registry, limits=limits, now=utc_now())


def test_an_import_whose_instance_is_gone_is_cancelled_and_goes_on_here(
    instance: dg.DagsterInstance, other: dg.DagsterInstance, job_id: str, limits: Limits, look: Look, store: WaveStore
) -> None:
    store.cancel(job_id, now=utc_now())
    look(other)
    assert store.job(job_id).status is JobStatus.CANCELLED
    # Its batches are planned here, too.
    ranges = [batch.range for batch in store.batches(job_id)]
    PartitionRegistry(other).apply("customer", add=ranges, remove=[])

    retry_job(job_id, store=store, registry=PartitionRegistry(other), limits=limits, now=utc_now())

    assert ("due for another attempt" in said(look(other)), "belongs to" in said(look(instance))) == (True, True)
