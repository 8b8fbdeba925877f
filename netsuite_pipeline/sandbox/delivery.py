"""Put answers and failures on the wire: JSON, wrong statuses, half bodies, closed connections."""

import asyncio
import socket
import struct
from collections.abc import Mapping

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from netsuite_pipeline.sandbox.errors import (
    NetSuiteFault,
    insufficient_permission,
    invalid_login,
    too_many_requests,
    unexpected_error,
    unsupported,
)
from netsuite_pipeline.sandbox.faults import Fault, FaultKind

_RESULT = "application/vnd.oracle.resource+json; type=collection"
_ERROR = "application/vnd.oracle.resource+json; type=error"
_TRANSPORT = "sandbox.transport"
_GATEWAY_NAMES = {502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}
# How often a hanging answer looks whether its client has gone.
_HANG_STEP = 0.05
# Gives the kernel time to send what precedes a reset; a reset discards what is still queued.
_FLUSH_SECONDS = 0.05


class AbortableProtocol(H11Protocol):
    """uvicorn's HTTP protocol, which hands its transport to the application so that it can break it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wrap the application of this one connection."""
        super().connection_made(transport)  # type: ignore[arg-type]
        application: ASGIApp = self.app

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            scope[_TRANSPORT] = transport
            await application(scope, receive, send)

        self.app = with_transport


class _ClosedEarly(Response):
    """A connection that is reset after `sent` bytes of a longer body, or before any byte if there are
    none.
    """

    def __init__(self, sent: bytes, announced: int) -> None:
        super().__init__()
        self._sent = sent
        self._announced = announced

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        if self._sent:
            headers = [
                (b"content-type", _RESULT.encode()),
                (b"content-length", str(self._announced).encode()),
            ]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": self._sent, "more_body": True})
            await asyncio.sleep(_FLUSH_SECONDS)
        transport: asyncio.Transport = scope[_TRANSPORT]
        # Linger 0 turns the close into a TCP reset.
        raw: socket.socket = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        # uvicorn learns of the lost connection in the next turn of the loop, then expects no answer.
        await asyncio.sleep(0.01)


def json_answer(content: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer with NetSuite's media type for results or errors."""
    media_type = _RESULT if status < 400 else _ERROR
    return Response(orjson.dumps(content), status_code=status, media_type=media_type, headers=dict(headers or {}))


def error_answer(fault: NetSuiteFault) -> Response:
    """The answer a NetSuiteFault stands for."""
    return json_answer(fault.body, status=fault.status, headers=fault.headers)


def instead_of_answer(fault: Fault, *, realm: str, bearer: bool) -> Response | None:
    """The answer of a fault that happens before the query runs; None for the other kinds."""
    if fault.kind is FaultKind.RESET:
        return _ClosedEarly(b"", 0)
    if fault.kind is FaultKind.EMPTY:
        return json_answer({})
    if fault.kind is FaultKind.EMPTY_BODY:
        return Response(b"", media_type=_RESULT)
    if fault.kind is FaultKind.BAD_REQUEST:
        return error_answer(unsupported("Scripted by the sandbox."))
    if fault.kind is FaultKind.UNAUTHORIZED:
        return error_answer(invalid_login(bearer_realm=realm if bearer else None))
    if fault.kind is FaultKind.FORBIDDEN:
        return error_answer(insufficient_permission())
    if fault.kind is FaultKind.TOO_MANY_REQUESTS:
        return error_answer(too_many_requests(fault.retry_after))
    if fault.kind is FaultKind.INTERNAL_ERROR:
        return error_answer(unexpected_error())
    if fault.kind in {FaultKind.BAD_GATEWAY, FaultKind.UNAVAILABLE, FaultKind.GATEWAY_TIMEOUT}:
        return _gateway_answer(int(fault.kind.value), fault.retry_after)
    return None


def damaged(answer: Response, fault: Fault) -> Response:
    """The answer as a fault leaves it that breaks bodies; unchanged for the other kinds."""
    body = bytes(answer.body)
    if fault.kind is FaultKind.TRUNCATED:
        return Response(body[: len(body) // 2], media_type=_RESULT)
    if fault.kind is FaultKind.RESET_MIDWAY:
        return _ClosedEarly(body[: max(1, len(body) // 2)], len(body))
    return answer


async def hang(request: Request, seconds: float) -> None:
    """Wait, but no longer than the client does."""
    deadline = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < deadline:
        if await request.is_disconnected():
            return
        await asyncio.sleep(min(_HANG_STEP, seconds))


def _gateway_answer(status: int, retry_after: str | None) -> Response:
    """A proxy's own page: no sample of NetSuite's exists, and proxies answer HTML."""
    title = f"{status} {_GATEWAY_NAMES[status]}"
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Response(page, status_code=status, media_type="text/html", headers=headers)
