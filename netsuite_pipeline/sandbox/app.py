"""The HTTP face of NetSuite: SuiteQL, the token endpoint and the two system endpoints.

The control API of the sandbox itself is in `control`.
"""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from netsuite_pipeline.sandbox.auth import Authenticator, SignedRequest
from netsuite_pipeline.sandbox.delivery import damaged, error_answer, hang, instead_of_answer, json_answer
from netsuite_pipeline.sandbox.engine import Engine, Page
from netsuite_pipeline.sandbox.errors import (
    NetSuiteFault,
    invalid_header,
    invalid_parameter,
    invalid_request,
    not_found,
    too_many_requests,
    unexpected_error,
)
from netsuite_pipeline.sandbox.faults import Endpoint, Fault, FaultKind, FaultQueue
from netsuite_pipeline.sandbox.hostility import Hostility
from netsuite_pipeline.sandbox.stats import Stats

QUERY_PATH = "/services/rest/query/v1/suiteql"
TOKEN_PATH = "/services/rest/auth/oauth2/v1/token"  # noqa: S105 - a path
MAX_PAGE = 1000


@dataclass
class Account:
    """Everything one served account consists of. `concurrency` is its limit, `latency` the least seconds from a query's
    arrival to its answer: what the sandbox itself works meanwhile is a part of them. With a `hostility`, requests fail
    that no scripted fault waits for.
    """

    engine: Engine
    authenticator: Authenticator
    concurrency: int = 5
    latency: float = 0.0
    faults: FaultQueue = field(default_factory=FaultQueue)
    stats: Stats = field(default_factory=Stats)
    hostility: Hostility | None = None

    def fault(self, endpoint: Endpoint, text: str = "") -> Fault | None:
        """What happens to a request with this SQL or path, if anything: what is scripted goes first."""
        scripted = self.faults.take(endpoint, text)
        hostility = self.hostility
        return scripted if scripted is not None or hostility is None else hostility.take(endpoint)


@dataclass(frozen=True)
class _Paging:
    """`limit` and `offset` as used, and whether the client wrote them."""

    limit: int
    offset: int

    @classmethod
    def of(cls, request: Request) -> "_Paging":
        limit = _whole_number(request, "limit", MAX_PAGE)
        offset = _whole_number(request, "offset", 0)
        if not 1 <= limit <= MAX_PAGE:
            raise invalid_parameter(f"Invalid limit: it must be between 1 and {MAX_PAGE}.", parameter="limit")
        if offset % limit:
            # Documented in Oracle help section_156414087576.
            raise invalid_parameter("Invalid offset: it must be divisible by the limit.", parameter="offset")
        return cls(limit, offset)


def netsuite_routes(account: Account) -> list[Route]:
    """The routes of the account; every answer is counted."""
    handler = _Handler(account)
    return [
        Route(QUERY_PATH, handler.counted(handler.query), methods=["POST"]),
        Route(TOKEN_PATH, handler.counted(handler.token), methods=["POST"]),
        Route("/services/rest/system/v1/serverTime", handler.counted(handler.server_time)),
        Route("/services/rest/system/v1/governanceLimits", handler.counted(handler.governance_limits)),
    ]


def build_app(account: Account, extra_routes: list[Route]) -> Starlette:
    """The ASGI application; unknown paths answer NetSuite's 404 body."""

    async def unknown(_request: Request, _error: Exception) -> Response:
        return error_answer(not_found())

    return Starlette(routes=[*netsuite_routes(account), *extra_routes], exception_handlers={404: unknown})


class _Handler:
    """One method per endpoint."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def counted(self, endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def wrapped(request: Request) -> Response:
            try:
                answer = await endpoint(request)
            except NetSuiteFault as fault:
                answer = error_answer(fault)
            except ClientDisconnect:
                answer = error_answer(invalid_request())
            except sqlite3.Error:
                # A query that compiles but cannot be computed, e.g. a sum beyond 64 bits.
                answer = error_answer(unexpected_error())
            self._account.stats.answered(request.url.path, answer.status_code)
            return answer

        return wrapped

    async def query(self, request: Request) -> Response:
        """POST suiteql: who is it, is there a slot, is the request well formed, then the rows."""
        arrived = time.monotonic()
        body = await request.body()
        self._verify(request)
        with self._account.stats.slot() as in_flight:
            if in_flight > self._account.concurrency:
                raise too_many_requests()
            sql, bound = _query_of(request, body)
            self._account.stats.queried(sql)
            try:
                return await self._answer(request, sql, bound)
            finally:
                # NetSuite does not refuse a query faster than it answers one.
                await asyncio.sleep(max(0.0, arrived + self._account.latency - time.monotonic()))

    async def _answer(self, request: Request, sql: str, bound: list[object]) -> Response:
        account = self._account
        fault = account.fault(Endpoint.QUERY, sql)
        if fault is not None:
            early = await self._early(request, fault)
            if early is not None:
                return early
        paging = _Paging.of(request)
        page = await run_in_threadpool(account.engine.query, sql, limit=paging.limit, offset=paging.offset, bound=bound)
        if fault is not None:
            page = Page(fault.change(page.items), page.total, page.has_more)
        account.stats.served(len(page.items))
        answer = await run_in_threadpool(json_answer, _envelope(request, paging, page))
        return answer if fault is None else damaged(answer, fault)

    async def _early(self, request: Request, fault: Fault) -> Response | None:
        if fault.kind is FaultKind.HANG:
            await hang(request, fault.seconds)
            return None
        bearer = request.headers.get("authorization", "").lower().startswith("bearer")
        return instead_of_answer(fault, realm=self._account.authenticator.credentials.account, bearer=bearer)

    async def token(self, request: Request) -> Response:
        """POST token: a bearer token for a client assertion."""
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))
        fault = self._account.fault(Endpoint.TOKEN)
        early = None if fault is None else await self._early(request, fault)
        if early is not None:
            return early
        audience = str(request.url.replace(query="", fragment=""))
        answer = json_answer(self._account.authenticator.issue_token(form, audience))
        return answer if fault is None else damaged(answer, fault)

    async def server_time(self, request: Request) -> Response:
        """GET serverTime: UTC with milliseconds; any user may ask (Oracle help article_0528010158)."""
        self._verify(request)
        now = self._account.engine.dataset.now()
        text = now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03}Z"
        return await self._perhaps_spoilt(request, {"serverTime": text})

    async def governance_limits(self, request: Request) -> Response:
        """GET governanceLimits: the account's slots (Oracle help article_0625010817)."""
        self._verify(request)
        limit = self._account.concurrency
        content = {
            "accountConcurrencyLimit": limit,
            "accountUnallocatedConcurrencyLimit": limit,
            "integrationConcurrencyLimit": limit,
            "integrationLimitType": "accountLimit",
        }
        return await self._perhaps_spoilt(request, content)

    async def _perhaps_spoilt(self, request: Request, content: object) -> Response:
        """What a system endpoint answers, unless a fault waits for it."""
        fault = self._account.fault(Endpoint.SYSTEM, request.url.path)
        early = None if fault is None else await self._early(request, fault)
        if early is not None:
            return early
        answer = json_answer(content)
        return answer if fault is None else damaged(answer, fault)

    def _verify(self, request: Request) -> None:
        authorization = request.headers.get("authorization", "")
        self._account.authenticator.verify(SignedRequest(request.method, str(request.url), authorization))


def _query_of(request: Request, body: bytes) -> tuple[str, list[object]]:
    if request.headers.get("prefer", "").replace(" ", "").lower() != "transient":
        raise invalid_header(
            "Invalid header value. The Prefer header must be set to transient for this request.",
            header="Prefer",
        )
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise invalid_request() from None
    if not isinstance(content, dict) or not isinstance(content.get("q"), str):
        raise invalid_parameter("Invalid search query. Provide a valid search query.", parameter="q")
    bound = content.get("params") or []
    if not isinstance(bound, list):
        raise invalid_parameter("Invalid params: expected a list.", parameter="params")
    return content["q"], bound


def _whole_number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise invalid_parameter(f"Invalid {name}: expected a whole number.", parameter=name)
    return int(text)


def _envelope(request: Request, paging: _Paging, page: Page) -> dict[str, object]:
    base = str(request.url.replace(query="", fragment=""))

    def link(relation: str, offset: int) -> dict[str, str]:
        return {"rel": relation, "href": f"{base}?{urlencode({'limit': paging.limit, 'offset': offset})}"}

    links = []
    if page.has_more:
        last = max(0, page.total - 1) // paging.limit * paging.limit
        links += [link("next", paging.offset + paging.limit), link("last", last)]
    if paging.offset:
        links += [link("first", 0), link("prev", paging.offset - paging.limit)]
    links.append({"rel": "self", "href": str(request.url)})
    return {
        "links": links,
        "count": len(page.items),
        "hasMore": page.has_more,
        "items": page.items,
        "offset": paging.offset,
        "totalResults": page.total,
    }
