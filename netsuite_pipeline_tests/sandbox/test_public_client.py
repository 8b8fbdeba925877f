"""A client that others wrote, the `netsuite` package of PyPI, uses the sandbox with token-based authentication.

The package wants other versions of httpx and oauthlib than the pipeline, so it lives in an environment of its own,
which `make test` sets up.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from netsuite_pipeline.sandbox.app import QUERY_PATH
from netsuite_pipeline.sandbox.server import SandboxServer

ENVIRONMENT = Path(sys.prefix, "public-client")
PROGRAM = Path(__file__).with_name("public_client") / "client.py"
SQL = "SELECT id, entityid, companyname, isperson FROM customer ORDER BY id"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(customers=2300, records=100, seed=7) as server:
        yield server


def ask(sandbox: SandboxServer, *, sql: str = SQL, limit: int = 1000, **changed: str) -> dict[str, Any]:
    """What the package gets, in a process that knows nothing of the pipeline."""
    python = ENVIRONMENT / "bin" / "python"
    assert python.exists(), f"There is no {python}: `make .venv/.public-client-installed` makes it."
    known = sandbox.credentials
    names = ("consumer_key", "consumer_secret", "token_id", "token_secret")
    wanted = {
        "account": known.account,
        "credentials": {name: getattr(known, name) for name in names} | changed,
        "url": sandbox.base_url + QUERY_PATH,
        "sql": sql,
        "limit": limit,
    }
    # Without any of the surroundings, such as a proxy or a path to the pipeline.
    done = subprocess.run(
        [str(python), "-I", str(PROGRAM)],
        input=json.dumps(wanted),
        env={},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def held(sandbox: SandboxServer) -> list[dict[str, str]]:
    """The same rows from the sandbox's file, as NetSuite would send them: all texts, and no NULL."""
    names = ("id", "entityid", "companyname", "isperson")
    found = sandbox.dataset.connection().execute(f"SELECT {', '.join(names)} FROM customer ORDER BY id")
    return [
        {name: str(value) for name, value in zip(names, row, strict=True) if value is not None}
        for row in found.fetchall()
    ]


def test_the_netsuite_package_pages_through_every_row(sandbox: SandboxServer) -> None:
    sandbox.stats.reset()
    rows = ask(sandbox)["rows"]
    assert [{name: value for name, value in row.items() if name != "links"} for row in rows] == held(sandbox)
    assert len(rows) == 2300
    assert sandbox.stats.snapshot()["requests"] == {QUERY_PATH: {"200": 3}}


def test_the_netsuite_package_is_refused_with_a_wrong_token_secret(sandbox: SandboxServer) -> None:
    answer = ask(sandbox, token_secret="wrong-8d2e")
    assert (answer.get("status"), "INVALID_LOGIN" in answer.get("text", "")) == (401, True)


def test_the_netsuite_package_is_told_what_is_wrong_with_a_query(sandbox: SandboxServer) -> None:
    answer = ask(sandbox, sql="SELECT id, nosuchcolumn FROM customer ORDER BY id")
    assert answer.get("status") == 400
    assert "Unknown identifier 'nosuchcolumn'" in answer["text"]
