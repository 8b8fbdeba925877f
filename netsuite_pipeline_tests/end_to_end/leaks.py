"""Looks for credentials in everything that a pipeline leaves behind: its files, its tables, and Dagster's."""

from collections.abc import Iterable, Iterator

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline_tests.end_to_end.stack import Stack


def assert_no_secret_is_left(stack: Stack, sandbox: SandboxServer) -> None:
    """No log, run, event or row holds a credential: neither NetSuite's nor the database's, nor a token it gave."""
    secrets = [*_secrets_of(stack), *sandbox.account.authenticator._tokens]
    found = {where for where, content in _left_behind(stack) for secret in secrets if secret.encode() in content}
    assert not found, f"a secret is in {sorted(found)}"


def _secrets_of(stack: Stack) -> list[str]:
    settings = Settings(**{name.lower(): value for name, value in stack.environment.items()})
    credentials = (
        settings.netsuite_consumer_key,
        settings.netsuite_consumer_secret,
        settings.netsuite_token_id,
        settings.netsuite_token_secret,
        settings.netsuite_client_id,
    )
    secrets = [credential.get_secret_value() for credential in credentials if credential is not None]
    if settings.netsuite_private_key_file is not None:
        # By lines, because a text that quotes the key may break it differently.
        lines = settings.netsuite_private_key_file.read_text().splitlines()
        secrets += [line for line in lines if line and not line.startswith("-----")]
    password = make_url(settings.warehouse_url.get_secret_value()).password
    assert secrets
    return [*secrets, password] if password else secrets


def _left_behind(stack: Stack) -> Iterator[tuple[str, bytes]]:
    """Every file and, of databases that are not files, every table that has a row."""
    files = [path for path in stack.directory.rglob("*") if path.is_file()]
    assert any(path.name == "daemon.log" for path in files)
    for path in files:
        yield str(path), path.read_bytes()
    for name in ("WAREHOUSE_URL", "DAGSTER_MYSQL_URL"):
        url = stack.environment.get(name)
        if url is not None and not url.startswith("sqlite"):
            yield from _texts(name, url)


def _texts(name: str, url: str) -> Iterator[tuple[str, bytes]]:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        tables = sa.inspect(connection).get_table_names()
        assert tables
        for table in tables:
            rows = connection.execute(sa.text(f"SELECT * FROM `{table}`"))
            yield f"{name}: {table}", b"\n".join(_encoded(value for row in rows for value in row))
    engine.dispose()


def _encoded(values: Iterable[object]) -> Iterator[bytes]:
    for value in values:
        if isinstance(value, str | bytes):
            yield value.encode() if isinstance(value, str) else value
