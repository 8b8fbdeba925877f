"""Two companies, each with its account, database and processes, on one Dagster instance: nothing is the other's."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.sandbox.auth import Credentials
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline_tests.end_to_end.exactness import assert_exact

PROJECT = Path(__file__).resolve().parents[2]
RECORD_TYPES = ["price_level", "subsidiary"]
SECRETS = ("CONSUMER_KEY", "CONSUMER_SECRET", "TOKEN_ID", "TOKEN_SECRET")


@dataclass(frozen=True)
class Company:
    """What is known of a company after its import: its NetSuite, its database, and what its process printed."""

    netsuite: SandboxServer
    warehouse: sa.Engine
    environment: dict[str, str]
    location: str


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one DAGSTER_HOME."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "dagster.yaml").write_text((PROJECT / "dagster.yaml").read_text())
    # Two processes that create Dagster's tables at once disturb each other's migrations.
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        instance.get_runs(limit=1)
        instance.get_asset_keys()
        instance.all_instigator_state()
    return folder


@pytest.fixture(scope="module")
def companies(home: Path) -> Iterator[dict[str, Company]]:
    """Both companies after their imports, each of which ran in a process as the deployment would start it."""
    with (
        SandboxServer(records=200, seed=21, credentials=_credentials("acme")) as acme,
        SandboxServer(records=300, seed=22, credentials=_credentials("globex")) as globex,
    ):
        servers = {"acme": acme, "globex": globex}
        file = home / "tenants.yaml"
        file.write_text("tenants:\n" + "".join(_declared(name, server) for name, server in servers.items()))
        environment = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
        environment |= {"DAGSTER_HOME": str(home), "TENANTS_FILE": str(file), "PYTHONPATH": str(PROJECT)}
        for name, server in servers.items():
            environment |= _held(name, server, home)
        # Both of them at once, as they are in a deployment.
        with ThreadPoolExecutor() as both:
            found = dict(zip(servers, both.map(lambda name: _imported(name, environment), servers), strict=True))
        engines = {name: connect(environment[f"{name.upper()}_WAREHOUSE_URL"]) for name in servers}
        yield {name: Company(server, engines[name], **found[name]) for name, server in servers.items()}
        for engine in engines.values():
            engine.dispose()


@pytest.mark.parametrize("name", ["acme", "globex"])
def test_a_company_has_exactly_its_own_records_in_its_own_database(companies: dict[str, Company], name: str) -> None:
    company = companies[name]
    for record_type in RECORD_TYPES:
        assert_exact(company.netsuite.dataset, company.warehouse, CATALOG.get(record_type))


@pytest.mark.parametrize(("name", "number"), [("acme", 1), ("globex", 2)])
def test_planned_batches_say_whose_they_are(companies: dict[str, Company], name: str, number: int) -> None:
    with companies[name].warehouse.connect() as connection:
        owners = connection.execute(sa.text("SELECT DISTINCT integration_id, tenant_database FROM wave_batches")).all()
    assert [tuple(owner) for owner in owners] == [(number, f"{name}.db")]


def test_the_instance_knows_the_batches_of_each_by_a_name_of_its_own(companies: dict[str, Company], home: Path) -> None:
    assert companies
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert set(instance.get_asset_keys()) == {
            dg.AssetKey([name, record_type]) for name in companies for record_type in RECORD_TYPES
        }
        assert {run.job_name.partition("__")[0] for run in instance.get_runs()} == set(companies)


@pytest.mark.parametrize(("name", "other"), [("acme", "globex"), ("globex", "acme")])
def test_a_process_holds_its_own_secrets_and_none_of_the_others(
    companies: dict[str, Company], name: str, other: str
) -> None:
    held = " ".join(companies[name].environment.values())
    assert f"{name}-token-secret" in held
    assert f"{other}-token-secret" not in held
    assert f"{other}.db" not in held


@pytest.mark.parametrize("name", ["acme", "globex"])
def test_no_secret_is_in_what_dagster_keeps_of_a_location(companies: dict[str, Company], name: str) -> None:
    location = companies[name].location
    assert f'"{name}__import_price_level"' in location
    for secret in (f"{name}-token-secret", f"{name}-token-id", f"{name}-consumer-secret", f"{name}.db"):
        assert secret not in location


def _credentials(name: str) -> Credentials:
    return Credentials(
        account=name.upper(),
        consumer_key=f"{name}-consumer-key",
        consumer_secret=f"{name}-consumer-secret",
        token_id=f"{name}-token-id",
        token_secret=f"{name}-token-secret",
    )


def _declared(name: str, server: SandboxServer) -> str:
    number = {"acme": 1, "globex": 2}[name]
    secrets = "".join(f"      NETSUITE_{what}: {name.upper()}_{what}\n" for what in SECRETS)
    return (
        f"  {name}:\n    integration_id: {number}\n    settings:\n      NETSUITE_ACCOUNT_ID: {name.upper()}\n"
        f"      NETSUITE_BASE_URL: {server.base_url}\n      NETSUITE_AUTH: tba\n"
        f"    secrets:\n{secrets}      WAREHOUSE_URL: {name.upper()}_WAREHOUSE_URL\n"
    )


def _held(name: str, server: SandboxServer, home: Path) -> dict[str, str]:
    """The variables of the deployment that hold a company's secrets."""
    values = {what: getattr(server.credentials, what.lower()) for what in SECRETS}
    values["WAREHOUSE_URL"] = f"sqlite:///{home / name}.db"
    return {f"{name.upper()}_{what}": value for what, value in values.items()}


def _imported(name: str, environment: dict[str, str]) -> dict[str, Any]:
    """What the process of a company printed."""
    script = str(Path(__file__).with_name("one_tenant.py"))
    done = subprocess.run(
        [sys.executable, script, name, *RECORD_TYPES],
        env=environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
