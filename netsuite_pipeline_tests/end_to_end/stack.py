"""A whole pipeline of real processes for the end-to-end tests: sandbox, daemon, web server, database.

Starting, killing and asking them belongs here; what they must do is in the tests.
"""

import json
import os
import shutil
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

from netsuite_pipeline.settings import Settings
from netsuite_pipeline_tests.ports import free_port
from netsuite_pipeline_tests.waiting import wait_for

PROJECT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
_STOP_SECONDS = 15.0
_DAEMON = """
import dagster._daemon.controller as controller
import dagster._daemon.sensor as sensor
from dagster._daemon.cli import create_dagster_daemon_cli
controller.DEFAULT_DAEMON_INTERVAL_SECONDS = 2
controller.THREAD_CHECK_INTERVAL = 1
sensor.MIN_INTERVAL_LOOP_TIME = 1
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

    def command(self, *arguments: str, check: bool = True, timeout: float = 900) -> subprocess.CompletedProcess[str]:
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
        """The daemon as `dagster-daemon run -w workspace.yaml` starts it, but it looks at what is due more often.

        At backfills every 2 s and not 30, at sensors every second and not every 5: a sensor is due when it says so.
        """
        self.start("daemon", [sys.executable, "-c", _DAEMON, "run", "-w", str(PROJECT / "workspace.yaml")])

    def kill(self, name: str) -> None:
        """SIGKILL to that process alone, as the kernel or an operator would do it."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def run_workers(self) -> list[psutil.Process]:
        """The processes that execute Dagster runs right now, whether or not their daemon still lives."""
        return processes_that(lambda text: str(self.home) in text and "multiprocessing.spawn" in text)

    def stop(self) -> None:
        """Ends every process of the stack, whoever started it: code servers and runs have sessions of their own."""
        for signal_to in (psutil.Process.terminate, psutil.Process.kill):
            self._end(signal_to)
        for process in self.processes.values():
            process.wait()
        self.processes.clear()

    def _end(self, signal_to: Callable[[psutil.Process], None]) -> None:
        """Signals each process once, also those that are started meanwhile, until none is left or it takes too long."""
        signalled: set[psutil.Process] = set()
        deadline = time.monotonic() + _STOP_SECONDS
        while (living := processes_that(lambda text: str(self.home) in text)) and time.monotonic() < deadline:
            for process in set(living) - signalled:
                with suppress(psutil.NoSuchProcess):
                    signal_to(process)
            signalled.update(living)
            time.sleep(0.1)

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
        wait_for(lambda: self._alive(), seconds=300, what="the web server")

    def _alive(self) -> bool:
        try:
            return httpx.get(f"{self.url}/server_info", timeout=30).status_code == 200
        except httpx.TransportError:
            return False

    def query(self, text: str, **variables: Any) -> Any:
        answer = httpx.post(f"{self.url}/graphql", json={"query": text, "variables": variables}, timeout=360).json()
        assert "errors" not in answer, json.dumps(answer["errors"])[:2000]
        return answer["data"]


def prepare_home(directory: Path, *, mysql_storage_url: str | None) -> dict[str, str]:
    """A DAGSTER_HOME with the shipped dagster.yaml: embedded storage, or the one of deploy/mysql."""
    home = directory / "dagster"
    home.mkdir()
    source = PROJECT / ("deploy/mysql/dagster.yaml" if mysql_storage_url else "dagster.yaml")
    shutil.copyfile(source, home / "dagster.yaml")
    storage = {"DAGSTER_MYSQL_URL": mysql_storage_url} if mysql_storage_url else {}
    return {"DAGSTER_HOME": str(home), **storage}


def clean_environment() -> dict[str, str]:
    """The variables of this process without any setting of the pipeline; the tests choose those themselves."""
    settings = {name.upper() for name in Settings.model_fields}
    return {name: value for name, value in os.environ.items() if name.upper() not in settings}


def processes_that(match: Callable[[str], bool]) -> list[psutil.Process]:
    """The living processes whose arguments and environment, as one text, match; they inherit the latter."""
    found = []
    for process in psutil.process_iter():
        # Without arguments it is a zombie or the kernel's own.
        with suppress(psutil.Error):
            arguments = process.cmdline()
            if arguments and match("\n".join([*arguments, *process.environ().values()])):
                found.append(process)
    return found
