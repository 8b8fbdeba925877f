"""A warehouse with the tests' own record type, and a loader that never waits."""

from collections.abc import Iterator

import pytest

from netsuite_pipeline_tests.warehouse.samples import Importer, build_importer


@pytest.fixture
def importer(warehouse_url: str) -> Iterator[Importer]:
    """On SQLite and on MariaDB."""
    built = build_importer(warehouse_url)
    yield built
    built.engine.dispose()


@pytest.fixture
def mariadb_importer(mariadb_url: str) -> Iterator[Importer]:
    """On MariaDB alone, for what SQLite cannot do."""
    built = build_importer(mariadb_url)
    yield built
    built.engine.dispose()
