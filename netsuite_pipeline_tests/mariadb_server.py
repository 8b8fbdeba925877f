"""A private MariaDB server for tests and benchmarks: own data directory, own port, loopback only.

Nothing here knows pytest; the fixtures are in `conftest.py`. No installed service is touched: the server
reads no option file and is ended by its own process id.
"""

import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pymysql
from sqlalchemy.engine import URL

from netsuite_pipeline_tests.ports import free_port

_SYSTEM_PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/usr/libexec"))
_UNPRIVILEGED = "mysql"
_USER = "pipeline"
_READY_SECONDS = 180.0
_STOP_SECONDS = 30.0
_INSTALL_SECONDS = 600.0
# Of the installation and of the server: one that finds a log of another size makes it anew.
_LOG_SIZE = "--innodb-log-file-size=8M"


class MariaDBServerError(RuntimeError):
    """The server could not be installed, started or stopped; the text says which and why."""


class MariaDBServer:
    """One server on a data directory of its own. Usable as a context manager.

    `stop()` and `kill()` keep the data, and `start()` afterwards uses the same directory and port; `close()`
    stops and removes everything.
    """

    def __init__(self) -> None:
        # Not under pytest's tmp_path: an unprivileged server may not enter root's folders, and a socket path
        # is limited to 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="netsuite-mariadb-"))
        self.port = free_port()
        self.password = secrets.token_urlsafe(12)
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None
        self._initialised = False

    @property
    def pid(self) -> int:
        """The process id of the running server; MariaDBServerError if it is not running."""
        if self._process is None:
            raise MariaDBServerError("The MariaDB server is not running: call start() first.")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts the server, for the first time or again, and waits until it answers."""
        if self.running:
            return
        first_time = not self._initialised
        if first_time:
            self._initialise()
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdout=log, stderr=log, start_new_session=True)
        self._watch(self._process.pid)
        self._wait_until_ready(self._process)
        if first_time:
            self._execute(f"CREATE USER '{_USER}'@'%' IDENTIFIED BY '{self.password}'")
            self._execute(f"GRANT ALL PRIVILEGES ON *.* TO '{_USER}'@'%'")
            self._initialised = True

    def stop(self) -> None:
        """Shuts the server down in order and waits for it; the data stays."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ends the server with SIGKILL, as a crash would; the data stays."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """Stops the server and removes its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def create_database(self, name: str) -> str:
        """Creates an empty database and returns its SQLAlchemy URL, `mysql+pymysql://…`."""
        self._execute(f"DROP DATABASE IF EXISTS `{name}`")
        self._execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drops a database if it is there."""
        self._execute(f"DROP DATABASE IF EXISTS `{name}`")

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of a database of this server, password included."""
        # pymysql would read all the system's certificates for every connection (20 ms), and the server has no TLS.
        query = {"ssl_disabled": "true"}
        address = URL.create("mysql+pymysql", _USER, self.password, "127.0.0.1", self.port, database, query)
        return address.render_as_string(hide_password=False)

    def status(self, name: str) -> int:
        """A counter of SHOW GLOBAL STATUS, e.g. `Com_insert`."""
        return int(self._execute(f"SHOW GLOBAL STATUS LIKE '{name}'")[0][1])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _initialise(self) -> None:
        install = _executable("mariadb-install-db")
        command = [install, "--no-defaults", f"--datadir={self.folder / 'data'}", *_user_option()]
        command += ["--auth-root-authentication-method=normal", "--skip-test-db", _LOG_SIZE]
        # A server that starts removes what it takes for its own leftovers from the folder for temporary files.
        temporary = self.folder / "tmp"
        temporary.mkdir()
        if os.geteuid() == 0:
            for folder in (self.folder, temporary):
                shutil.chown(folder, _UNPRIVILEGED)
        environment = {**os.environ, "TMPDIR": str(temporary)}
        result = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_INSTALL_SECONDS, env=environment
        )
        if result.returncode != 0:
            raise MariaDBServerError(
                f"mariadb-install-db ended with {result.returncode}: {result.stdout}{result.stderr}"
            )

    def _command(self) -> list[str]:
        return [
            _executable("mariadbd"),
            "--no-defaults",
            *_user_option(),
            f"--datadir={self.folder / 'data'}",
            f"--socket={self._socket}",
            f"--pid-file={self.folder / 'data' / 'server.pid'}",
            f"--tmpdir={self.folder / 'tmp'}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--innodb-flush-log-at-trx-commit=2",
            # Every CREATE TABLE syncs a dozen files otherwise. What was written survives the server's death, not
            # the machine's.
            "--innodb-flush-method=nosync",
            "--debug-no-sync",
            _LOG_SIZE,
            "--innodb-buffer-pool-size=128M",
            "--performance-schema=OFF",
            "--max-allowed-packet=64M",
            "--max-connections=300",
        ]

    @property
    def _socket(self) -> str:
        return str(self.folder / "s.sock")

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not self._accepts():
            if process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                log = (self.folder / "server.log").read_text(errors="replace")[-2000:]
                raise MariaDBServerError(f"mariadbd did not come up. The end of its log:\n{log}")
            time.sleep(0.05)
        self._execute("SELECT 1")

    def _watch(self, pid: int) -> None:
        """Ends the server when this process is gone, however it ended: then the watcher's input closes."""
        script = f"read -r _; kill -9 {pid}; sleep 0.2; rm -rf '{self.folder}'"
        self._watcher = subprocess.Popen(["/bin/sh", "-c", script], stdin=subprocess.PIPE, start_new_session=True)

    def _unwatch(self) -> None:
        if self._watcher is not None:
            self._watcher.kill()
            self._watcher.communicate()
            self._watcher = None

    def _accepts(self) -> bool:
        # Not through pymysql: it leaves the socket of a refused connection open.
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(self._socket) == 0

    def _execute(self, statement: str) -> tuple[tuple[Any, ...], ...]:
        with pymysql.connect(unix_socket=self._socket, user="root", autocommit=True, ssl_disabled=True) as connection:
            cursor = connection.cursor()
            cursor.execute(statement)
            return cursor.fetchall()

    def _end(self, number: signal.Signals) -> None:
        self._unwatch()
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def _user_option() -> list[str]:
    return [f"--user={_UNPRIVILEGED}"] if os.geteuid() == 0 else []


def _executable(name: str) -> str:
    # Of several test processes one installs, and the others wait: what is half installed is there and does not work.
    with (Path(tempfile.gettempdir()) / f"netsuite-mariadb-{os.geteuid()}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if shutil.which(name, path=_SYSTEM_PATH) is None:
            _install_server()
    path = shutil.which(name, path=_SYSTEM_PATH)
    if path is None:
        raise MariaDBServerError(f"{name} is missing although mariadb-server is installed; put it on the PATH.")
    return path


def _install_server() -> None:
    apt = shutil.which("apt-get", path=_SYSTEM_PATH)
    if apt is None or os.geteuid() != 0:
        raise MariaDBServerError(
            "The tests need MariaDB and mariadbd is missing: install the package mariadb-server, run again."
        )
    # Debian's package would start a service of its own on installation; a private server is all we want.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in ([apt, "update"], [apt, "install", "-y", "--no-install-recommends", "mariadb-server"]):
        result = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=_INSTALL_SECONDS
        )
        if result.returncode != 0:
            raise MariaDBServerError(f"Installing mariadb-server failed ({' '.join(command)}): {result.stderr[-2000:]}")
