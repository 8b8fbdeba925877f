"""Fixtures of the tenants' tests: a file of two companies, and an environment that holds their secrets alone."""

from collections.abc import Callable
from pathlib import Path

import pytest

from netsuite_pipeline.settings import Settings
from netsuite_pipeline.tenancy.activation import ACTIVE

TWO = """\
tenants:
  acme:
    integration_id: 17
    settings:
      NETSUITE_ACCOUNT_ID: 0012345
      NETSUITE_AUTH: tba
      WAVE_SIZE: 40
    secrets:
      NETSUITE_TOKEN_SECRET: ACME_TOKEN_SECRET
      WAREHOUSE_URL: ACME_WAREHOUSE_URL
  globex:
    secrets:
      NETSUITE_TOKEN_SECRET: GLOBEX_TOKEN_SECRET
      WAREHOUSE_URL: GLOBEX_WAREHOUSE_URL
"""
SECRETS = {
    "ACME_TOKEN_SECRET": "hunter2-of-acme",
    "ACME_WAREHOUSE_URL": "mysql+pymysql://acme:hunter2-of-acme@db.example.com/acme",
    "GLOBEX_TOKEN_SECRET": "hunter2-of-globex",
    "GLOBEX_WAREHOUSE_URL": "mysql+pymysql://globex:hunter2-of-globex@db.example.com/globex",
}

# Makes a text TENANTS_FILE, and gives its path.
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes the file of tenants."""

    def written(text: str) -> Path:
        file = tmp_path / "tenants.yaml"
        file.write_text(text)
        monkeypatch.setenv("TENANTS_FILE", str(file))
        return file

    return written


@pytest.fixture(autouse=True)
def environment(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment of two companies, as its daemon has it; what a test makes of it ends with the test."""
    for name in (*Settings.model_fields, ACTIVE):
        # Set first, so that what activation sets is undone where nothing was set before.
        monkeypatch.setenv(name.upper(), "x")
        monkeypatch.delenv(name.upper())
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    write(TWO)
