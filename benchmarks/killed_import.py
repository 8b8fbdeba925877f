"""Imports of some 600 batches over all levels with a real daemon: one left alone, one whose processes are killed.

`python -m benchmarks.killed_import [--kills 20] [--seed 1]`. A private MariaDB, the sandbox, which fails now and then,
and a daemon at its usual pace. Reported is how long a free slot waits for the next run, and, after SIGKILL to daemon
and run workers at random moments, whether the import ended, exact, with each batch committed once.
"""

import argparse
import os
import random
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil
import sqlalchemy as sa

from benchmarks.dispatch_lag import Moment, lags
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.sandbox.faults import Fault, FaultKind
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.waves.model import JobStatus
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.end_to_end.conftest import environment_of
from netsuite_pipeline_tests.end_to_end.exactness import assert_exact
from netsuite_pipeline_tests.end_to_end.stack import BIN, PROJECT, Stack, prepare_home
from netsuite_pipeline_tests.mariadb_server import MariaDBServer

_SETTINGS = {
    "BATCH_SIZE": "24",
    "RUN_BATCHES": "10",
    "WAVE_SIZE": "100",
    "WAVE_INTER_WAVE_DELAY": "0",
    "WAVE_RETRY_ATTEMPTS": "20",
}
_RECORDS = 14_000
_LIMIT_SECONDS = 3600.0
# Each lasts longer than the attempts of one request, so that batches fail with it.
_FAULTS = (FaultKind.UNAVAILABLE, FaultKind.RESET, FaultKind.INTERNAL_ERROR, FaultKind.TRUNCATED)


def _daemon(stack: Stack) -> None:
    workspace = str(PROJECT / "workspace.yaml")
    stack.start("daemon", [str(BIN / "dagster-daemon"), "run", "-w", workspace])


def _start(stack: Stack, store: WaveStore) -> str:
    stack.command("import", "start")
    job = store.latest_job()
    assert job is not None
    return job.job_id


def _wait(store: WaveStore, job_id: str) -> float:
    started = time.monotonic()
    while store.job(job_id).finished_at is None:
        if time.monotonic() - started > _LIMIT_SECONDS:
            raise AssertionError(f"{job_id} has not ended: {store.job_summary(job_id)}")
        time.sleep(0.5)
    return time.monotonic() - started


def _kill_at_random(
    stack: Stack, sandbox: SandboxServer, store: WaveStore, *, job_id: str, kills: int, seed: int
) -> int:
    chance = random.Random(seed)
    done = 0
    while done < kills and store.job(job_id).finished_at is None:
        time.sleep(chance.uniform(1.0, 6.0))
        sandbox.faults.add(Fault(kind=chance.choice(_FAULTS), times=chance.randint(1, 8), match="ORDER BY"))
        if chance.random() < 0.3:
            stack.kill("daemon")
            time.sleep(chance.uniform(0.0, 3.0))
            _daemon(stack)
            done += 1
            continue
        workers = stack.run_workers()
        if workers:
            with suppress(psutil.NoSuchProcess):
                chance.choice(workers).kill()
                done += 1
    return done


def _moments(engine: sa.Engine, job_id: str) -> list[Moment]:
    query = sa.text(
        "SELECT w.dependency_level, b.wave_number, b.dispatched_at, b.completed_at FROM wave_batches b"
        " JOIN wave_coordination w ON w.job_id = b.job_id AND w.wave_number = b.wave_number"
        " WHERE b.job_id = :job AND b.attempt = 1"
    )
    with engine.connect() as connection:
        rows = connection.execute(query, {"job": job_id}).all()
    return [
        Moment(level=level, wave=wave, dispatched=dispatched, completed=completed)
        for level, wave, dispatched, completed in rows
    ]


def _report_exactness(sandbox: SandboxServer, engine: sa.Engine, store: WaveStore, job_id: str) -> None:
    job = store.job(job_id)
    assert job.status is JobStatus.COMPLETED, job
    rejected = sum(assert_exact(sandbox.dataset, engine, record_type) for record_type in CATALOG)
    batches = store.batches(job_id)
    query = sa.text("SELECT COUNT(*), COUNT(DISTINCT record_type, batch_key) FROM batch_ledger WHERE job_id = :job")
    with engine.connect() as connection:
        ledgers, distinct = connection.execute(query, {"job": job_id}).one()
    assert ledgers == distinct == len(batches), (ledgers, distinct, len(batches))
    attempts = [batch.attempt for batch in batches]
    print(
        f"  {len(batches)} batches, exact, each committed once ({rejected} dirty records rejected);"
        f" {sum(attempts) - len(attempts)} attempts more than one each, at most {max(attempts)} for a batch"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs both imports and prints what was seen; AssertionError if a row or a batch is not as it has to be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory() as folder,
        MariaDBServer() as database,
        SandboxServer(records=_RECORDS, seed=chosen.seed, latency=0.1) as sandbox,
    ):
        environment = {**os.environ, **prepare_home(Path(folder), mysql_storage_url=None), **environment_of(sandbox)}
        environment |= {**_SETTINGS, "WAREHOUSE_URL": database.create_database("warehouse")}
        stack = Stack(directory=Path(folder), environment=environment)
        stack.create_storage()
        engine = connect(environment["WAREHOUSE_URL"])
        store = WaveStore(engine)
        try:
            _daemon(stack)
            job_id = _start(stack, store)
            print(f"Left alone: {_wait(store, job_id):.0f} s")
            _report_exactness(sandbox, engine, store, job_id)
            waited = sorted(lags(_moments(engine, job_id), in_flight=int(_SETTINGS["WAVE_SIZE"]), threshold=90))
            print(
                f"  from a free slot to the next dispatch: median {waited[len(waited) // 2]:.1f} s,"
                f" p95 {waited[int(len(waited) * 0.95)]:.1f} s, most {waited[-1]:.1f} s of {len(waited)}"
            )
            # Every row is new again, so that the second import has something to write and to get wrong.
            with engine.begin() as connection:
                for record_type in CATALOG:
                    connection.execute(sa.text(f"DELETE FROM {record_type.table}"))
            job_id = _start(stack, store)
            killed = _kill_at_random(stack, sandbox, store, job_id=job_id, kills=chosen.kills, seed=chosen.seed)
            sandbox.faults.clear()
            print(f"After {killed} kills it took {_wait(store, job_id):.0f} s more")
            _report_exactness(sandbox, engine, store, job_id)
        finally:
            engine.dispose()
            stack.stop()


if __name__ == "__main__":
    main()
