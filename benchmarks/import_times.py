"""Where the time of a wave import goes: the stages of the job, those of its runs, and processor seconds by process.

Reads what the wave tables, the ledgers and Dagster's runs say afterwards, and watches processes meanwhile. Starting
anything and printing the whole is `import_customers`' business.
"""

import datetime as dt
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import dagster as dg
import psutil
import sqlalchemy as sa

from netsuite_pipeline.orchestration.tags import JOB
from netsuite_pipeline.waves.model import Job
from netsuite_pipeline_tests.end_to_end.stack import Stack, processes_that

_SAMPLE_SECONDS = 0.2
_WORKER = "run workers"


@dataclass(frozen=True, kw_only=True)
class RunTimes:
    """Moments of a run (naive UTC): claimed by the dispatcher, put into Dagster's queue, taken out of it, its process
    at work, its first batch begun, its last one committed, over.
    """

    dispatched: dt.datetime
    queued: dt.datetime
    dequeued: dt.datetime
    started: dt.datetime
    begun: dt.datetime
    committed: dt.datetime
    ended: dt.datetime


class Watch:
    """Samples the processes of a stack: processor seconds by kind of process, and memory of the run workers."""

    def __init__(self, stack: Stack, database: int) -> None:
        """`database` is the server's process id; it is no process of the stack."""
        self._stack = stack
        self._database = database
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._first: dict[psutil.Process, float] = {}
        self._last: dict[psutil.Process, tuple[str, float]] = {}
        self.memory: dict[int, list[int]] = {}

    def __enter__(self) -> "Watch":
        for process, _, seconds in self._seen():
            self._first[process] = seconds
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def processor_seconds(self) -> dict[str, float]:
        """Seconds of a core that each kind of process took while it was watched."""
        totals: dict[str, float] = {}
        for process, (kind, seconds) in self._last.items():
            totals[kind] = totals.get(kind, 0.0) + seconds - self._first.get(process, 0.0)
        return totals

    def _seen(self) -> Iterator[tuple[psutil.Process, str, float]]:
        home = str(self._stack.home)
        for process in [psutil.Process(self._database), *processes_that(lambda text: home in text)]:
            with suppress(psutil.Error):
                kind = self._kind(process)
                times = process.cpu_times()
                if kind == _WORKER:
                    self.memory.setdefault(process.pid, []).append(process.memory_info().rss)
                yield process, kind, times.user + times.system

    def _kind(self, process: psutil.Process) -> str:
        if process.pid == self._database:
            return "database server"
        arguments = " ".join(process.cmdline())
        kinds = {"sandbox serve": "sandbox", "spawn_main": _WORKER, "grpc": "code server", "dagster-daemon": "daemon"}
        return next((kind for part, kind in kinds.items() if part in arguments), "command")

    def _sample(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            for process, kind, seconds in self._seen():
                self._last[process] = kind, seconds


def run_times(instance: dg.DagsterInstance, engine: sa.Engine, job: Job) -> list[RunTimes]:
    """The runs of a job, in the order in which they began."""
    batches = sa.text(
        "SELECT b.run_id, MIN(b.dispatched_at), MIN(l.read_at), MAX(l.committed_at) FROM wave_batches b JOIN"
        " batch_ledger l ON l.run_id = b.run_id AND l.record_type = b.record_type AND l.batch_first = b.batch_first"
        " WHERE b.job_id = :job GROUP BY b.run_id"
    )
    with engine.connect() as connection:
        moments = {row[0]: row[1:] for row in connection.execute(batches, {"job": job.job_id})}
    found = []
    for record in instance.get_run_records(dg.RunsFilter(tags={JOB: job.job_id})):
        if record.dagster_run.run_id not in moments:
            continue
        dispatched, begun, committed = moments[record.dagster_run.run_id]
        stats = instance.get_run_stats(record.dagster_run.run_id)
        found.append(
            RunTimes(
                dispatched=dispatched,
                queued=_naive(stats.enqueued_time),
                dequeued=_naive(stats.launch_time),
                started=_naive(stats.start_time),
                begun=begun,
                committed=committed,
                ended=_naive(stats.end_time),
            )
        )
    return sorted(found, key=lambda run: run.begun)


def report_stages(job: Job, runs: Sequence[RunTimes], *, asked: dt.datetime) -> None:
    """Prints the stages of the job, one after the other, and what its runs spend, on average."""
    assert job.planned_at is not None
    assert job.finished_at is not None
    first, last = min(run.begun for run in runs), max(run.committed for run in runs)
    dispatched = min(run.dispatched for run in runs)
    stages = [
        ("start of the command", job.created_at - asked),
        ("planning", job.planned_at - job.created_at),
        ("until the first dispatch", dispatched - job.planned_at),
        ("until a run begins", first - dispatched),
        ("work", last - first),
        ("end of the job noticed", job.finished_at - last),
    ]
    print("  stages: " + ", ".join(f"{title} {length.total_seconds():.1f} s" for title, length in stages))
    idle = (last - first).total_seconds() - _covered([(run.begun, run.committed) for run in runs])
    print(f"  of the work, no run was at it for {idle:.1f} s")
    steps = [
        ("to the queue", lambda run: run.queued - run.dispatched),
        ("in the queue", lambda run: run.dequeued - run.queued),
        ("its process starts", lambda run: run.started - run.dequeued),
        ("until it reads", lambda run: run.begun - run.started),
        ("imports", lambda run: run.committed - run.begun),
        ("until it is over", lambda run: run.ended - run.committed),
    ]
    print("  a run, on average: " + ", ".join(f"{title} {_mean(runs, length):.1f} s" for title, length in steps))


def _covered(spans: Sequence[tuple[dt.datetime, dt.datetime]]) -> float:
    """Seconds that are in at least one of the spans."""
    total, until = 0.0, spans[0][0]
    for begun, ended in sorted(spans):
        total += max((ended - max(begun, until)).total_seconds(), 0.0)
        until = max(until, ended)
    return total


def _mean(runs: Sequence[RunTimes], length: Callable[[RunTimes], dt.timedelta]) -> float:
    return sum(length(run).total_seconds() for run in runs) / len(runs)


def _naive(timestamp: float | None) -> dt.datetime:
    assert timestamp is not None
    return dt.datetime.fromtimestamp(timestamp, dt.UTC).replace(tzinfo=None)
