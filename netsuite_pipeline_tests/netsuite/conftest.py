"""Fixtures of the NetSuite source's tests: settings, a scripted server, and clients whose waiting takes no time."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import settings

from netsuite_pipeline.netsuite.client import NetSuiteClient
from netsuite_pipeline.settings import Settings
from netsuite_pipeline_tests.netsuite.scripted_server import Reply, ScriptedServer
from netsuite_pipeline_tests.netsuite.sqlite_account import SqliteAccount

# A busy machine is no failure.
settings.register_profile("without deadline", deadline=None)
settings.load_profile("without deadline")

SECRETS = {
    "netsuite_consumer_key": "ck-51a7e1",
    "netsuite_consumer_secret": "cs-7f3b90",
    "netsuite_token_id": "ti-c04d22",
    "netsuite_token_secret": "ts-9e6a48",
    "netsuite_client_id": "ci-2b8f17",
}


@pytest.fixture
def private_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def settings_for(tmp_path: Path, private_key: ec.EllipticCurvePrivateKey) -> Callable[..., Settings]:
    """Settings for a base URL, complete for both schemes."""
    key_file = tmp_path / "key.pem"
    key_file.write_bytes(private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def build(base_url: str, **changes: Any) -> Settings:
        values: dict[str, Any] = {
            "netsuite_account_id": "1234567_SB1",
            "netsuite_base_url": base_url,
            "netsuite_auth": "tba",
            "netsuite_certificate_id": "certificate-7",
            "netsuite_private_key_file": key_file,
            **SECRETS,
            **changes,
        }
        return Settings(**values)

    return build


@pytest.fixture
def waits() -> list[float]:
    """The seconds a client would have slept."""
    return []


@pytest.fixture
def serve(
    settings_for: Callable[..., Settings], waits: list[float]
) -> Iterator[Callable[..., tuple[ScriptedServer, NetSuiteClient]]]:
    """A scripted server and a client of it; keyword arguments change the client's settings."""
    with ExitStack() as stack:

        def start(*replies: Reply, **changes: Any) -> tuple[ScriptedServer, NetSuiteClient]:
            server = stack.enter_context(ScriptedServer(*replies))
            client = NetSuiteClient.connect(settings_for(server.base_url, **changes), sleep=waits.append)
            return server, stack.enter_context(client)

        yield start


@pytest.fixture
def account_of() -> Iterator[Callable[..., SqliteAccount]]:
    """An SQLite account holding the given ids and lines."""
    accounts: list[SqliteAccount] = []

    def build(*args: Any, **kwargs: Any) -> SqliteAccount:
        accounts.append(SqliteAccount(*args, **kwargs))
        return accounts[-1]

    yield build
    for account in accounts:
        account.close()
