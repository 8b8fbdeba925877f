"""Stacks of real processes: a sandbox, a warehouse, a Dagster instance and its daemon."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline_tests.end_to_end.stack import Stack, prepare_home
from netsuite_pipeline_tests.mariadb_server import MariaDBServer

# Enough for several batches of every large type, few enough for many tests.
RECORDS = 6000
SMALL_BATCHES = {"BATCH_SIZE": "200", "WAVE_INTER_WAVE_DELAY": "0"}

StartStack = Callable[..., Stack]


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """A NetSuite of this process, so that tests can look into it and disturb it."""
    with SandboxServer(records=RECORDS, seed=11) as server:
        yield server


@pytest.fixture
def start_stack(tmp_path: Path, mariadb_server: MariaDBServer) -> Iterator[StartStack]:
    """Makes a stack on SQLite or MariaDB, warehouse and Dagster's storage alike, and ends its processes."""
    stacks: list[tuple[Stack, list[str]]] = []

    def start(sandbox_environment: dict[str, str], *, database: str, **settings: str) -> Stack:
        databases: list[str] = []
        storage = None
        warehouse = f"sqlite:///{tmp_path / 'warehouse.db'}"
        if database == "mariadb":
            databases = [f"dagster_{os.urandom(4).hex()}", f"warehouse_{os.urandom(4).hex()}"]
            storage, warehouse = (mariadb_server.create_database(name) for name in databases)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("NETSUITE_", "WAVE_"))},
            **prepare_home(tmp_path, mysql_storage_url=storage),
            **sandbox_environment,
            **SMALL_BATCHES,
            **settings,
            "WAREHOUSE_URL": warehouse,
        }
        stack = Stack(directory=tmp_path, environment=environment)
        stack.create_storage()
        stacks.append((stack, databases))
        return stack

    yield start
    for stack, databases in stacks:
        stack.stop()
        for name in databases:
            mariadb_server.drop_database(name)


def environment_of(server: SandboxServer) -> dict[str, str]:
    """The variables that point a pipeline at a sandbox, with tokens."""
    known = server.credentials
    return {
        "NETSUITE_ACCOUNT_ID": known.account,
        "NETSUITE_BASE_URL": server.base_url,
        "NETSUITE_AUTH": "tba",
        "NETSUITE_CONSUMER_KEY": known.consumer_key,
        "NETSUITE_CONSUMER_SECRET": known.consumer_secret,
        "NETSUITE_TOKEN_ID": known.token_id,
        "NETSUITE_TOKEN_SECRET": known.token_secret,
    }
