"""Where the time of one batch goes on the product's way, step by step in one thread, so that nothing overlaps.

A run does the reading in several threads; here the steps are what they cost, not how they are arranged.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import orjson
import sqlalchemy as sa

from benchmarks.chain import loader_of
from netsuite_pipeline.netsuite.client import NetSuiteClient
from netsuite_pipeline.netsuite.suiteql import page_query
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.transform.batch import Row, TransformedBatch
from netsuite_pipeline.transform.rows import RowTransformer, hash_values
from netsuite_pipeline.warehouse.reconcile import difference
from netsuite_pipeline.warehouse.statements import execute, record_layout, upsert_builder
from netsuite_pipeline.warehouse.tables import target_metadata, utc_now
from netsuite_pipeline.warehouse.targets import target_of


@dataclass(frozen=True)
class Step:
    """What is done, and the milliseconds that it takes per 1,000 rows (the median of the batches)."""

    title: str
    milliseconds: float


class _Clock:
    """The seconds of each step, batch by batch."""

    def __init__(self) -> None:
        self._taken: dict[str, list[float]] = {}

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._taken.setdefault(step, []).append(time.perf_counter() - started)

    def median(self, step: str) -> float:
        """In milliseconds."""
        return median(self._taken[step]) * 1e3


def steps(
    client: NetSuiteClient, engine: sa.Engine, record_type: RecordType, ranges: Sequence[BatchRange]
) -> list[Step]:
    """Imports the batches into an empty table: every second one by the loader as a whole, the others step by step."""
    loader = loader_of(engine, record_type)
    transformer = RowTransformer(record_type)
    clock = _Clock()
    for number, batch in enumerate(ranges):
        read_at = utc_now()
        with clock.timed("query"):
            page = client.query(page_query(record_type, batch, None))
        body = orjson.dumps({"items": page.items})
        with clock.timed("parse"):
            orjson.loads(body)
        with clock.timed("transform"):
            rows, _ = transformer.transform_all(page.items, batch)
        with clock.timed("hash"):
            for row in rows:
                hash_values(row.values)
        if number % 2:
            _load_in_steps(clock, engine, record_type, batch, rows)
            continue
        transformed = TransformedBatch(
            record_type=record_type, range=batch, expected=len(rows), fetched=len(rows), rows=rows, read_at=read_at
        )
        with clock.timed("load"):
            loader.load(transformed, job_id=None, run_id="benchmark")
    return _steps(clock)


def _load_in_steps(
    clock: _Clock, engine: sa.Engine, record_type: RecordType, batch: BatchRange, rows: Sequence[Row]
) -> None:
    target = target_of(target_metadata([record_type]), record_type)
    with engine.begin() as connection:
        with clock.timed("diff"):
            change = difference(
                connection, target, batch, record_type=record_type.name, rows=rows, rejected=set(), outdated=set()
            )
        builder = upsert_builder(connection, record_layout(record_type, target.table))
        with clock.timed("encode"):
            chunks = list(builder.chunks(change.pending, utc_now()))
        with clock.timed("send"):
            for chunk in chunks:
                execute(connection, chunk)


def _steps(clock: _Clock) -> list[Step]:
    loaded = {step: clock.median(step) for step in ("diff", "encode", "send")}
    return [
        Step("request: sign, send, wait, receive, gunzip", clock.median("query") - clock.median("parse")),
        Step("parse JSON", clock.median("parse")),
        Step("transform: type and check the values", clock.median("transform") - clock.median("hash")),
        Step("hash", clock.median("hash")),
        Step("diff: read keys and hashes of the range, compare", loaded["diff"]),
        Step("encode: values to statements", loaded["encode"]),
        Step("database: send the statements and wait", loaded["send"]),
        Step("ledger, rejects, savepoints, commit", clock.median("load") - sum(loaded.values())),
    ]
