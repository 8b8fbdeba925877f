"""Fixtures that several packages use: a private MariaDB server, and warehouses on SQLite and on MariaDB.

And the order of all tests: the ones that mostly wait come first, so that others work meanwhile.
"""

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

# The longest of the end-to-end tests; at the end of everything one of them would be waited for alone.
_LONGEST = (
    "test_demo",
    "test_an_import_of_everything",
    "test_backfill",
    "test_dead_runs",
    "test_survival",
    "test_custom_types",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """End-to-end tests first, the longest first.

    pytest-xdist gives each worker an equal share of what is collected, in its order, and who has finished takes from
    the end of another's share. So the first worker starts with the end-to-end tests, and does little else.
    """
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    if "end_to_end/" not in item.nodeid:
        return len(_LONGEST) + 1
    return next((rank for rank, name in enumerate(_LONGEST) if name in item.nodeid), len(_LONGEST))


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
