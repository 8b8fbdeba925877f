"""From an account over HTTP into the table, the whole way: `python -m benchmarks.whole_chain`.

The product's chain beside the same chain with another loading step, and beside a script without the product. Where the
time goes within one batch is in `chain_steps`. Measures and saves; `benchmarks.report` makes the tables.
"""

import argparse
import datetime as dt
import gc
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import sqlalchemy as sa

from benchmarks.chain import client_of, import_all, loader_of, ranges_of, read_batches
from benchmarks.chain_steps import Step, steps
from benchmarks.content import expected, stored
from benchmarks.database import Database, private_database
from benchmarks.machine import conditions
from benchmarks.page_server import PageServer
from benchmarks.rivals import upsert_construct
from benchmarks.tables import BATCH_ROWS, Table
from benchmarks.technique import CHANGED, FIRST, UNCHANGED, plain_table
from netsuite_pipeline.netsuite.suiteql import page_query
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.model import Kind

RESULTS = "whole_chain.json"
_SHAPE = "wide"
_SCHEMA = "bench_chain"


@dataclass
class Passage:
    """One chain in one scenario: seconds and this process's CPU seconds of each repeat."""

    chain: str
    scenario: str
    rows: int
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    faithful: bool = True

    @property
    def rows_per_second(self) -> float:
        """The median's."""
        return self.rows / median(self.seconds)

    @property
    def cpu_per_row(self) -> float:
        """Microseconds of the client's processor time, the median."""
        return median(self.cpu_seconds) / self.rows * 1e6


@dataclass(frozen=True, kw_only=True)
class _Chain:
    """How a chain gets its table and how it fills it from the account at a URL."""

    title: str
    create: Callable[[sa.Engine, Table], Any]
    run: Callable[[str, sa.Engine, Table, tuple[BatchRange, ...], Any], None]


def main() -> None:
    """Measures, prints and saves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=30_000, help=f"rows, in batches of {BATCH_ROWS}")
    parser.add_argument("--repeat", type=int, default=3, help="how often; the report has medians")
    parser.add_argument("--output", type=Path, default=Path("docs/benchmarks"), help="the folder to save results in")
    arguments = parser.parse_args()
    pages = arguments.rows // BATCH_ROWS
    with private_database() as database, PageServer(_SHAPE, rows=arguments.rows, rendered=pages) as server:
        passages = measure(database, server, _SHAPE, rows=arguments.rows, repeat=arguments.repeat)
        taken = measure_steps(database, server, _SHAPE, rows=arguments.rows)
        results = {
            "conditions": conditions(database.version),
            "rows": arguments.rows,
            "repeat": arguments.repeat,
            "passages": [asdict(passage) for passage in passages],
            "steps": [asdict(step) for step in taken],
        }
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / RESULTS).write_text(json.dumps(results, indent=1) + "\n")


def measure(database: Database, server: PageServer, shape: str, *, rows: int, repeat: int) -> list[Passage]:
    """Every chain in every scenario, in turns."""
    table = Table.of(shape)
    wanted = {version: expected(table, table.batches(rows // BATCH_ROWS, version=version)) for version in (0, 1)}
    engines: dict[str, tuple[sa.Engine, Any]] = {}
    measured: dict[tuple[str, str], Passage] = {}
    for _ in range(repeat):
        for scenario in (FIRST, CHANGED, UNCHANGED):
            for name, chain in CHAINS.items():
                if scenario.after is None:
                    engines[name] = _created(database, name, table)
                engine, made = engines[name]
                known = measured.setdefault((scenario.name, name), Passage(name, scenario.name, rows))
                database.settle()
                _time(known, partial(chain.run, server.url(scenario.version), engine, table, ranges_of(rows), made))
                with engine.connect() as connection:
                    found = stored(connection, table, table.record_type.table)
                known.faithful = known.faithful and found == wanted[scenario.version]
                _print(known)
    for engine, _ in engines.values():
        engine.dispose()
    return list(measured.values())


def measure_steps(database: Database, server: PageServer, shape: str, *, rows: int) -> list[Step]:
    """Where the time of a batch goes in the product's chain, first load."""
    table = Table.of(shape)
    database.create(_SCHEMA)
    engine = database.engine(_SCHEMA)
    with client_of(server.url()) as client:
        taken = steps(client, engine, table.record_type, ranges_of(rows))
    engine.dispose()
    for step in taken:
        print(f"{step.title:60} {step.milliseconds:8.1f} ms per 1,000 rows")
    return taken


def _created(database: Database, name: str, table: Table) -> tuple[sa.Engine, Any]:
    schema = f"{_SCHEMA}_{name}"
    database.create(schema)
    engine = database.engine(schema)
    return engine, CHAINS[name].create(engine, table)


def _time(passage: Passage, run: Callable[[], None]) -> None:
    gc.collect()
    gc.freeze()
    started, cpu = time.perf_counter(), time.process_time()
    run()
    passage.seconds.append(time.perf_counter() - started)
    passage.cpu_seconds.append(time.process_time() - cpu)
    gc.unfreeze()


def _print(passage: Passage) -> None:
    rate, cpu = passage.rows / passage.seconds[-1], passage.cpu_seconds[-1] / passage.rows * 1e6
    flaw = "" if passage.faithful else "  (not as sent)"
    print(
        f"{passage.scenario:10} {passage.chain:22} {rate:>8,.0f} rows/s {cpu:>6,.0f} µs CPU per row{flaw}", flush=True
    )


def _ours(url: str, engine: sa.Engine, table: Table, ranges: tuple[BatchRange, ...], loader: Any) -> None:
    with client_of(url) as client:
        import_all(client, engine, table.record_type, ranges, loader=loader)


def _ours_two_writers(url: str, engine: sa.Engine, table: Table, ranges: tuple[BatchRange, ...], loader: Any) -> None:
    with client_of(url) as client:
        import_all(client, engine, table.record_type, ranges, loader=loader, writers=2)


def _executemany(url: str, engine: sa.Engine, table: Table, ranges: tuple[BatchRange, ...], target: Any) -> None:
    """The product reads and types; SQLAlchemy loads."""
    statement = upsert_construct(target)
    with client_of(url) as client:
        for batch in read_batches(client, table.record_type, ranges):
            rows = [dict(zip(table.names, row.values, strict=True)) for row in batch.rows]
            with engine.begin() as connection:
                connection.execute(statement, rows)


def _script(url: str, engine: sa.Engine, table: Table, ranges: tuple[BatchRange, ...], target: Any) -> None:
    """What one writes oneself: ask, parse, convert, executemany, one page after the other; nothing is compared."""
    statement = upsert_construct(target)
    converters = {field.name: _CONVERTERS.get(field.kind) for field in table.fields}
    path = f"{url}/services/rest/query/v1/suiteql"
    with httpx.Client(trust_env=False) as http:
        for batch in ranges:
            items = http.post(path, json={"q": page_query(table.record_type, batch, None)}).json()["items"]
            rows = [_converted(item, converters) for item in items]
            with engine.begin() as connection:
                connection.execute(statement, rows)


def _converted(item: dict[str, str], converters: Mapping[str, Callable[[str], Any] | None]) -> dict[str, Any]:
    item["external_id"] = item["refid"]
    row: dict[str, Any] = {}
    for name, convert in converters.items():
        value = item.get(name)
        row[name] = convert(value) if convert and value is not None else value
    return row


_CONVERTERS: dict[Kind, Callable[[str], Any]] = {
    Kind.INTEGER: int,
    Kind.REFERENCE: int,
    Kind.DECIMAL: Decimal,
    Kind.BOOLEAN: lambda value: value == "T",
    Kind.DATE: dt.date.fromisoformat,
    Kind.DATETIME: dt.datetime.fromisoformat,
}


def _plain(engine: sa.Engine, table: Table) -> sa.Table:
    target = plain_table(table)
    target.create(engine)
    return target


def _with_loader(engine: sa.Engine, table: Table) -> Any:
    return loader_of(engine, table.record_type)


CHAINS: dict[str, _Chain] = {
    "ours": _Chain(title="netsuite-pipeline", create=_with_loader, run=_ours),
    "ours_two_writers": _Chain(title="netsuite-pipeline, two writers", create=_with_loader, run=_ours_two_writers),
    "executemany": _Chain(title="the same, SQLAlchemy executemany", create=_plain, run=_executemany),
    "script": _Chain(title="a script: httpx, json, SQLAlchemy executemany", create=_plain, run=_script),
}


if __name__ == "__main__":
    main()
