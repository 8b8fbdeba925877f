"""SIGKILL of any process during an import: it finishes after a restart, exact, nothing twice."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.sandbox.dataset import Dataset
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.waves.model import JobStatus
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.end_to_end.conftest import RECORDS, StartStack, environment_of
from netsuite_pipeline_tests.end_to_end.exactness import assert_exact
from netsuite_pipeline_tests.end_to_end.stack import BIN, Stack
from netsuite_pipeline_tests.mariadb_server import MariaDBServer
from netsuite_pipeline_tests.ports import free_port
from netsuite_pipeline_tests.waiting import wait_for

TYPES = "price_level,customer"
# Small batches in one run, slowly answered: wherever the kill falls, some are committed and some are not.
SLOW = {"BATCH_SIZE": "100", "NETSUITE_CONCURRENCY": "2"}
LATENCY_SECONDS = 0.4


@pytest.fixture
def slow_sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(records=RECORDS, seed=11, latency=LATENCY_SECONDS) as server:
        yield server


def test_a_killed_run_worker_costs_a_repetition_and_no_row(
    slow_sandbox: SandboxServer, start_stack: StartStack
) -> None:
    stack = start_stack(environment_of(slow_sandbox), database="sqlite", **SLOW)
    stack.start_daemon()
    _start_import(stack)
    _wait_for_some_customers(stack)

    wait_for(lambda: _kill(stack.run_workers()), what="a run worker to kill", every=0.05)

    _assert_finishes(stack, slow_sandbox.dataset, retried=True)
    with stack.instance() as instance:
        # Batches committed before the kill are green too, though their run never said so.
        keys = set(instance.get_dynamic_partitions("customer_batches"))
        status = instance.get_materialized_partitions(_asset_key("customer"))
        assert keys == status


@pytest.mark.parametrize("alone", [False, True], ids=["with all it started", "alone"])
def test_what_a_killed_daemon_left_is_picked_up_by_the_next_one(
    slow_sandbox: SandboxServer, start_stack: StartStack, alone: bool
) -> None:
    stack = start_stack(environment_of(slow_sandbox), database="sqlite", **SLOW)
    stack.start_daemon()
    _start_import(stack)
    _wait_for_some_customers(stack)

    wait_for(stack.run_workers, what="a run worker", every=0.05)
    descendants = psutil.Process(stack.processes["daemon"].pid).children(recursive=True)
    stack.kill("daemon")
    if alone:
        # Code server and runs have sessions of their own and go on without a daemon.
        assert [process for process in stack.run_workers() if process in descendants]
    else:
        assert _kill(descendants)
    stack.start_daemon()

    _assert_finishes(stack, slow_sandbox.dataset, retried=not alone)


def test_a_killed_netsuite_is_waited_for(start_stack: StartStack, tmp_path: Path) -> None:
    port = free_port()
    command = [str(BIN / "netsuite-pipeline"), "sandbox", "serve", "--port", str(port)]
    command += ["--records", str(RECORDS), "--seed", "11", "--latency-ms", str(int(LATENCY_SECONDS * 1000))]
    with Dataset.generated(records=RECORDS, seed=11) as dataset, SandboxServer(records=1) as any_sandbox:
        environment = environment_of(any_sandbox) | {"NETSUITE_BASE_URL": f"http://127.0.0.1:{port}"}
        stack = start_stack(environment, database="sqlite", **SLOW)
        stack.start("sandbox", command)
        wait_for(lambda: "NETSUITE_TOKEN_SECRET" in stack.log("sandbox"), seconds=180, what="the sandbox")
        stack.start_daemon()
        _start_import(stack)
        _wait_for_some_customers(stack)

        stack.kill("sandbox")
        stack.start("sandbox", command)

        _assert_finishes(stack, dataset)


def test_a_killed_database_server_is_waited_for(slow_sandbox: SandboxServer, start_stack: StartStack) -> None:
    # A server of its own, because the one of the session serves other tests' databases too.
    with MariaDBServer() as server:
        stack = start_stack(environment_of(slow_sandbox), database="sqlite", **SLOW)
        stack.environment["WAREHOUSE_URL"] = server.create_database("warehouse")
        stack.start_daemon()
        _start_import(stack)
        _wait_for_some_customers(stack)

        server.kill()
        server.start()

        _assert_finishes(stack, slow_sandbox.dataset)


def _kill(processes: list[psutil.Process]) -> int:
    """SIGKILL to each that has not ended meanwhile; how many those were."""
    killed = 0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
            killed += 1
    return killed


def _start_import(stack: Stack) -> None:
    stack.command("import", "start", "--types", TYPES, "--no-dependencies")


def _wait_for_some_customers(stack: Stack) -> None:
    engine = connect(stack.environment["WAREHOUSE_URL"])
    query = sa.text("SELECT COUNT(*) FROM wave_batches WHERE record_type = 'customer' AND status = 'completed'")

    def some() -> bool:
        with engine.connect() as connection:
            return bool(connection.execute(query).scalar_one() >= 3)

    wait_for(some, seconds=360, what="the first batches of customers", every=0.1)
    engine.dispose()


def _assert_finishes(stack: Stack, dataset: Dataset, *, retried: bool | None = None) -> None:
    """The import completes, exact; `retried` says whether batches have to be or must not be tried again."""
    engine = connect(stack.environment["WAREHOUSE_URL"])
    store = WaveStore(engine)

    def ended() -> bool:
        job = store.latest_job()
        return job is not None and job.finished_at is not None

    wait_for(ended, seconds=720, what="the import to finish", every=1)
    job = store.latest_job()
    assert job is not None
    assert job.status is JobStatus.COMPLETED, job.failure_reason
    for name in TYPES.split(","):
        assert_exact(dataset, engine, CATALOG.get(name))
    with engine.connect() as connection:
        # Each batch was committed once: what was committed before the kill was not loaded again.
        ledgers = "SELECT COUNT(*) FROM batch_ledger WHERE job_id = :job"
        batches = "SELECT COUNT(*) FROM wave_batches WHERE job_id = :job"
        committed = connection.execute(sa.text(ledgers), {"job": job.job_id}).scalar_one()
        assert committed == connection.execute(sa.text(batches), {"job": job.job_id}).scalar_one()
        attempts = connection.execute(sa.text("SELECT MAX(attempt) FROM wave_batches")).scalar_one()
    if retried is not None:
        assert (attempts > 1) is retried
    engine.dispose()


def _asset_key(name: str) -> object:
    import dagster as dg

    return dg.AssetKey(name)
