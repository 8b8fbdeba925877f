"""Random tables, constraints and rows: what the database holds is what was sent, or there is a reject.

Every run takes the same cases. For a long search among others, so many minutes on each database:
`FUZZ_MINUTES=5 FUZZ_SEED=1000 python -m pytest netsuite_pipeline_tests/warehouse/test_loader_fuzz.py -s`. Each case has
its seed; of a failure the smallest case is shown, and its seed finds it again.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, find, settings
from hypothesis.errors import NoSuchExample
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.transform.batch import TransformedBatch
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.errors import ConcurrentWrite, SchemaError, StaleRead, WarehouseError
from netsuite_pipeline.warehouse.ledger import Ledger
from netsuite_pipeline.warehouse.loader import BatchLoader
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline.warehouse.tables import LEDGER, REJECTS, REPAIRS, import_tables, target_metadata
from netsuite_pipeline_tests.warehouse.load_oracle import Observer, Oracle
from netsuite_pipeline_tests.warehouse.random_batches import Case, case_of, smaller_cases
from netsuite_pipeline_tests.warehouse.random_tables import PARENTS
from netsuite_pipeline_tests.warehouse.table_recipes import statements

MINUTES = float(os.environ.get("FUZZ_MINUTES", "0"))
SEED = int(os.environ.get("FUZZ_SEED", "0"))
_CASES = 10
# A trigger that refuses the flag of a deleted row fails the batch as a whole: codes of SQLite and MySQL.
_NOT_OF_ROWS = {19, 1644}
_SMALLER = settings(max_examples=300, database=None, deadline=None, suppress_health_check=list(HealthCheck))


class _Sequence:
    """One load after the other; what the first left is what the second finds."""

    def __init__(self, loader: BatchLoader, observer: Observer, seen: Counter[str]) -> None:
        self._loader = loader
        self._observer = observer
        self._seen = seen
        self._state = observer.state()

    def load_twice(self, batch: TransformedBatch) -> bool:
        """Whether the batch could be loaded; the second load finds nothing to do unless rows were refused."""
        first = self._load(batch)
        second = None if first is None else self._load(batch)
        if first is None or second is None:
            return False
        assert first.rejected > batch.fetched - len(batch.rows) or not second.written, "the same batch wrote again"
        return True

    def _load(self, batch: TransformedBatch) -> Ledger | None:
        oracle = Oracle(self._state, batch)
        try:
            ledger = self._loader.load(batch, job_id=None, run_id=None)
        except (ConcurrentWrite, StaleRead):
            # Nobody else is there.
            raise
        except WarehouseError as error:
            if error.code not in _NOT_OF_ROWS:
                raise
            self._seen[f"failed: {error}"] += 1
            oracle.failed(self._observer.state())
            return None
        self._state = self._observer.state()
        self._seen["refused rows"] += oracle.loaded(self._state, ledger)
        self._seen["written rows"] += ledger.written
        return ledger


class Fuzzed:
    """A warehouse in which one case after the other is imported."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._engine = connect(url)
        self.server = self._engine.dialect.name != "sqlite"
        ensure_tables(self._engine, import_tables(sa.MetaData()))
        self._admin = self._engine.connect()
        self._run("CREATE TABLE parents (id BIGINT PRIMARY KEY)")
        self._run(f"INSERT INTO parents VALUES {', '.join(f'({number})' for number in PARENTS)}")
        self.seen = Counter[str]()

    def close(self) -> None:
        """Ends the connections."""
        self._admin.close()
        self._engine.dispose()

    def check(self, case: Case) -> None:
        """Makes the table, imports every batch twice and holds what is there to what was sent."""
        self.seen["cases"] += 1
        metadata = import_tables(target_metadata(case.types))
        table = metadata.tables["fuzz_rows"]
        if not self._make(case, table):
            return
        with self._setting(case) as engine:
            try:
                ensure_tables(engine, target_metadata(case.types))
            except SchemaError:
                self.seen["not accepted"] += 1
                return
            loader = BatchLoader(
                engine, metadata, delete_guard_percent=100, reject_guard_percent=100, sleep=lambda seconds: None
            )
            sequence = _Sequence(loader, Observer(self._admin, table, case.types), self.seen)
            for batch in case.batches:
                if not sequence.load_twice(batch):
                    return

    def statements(self, case: Case) -> list[str]:
        """How the table is made."""
        table = target_metadata(case.types).tables["fuzz_rows"]
        return [*statements(case.recipe, table, self._admin.dialect), f"setting: {case.recipe.setting}"]

    def _make(self, case: Case, table: sa.Table) -> bool:
        """Whether there can be such a table."""
        self._run(f"DROP TABLE IF EXISTS {table.name}")
        for name in (REJECTS, REPAIRS, LEDGER):
            self._run(f"DELETE FROM {name}")
        for statement in statements(case.recipe, table, self._admin.dialect):
            try:
                self._run(statement)
            except DBAPIError as error:
                self.seen[f"no such table: {error.orig}"] += 1
                return False
        return True

    @contextmanager
    def _setting(self, case: Case) -> Iterator[sa.Engine]:
        if case.recipe.setting is None:
            yield self._engine
            return
        name, value = case.recipe.setting
        former = self._admin.exec_driver_sql(f"SELECT @@GLOBAL.{name}").scalar_one()
        self._run(f"SET GLOBAL {name} = {value}")
        try:
            engine = connect(self._url)
            try:
                yield engine
            finally:
                engine.dispose()
        finally:
            quoted = f"'{former}'" if isinstance(former, str) else former
            self._run(f"SET GLOBAL {name} = {quoted}")

    def _run(self, sql: str) -> None:
        self._admin.exec_driver_sql(sql.replace("%", "%%") if self.server else sql)
        self._admin.commit()


@pytest.fixture
def fuzzed(warehouse_url: str) -> Iterator[Fuzzed]:
    """An empty warehouse."""
    built = Fuzzed(warehouse_url)
    yield built
    built.close()


def _search(fuzzed: Fuzzed, seed: int) -> None:
    """Checks the case of the seed; if it fails, looks for the smallest that does."""

    def fails(case: Case) -> bool:
        try:
            fuzzed.check(case)
        except Exception:  # noqa: BLE001 - whatever it is, it is to be found again
            return True
        return False

    case = case_of(seed, server=fuzzed.server)
    if fails(case):
        with suppress(NoSuchExample):
            case = find(smaller_cases(seed, server=fuzzed.server), fails, settings=_SMALLER)
        print(f"FUZZ_SEED={seed}", *fuzzed.statements(case), *case.shown(), sep="\n")
        fuzzed.check(case)


def test_the_database_holds_what_was_sent_or_there_is_a_reject(fuzzed: Fuzzed) -> None:
    seed, end = SEED, time.monotonic() + 60 * MINUTES
    while seed < SEED + _CASES or time.monotonic() < end:
        _search(fuzzed, seed)
        seed += 1
    print("\n".join(f"{count:8} {what}" for what, count in fuzzed.seen.most_common()))
    assert fuzzed.seen["written rows"] > fuzzed.seen["cases"]
