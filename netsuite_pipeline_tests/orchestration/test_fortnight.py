"""A fortnight of nights while a company works: after each the warehouse equals NetSuite, value by value.

The clock is the test's, everything else is real: NetSuite's rules over HTTP, planning, dispatching, loading.
"""

import datetime as dt
import random
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.declared.transactions import TYPE_CODES
from netsuite_pipeline.sandbox.dataset import Dataset
from netsuite_pipeline.sandbox.faults import Fault, FaultKind
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.waves.model import JobStatus
from netsuite_pipeline_tests.orchestration.nights import Clock, Deployment, served

# Clocks are put back in Los Angeles on the first of November 2026 at 09:00 UTC, in the middle of it.
FIRST_EVENING = dt.datetime(2026, 10, 25, 18, tzinfo=dt.UTC)
FAILED_NIGHT, BLIND_NIGHT = 4, 9
_EDITED = (
    ("customer", "companyname"),
    ("vendor", "companyname"),
    ("job", "companyname"),
    ("item", "displayname"),
    ("transaction", "memo"),
    ("location", "name"),
)
_KINDS = ", ".join(f"'{code}'" for code in TYPE_CODES.values())


@pytest.fixture
def clock() -> Clock:
    return Clock(FIRST_EVENING)


@pytest.fixture
def sandbox(clock: Clock) -> Iterator[SandboxServer]:
    with served(400, clock=clock) as server:
        yield server


@pytest.fixture
def warehouse_on_mariadb(mariadb_url: str, environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", mariadb_url)


class Company:
    """People at work in NetSuite."""

    def __init__(self, dataset: Dataset, clock: Clock, seed: int) -> None:
        self._dataset = dataset
        self._clock = clock
        self._random = random.Random(seed)
        self._created = 0

    def work(self, hours: int) -> None:
        """Something of everything, spread over the hours."""
        for _ in range(hours):
            for act in (self.edit, self.create, self.delete, self.edit_line_alone, self.drop_line, self.edit_header):
                if self._random.random() < 0.5:
                    act()
            self._clock.forward(minutes=self._random.randint(110, 150))

    def edit(self) -> None:
        table, column = self._random.choice(_EDITED)
        for id_ in self._some(table, self._random.randint(1, 5)):
            self._dataset.put(table, [{"id": id_, column: f"edited {self._clock.now:%d %H:%M:%S} {id_}"}])

    def create(self) -> None:
        self._created += 1
        id_ = self._max("customer") + self._random.choice((1, 2, 7))
        self._dataset.put(
            "customer", [{"id": id_, "entityid": f"new {id_}", "companyname": f"New {id_}", "isperson": "F"}]
        )

    def delete(self) -> None:
        table = self._random.choice(("customer", "item", "transaction"))
        for id_ in self._some(table, 1):
            self._dataset.delete(table, id_)

    def edit_header(self) -> None:
        """The header and a line of it, which gets no date of its own."""
        for transaction, line in self._lines(1):
            self._dataset.put("transaction", [{"id": transaction, "memo": f"with line {self._clock.now:%d %H:%M:%S}"}])
            old = self._line_date(transaction, line)
            self._dataset.put(
                "transactionline",
                [{"transaction": transaction, "id": line, "memo": "of header", "linelastmodifieddate": old}],
            )

    def edit_line_alone(self) -> None:
        """An amount of a line, without a date that moves anywhere, or with the line's own alone."""
        for transaction, line in self._lines(2):
            row = {"transaction": transaction, "id": line, "quantity": f"{self._random.randint(-900, -1)}.5"}
            if self._random.random() < 0.5:
                row["linelastmodifieddate"] = self._line_date(transaction, line)
            self._dataset.put("transactionline", [row])

    def drop_line(self) -> None:
        """A line that leaves no trace."""
        for transaction, line in self._lines(1):
            connection = self._dataset.connection()
            connection.execute('DELETE FROM transactionline WHERE "transaction" = ? AND id = ?', (transaction, line))
            self._dataset.version += 1

    def _some(self, table: str, count: int) -> list[int]:
        where = f"WHERE type IN ({_KINDS})" if table == "transaction" else ""
        ids = [id_ for (id_,) in self._dataset.connection().execute(f'SELECT id FROM "{table}" {where} ORDER BY id')]
        return self._random.sample(ids, min(count, len(ids)))

    def _lines(self, count: int) -> list[tuple[int, int]]:
        found = self._dataset.connection().execute(
            f'SELECT "transaction", l.id FROM transactionline l JOIN "transaction" t ON t.id = l."transaction"'
            f" WHERE t.type IN ({_KINDS}) AND l.mainline = 'F' ORDER BY 1, 2"
        )
        lines = found.fetchall()
        return self._random.sample(lines, min(count, len(lines)))

    def _line_date(self, transaction: int, line: int) -> str | None:
        found = self._dataset.connection().execute(
            'SELECT linelastmodifieddate FROM transactionline WHERE "transaction" = ? AND id = ?', (transaction, line)
        )
        date: str | None = found.fetchone()[0]
        return date

    def _max(self, table: str) -> int:
        return int(self._dataset.connection().execute(f'SELECT MAX(id) FROM "{table}"').fetchone()[0])


def test_after_each_night_of_a_fortnight_the_warehouse_equals_netsuite(
    warehouse_on_mariadb: None,
    sandbox: SandboxServer,
    clock: Clock,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Nothing is committed late here, and nothing may be found by the overlap alone.
    monkeypatch.setenv("INCREMENTAL_OVERLAP", "0")
    deployment, company = Deployment(sandbox, clock, engine), Company(sandbox.dataset, clock, seed=1)
    deployment.full()
    deployment.assert_exact()
    for night in range(1, 15):
        company.work(hours=7)
        clock.now = FIRST_EVENING + dt.timedelta(days=night)
        if night == FAILED_NIGHT:
            sandbox.faults.add(Fault(FaultKind.UNAVAILABLE, times=None, match="transactionline.uniquekey AS"))
        if night == BLIND_NIGHT:
            sandbox.availability.set_table("customer", available=False)
        done = deployment.night()
        sandbox.faults.clear()
        sandbox.availability.set_table("customer", available=True)
        if night == FAILED_NIGHT:
            assert done.status is not JobStatus.COMPLETED
        elif night == BLIND_NIGHT:
            assert done.status is JobStatus.PARTIAL
            deployment.assert_exact(*(name for name in CATALOG.names if name != "customer"))
        else:
            assert done.status is JobStatus.COMPLETED, (night, done.trouble())
            deployment.assert_exact()
