"""A full import of customers into MariaDB through Dagster: speed, where the time goes, memory.

`python -m benchmarks.import_customers [--customers 137705] [--latency-ms 0] [--dependencies]` from the project's
folder. Starts a private MariaDB server, the sandbox and the daemon, and ends them. At last one worker streams the same
records into another database without Dagster and waves. Figures depend on the machine: quote shares and ratios.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import httpx
import sqlalchemy as sa

from benchmarks.chain import import_all, loader_of
from benchmarks.import_times import Watch, report_stages, run_times
from netsuite_pipeline.netsuite.client import NetSuiteClient
from netsuite_pipeline.netsuite.histogram import measure
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.waves.model import Job, JobStatus, utc_now
from netsuite_pipeline.waves.planner import plan_ranges
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.end_to_end.stack import BIN, PROJECT, Stack, free_port, prepare_home, wait_for
from netsuite_pipeline_tests.mariadb_server import MariaDBServer

_LIMIT_SECONDS = 3600


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the import twice, streams the same records once, and prints what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=137_705)
    parser.add_argument("--latency-ms", type=int, default=0)
    parser.add_argument("--dependencies", action="store_true", help="with the types that customers depend on")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, MariaDBServer() as database:
        port = free_port()
        stack = Stack(directory=Path(folder), environment={**os.environ, **_environment(port)})
        stack.environment |= prepare_home(Path(folder), mysql_storage_url=None)
        stack.environment["WAREHOUSE_URL"] = database.create_database("warehouse")
        stack.create_storage()
        try:
            _start_sandbox(stack, port, customers=chosen.customers, latency_ms=chosen.latency_ms)
            # At its usual pace, unlike the daemon of the tests.
            stack.start("daemon", [str(BIN / "dagster-daemon"), "run", "-w", str(PROJECT / "workspace.yaml")])
            command = ["--types", "customer", *([] if chosen.dependencies else ["--no-dependencies"])]
            first, _ = [_measure(stack, database, command, title) for title in ("first load", "unchanged")]
            stack.kill("daemon")
            types = CATALOG.select(["customer"], dependencies=chosen.dependencies)
            streamed = _stream(stack, database.create_database("streamed"), types)
            print(f"one worker without Dagster: {streamed:.1f} s; waves take {first / streamed:.2f} times as long")
        finally:
            stack.stop()


def _environment(port: int) -> dict[str, str]:
    return {
        "NETSUITE_ACCOUNT_ID": "1234567_SB1",
        "NETSUITE_BASE_URL": f"http://127.0.0.1:{port}",
        "NETSUITE_AUTH": "tba",
        "NETSUITE_CONSUMER_KEY": "sandbox-consumer-key",
        "NETSUITE_CONSUMER_SECRET": "sandbox-consumer-secret",
        "NETSUITE_TOKEN_ID": "sandbox-token-id",
        "NETSUITE_TOKEN_SECRET": "sandbox-token-secret",
        "WAVE_INTER_WAVE_DELAY": "0",
    }


def _start_sandbox(stack: Stack, port: int, *, customers: int, latency_ms: int) -> None:
    command = [str(BIN / "netsuite-pipeline"), "sandbox", "serve", "--port", str(port), "--records", "1000"]
    stack.start("sandbox", [*command, "--customers", str(customers), "--latency-ms", str(latency_ms)])
    wait_for(lambda: "NETSUITE_TOKEN_SECRET" in stack.log("sandbox"), seconds=900, what="the sandbox")


def _stream(stack: Stack, warehouse: str, record_types: Sequence[RecordType]) -> float:
    """Seconds from the first question to the last commit, with as many requests in flight as all runs may have."""
    with mock.patch.dict(os.environ, stack.environment):
        settings = Settings.load()
    engine = connect(warehouse)
    started = time.monotonic()
    with NetSuiteClient.connect(settings) as client:
        for record_type in record_types:
            loader = loader_of(engine, record_type)
            histogram = measure(client, record_type, batch_size=settings.batch_size)
            ranges = plan_ranges(histogram.buckets, batch_size=settings.batch_size).add
            import_all(client, engine, record_type, ranges, loader=loader, writers=settings.warehouse_writers)
    seconds = time.monotonic() - started
    engine.dispose()
    return seconds


def _measure(stack: Stack, database: MariaDBServer, command: Sequence[str], title: str) -> float:
    """Seconds from the command to the end of the job."""
    url = stack.environment["NETSUITE_BASE_URL"]
    engine = connect(stack.environment["WAREHOUSE_URL"])
    httpx.delete(f"{url}/sandbox/stats")
    store = WaveStore(engine)
    with Watch(stack, database.pid) as watch:
        asked = utc_now()
        stack.command("import", "start", *command)
        planning_requests = httpx.get(f"{url}/sandbox/stats").json()["total_queries"]
        wait_for(lambda: _latest(store).finished_at, seconds=_LIMIT_SECONDS, what="the import", every=0.5)
    job = _latest(store)
    assert job.status is JobStatus.COMPLETED, job.failure_reason
    assert job.finished_at is not None
    whole = (job.finished_at - asked).total_seconds()
    with engine.connect() as connection:
        totals = connection.execute(sa.text(_TOTALS), {"job": job.job_id}).one()
    with stack.instance() as instance:
        runs = run_times(instance, engine, job)
    print(f"{title}: {totals[0]:,} records in {totals[-1]} batches, {len(runs)} runs: {whole:.1f} s in all")
    print(f"  planning: {planning_requests} requests")
    report_stages(job, runs, asked=asked)
    _report_work(totals, watch)
    engine.dispose()
    return whole


def _latest(store: WaveStore) -> Job:
    job = store.latest_job()
    assert job is not None
    return job


_TOTALS = """
SELECT SUM(fetched), SUM(inserted), SUM(updated), SUM(unchanged), SUM(rejected), SUM(requests),
       SUM(api_seconds), SUM(transform_seconds), SUM(database_seconds), COUNT(*)
FROM batch_ledger WHERE job_id = :job
"""


def _report_work(totals: sa.Row, watch: Watch) -> None:
    fetched, inserted, updated, unchanged, rejected, requests, api, transform, database, _ = totals
    busy = float(api) + float(transform) + float(database)
    print(f"  {inserted:,} inserted, {updated:,} updated, {unchanged:,} unchanged, {rejected:,} rejected")
    print(
        f"  share of the work: API {float(api) / busy:.0%}, transform {float(transform) / busy:.0%},"
        f" database {float(database) / busy:.0%}; {requests} requests for {fetched:,} records"
    )
    processors = sorted(watch.processor_seconds().items(), key=lambda item: -item[1])
    print("  seconds of a core: " + ", ".join(f"{kind} {seconds:.1f}" for kind, seconds in processors))
    peaks = [max(samples) for samples in watch.memory.values()]
    firsts = [samples[len(samples) // 4] for samples in watch.memory.values()]
    print(
        f"  peak RSS of a run worker: {max(peaks) / 2**20:.0f} MiB"
        f" (a quarter of the way in: {max(firsts) / 2**20:.0f} MiB)"
    )


if __name__ == "__main__":
    main()
