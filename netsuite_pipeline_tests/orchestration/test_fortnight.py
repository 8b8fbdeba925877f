"""A fortnight of nights while a company works: after each the warehouse equals NetSuite, value by value.

The clock is the test's, everything else is real: NetSuite's rules over HTTP, planning, dispatching, loading.
"""

import datetime as dt
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.sandbox.faults import Fault, FaultKind
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.waves.model import JobStatus
from netsuite_pipeline_tests.orchestration.nights import Clock, Deployment, served
from netsuite_pipeline_tests.orchestration.working_company import Company

# Clocks are put back in Los Angeles on the first of November 2026 at 09:00 UTC, in the middle of it.
FIRST_EVENING = dt.datetime(2026, 10, 25, 18, tzinfo=dt.UTC)
FAILED_NIGHT, BLIND_NIGHT = 4, 9


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
