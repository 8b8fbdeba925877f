"""A whole pipeline of real processes for the end-to-end tests: sandbox, daemon, web server, database.

Starting, killing and asking them belongs here; what they must do is in the tests.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import psutil

PROJECT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
_DAEMON = """
import dagster._daemon.controller as controller
from dagster._daemon.cli import create_dagster_daemon_cli
controller.DEFAULT_DAEMON_INTERVAL_SECONDS = 5
create_dagster_daemon_cli()(obj={})
"""


@dataclass
class Stack:
    """The processes of one pipeline and the environment they share."""

    directory: Path
    environment: dict[str, str]
    processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return Path(self.environment["DAGSTER_HOME"])

    def command(self, *arguments: str, check: bool = True, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Runs the `netsuite-pipeline` command as a person would."""
        done = subprocess.run(
            [str(BIN / "netsuite-pipeline"), *arguments],
            env=self.environment,
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{arguments} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def start(self, name: str, command: list[str]) -> subprocess.Popen[str]:
        with (self.directory / f"{name}.log").open("a") as log:
            process = subprocess.Popen(
                command,
                env=self.environment,
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        self.processes[name] = process
        return process

    def create_storage(self) -> None:
        """Dagster's tables, before several processes try to create them at once and one of them fails."""
        subprocess.run(
            [str(BIN / "dagster"), "instance", "info"], env=self.environment, check=True, capture_output=True
        )

    def start_daemon(self) -> None:
        """The daemon as `dagster-daemon run -w workspace.yaml` starts it, looking at backfills every 5 s, not 30."""
        self.start("daemon", [sys.executable, "-c", _DAEMON, "run", "-w", str(PROJECT / "workspace.yaml")])

    def kill(self, name: str) -> None:
        """SIGKILL to that process alone, as the kernel or an operator would do it."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def run_workers(self) -> list[psutil.Process]:
        """The processes that execute Dagster runs right now."""
        workers = []
        for process in self.processes.values():
            for child in psutil.Process(process.pid).children(recursive=True):
                if "multiprocessing.spawn" in " ".join(_command_line(child)):
                    workers.append(child)
        return workers

    def stop(self) -> None:
        for process in self.processes.values():
            _signal_group(process.pid, signal.SIGTERM)
        for process in self.processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=15)
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()
        self.processes.clear()

    def log(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text(errors="replace")

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            yield instance


class WebServer:
    """Dagster's web server, asked over GraphQL as its pages do."""

    def __init__(self, stack: Stack) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._stack = stack
        command = [str(BIN / "dagster-webserver"), "-h", "127.0.0.1", "-p", str(self.port)]
        stack.start("webserver", [*command, "-w", str(PROJECT / "workspace.yaml")])
        wait_for(lambda: self._alive(), seconds=90, what="the web server")

    def _alive(self) -> bool:
        try:
            return httpx.get(f"{self.url}/server_info", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def query(self, text: str, **variables: Any) -> Any:
        answer = httpx.post(f"{self.url}/graphql", json={"query": text, "variables": variables}, timeout=120).json()
        assert "errors" not in answer, json.dumps(answer["errors"])[:2000]
        return answer["data"]


def wait_for(condition: Callable[[], Any], *, seconds: float, what: str, every: float = 0.5) -> Any:
    """The first true value of `condition`; an AssertionError that says what was waited for."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(every)
    raise AssertionError(f"waited {seconds} s in vain for {what}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def prepare_home(directory: Path, *, mysql_storage_url: str | None) -> dict[str, str]:
    """A DAGSTER_HOME with the shipped dagster.yaml: embedded storage, or the one of deploy/mysql."""
    home = directory / "dagster"
    home.mkdir()
    source = PROJECT / ("deploy/mysql/dagster.yaml" if mysql_storage_url else "dagster.yaml")
    shutil.copyfile(source, home / "dagster.yaml")
    storage = {"DAGSTER_MYSQL_URL": mysql_storage_url} if mysql_storage_url else {}
    return {"DAGSTER_HOME": str(home), **storage}


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return
