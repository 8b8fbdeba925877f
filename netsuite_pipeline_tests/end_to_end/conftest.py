"""Stacks of real processes: a sandbox, a warehouse, a Dagster instance and its daemon."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from netsuite_pipeline.sandbox.keys import KeyPair, create_key_pair
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline_tests.end_to_end.stack import Stack, clean_environment, prepare_home
from netsuite_pipeline_tests.mariadb_server import MariaDBServer

# Enough for several batches of every large type, few enough for many tests.
RECORDS = 6000
SMALL_BATCHES = {"BATCH_SIZE": "200", "WAVE_INTER_WAVE_DELAY": "0"}

StartStack = Callable[..., Stack]


@pytest.fixture(scope="session")
def key_pair(tmp_path_factory: pytest.TempPathFactory) -> KeyPair:
    """What NetSuite knows a client by, away from the folders in which tests look for secrets."""
    return create_key_pair(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def sandbox(key_pair: KeyPair) -> Iterator[SandboxServer]:
    """A NetSuite of this process, so that tests can look into it and disturb it."""
    with SandboxServer(records=RECORDS, seed=11, m2m_certificate=key_pair.certificate) as server:
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
            **clean_environment(),
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


def environment_of(server: SandboxServer, *, private_key: Path | None = None) -> dict[str, str]:
    """The variables that point a pipeline at a sandbox, with tokens, or with a private key if there is one."""
    known = server.credentials
    account = {"NETSUITE_ACCOUNT_ID": known.account, "NETSUITE_BASE_URL": server.base_url}
    if private_key is not None:
        return account | {
            "NETSUITE_AUTH": "m2m",
            "NETSUITE_CLIENT_ID": known.client_id,
            "NETSUITE_CERTIFICATE_ID": known.certificate_id,
            "NETSUITE_PRIVATE_KEY_FILE": str(private_key),
        }
    return account | {
        "NETSUITE_AUTH": "tba",
        "NETSUITE_CONSUMER_KEY": known.consumer_key,
        "NETSUITE_CONSUMER_SECRET": known.consumer_secret,
        "NETSUITE_TOKEN_ID": known.token_id,
        "NETSUITE_TOKEN_SECRET": known.token_secret,
    }
