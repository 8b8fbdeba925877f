"""Workers that import overlapping ranges while they, their connections and the server are killed, and what must hold.

Nothing here knows pytest: `test_loader_soak` runs it for seconds, `benchmarks.soak_loader` for minutes. The records
and the worker process are in `soak_truth`.
"""

import multiprocessing
import random
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pymysql
import sqlalchemy as sa

from netsuite_pipeline.warehouse.engine import connect, snapshot_connection
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline.warehouse.tables import import_tables, target_metadata, utc_now
from netsuite_pipeline_tests.mariadb_server import MariaDBServer
from netsuite_pipeline_tests.waiting import wait_for
from netsuite_pipeline_tests.warehouse.samples import WIDGET
from netsuite_pipeline_tests.warehouse.soak_truth import COLUMNS, IDS, RANGES, Truth, new_loader, row_of, work

KILL_WORKER, KILL_CONNECTION, KILL_SERVER = "worker", "connection", "server"
_MOST_SHOWN = 20
_VERSION = COLUMNS.index("order")
_OWN_TABLES = (
    "CREATE TABLE soak_commits (run_id VARCHAR(64) PRIMARY KEY)",
    # What the other writer writes; imports leave it as it is.
    "ALTER TABLE widgets ADD touched INT NOT NULL DEFAULT 0",
)


@dataclass(kw_only=True)
class Report:
    """What happened, and every way in which the warehouse is wrong."""

    done: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    deadlocks: int = 0
    retries: int = 0
    looks: int = 0
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For people."""
        kills = ", ".join(f"{count} x {what}" for what, count in sorted(self.done.items()))
        outcomes = ", ".join(f"{count} {what}" for what, count in self.outcomes.most_common())
        return [
            f"killed: {kills}",
            f"batches: {outcomes}; {self.retries} repeated transactions, {self.deadlocks} deadlocks",
            f"rows compared {self.looks} times",
            *(f"WRONG: {what}" for what in self.wrong),
            f"{len(self.wrong)} violations",
        ]


class Soak:
    """One run on a private server, with `workers` processes."""

    def __init__(self, server: MariaDBServer, folder: Path, *, workers: int, seed: int) -> None:
        self._server = server
        self._url = server.create_database("soak")
        self._folder = folder
        self._seed = seed
        self._dice = random.Random(seed)
        self._truth = Truth(epoch=utc_now(), seed=seed)
        self._engine = connect(self._url)
        ensure_tables(self._engine, import_tables(target_metadata([WIDGET])))
        with self._engine.begin() as connection:
            for statement in _OWN_TABLES:
                connection.exec_driver_sql(statement)
        self._started = 0
        self._workers: list[BaseProcess] = []
        self._slots = workers
        self.report = Report()

    def run(self, kills: Iterator[str]) -> Report:
        """Kills what comes from `kills`, whenever it comes; at its end compares, loads everything and compares."""
        self._workers = [self._start() for _ in range(self._slots)]
        try:
            with _meanwhile(self._touch), _meanwhile(self._look):
                for what in kills:
                    self._kill(what)
        finally:
            self._end_workers()
        self._read_journals()
        wait_for(self._nobody_writes, what="the transactions of dead workers to be rolled back")
        self._check_commits()
        self._check_rows()
        self._check_final_load()
        self._engine.dispose()
        return self.report

    def committed(self) -> int:
        """How many batches workers have heard to be committed so far."""
        return sum(line.startswith("committed") for line in self._journal_lines())

    def _start(self) -> BaseProcess:
        self._started += 1
        name = f"w{self._started}"
        # The truth goes by the clock, and a worker must not lose time with imports after every kill.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([work.__module__])
        process = context.Process(target=work, args=(self._truth, self._url, self._folder / name, name), daemon=True)
        process.start()
        return process

    def _kill(self, what: str) -> None:
        self.report.done[what] += 1
        if what == KILL_WORKER:
            place = self._dice.randrange(len(self._workers))
            self._workers[place].kill()
            self._workers[place].join()
            self._workers[place] = self._start()
        elif what == KILL_CONNECTION:
            self._kill_connection()
        else:
            self.report.deadlocks += self._server.status("Innodb_deadlocks")
            self._server.kill()
            time.sleep(self._dice.random())
            self._server.start()

    def _kill_connection(self) -> None:
        with self._engine.connect() as connection:
            query = "SELECT id FROM information_schema.processlist WHERE db = 'soak' AND id <> CONNECTION_ID()"
            found = connection.exec_driver_sql(query).scalars().all()
            for number in self._dice.sample(found, k=min(len(found), 2)):
                try:
                    connection.exec_driver_sql(f"KILL CONNECTION {number}")
                except sa.exc.DBAPIError:
                    continue

    def _end_workers(self) -> None:
        for worker in self._workers:
            if not worker.is_alive():
                self.report.wrong.append(f"a worker ended with {worker.exitcode}")
            worker.kill()
            worker.join()

    def _touch(self, ended: threading.Event) -> None:
        """Writes a column of its own in rows in any order, which is what deadlocks are made of."""
        dice = random.Random(self._seed + 1)
        while not ended.wait(dice.random() * 0.2):
            try:
                with self._engine.begin() as connection:
                    for number in dice.sample(IDS, k=6):
                        connection.exec_driver_sql(f"UPDATE widgets SET touched = touched + 1 WHERE refid = {number}")
                        ended.wait(dice.random() * 0.02)
            except (sa.exc.DBAPIError, pymysql.err.MySQLError):
                continue

    def _look(self, ended: threading.Event) -> None:
        """Checks the rows at one moment after the other: the next import of a wrong one would put it right."""
        while not ended.wait(0.1):
            try:
                self._check_rows()
            except (sa.exc.DBAPIError, pymysql.err.MySQLError):
                continue

    def _journal_lines(self) -> list[str]:
        return [line for path in sorted(self._folder.glob("w*")) for line in path.read_text().splitlines()]

    def _read_journals(self) -> None:
        self._acknowledged: set[str] = set()
        for line in self._journal_lines():
            what, *rest = line.split(" ")
            if what == "committed" and len(rest) == 2:
                self._acknowledged.add(rest[0])
                self.report.retries += int(rest[1])
            if what == "broken":
                self.report.wrong.append(line)
            self.report.outcomes[what if what in {"committed", "stale"} else line] += 1
        self.report.deadlocks += self._server.status("Innodb_deadlocks")

    def _nobody_writes(self) -> bool:
        with self._engine.connect() as connection:
            query = "SELECT COUNT(*) FROM information_schema.innodb_trx"
            return connection.exec_driver_sql(query).scalar_one() == 0

    def _check_commits(self) -> None:
        """What a worker was told to be committed is; ledger and caller's writes are there together, and once."""
        ledgers = Counter(run for run, *_ in self._rows("SELECT run_id FROM batch_ledger"))
        commits = {run for run, *_ in self._rows("SELECT run_id FROM soak_commits")}
        lost = self._acknowledged - ledgers.keys()
        twice = [run for run, count in ledgers.items() if count > 1]
        apart = commits ^ ledgers.keys()
        for what, runs in (("lost", lost), ("committed twice", twice), ("without its caller's writes", apart)):
            self.report.wrong += [f"ledger of {run} is {what}" for run in sorted(runs)]
        if self._rows("SELECT 1 FROM import_rejects"):
            self.report.wrong.append("rows were rejected")

    def _check_rows(self) -> None:
        """Every record is as the import says that read it last."""
        self.report.looks += 1
        with snapshot_connection(self._engine) as connection:
            query = "SELECT run_id, batch_first, batch_last FROM batch_ledger"
            ledgers = connection.exec_driver_sql(query).all()
            stored = _stored(connection)
        ticks: dict[int, dict[int, str]] = defaultdict(dict)
        for run, first, last in ledgers:
            for number in range(first, min(last + 1, IDS.stop)):
                ticks[number][int(run.split("@")[1])] = run
        for number in IDS:
            fault = self._fault(number, stored.get(number), ticks[number])
            shown = f"record {number} {fault}"
            if fault and shown not in self.report.wrong and len(self.report.wrong) < _MOST_SHOWN:
                self.report.wrong.append(shown)

    def _fault(self, number: int, found: tuple[tuple[Any, ...], bool] | None, ticks: dict[int, str]) -> str | None:
        if not ticks:
            return "was stored and never committed" if found else None
        newest = max(ticks)
        if found and found[0] != row_of(number, found[0][_VERSION]).values:
            return f"is of no version: {found[0]}"
        version = found[0][_VERSION] if found else None
        if found and version not in {self._truth.version(number, tick) for tick in ticks}:
            return f"is of version {version}, which was never imported"
        live = version if found and found[1] else None
        expected = self._truth.version(number, newest) if self._truth.exists(number, newest) else None
        if live == expected:
            return None
        return f"is of version {live} and of {expected} for {ticks[newest]}, which read it last (None: does not exist)"

    def _check_final_load(self) -> None:
        """A load of everything makes it exact, and a second one writes nothing."""
        loader = new_loader(self._engine)
        read_at = utc_now()
        tick = self._truth.tick(read_at)
        for _ in range(2):
            before = self._rows("SELECT * FROM widgets ORDER BY refid")
            written = 0
            for part in RANGES:
                batch = self._truth.batch(part, utc_now(), tick)
                written += loader.load(batch, job_id="soak", run_id=f"final@{tick}").written
            with self._engine.connect() as connection:
                live = {number: values for number, (values, is_live) in _stored(connection).items() if is_live}
            truth = {number: values for number in IDS if (values := self._truth.values(number, tick))}
            if live != truth:
                differ = sorted(
                    number for number in live.keys() | truth.keys() if live.get(number) != truth.get(number)
                )
                self.report.wrong.append(f"after a final load records {differ} differ")
        if written or self._rows("SELECT * FROM widgets ORDER BY refid") != before:
            self.report.wrong.append(f"a second final load wrote {written} rows")

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(sql)]


def _stored(connection: sa.Connection) -> dict[int, tuple[tuple[Any, ...], bool]]:
    """Every row by id: its imported columns, and whether it is live."""
    table = target_metadata([WIDGET]).tables["widgets"]
    found = connection.execute(sa.select(*(table.c[name] for name in COLUMNS), table.c.deleted_at)).all()
    return {row[0]: (tuple(row[:-1]), row[-1] is None) for row in found}


@contextmanager
def _meanwhile(work_until: Callable[[threading.Event], None]) -> Iterator[None]:
    ended = threading.Event()
    thread = threading.Thread(target=work_until, args=(ended,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def random_kills(seed: int, *, seconds: float) -> Iterator[str]:
    """Kills of all sorts, every few seconds."""
    dice = random.Random(seed)
    end = time.monotonic() + seconds
    while (pause := dice.expovariate(1 / 2)) < end - time.monotonic():
        time.sleep(pause)
        yield dice.choice([KILL_WORKER] * 3 + [KILL_CONNECTION] * 5 + [KILL_SERVER])
    time.sleep(max(0.0, end - time.monotonic()))


@contextmanager
def soaking(*, workers: int, seed: int) -> Iterator[Soak]:
    """A soak on a private server, which is removed with everything else afterwards."""
    with tempfile.TemporaryDirectory() as folder, MariaDBServer() as server:
        yield Soak(server, Path(folder), workers=workers, seed=seed)
