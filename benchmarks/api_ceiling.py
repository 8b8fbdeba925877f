"""How close an import comes to what the account's slots allow: `python -m benchmarks.api_ceiling`.

Reads customers from the sandbox, in a process of its own, and loads them into a private MariaDB as a run's worker does.
An account answers at most slots x 1,000 records per page's latency; the share that is reached is the product of three
shares, which say where the rest went. What is measured is printed and not saved.
"""

import argparse
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

import psutil

from benchmarks.chain import loader_of
from benchmarks.database import Database, private_database
from benchmarks.machine import conditions
from netsuite_pipeline.netsuite.client import NetSuiteClient
from netsuite_pipeline.netsuite.histogram import measure
from netsuite_pipeline.netsuite.page import PAGE_SIZE
from netsuite_pipeline.netsuite.stream import stream_batches
from netsuite_pipeline.orchestration.batch_run import BatchRun, import_batches
from netsuite_pipeline.orchestration.fetching import threads_for
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.planner import plan_ranges
from netsuite_pipeline.waves.store import WaveStore

_CUSTOMER = CATALOG.get("customer")
_SCHEMA = "bench_ceiling"
_START_SECONDS = 600.0
# The records that the sandbox makes beside the customers.
_OTHERS = 1000


@dataclass(frozen=True, kw_only=True)
class Reached:
    """One import. `held` are the seconds that slots were held, `written` those that were spent loading, over all
    threads; `cpu` and `account_cpu` those of processor time that this process and the sandbox used.
    """

    slots: int
    latency: float
    records: int
    requests: int
    retries: int
    seconds: float
    held: float
    writers: int
    written: float
    cpu: float
    account_cpu: float

    @property
    def share(self) -> float:
        """Of slots x 1,000 records per latency. The product of the three below."""
        return self.records / self.seconds / (self.slots * PAGE_SIZE / self.latency)

    @property
    def full(self) -> float:
        """Records per request, of 1,000: counts bring none, and batches are not all of 1,000."""
        return self.records / self.requests / PAGE_SIZE

    @property
    def prompt(self) -> float:
        """The latency, of the seconds that an answer took from sending to its last byte."""
        return self.latency * self.requests / self.held

    @property
    def taken(self) -> float:
        """How much of the time slots were held: the rest of it the client had nothing in them."""
        return self.held / (self.slots * self.seconds)

    @property
    def report(self) -> str:
        """Some lines for people."""
        losses = {
            f"requests that bring fewer than {PAGE_SIZE:,} records": self.full,
            "answers that take longer than the latency": self.prompt,
            "slots that are not taken": self.taken,
        }
        worst = min(losses, key=lambda name: losses[name])
        return (
            f"{self.slots} slots, {self.latency:g} s a page: {self.records / self.seconds:,.0f} records/s,"
            f" {self.share:.1%} of {self.slots * PAGE_SIZE / self.latency:,.0f}\n"
            f"  {self.records:,} records, {self.requests} requests, {self.retries} again, {self.seconds:.1f} s\n"
            f"  = full pages {self.full:.1%} x prompt answers {self.prompt:.1%} x slots taken {self.taken:.1%}\n"
            f"  limited most by {worst}; writers were busy for {self.written / self.seconds / self.writers:.0%}, this"
            f" process used {self.cpu / self.seconds:.0%} of a core, the sandbox {self.account_cpu / self.seconds:.0%}"
        )


class Account:
    """The sandbox in a process of its own, so that it does not share this one's interpreter."""

    def __init__(self, *, customers: int, latency: float) -> None:
        self._arguments = (customers, latency)

    def __enter__(self) -> Self:
        context = get_context("spawn")
        self._ours, theirs = context.Pipe()
        # A daemon ends with this process, however that ends.
        self._process = context.Process(target=_serve, args=(theirs, *self._arguments), daemon=True)
        self._process.start()
        theirs.close()
        try:
            if not self._ours.poll(_START_SECONDS):
                self._process.terminate()
                raise RuntimeError(f"The sandbox did not start within {_START_SECONDS:.0f} s.")
            self.settings: Settings = self._ours.recv()
        except EOFError:
            raise RuntimeError("The sandbox ended before it served; see its error above.") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ours.close()
        self._process.join(10)
        self._process.terminate()
        self._process.join()

    @property
    def cpu(self) -> float:
        """Seconds of processor time so far."""
        times = psutil.Process(self._process.pid).cpu_times()
        return times.user + times.system

    def allow(self, slots: int) -> None:
        """From now on more requests at once are refused."""
        self._ours.send(slots)
        self._ours.recv()


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=150_000)
    parser.add_argument("--slots", default="5,15", help="numbers of slots, with commas")
    parser.add_argument("--latency", type=float, default=1.0, help="seconds until a page comes")
    parser.add_argument("--batch-size", type=int, default=PAGE_SIZE, help="records of a batch, at most")
    parser.add_argument("--writers", type=int, default=2, help="threads that load")
    arguments = parser.parse_args()
    with (
        private_database() as database,
        Account(customers=arguments.customers, latency=arguments.latency) as account,
    ):
        for name, value in conditions(database.version).items():
            print(f"{name}: {value}")
        for slots in map(int, arguments.slots.split(",")):
            account.allow(slots)
            reached = ceiling(
                database,
                account,
                slots=slots,
                latency=arguments.latency,
                batch_size=arguments.batch_size,
                writers=arguments.writers,
            )
            print(reached.report, flush=True)


def ceiling(
    database: Database, account: Account, *, slots: int, latency: float, batch_size: int, writers: int
) -> Reached:
    """A first load of all customers; RuntimeError if a batch is not imported."""
    database.create(_SCHEMA)
    try:
        with NetSuiteClient.connect(account.settings, concurrency=slots) as client:
            histogram = measure(client, _CUSTOMER, batch_size=batch_size)
        ranges = plan_ranges(histogram.buckets, batch_size=batch_size).add
        database.settle()
        # A client of its own, as a run has, which has yet to learn whether its login is accepted.
        with NetSuiteClient.connect(account.settings, concurrency=slots) as client:
            started, cpu, account_cpu = time.monotonic(), time.process_time(), account.cpu
            records, written = _import_all(database, client, ranges, writers=writers)
            seconds, stats = time.monotonic() - started, client.stats
    finally:
        database.drop(_SCHEMA)
    return Reached(
        slots=slots,
        latency=latency,
        records=records,
        requests=stats.requests,
        retries=stats.retries,
        seconds=seconds,
        held=stats.slots.seconds_held,
        writers=writers,
        written=written,
        cpu=time.process_time() - cpu,
        account_cpu=account.cpu - account_cpu,
    )


def _import_all(
    database: Database, client: NetSuiteClient, ranges: Sequence[BatchRange], *, writers: int
) -> tuple[int, float]:
    """Records, and the seconds that loading them took, over all writers."""
    engine = database.engine(_SCHEMA)
    try:
        # As a run does, so that no page goes alone until the login is accepted.
        client.server_time()
        run = BatchRun(
            record_type=_CUSTOMER,
            ranges=tuple(ranges),
            run_id="benchmark",
            fetch=lambda wanted: stream_batches(client, _CUSTOMER, wanted.ranges, workers=threads_for(client)),
        )
        loader, limits = loader_of(engine, _CUSTOMER), Limits.of(Settings())
        imported = import_batches(run, loader=loader, store=WaveStore(engine), limits=limits, writers=writers)
        records, written = 0, 0.0
        with closing(imported) as outcomes:
            for outcome in outcomes:
                if outcome.ledger is None:
                    raise RuntimeError(f"Batch {outcome.range.key} was not imported: {outcome.reason}")
                records += outcome.ledger.fetched
                written += outcome.ledger.database_seconds
        return records, written
    finally:
        engine.dispose()


def _serve(connection: Connection, customers: int, latency: float) -> None:
    with SandboxServer(records=_OTHERS, customers=customers, latency=latency) as server:
        known = server.credentials
        connection.send(
            Settings(
                netsuite_account_id=known.account,
                netsuite_base_url=server.base_url,
                netsuite_auth="tba",
                netsuite_consumer_key=known.consumer_key,
                netsuite_consumer_secret=known.consumer_secret,
                netsuite_token_id=known.token_id,
                netsuite_token_secret=known.token_secret,
            )
        )
        try:
            while True:
                server.account.concurrency = connection.recv()
                connection.send(None)
        except EOFError:
            return


if __name__ == "__main__":
    main()
