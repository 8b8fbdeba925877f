"""An hour in which a tenth of all requests fails in every way at once while a company works underneath.

Imports go on through it, one after the other. The clock is NetSuite's and moves on by what clients wait, by the
company's work and between imports; no one sleeps. What fails is chosen by seeds.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine
from tenacity import wait_random_exponential

from netsuite_pipeline.netsuite import retry
from netsuite_pipeline.netsuite.client import NetSuiteClient
from netsuite_pipeline.netsuite.errors import NetSuiteError
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.sandbox.faults import FaultKind
from netsuite_pipeline.sandbox.hostility import HOSTILE_KINDS, Hostility
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.waves.model import ImportMode, JobStatus
from netsuite_pipeline_tests.orchestration.nights import Clock, Deployment, Night, served
from netsuite_pipeline_tests.orchestration.working_company import Company

TYPES = ("location", "customer", "vendor", "inventory_item", "transaction_line", "sales_order", "invoice")
# Which imports of the hour read everything; the others read what changed.
FULL = {0, 4}
BETWEEN_IMPORTS = dt.timedelta(minutes=7)
# One thing happens at every so many-th query.
QUERIES_BETWEEN_ACTS = 5

# Status 200 and less than the truth, or more: only counts and orders tell.
LYING = (FaultKind.DROP_ROW, FaultKind.DUPLICATE_ROW, FaultKind.EMPTY)


@dataclass
class Underneath:
    """Lets the company work between two queries, while it is `busy`, and remembers what it could not do."""

    sandbox: SandboxServer
    company: Company
    clock: Clock
    busy: bool = False
    acts: int = 0
    queries: int = 0
    errors: list[Exception] = field(default_factory=list)

    def wrapped(self, query: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **options: Any) -> Any:
            self.queries += 1
            if self.busy and self.queries % QUERIES_BETWEEN_ACTS == 0:
                self._act()
            return query(*args, **options)

        return run

    def _act(self) -> None:
        self.acts += 1
        try:
            self.company.act()
        except Exception as error:  # noqa: BLE001 - raised here, it would be one more failed request
            self.errors.append(error)
        self.clock.forward(seconds=3)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> Iterator[SandboxServer]:
    with served(300, clock=clock) as server:
        yield server


@pytest.fixture
def deployment(sandbox: SandboxServer, clock: Clock, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    def sleep(seconds: float) -> None:
        clock.forward(seconds=seconds)

    monkeypatch.setattr(retry, "_backoff", wait_random_exponential(multiplier=2, max=retry.LONGEST_WAIT))
    monkeypatch.setattr(NetSuiteClient, "connect", partial(NetSuiteClient.connect, sleep=sleep))
    monkeypatch.setenv("NETSUITE_TIMEOUT", "0.5")
    monkeypatch.setenv("BATCH_SIZE", "20")
    # What is found by the overlap is found by luck.
    monkeypatch.setenv("INCREMENTAL_OVERLAP", "0")
    return Deployment(sandbox, clock, engine)


@pytest.mark.parametrize(
    ("share", "seed", "kinds"),
    [(10, 1, HOSTILE_KINDS), (25, 2, LYING)],
    ids=["a tenth in every way", "a quarter by answers that lie"],
)
def test_a_hostile_hour_loses_and_doubles_nothing(
    deployment: Deployment,
    clock: Clock,
    share: int,
    seed: int,
    kinds: Sequence[FaultKind],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sandbox = deployment.sandbox
    underneath = Underneath(sandbox, Company(sandbox.dataset, clock, seed), clock)
    monkeypatch.setattr(sandbox.account.engine, "query", underneath.wrapped(sandbox.account.engine.query))
    hostility = sandbox.hostility = Hostility(share, seed=seed, kinds=kinds, seconds=600)
    completed = number = 0
    end = clock.now + dt.timedelta(hours=1)
    while clock.now < end:
        underneath.busy = number % 2 == 1
        night = _night(deployment, ImportMode.FULL if number in FULL else ImportMode.INCREMENTAL)
        if night and night.status is JobStatus.COMPLETED and not underneath.busy:
            deployment.assert_exact(*TYPES)
            completed += 1
        _assert_explained(deployment, night)
        clock.now += BETWEEN_IMPORTS
        number += 1

    assert not underneath.errors
    assert underneath.acts >= 5
    assert sum(hostility.delivered.values()) >= 15
    assert len(hostility.delivered) >= min(len(kinds), 8)
    # Which request fails depends on the order of threads: of a quarter, it may be one of every import.
    assert completed or share > 10
    # A busy machine is no fault any more.
    monkeypatch.setenv("NETSUITE_TIMEOUT", "60")
    underneath.busy, sandbox.hostility = False, None
    last = _night(deployment, ImportMode.INCREMENTAL)
    assert last is not None
    assert last.status is JobStatus.COMPLETED, last.trouble()
    deployment.assert_exact(*TYPES)


def _night(deployment: Deployment, mode: ImportMode) -> Night | None:
    """None where NetSuite's answers did not allow a plan."""
    try:
        return deployment.night(*TYPES, mode=mode)
    except NetSuiteError:
        return None


def _assert_explained(deployment: Deployment, night: Night | None) -> None:
    """Everything that was not imported says why: types, attempts at batches, batches and jobs."""
    if night is not None:
        assert all(kind.available or kind.reason for kind in night.plan.types)
        assert all(outcome.ledger or (outcome.category and outcome.reason) for outcome in night.outcomes)
    failed = sa.text("SELECT failure_category, failure_reason FROM wave_batches WHERE status = 'failed'")
    unplanned = sa.text("SELECT failure_reason FROM import_jobs WHERE status = 'failed'")
    with deployment.engine.connect() as connection:
        for category, reason in connection.execute(failed):
            assert reason
            assert FailureCategory(category)
        assert all(connection.execute(unplanned).scalars())
