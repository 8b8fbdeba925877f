"""What waves cost the import that they coordinate: `python -m benchmarks.tracking_cost`.

One process reads pages over HTTP and loads them into MariaDB: in turns on its own, and as runs of a planned job, with
planning, looks of the dispatcher at its usual pace, claims, heartbeats and completed batches. Dagster is not in it.
"""

import argparse
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import sqlalchemy as sa

from benchmarks.chain import client_of, import_all, loader_of, ranges_of
from benchmarks.database import Database, private_database
from benchmarks.page_server import PageServer
from benchmarks.tables import BATCH_ROWS, Table
from netsuite_pipeline.netsuite.client import NetSuiteClient
from netsuite_pipeline.netsuite.stream import stream_batches
from netsuite_pipeline.orchestration.batch_run import BatchRun, import_batches
from netsuite_pipeline.orchestration.heartbeat import heartbeats
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.loader import BatchLoader
from netsuite_pipeline.waves.coordinator import decide
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import Batch, Dispatch, JobStatus, RecordTypePlan, batch_id, utc_now
from netsuite_pipeline.waves.planner import plan_waves
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline.waves.tables import wave_metadata

_SHAPE = "wide"
_JOB = "job"
_TYPE_ID = -1
# As the dispatcher's sensor: see `orchestration.dispatch_watch`.
_PULSE_SECONDS = 0.5
_PULSES_PER_LOOK = 10
_HEAD = 2000
_TRACKING = re.compile(r"\b(import_jobs|import_job_types|wave_\w+|run_heartbeats|source_circuits)\b")


@dataclass(frozen=True, kw_only=True)
class Taken:
    """Seconds, and this process's seconds of a core, of one import. The latter hardly follow what else runs."""

    seconds: float
    processor: float


class Statements:
    """Counts the statements on the tables of coordination, and the seconds that their senders waited."""

    def __init__(self, engine: sa.Engine) -> None:
        self.number = 0
        self.seconds = 0.0
        self._lock = threading.Lock()
        sa.event.listen(engine, "before_cursor_execute", self._before)
        sa.event.listen(engine, "after_cursor_execute", self._after)

    def _before(self, connection: sa.Connection, *_: Any) -> None:
        connection.info["sent"] = time.perf_counter()

    def _after(self, connection: sa.Connection, _cursor: Any, statement: str, *_: Any) -> None:
        # Of the rows of a batch, statements have megabytes.
        if _TRACKING.search(statement[:_HEAD]):
            with self._lock:
                self.number += 1
                self.seconds += time.perf_counter() - connection.info["sent"]


def main() -> None:
    """Measures in turns and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=100, help=f"of {BATCH_ROWS} rows")
    parser.add_argument("--repeat", type=int, default=5)
    chosen = parser.parse_args()
    record_type = Table.of(_SHAPE).record_type
    rows = chosen.batches * BATCH_ROWS
    alone: list[Taken] = []
    tracked: list[Taken] = []
    with private_database() as database, PageServer(_SHAPE, rows=rows, rendered=chosen.batches) as server:
        for _ in range(chosen.repeat):
            with _loader(database, record_type) as (engine, loader), client_of(server.url()) as client:
                alone.append(_timed(partial(import_all, client, engine, record_type, ranges_of(rows), loader=loader)))
            with _loader(database, record_type) as (engine, loader), client_of(server.url()) as client:
                counted = Statements(engine)
                tracked.append(_timed(lambda: _import(client, engine, record_type, ranges_of(rows), loader)))
            print(
                f"in waves {tracked[-1].seconds:.2f} s, {tracked[-1].processor:.2f} s of a core;"
                f" without {alone[-1].seconds:.2f} s, {alone[-1].processor:.2f} s of a core;"
                f" {counted.number / chosen.batches:.1f} statements per batch took {counted.seconds:.2f} s",
                flush=True,
            )
    seconds, processor = (
        median(getattr(one, name) for one in tracked) / median(getattr(one, name) for one in alone) - 1
        for name in ("seconds", "processor")
    )
    print(f"{rows:,} rows, medians of {chosen.repeat}: {seconds:+.1%} seconds, {processor:+.1%} seconds of a core")


@contextmanager
def _loader(database: Database, record_type: RecordType) -> Iterator[tuple[sa.Engine, BatchLoader]]:
    database.create("tracking")
    engine = database.engine("tracking")
    loader = loader_of(engine, record_type)
    waves = sa.MetaData()
    wave_metadata(waves)
    waves.create_all(engine)
    database.settle()
    yield engine, loader
    engine.dispose()


def _timed(work: Callable[[], None]) -> Taken:
    started, processor = time.perf_counter(), time.process_time()
    work()
    return Taken(seconds=time.perf_counter() - started, processor=time.process_time() - processor)


def _import(
    client: NetSuiteClient,
    engine: sa.Engine,
    record_type: RecordType,
    ranges: Sequence[BatchRange],
    loader: BatchLoader,
) -> None:
    """A job from its plan to its end, its runs one after the other."""
    store, limits = WaveStore(engine), Limits.of(Settings())
    _plan(store, record_type, ranges)
    ended = threading.Event()
    looking = threading.Thread(target=_look_often, args=(store, limits, ended))
    looking.start()
    try:
        while store.job(_JOB).status is JobStatus.RUNNING:
            for held in store.in_flight(_JOB):
                _run(client, engine, record_type, held.dispatch, loader=loader, limits=limits)
            _look(store, limits)
    finally:
        ended.set()
        looking.join()
    assert store.job(_JOB).status is JobStatus.COMPLETED


def _plan(store: WaveStore, record_type: RecordType, ranges: Sequence[BatchRange]) -> None:
    now = utc_now()
    store.create_job(_JOB, record_types=[record_type.name], with_dependencies=False, trigger="benchmark", now=now)
    batches = [
        Batch(
            batch_id=batch_id(_JOB, _TYPE_ID, one),
            record_type=record_type.name,
            record_type_id=_TYPE_ID,
            range=one,
            batch_number=number,
            expected_records=BATCH_ROWS,
            max_retries=3,
        )
        for number, one in enumerate(ranges)
    ]
    plan = RecordTypePlan(record_type=record_type.name, level=0, available=True)
    store.save_plan(_JOB, types=[plan], waves=plan_waves({0: batches}, wave_size=300), now=now)


def _look_often(store: WaveStore, limits: Limits, ended: threading.Event) -> None:
    pulses = 0
    while not ended.wait(_PULSE_SECONDS):
        store.pulse()
        pulses += 1
        if pulses % _PULSES_PER_LOOK == 0:
            _look(store, limits)


def _look(store: WaveStore, limits: Limits) -> None:
    """What the dispatcher does at each look, without what it asks Dagster."""
    now = utc_now()
    store.open_jobs()
    store.in_flight(_JOB)
    decision = decide(store.load_state(_JOB, now=now), limits)
    store.update_waves(_JOB, decision.wave_changes, now=now)
    for dispatch in decision.dispatches:
        store.claim_dispatch(dispatch, in_flight_limit=limits.in_flight, now=now)
    if decision.end is not None:
        store.finish_job(_JOB, status=decision.end.status, reason=decision.end.reason, now=now)


def _run(
    client: NetSuiteClient,
    engine: sa.Engine,
    record_type: RecordType,
    dispatch: Dispatch,
    *,
    loader: BatchLoader,
    limits: Limits,
) -> None:
    run = BatchRun(
        record_type=record_type,
        ranges=tuple(batch.range for batch in dispatch.batches),
        run_id=dispatch.key[-64:],
        fetch=lambda wanted: stream_batches(client, record_type, wanted.ranges, workers=client.concurrency),
        job_id=_JOB,
        dispatch_key=dispatch.key,
    )
    imported = import_batches(run, loader=loader, store=WaveStore(engine), limits=limits, writers=1)
    with heartbeats(run.run_id, lambda: _lent(engine)), closing(imported) as outcomes:
        for outcome in outcomes:
            assert outcome.ledger is not None, outcome.reason


@contextmanager
def _lent(engine: sa.Engine) -> Iterator[sa.Engine]:
    yield engine


if __name__ == "__main__":
    main()
