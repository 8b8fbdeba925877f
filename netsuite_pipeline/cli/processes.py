"""Child processes of `demo` and `dev`: each with its log, and none of them left behind.

Starting what is started here is the business of the command that needs it.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

# Every process of a stack inherits this variable, however far down it was started: Dagster's daemon starts a code
# server in a session of its own, and that one a process per run.
_MARK = "NETSUITE_PIPELINE_STACK"
# The daemon finishes its current tick before it stops; this is ample for one.
_GRACE_SECONDS = 10.0
_ROUNDS = 3
_LOG_LINES = 15


class ProcessFailedError(RuntimeError):
    """A child process ended by itself although it was needed, or another command uses the same folder."""


class ProcessGroup:
    """Children that are stopped together with everything they started themselves.

    `directory` belongs to one group at a time. What a killed command left running there is ended first.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory.resolve()
        self._logs = self._directory / "logs"
        self._mark = f"{os.getpid()}:{self._directory}"
        self._children: list[tuple[str, subprocess.Popen[bytes]]] = []

    def __enter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        _end([process for owner, process in _marked(self._directory) if not self._in_use_by(owner)])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, name: str, command: Sequence[str], *, environment: Mapping[str, str]) -> None:
        """Starts `command`; what it prints goes to `<directory>/logs/<name>.log`."""
        with self.log(name).open("w") as log:
            child = subprocess.Popen(  # noqa: S603 - the commands are constants of `local_stack`
                command,
                env={**environment, _MARK: self._mark},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for the command itself, which then stops its children in order.
                start_new_session=True,
            )
        self._children.append((name, child))

    def log(self, name: str) -> Path:
        """Where the output of the child called `name` is."""
        return self._logs / f"{name}.log"

    def check(self) -> None:
        """ProcessFailedError if a child has ended, with the end of its log."""
        for name, child in self._children:
            if child.poll() is not None:
                tail = "\n".join(self.log(name).read_text(errors="replace").splitlines()[-_LOG_LINES:])
                raise ProcessFailedError(
                    f"The {name} ended with exit code {child.returncode}. The end of {self.log(name)}:\n{tail}"
                )

    def stop(self) -> None:
        """Ends every child and all that they started: politely first, then by SIGKILL."""
        # A second, impatient Ctrl-C must not leave half of them running.
        impatient = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        previous = [signal.signal(number, signal.SIG_IGN) for number in impatient]
        try:
            # More than once, because a run may have been launched between looking and ending.
            for _ in range(_ROUNDS):
                _end([process for owner, process in _marked(self._directory) if owner == os.getpid()])
        finally:
            for number, handler in zip(impatient, previous, strict=True):
                signal.signal(number, handler)
        for _, child in self._children:
            child.wait()
        self._children.clear()

    def _in_use_by(self, owner: int) -> bool:
        if psutil.pid_exists(owner):
            raise ProcessFailedError(f"{self._directory} is in use by process {owner}: end that first.")
        return False


def _marked(directory: Path) -> list[tuple[int, psutil.Process]]:
    """The processes that belong to a stack in `directory`, each with the id of the command that owns it."""
    found = []
    for process in psutil.process_iter():
        try:
            owner, _, where = process.environ().get(_MARK, "").partition(":")
        except psutil.Error:
            continue
        if where == str(directory):
            found.append((int(owner), process))
    return found


def _end(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        _signal(process, psutil.Process.terminate)
    _, alive = psutil.wait_procs(processes, timeout=_GRACE_SECONDS)
    for process in alive:
        _signal(process, psutil.Process.kill)
    psutil.wait_procs(alive, timeout=_GRACE_SECONDS)


def _signal(process: psutil.Process, send: Callable[[psutil.Process], None]) -> None:
    with suppress(psutil.NoSuchProcess):
        send(process)
