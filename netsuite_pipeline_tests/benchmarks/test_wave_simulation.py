"""The simulation plays Dagster's queue as it is, and imports of companies that share it end, one after an outage."""

import random
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.utils import make_new_run_id
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from benchmarks.look_cost import measure
from benchmarks.simulated_queue import QueuedRun, RunQueue
from benchmarks.wave_simulation import Scenario, first_come, simulate
from netsuite_pipeline.waves.model import ImportMode
from netsuite_pipeline_tests.mariadb_server import MariaDBServer

SMALL = Scenario(batches=900, tenants=6, runs=4, failing=0.05, seed=1)
YAML = """
concurrency:
  runs:
    max_concurrent_runs: 5
    tag_concurrency_limits: [{key: full, value: {applyLimitPerUniqueValue: true}, limit: 1}]
  pools: {granularity: run, default_limit: 2}
"""


@pytest.mark.parametrize("seed", range(3))
def test_the_played_queue_launches_what_dagsters_own_would(tmp_path: Path, seed: int) -> None:
    (tmp_path / "dagster.yaml").write_text(YAML)
    rng, played = random.Random(seed), RunQueue(runs=5, pool=2, full=1)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        for name in "abc":
            instance.event_log_storage.initialize_concurrency_limit_to_default(name)
        known: dict[str, QueuedRun] = {}
        # With three pools of two, the limit of all runs counts as well.
        for _ in range(20):
            run = QueuedRun(
                tenant=rng.choice("abc"),
                priority=rng.choice((-7, -3, 0, 10)),
                is_full=rng.random() < 0.7,
                work=iter(()),
            )
            played.put(run)
            known[_add(instance, run)] = run
        with QueuedRunCoordinatorDaemon(interval_seconds=1) as queue:
            chosen = queue._get_runs_to_dequeue(instance, instance.get_concurrency_config(), fixed_iteration_time=None)
        assert [known[run.run_id] for run in chosen] == played.take()


def _add(instance: dg.DagsterInstance, run: QueuedRun) -> str:
    @dg.op(pool=run.tenant)
    def work() -> None: ...

    @dg.job
    def some_job() -> None:
        work()

    tags = {"dagster/priority": str(run.priority), **({"full": run.tenant} if run.is_full else {})}
    created = instance.create_run_for_job(some_job, tags=tags)
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("anywhere"), "__repository__")
    queued = created._replace(
        run_id=make_new_run_id(),
        status=dg.DagsterRunStatus.QUEUED,
        remote_job_origin=RemoteJobOrigin(repository, "some_job"),
    )
    instance.add_run(queued)
    return queued.run_id


def test_companies_that_share_dagsters_runs_get_on_equally_fast() -> None:
    unfair, fair = simulate(replace(SMALL, rule=first_come)), simulate(SMALL)
    assert min(fair.at_first_end) > min(unfair.at_first_end)
    assert all(job.done == len(job.levels) for job in (*unfair.jobs, *fair.jobs))


def test_an_outage_of_one_is_over_for_it_and_nothing_to_the_others_where_each_has_its_runs() -> None:
    enough = replace(SMALL, batches=300, runs=12)
    usual, hit = simulate(enough), simulate(replace(enough, away=True))
    assert all(job.done == len(job.levels) for job in hit.jobs)
    ends = [max(job.finished or 0.0 for job in simulation.jobs[1:]) for simulation in (usual, hit)]
    assert ends[1] == ends[0]


def test_with_the_reserve_changes_are_imported_sooner_beside_full_imports() -> None:
    beside = replace(SMALL, batches=1000, tenants=2, runs=4, night=True)
    without, reserved = (simulate(replace(beside, reserve=reserve)) for reserve in (0, 90))
    takes = [
        sum((job.finished or 0.0) - job.asked for job in simulation.jobs if job.mode is ImportMode.INCREMENTAL)
        for simulation in (without, reserved)
    ]
    assert takes[1] < takes[0]


def test_a_look_costs_the_same_statements_however_large_the_import_is() -> None:
    with MariaDBServer() as server:
        small, large = (measure(server, batches=batches, past=1) for batches in (100, 400))
    assert small.statements == large.statements
    assert small.in_flight > 0
