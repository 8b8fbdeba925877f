"""What a dry run says, beside what an import then does."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from netsuite_pipeline.orchestration.dry_run import DryRun, dry_run
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.waves.model import ImportMode
from netsuite_pipeline_tests.orchestration.nights import Clock, Deployment, served


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> Iterator[SandboxServer]:
    with served(300, clock=clock) as server:
        yield server


@pytest.fixture
def deployment(sandbox: SandboxServer, clock: Clock, engine: Engine) -> Deployment:
    return Deployment(sandbox, clock, engine)


def rehearsed(deployment: Deployment, *names: str, mode: ImportMode = ImportMode.INCREMENTAL) -> DryRun:
    return dry_run(
        pipeline=PipelineResource(),
        catalog=CATALOG,
        registry=deployment.registry,
        names=names,
        dependencies=False,
        mode=mode,
        pool_runs=2,
    )


def test_it_says_what_a_full_import_then_reads(deployment: Deployment) -> None:
    said = rehearsed(deployment, mode=ImportMode.FULL)
    assert deployment.registry.kept == {}
    done = deployment.full()
    assert sum(one.to_read for one in said.types) == done.fetched
    assert sum(one.batches for one in said.types) == len(done.ledgers)
    assert said.waves == len(done.plan.waves)
    # An import also asks for the time, up to which it is then said to be.
    assert (said.runs, said.asked + 1) == (done.runs, done.planning_requests)
    assert not any(one.measured for one in said.types)


def test_it_says_what_an_incremental_import_then_reads(deployment: Deployment) -> None:
    deployment.full()
    connection = deployment.sandbox.dataset.connection()
    ids = [id_ for (id_,) in connection.execute("SELECT id FROM customer ORDER BY id")]
    deployment.clock.forward(hours=24)
    deployment.sandbox.dataset.put("customer", [{"id": id_, "companyname": "changed"} for id_ in ids[:30]])
    deployment.sandbox.dataset.put("customer", [{"id": ids[-1] + 400, "companyname": "new", "isperson": "F"}])
    deployment.sandbox.dataset.delete("customer", ids[-1])
    deployment.clock.forward(hours=1)
    said = rehearsed(deployment, "customer")
    assert rehearsed(deployment, "customer") == said
    done = deployment.night("customer")
    assert [one.batches for one in said.types] == [len(done.ledgers)]
    assert said.asked == done.planning_requests
    assert said.types[0].measured
    deployment.assert_exact("customer")
