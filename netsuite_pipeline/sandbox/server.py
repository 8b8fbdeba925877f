"""Serve a sandbox account on loopback from a thread of this process."""

import socket
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn

from netsuite_pipeline.sandbox.app import Account, build_app
from netsuite_pipeline.sandbox.auth import Authenticator, Credentials, load_public_key
from netsuite_pipeline.sandbox.availability import Availability
from netsuite_pipeline.sandbox.control import control_routes
from netsuite_pipeline.sandbox.dataset import Dataset
from netsuite_pipeline.sandbox.dates import DateFormat
from netsuite_pipeline.sandbox.delivery import AbortableProtocol
from netsuite_pipeline.sandbox.engine import Engine, PastCeiling
from netsuite_pipeline.sandbox.faults import FaultQueue
from netsuite_pipeline.sandbox.hostility import Hostility
from netsuite_pipeline.sandbox.stats import Stats

_START_SECONDS = 30.0
_HOST = "127.0.0.1"


class SandboxServer:
    """A running sandbox: `with SandboxServer(records=1000, seed=1) as sandbox: sandbox.base_url`.

    `records` is about how many importable records there are, `customers` overrides that one table, `latency`
    is the least time of an answer in seconds, `m2m_certificate` is a PEM file or its bytes. `without` names
    tables and columns (`table.column`) the account lacks, `features_off` features with all that depends on them.
    With a `hostility`, which may also be set and taken away later, a share of the requests fails.
    Port 0 picks a free one. The port is bound at construction (OSError if it is taken); `dataset` replaces
    the generated data and is closed with the server.
    """

    def __init__(
        self,
        *,
        records: int = 1000,
        seed: int = 1,
        customers: int | None = None,
        port: int = 0,
        concurrency: int = 5,
        latency: float = 0.0,
        date_format: str = "D/M/YYYY",
        past_ceiling: PastCeiling = "silent",
        token_lifetime: float = 3600,
        m2m_certificate: Path | str | bytes | None = None,
        credentials: Credentials | None = None,
        without: Iterable[str] = (),
        features_off: Iterable[str] = (),
        dataset: Dataset | None = None,
        hostility: Hostility | None = None,
    ) -> None:
        self.credentials = credentials or Credentials()
        pem = _pem(m2m_certificate)
        authenticator = Authenticator(
            self.credentials,
            public_key=None if pem is None else load_public_key(pem),
            token_lifetime=token_lifetime,
        )
        rendering = DateFormat(date_format)
        availability = Availability.lacking(without, features_off)
        self._socket = socket.create_server((_HOST, port))
        self.port: int = self._socket.getsockname()[1]
        try:
            self.dataset = dataset or Dataset.generated(records=records, seed=seed, customers=customers)
        except BaseException:
            self._socket.close()
            raise
        engine = Engine(self.dataset, availability, rendering, past_ceiling, seed)
        self.account = Account(engine, authenticator, concurrency=concurrency, latency=latency, hostility=hostility)
        self._server = uvicorn.Server(
            uvicorn.Config(
                build_app(self.account, control_routes(self.account)),
                http=AbortableProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                timeout_keep_alive=60,
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(target=self._run, name="netsuite-sandbox", daemon=True)

    @property
    def base_url(self) -> str:
        """What stands for https://<account>.suitetalk.api.netsuite.com."""
        return f"http://{_HOST}:{self.port}"

    @property
    def faults(self) -> FaultQueue:
        """Failures on demand."""
        return self.account.faults

    @property
    def hostility(self) -> Hostility | None:
        """What makes a share of the requests fail."""
        return self.account.hostility

    @hostility.setter
    def hostility(self, hostility: Hostility | None) -> None:
        self.account.hostility = hostility

    @property
    def stats(self) -> Stats:
        """What was asked and answered."""
        return self.account.stats

    @property
    def availability(self) -> Availability:
        """Tables and columns the account lacks."""
        return self.account.engine.availability

    def start(self) -> None:
        """Serve from a thread; return when requests are accepted."""
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError(f"The sandbox did not start on {self.base_url}.")
            time.sleep(0.005)

    def stop(self) -> None:
        """Close connections, end the thread and delete the data."""
        if self._thread.is_alive():
            self._server.should_exit = True
            self._thread.join()
        self._socket.close()
        self.dataset.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])


def _pem(certificate: Path | str | bytes | None) -> bytes | None:
    if certificate is None or isinstance(certificate, bytes):
        return certificate
    return Path(certificate).read_bytes()
