"""Fixtures that several packages use: a private MariaDB server, and warehouses on SQLite and on MariaDB."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline.warehouse.tables import import_tables, target_metadata
from netsuite_pipeline_tests.mariadb_server import MariaDBServer


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDBServer]:
    """One MariaDB server for the whole session; it starts with the first test that asks for it."""
    with MariaDBServer() as server:
        yield server


@pytest.fixture
def mariadb_url(mariadb_server: MariaDBServer) -> Iterator[str]:
    """The URL of an empty MariaDB database, dropped afterwards."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    yield mariadb_server.create_database(name)
    mariadb_server.drop_database(name)


@pytest.fixture(params=["sqlite", "mariadb"])
def warehouse_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty warehouse; every test that asks for it runs on SQLite and on MariaDB."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'warehouse.db'}"
    url: str = request.getfixturevalue("mariadb_url")
    return url


@pytest.fixture
def warehouse(warehouse_url: str) -> Iterator[Engine]:
    """An engine on a warehouse that has every table of the catalog and no row."""
    engine = connect(warehouse_url)
    ensure_tables(engine, import_tables(target_metadata(CATALOG)))
    yield engine
    engine.dispose()
