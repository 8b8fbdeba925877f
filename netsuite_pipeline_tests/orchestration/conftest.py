"""Fixtures of the Dagster layer's tests: a sandbox NetSuite, the settings that lead to it, an instance, definitions."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine
from tenacity import wait_none

from netsuite_pipeline.netsuite import retry
from netsuite_pipeline.orchestration.location import build_definitions
from netsuite_pipeline.orchestration.resources import warehouse_metadata
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline.waves.store import WaveStore

RECORDS = 1000


@pytest.fixture(scope="session")
def netsuite_server() -> Iterator[SandboxServer]:
    """One sandbox whose data no test changes."""
    with SandboxServer(records=RECORDS, seed=3) as server:
        yield server


@pytest.fixture
def sandbox(netsuite_server: SandboxServer) -> Iterator[SandboxServer]:
    """That sandbox; faults and missing tables end with the test."""
    netsuite_server.stats.reset()
    yield netsuite_server
    netsuite_server.faults.clear()
    for record_type in CATALOG:
        netsuite_server.availability.set_table(record_type.source.table, available=True)


@pytest.fixture(autouse=True)
def environment(sandbox: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of a small pipeline on SQLite; the client's retries are real and their waits take no time."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    known = sandbox.credentials
    for name, value in {
        "NETSUITE_ACCOUNT_ID": known.account,
        "NETSUITE_BASE_URL": sandbox.base_url,
        "NETSUITE_AUTH": "tba",
        "NETSUITE_CONSUMER_KEY": known.consumer_key,
        "NETSUITE_CONSUMER_SECRET": known.consumer_secret,
        "NETSUITE_TOKEN_ID": known.token_id,
        "NETSUITE_TOKEN_SECRET": known.token_secret,
        "WAREHOUSE_URL": f"sqlite:///{tmp_path / 'netsuite.db'}",
        "BATCH_SIZE": "50",
        "WAVE_INTER_WAVE_DELAY": "0",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(retry, "_backoff", wait_none())


@pytest.fixture
def both_databases(warehouse_url: str, environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes a test run on SQLite and on MariaDB."""
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster instance in memory."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture(scope="session")
def definitions() -> dg.Definitions:
    """What `netsuite_pipeline.definitions` builds; the settings are read by each run."""
    return build_definitions(CATALOG, Settings())


@pytest.fixture
def engine(environment: None) -> Iterator[Engine]:
    """The warehouse of WAREHOUSE_URL as it is when the test asks for it, with every table."""
    engine = connect(Settings.load().warehouse_url.get_secret_value())
    ensure_tables(engine, warehouse_metadata(CATALOG))
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: Engine) -> WaveStore:
    """The wave tables of that warehouse."""
    return WaveStore(engine)
