"""A full import of 137,705 customers into MariaDB through Dagster: speed, where the time goes, memory.

`python -m benchmarks.import_customers [CUSTOMERS] [LATENCY_MS]` from the project's folder. Starts a private MariaDB
server, the sandbox and the daemon, and ends them. At last one worker streams the same records into another database
without Dagster and waves. Figures depend on the machine: quote shares and ratios.
"""

import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from unittest import mock

import httpx
import psutil
import sqlalchemy as sa

from benchmarks.chain import import_all, loader_of
from netsuite_pipeline.netsuite.client import NetSuiteClient
from netsuite_pipeline.netsuite.histogram import measure
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.waves.model import JobStatus
from netsuite_pipeline.waves.planner import plan_ranges
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.end_to_end.stack import BIN, Stack, free_port, prepare_home, wait_for
from netsuite_pipeline_tests.mariadb_server import MariaDBServer

_CUSTOMER = CATALOG.get("customer")
_SAMPLE_SECONDS = 0.2
_LIMIT_SECONDS = 1800


class PeakMemory:
    """The resident memory of the run workers, sampled: the first megabytes of each and its peak."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.samples: dict[int, list[int]] = {}

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            for worker in self._stack.run_workers():
                try:
                    self.samples.setdefault(worker.pid, []).append(worker.memory_info().rss)
                except psutil.Error:
                    continue


def main(customers: int, latency_ms: int) -> None:
    """Runs the import once and prints what was measured."""
    with tempfile.TemporaryDirectory() as folder, MariaDBServer() as database:
        port = free_port()
        stack = Stack(directory=Path(folder), environment={**os.environ, **_environment(port)})
        stack.environment |= prepare_home(Path(folder), mysql_storage_url=None)
        stack.environment["WAREHOUSE_URL"] = database.create_database("warehouse")
        stack.create_storage()
        try:
            _start_sandbox(stack, port, customers=customers, latency_ms=latency_ms)
            stack.start_daemon()
            first, _ = [_measure(stack, title) for title in ("first load", "unchanged")]
            stack.kill("daemon")
            streamed = _stream(stack, database.create_database("streamed"))
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
    wait_for(lambda: "NETSUITE_TOKEN_SECRET" in stack.log("sandbox"), seconds=120, what="the sandbox")


def _stream(stack: Stack, warehouse: str) -> float:
    """Seconds from the first question to the last commit, with as many requests in flight as all runs may have."""
    with mock.patch.dict(os.environ, stack.environment):
        settings = Settings.load()
    engine = connect(warehouse)
    loader = loader_of(engine, _CUSTOMER)
    started = time.monotonic()
    with NetSuiteClient.connect(settings) as client:
        histogram = measure(client, _CUSTOMER, batch_size=settings.batch_size)
        ranges = plan_ranges(histogram.buckets, batch_size=settings.batch_size).add
        import_all(client, engine, _CUSTOMER, ranges, loader=loader, writers=settings.warehouse_writers)
    seconds = time.monotonic() - started
    engine.dispose()
    return seconds


def _measure(stack: Stack, title: str) -> float:
    """Seconds from the command to the end of the job."""
    url = stack.environment["NETSUITE_BASE_URL"]
    engine = connect(stack.environment["WAREHOUSE_URL"])
    httpx.delete(f"{url}/sandbox/stats")
    started = time.monotonic()
    stack.command("import", "start", "--types", "customer", "--no-dependencies")
    planned = time.monotonic() - started
    planning_requests = httpx.get(f"{url}/sandbox/stats").json()["total_queries"]
    store = WaveStore(engine)
    with PeakMemory(stack) as memory:
        wait_for(lambda: _latest(store).finished_at, seconds=_LIMIT_SECONDS, what="the import", every=0.5)
    whole = time.monotonic() - started
    job = _latest(store)
    assert job.status is JobStatus.COMPLETED, job.failure_reason
    with engine.connect() as connection:
        totals = connection.execute(sa.text(_TOTALS), {"job": job.job_id}).one()
        working = connection.execute(sa.text(_WORKING), {"job": job.job_id}).one()
    _report(title, planned, planning_requests, totals, _seconds(working), memory)
    print(f"  from the command to the end of the job: {whole:.1f} s")
    engine.dispose()
    return whole


def _latest(store: WaveStore):
    job = store.latest_job()
    assert job is not None
    return job


_TOTALS = """
SELECT SUM(fetched), SUM(inserted), SUM(updated), SUM(unchanged), SUM(rejected), SUM(requests),
       SUM(api_seconds), SUM(transform_seconds), SUM(database_seconds), COUNT(*)
FROM batch_ledger WHERE job_id = :job
"""
_WORKING = "SELECT MIN(dispatched_at), MAX(completed_at) FROM wave_batches WHERE job_id = :job"


def _seconds(working: sa.Row) -> float:
    return float((working[1] - working[0]).total_seconds())


def _report(title, planned, planning_requests, totals, seconds, memory: PeakMemory) -> None:
    fetched, inserted, updated, unchanged, rejected, requests, api, transform, database, batches = totals
    busy = float(api) + float(transform) + float(database)
    peaks = [max(samples) for samples in memory.samples.values()]
    firsts = [samples[len(samples) // 4] for samples in memory.samples.values()]
    print(f"{title}: {fetched:,} customers in {batches} batches, {len(peaks)} runs")
    print(f"  planning: {planning_requests} requests, {planned:.1f} s with the command's own start")
    print(f"  {inserted:,} inserted, {updated:,} updated, {unchanged:,} unchanged, {rejected:,} rejected")
    print(
        f"  first dispatch to last commit: {seconds:.1f} s, {float(fetched) / seconds:,.0f} records/s,"
        f" {requests} requests"
    )
    print(
        f"  share of the work: API {float(api) / busy:.0%}, transform {float(transform) / busy:.0%},"
        f" database {float(database) / busy:.0%} (threads overlap: {busy:.1f} s of work in {seconds:.1f} s)"
    )
    print(
        f"  peak RSS of a run worker: {max(peaks) / 2**20:.0f} MiB"
        f" (a quarter of the way in: {max(firsts) / 2**20:.0f} MiB)"
    )


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    main(*(arguments + [137_705, 0][len(arguments) :]))
