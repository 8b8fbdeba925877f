"""Fixtures of the doctor's tests: a sandbox NetSuite, settings that lead to it, and a look at single checks."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tenacity import wait_none

from netsuite_pipeline.doctor.examination import examine
from netsuite_pipeline.doctor.finding import Check, Finding
from netsuite_pipeline.doctor.settings import Configuration
from netsuite_pipeline.netsuite import retry
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings

Configured = Callable[..., Configuration]


@pytest.fixture(scope="session")
def netsuite_server() -> Iterator[SandboxServer]:
    """One sandbox whose data no test changes."""
    with SandboxServer(records=50, seed=9) as server:
        yield server


@pytest.fixture
def sandbox(netsuite_server: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxServer]:
    """That sandbox; faults and missing tables end with the test, and waits between attempts take no time."""
    monkeypatch.setattr(retry, "_backoff", wait_none())
    netsuite_server.stats.reset()
    yield netsuite_server
    netsuite_server.faults.clear()
    netsuite_server.availability.set_table("pricelevel", available=True)
    for column in ("comments", "phone"):
        netsuite_server.availability.set_column("customer", column, available=True)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting from outside."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def configured(sandbox: SandboxServer, tmp_path: Path) -> Configured:
    """The configuration of a person with the sandbox's credentials and an SQLite warehouse, or with changes to it."""

    def build(**changes: Any) -> Configuration:
        known = sandbox.credentials
        values: dict[str, Any] = {
            "netsuite_account_id": known.account,
            "netsuite_base_url": sandbox.base_url,
            "netsuite_auth": "tba",
            "netsuite_consumer_key": known.consumer_key,
            "netsuite_consumer_secret": known.consumer_secret,
            "netsuite_token_id": known.token_id,
            "netsuite_token_secret": known.token_secret,
            "warehouse_url": f"sqlite:///{tmp_path / 'warehouse.db'}",
        }
        configuration = Configuration()
        configuration.settings = Settings(**values | changes)
        return configuration

    return build


def found(checks: Sequence[Check]) -> dict[str, Finding]:
    """What these checks alone find, by their ids: those that they need elsewhere are taken for well."""
    ids = {check.id for check in checks}
    alone = [
        Check(
            id=check.id,
            group=check.group,
            attempted=check.attempted,
            look=check.look,
            needs=tuple(need for need in check.needs if need in ids),
            remedy=check.remedy,
            seconds=check.seconds,
        )
        for check in checks
    ]
    return {finding.check: finding for finding in examine(alone)}
