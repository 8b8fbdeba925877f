"""Fixtures of the command line's tests: a sandbox NetSuite, the environment of a person, and the command in-process."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tenacity import wait_none

from netsuite_pipeline.cli import console, main
from netsuite_pipeline.netsuite import retry
from netsuite_pipeline.orchestration.resources import PipelineResource, warehouse_metadata
from netsuite_pipeline.record_types.custom import load_catalog
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.missing_columns import ColumnMemory, account_of
from netsuite_pipeline.warehouse.schema import ensure_tables

# No telemetry: what `dagster.yaml` of the project says.
_DAGSTER_YAML = "telemetry:\n  enabled: false\n"


@dataclass(frozen=True)
class Answer:
    """What a command left behind for the person who called it."""

    exit_code: int
    output: str
    errors: str


Command = Callable[..., Answer]


@pytest.fixture(scope="session")
def netsuite_server() -> Iterator[SandboxServer]:
    """One sandbox whose data no test changes."""
    with SandboxServer(records=400, seed=9) as server:
        yield server


@pytest.fixture
def sandbox(netsuite_server: SandboxServer) -> Iterator[SandboxServer]:
    """That sandbox; faults and missing tables end with the test."""
    netsuite_server.stats.reset()
    yield netsuite_server
    netsuite_server.faults.clear()
    for table in ("pricelevel", "customer"):
        netsuite_server.availability.set_table(table, available=True)


@pytest.fixture(autouse=True)
def environment(sandbox: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Complete settings, an SQLite warehouse and a DAGSTER_HOME; retries are real and their waits take no time."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text(_DAGSTER_YAML)
    known = sandbox.credentials
    for name, value in {
        "NETSUITE_ACCOUNT_ID": known.account,
        "NETSUITE_BASE_URL": sandbox.base_url,
        "NETSUITE_AUTH": "tba",
        "NETSUITE_CONSUMER_KEY": known.consumer_key,
        "NETSUITE_CONSUMER_SECRET": known.consumer_secret,
        "NETSUITE_TOKEN_ID": known.token_id,
        "NETSUITE_TOKEN_SECRET": known.token_secret,
        "WAREHOUSE_URL": f"sqlite:///{tmp_path / 'warehouse.db'}",
        "BATCH_SIZE": "50",
        "WAVE_INTER_WAVE_DELAY": "0",
        "DAGSTER_HOME": str(home),
    }.items():
        monkeypatch.setenv(name, value)
    # A terminal wide enough for whole sentences. Not by COLUMNS: it is read when the module is imported.
    for terminal in (console.results, console.errors):
        monkeypatch.setattr(terminal, "width", 300)
    monkeypatch.setattr(retry, "_backoff", wait_none())
    assert os.environ["NETSUITE_BASE_URL"].startswith("http://127.0.0.1")


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The `netsuite-pipeline` command, called as its entry point calls it."""

    def call(*arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["netsuite-pipeline", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main.run()
        captured = capsys.readouterr()
        return Answer(int(ended.value.code or 0), captured.out, captured.err)

    return call


def note_missing(record_type: str, *columns: str) -> None:
    """Notes that the account lacks these columns, as a run does that was told so."""
    settings = Settings.load()
    catalog = load_catalog(settings)
    declared = catalog.get(record_type)
    with PipelineResource().engine() as engine:
        ensure_tables(engine, warehouse_metadata(catalog))
        memory = ColumnMemory(engine, account=account_of(settings), record_type=declared)
        assert memory.claim("run")
        memory.store("run", [(field, "no") for field in declared.fields if field.name in columns])
