"""How much memory a worker needs, and whether that grows with the records: `python -m benchmarks.memory`.

Each number of records is imported by a fresh process, from a page server that makes its rows up as it is asked.
Measures and saves; `benchmarks.report` makes the table.
"""

import argparse
import json
import re
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.chain import CONCURRENCY, client_of, import_all, loader_of, ranges_of
from benchmarks.database import Database, private_database
from benchmarks.machine import conditions
from benchmarks.page_server import PageServer
from benchmarks.tables import Table
from netsuite_pipeline.warehouse.engine import connect

RESULTS = "memory.json"
# `stream_batches` holds at most one batch more than it has threads, of 1,000 records each.
THOUSANDS_IN_FLIGHT = CONCURRENCY + 1
_SHAPE = "wide"
_LIMIT_SECONDS = 3600.0


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Resident megabytes (2**20) of a worker: once everything is imported by Python, and at most until the end."""

    records: int
    writers: int
    baseline: float
    peak: float

    @property
    def per_thousand_in_flight(self) -> float:
        """Above the baseline, for each 1,000 records that are held at a time."""
        return (self.peak - self.baseline) / THOUSANDS_IN_FLIGHT


def main() -> None:
    """Measures, prints and saves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", default="10000,100000,1000000", help="numbers of records, with commas")
    parser.add_argument("--writers", type=int, default=1, help="threads that load")
    parser.add_argument("--output", type=Path, default=Path("docs/benchmarks"), help="the folder to save results in")
    arguments = parser.parse_args()
    counts = [int(count) for count in arguments.records.split(",")]
    with private_database() as database, PageServer(_SHAPE, rows=max(counts)) as server:
        measured = [measure(database, server, count, writers=arguments.writers) for count in counts]
        results = {
            "conditions": conditions(database.version),
            "in_flight": THOUSANDS_IN_FLIGHT,
            "memory": [asdict(memory) for memory in measured],
        }
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / RESULTS).write_text(json.dumps(results, indent=1) + "\n")


def measure(database: Database, server: PageServer, records: int, *, writers: int) -> Memory:
    """A first load of so many records by a process of its own; RuntimeError if it does not end well."""
    url = database.create("bench_memory")
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    worker = context.Process(target=_work, args=(theirs, server.url(), url, records, writers), daemon=True)
    worker.start()
    theirs.close()
    try:
        if not ours.poll(_LIMIT_SECONDS):
            raise RuntimeError(f"Importing {records} records took longer than {_LIMIT_SECONDS:.0f} s.")
        baseline, peak = ours.recv()
    except EOFError:
        raise RuntimeError(f"The worker that was to import {records} records ended early; see above.") from None
    finally:
        worker.terminate()
        worker.join()
        database.drop("bench_memory")
    memory = Memory(records=records, writers=writers, baseline=baseline, peak=peak)
    print(
        f"{records:>9,} records: {peak:.0f} MiB at most, {baseline:.0f} after imports,"
        f" {memory.per_thousand_in_flight:.1f} per 1,000 records in flight",
        flush=True,
    )
    return memory


def _work(connection: Connection, server_url: str, database_url: str, records: int, writers: int) -> None:
    # Spawned, so that the kernel's high-water mark is of this process alone; this module has imported everything.
    baseline = _resident("VmRSS")
    record_type = Table.of(_SHAPE).record_type
    engine = connect(database_url)
    with client_of(server_url) as client:
        loader = loader_of(engine, record_type)
        import_all(client, engine, record_type, ranges_of(records), loader=loader, writers=writers)
    connection.send((baseline, _resident("VmHWM")))


def _resident(name: str) -> float:
    status = Path("/proc/self/status").read_text()
    found = re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"Memory is read from /proc/self/status, which has no {name} here.")
    return int(found[1]) / 1024


if __name__ == "__main__":
    main()
