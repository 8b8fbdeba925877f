"""The command line: a process of its own, as people start it."""

import os
import signal
import socket
import subprocess
import sys
import warnings
from pathlib import Path

import httpx
import pytest

# typer 0.25 imports two names that click 8.4 deprecates; newer typers break dg (see pyproject.toml).
with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
    from typer.testing import CliRunner

    from netsuite_pipeline.sandbox.command import sandbox_app

RUN = [sys.executable, "-c", "from netsuite_pipeline.sandbox.command import sandbox_app; sandbox_app()"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_prints_its_url_when_ready_and_stops_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            *RUN,
            "serve",
            "--records",
            "100",
            "--without",
            "location",
            "--without-column",
            "customer.terms",
            "--feature-off",
            "projects",
            "--feature-off",
            "oneworld",
            "--hostile",
            "10",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert httpx.get(f"{url}/sandbox/stats").json()["hostility_share"] == 10
        process.send_signal(number)
        # Not communicate(): it reads past the stream's buffer, which may hold lines that came with the first.
        output = process.stdout.read()
        assert process.stderr is not None
        assert (process.wait(timeout=20), process.stderr.read()) == (0, "")
    finally:
        process.kill()
        process.communicate()
    assert f"export NETSUITE_BASE_URL={url}" in output.splitlines()
    assert "export NETSUITE_AUTH=tba" in output.splitlines()
    assert list(tmp_path.iterdir()) == []


def test_a_port_in_use_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(sandbox_app, ["serve", "--records", "0", "--port", port])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"The sandbox cannot start on port {port}:")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--without", "nothing"], "no table 'nothing'"),
        (["--without-column", "customer.nothing"], "no column 'nothing'"),
        (["--without-column", "customer"], "TABLE.COLUMN"),
        (["--m2m-certificate", "/nowhere.pem"], "/nowhere.pem"),
    ],
)
def test_a_wrong_option_is_one_sentence(arguments: list[str], text: str) -> None:
    result = CliRunner().invoke(sandbox_app, ["serve", "--records", "0", *arguments])
    assert result.exit_code == 1
    assert text in result.stderr
    assert "Traceback" not in result.output


def test_credentials_writes_a_pair_and_names_the_variable(tmp_path: Path) -> None:
    result = CliRunner().invoke(sandbox_app, ["credentials", str(tmp_path / "keys")])
    assert result.exit_code == 0
    assert f"NETSUITE_PRIVATE_KEY_FILE={tmp_path}/keys/sandbox-key.pem" in result.output
    assert (tmp_path / "keys" / "sandbox-certificate.pem").exists()
