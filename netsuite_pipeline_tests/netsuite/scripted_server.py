"""An HTTP server on a real socket that answers exactly the bytes of a script, one reply per request."""

import json
import socket
import struct
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self

_END_SECONDS = 60.0


@dataclass(frozen=True)
class Reply:
    """One answer. `how` spoils its delivery: half a body, a reset, silence, or a byte now and then."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    how: Literal["whole", "half", "reset", "silent", "trickle"] = "whole"


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


def rows(*items: Mapping[str, Any], total: int | None = None, more: bool = False) -> Reply:
    """A page of rows in NetSuite's envelope."""
    answer = {
        "links": [],
        "count": len(items),
        "hasMore": more,
        "items": [{"links": [], **item} for item in items],
        "offset": 0,
        "totalResults": len(items) if total is None else total,
    }
    return Reply(body=json.dumps(answer).encode())


def fault(status: int, code: str, detail: str = "as scripted", **headers: str) -> Reply:
    """An error in NetSuite's envelope."""
    body = {"title": "Bad Request", "status": status, "o:errorDetails": [{"detail": detail, "o:errorCode": code}]}
    return Reply(status=status, body=json.dumps(body).encode(), headers=headers)


class ScriptedServer:
    """Answers `replies` in turn and then the last of them forever; `seen` holds the requests."""

    def __init__(self, *replies: Reply) -> None:
        self.seen: list[Seen] = []
        self.most_at_once = 0
        self._replies = list(replies)
        self._at_once = 0
        self._lock = threading.Lock()
        self.ending = threading.Event()
        self.gate: threading.Event | None = None
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ending.set()
        if self.gate is not None:
            self.gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, seen: Seen) -> Reply:
        """Notes a request and gives its reply, which the gate may hold back."""
        with self._lock:
            self.seen.append(seen)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if self.gate is not None:
            self.gate.wait(_END_SECONDS)
        with self._lock:
            self._at_once -= 1
        return reply


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, script: ScriptedServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {key.lower(): value for key, value in self.headers.items()}
        reply = self.server.script.answer(Seen(self.command, self.path, headers, body))
        if reply.how == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
        elif reply.how == "silent":
            self.server.script.ending.wait(_END_SECONDS)
            self.close_connection = True
        else:
            self._write(reply)

    def do_GET(self) -> None:
        self.do_POST()

    def _write(self, reply: Reply) -> None:
        if "Date" in reply.headers:
            # Otherwise the answer would have two.
            self.send_response_only(reply.status)
        else:
            self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if reply.how == "whole":
            self.wfile.write(reply.body)
            return
        self.close_connection = True
        if reply.how == "half":
            self.wfile.write(reply.body[: len(reply.body) // 2])
            return
        for byte in reply.body:
            if self.server.script.ending.wait(0.02):
                return
            self.wfile.write(bytes([byte]))

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is written to the terminal."""

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()

    def handle(self) -> None:
        # The client under test may hang up at any moment.
        with suppress(OSError):
            super().handle()
