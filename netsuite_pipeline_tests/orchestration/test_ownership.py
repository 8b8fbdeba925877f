"""Two Dagster instances on one warehouse, by mistake: one carries an import out, the other leaves it alone."""

import datetime as dt
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


@pytest.mark.parametrize(("days", "status"), [(0, JobStatus.PLANNING), (2, JobStatus.FAILED)])
def test_the_plan_of_another_instance_is_given_up_when_nobody_plans_that_long(
    instance: dg.DagsterInstance,
    other: dg.DagsterInstance,
    look: Look,
    store: WaveStore,
    days: int,
    status: JobStatus,
) -> None:
    store.create_job(
        "planned",
        record_types=["customer"],
        with_dependencies=False,
        trigger="cli",
        registry=PartitionRegistry(instance).identity,
        now=utc_now() - dt.timedelta(days=days),
    )
    store.beat("planned", age=dt.timedelta(minutes=1))
    look(other)
    assert store.job("planned").status is status


def test_what_belongs_to_another_instance_is_neither_retried_nor_reset_here(
    other: dg.DagsterInstance, job_id: str, limits: Limits, store: WaveStore
) -> None:
    registry = PartitionRegistry(other)
    for _ in range(2):
        with pytest.raises(Refused, match="belongs to another Dagster instance"):
            retry_job(job_id, store=store, registry=registry, limits=limits, now=utc_now())
        with pytest.raises(Refused, match="start a new import"):
            reset_wave(job_id, 1, store=store, registry=registry, limits=limits, now=utc_now())
        store.fail_job(job_id, "for the second time", now=utc_now())


@pytest.mark.parametrize(("silence", "status"), [(0, JobStatus.RUNNING), (60, JobStatus.CANCELLED)])
def test_a_cancelled_import_of_another_instance_ends_when_its_runs_are_silent(
    other: dg.DagsterInstance, job_id: str, look: Look, store: WaveStore, silence: int, status: JobStatus
) -> None:
    for held in store.in_flight(job_id):
        store.beat(str(held.run_id), age=dt.timedelta(seconds=silence))
    store.cancel(job_id, now=utc_now())
    assert all(isinstance(answer, dg.SkipReason) for answer in look(other))
    assert store.job(job_id).status is status


def test_a_cancelled_import_whose_instance_died_before_it_launched_a_run_ends(
    definitions: dg.Definitions, instance: dg.DagsterInstance, other: dg.DagsterInstance, look: Look, store: WaveStore
) -> None:
    job_id = plan(definitions, instance, "customer").run_id
    look(instance)
    store.cancel(job_id, now=utc_now())
    assert all(isinstance(answer, dg.SkipReason) for answer in look(other))
    assert store.job(job_id).status is JobStatus.CANCELLED
