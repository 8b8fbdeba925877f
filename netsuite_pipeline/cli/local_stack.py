"""A whole pipeline on this machine: sandbox NetSuite, SQLite warehouse, Dagster's daemon and web server.

What `demo` and `dev` have in common. Starting and ending processes is in `processes`.
"""

import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from netsuite_pipeline.cli.dagster_instance import dagster_instance
from netsuite_pipeline.cli.processes import ProcessFailedError, ProcessGroup
from netsuite_pipeline.orchestration.resources import PipelineResource, warehouse_metadata
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.sandbox.generation import edition
from netsuite_pipeline.settings import SettingsError
from netsuite_pipeline.warehouse.migration.upgrade import upgrade

_PROJECT = Path(__file__).resolve().parents[2]
_READY_SECONDS = 60.0
_WAREHOUSE = "warehouse.db"


class LocalStack:
    """The processes of a local pipeline, and the folder that outlives them."""

    def __init__(self, directory: Path, processes: ProcessGroup) -> None:
        self.directory = directory
        self._processes = processes

    def start_sandbox(self, *, records: int, seed: int) -> None:
        """Starts the sandbox on a free port and points this process, and all it starts, at it.

        SettingsError if the folder holds an import of other data: most of its rows would look deleted in NetSuite.
        """
        self._claim(f"{records} records, seed {seed}, edition {edition()}\n")
        arguments = ["sandbox", "serve", "--port", "0", "--records", str(records), "--seed", str(seed)]
        self._start("sandbox", [_beside_python("netsuite-pipeline"), *arguments])
        os.environ.update(self._announced("sandbox"))

    def upgrade_warehouse(self, catalog: Catalog) -> None:
        """Brings the tables in the folder, which an earlier version may have made, to what is declared."""
        with PipelineResource().engine() as engine:
            upgrade(engine, warehouse_metadata(catalog), widen=True, report=lambda _: None)

    def start_daemon(self) -> None:
        """Starts Dagster's daemon: run queue, sensors, schedules, backfills, monitoring."""
        self._start("daemon", [_beside_python("dagster-daemon"), "run", "-w", str(_PROJECT / "workspace.yaml")])

    def start_webserver(self, *, port: int) -> None:
        """Starts the Dagster UI on loopback."""
        command = [_beside_python("dagster-webserver"), "-h", "127.0.0.1", "-p", str(port)]
        self._start("webserver", [*command, "-w", str(_PROJECT / "workspace.yaml")])

    def write_environment(self) -> Path:
        """Writes the stack's settings as shell exports, so that a person can use the command beside it.

        The sandbox's credentials are constants and no secrets.
        """
        wanted = {"DAGSTER_HOME", "WAREHOUSE_URL", "RECORD_TYPES_FILE"}
        names = [name for name in os.environ if name.startswith("NETSUITE_") or name in wanted]
        lines = [f"export {name}={shlex.quote(os.environ[name])}\n" for name in sorted(names)]
        path = self.directory / "environment"
        path.write_text("".join(lines))
        return path

    def check(self) -> None:
        """ProcessFailedError if one of the processes has ended."""
        self._processes.check()

    def _claim(self, data: str) -> None:
        marker = self.directory / "data"
        known = marker.read_text() if marker.exists() else None
        if known != data and (self.directory / _WAREHOUSE).exists():
            found = (known or "an earlier version").strip()
            raise SettingsError(
                f"{self.directory} holds an import of other data than asked for ({found}, not {data.strip()}):"
                " remove the folder, or name another one with --directory."
            )
        marker.write_text(data)

    def _start(self, name: str, command: list[str]) -> None:
        self._processes.start(name, command, environment=os.environ)

    def _announced(self, name: str) -> dict[str, str]:
        """The variables that a child prints as shell exports when it is ready, after its URL."""
        log = self._processes.log(name)
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            self._processes.check()
            words = shlex.split(log.read_text())
            variables = dict(word.split("=", 1) for word in words if "=" in word)
            if "NETSUITE_TOKEN_SECRET" in variables:
                return variables
            time.sleep(0.05)
        raise ProcessFailedError(f"The {name} was not ready after {_READY_SECONDS:.0f} s; see {log}.")


@contextmanager
def local_stack(directory: Path) -> Iterator[LocalStack]:
    """A pipeline whose files are in `directory`. Every process started is ended with the block.

    Sets the variables of the embedded defaults in this process: DAGSTER_HOME and an SQLite warehouse.
    """
    configuration = _PROJECT / "dagster.yaml"
    if not configuration.exists():
        raise ProcessFailedError(f"{configuration} is missing: run this from a checkout of the project.")
    home = directory.resolve() / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(configuration, home / "dagster.yaml")
    os.environ.update(
        DAGSTER_HOME=str(home),
        WAREHOUSE_URL=f"sqlite:///{directory.resolve() / _WAREHOUSE}",
    )
    # Daemon and web server would both create Dagster's tables at first, and one of them would fail.
    with dagster_instance():
        pass
    # A terminal that closes, or a CI runner that gives up, must leave no process behind either. A shell starts what it
    # puts in the background with SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    with ProcessGroup(directory) as processes:
        yield LocalStack(directory, processes)


def _beside_python(name: str) -> str:
    return str(Path(sys.executable).parent / name)
