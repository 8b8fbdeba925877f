"""The sandbox's own API under /sandbox/: statistics, faults, switches and changes of data.

For tests and demos on loopback, so it asks for no credentials and answers nobody else.
"""

import ipaddress
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import fields

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from netsuite_pipeline.sandbox.app import Account
from netsuite_pipeline.sandbox.faults import Fault
from netsuite_pipeline.sandbox.hostility import Hostility

_FAULT_FIELDS = {field.name for field in fields(Fault)}
_HOSTILITY_FIELDS = {"share", "seed", "kinds", "seconds"}


def control_routes(account: Account) -> list[Route]:
    """The routes of the control API."""
    control = _Control(account)
    routes = (
        ("/sandbox/stats", "GET", control.stats),
        ("/sandbox/stats", "DELETE", control.reset_stats),
        ("/sandbox/queries", "GET", control.queries),
        ("/sandbox/faults", "POST", control.add_fault),
        ("/sandbox/faults", "DELETE", control.clear_faults),
        ("/sandbox/hostility", "POST", control.begin_hostility),
        ("/sandbox/hostility", "DELETE", control.end_hostility),
        ("/sandbox/latency", "POST", control.set_latency),
        ("/sandbox/tokens", "DELETE", control.revoke_tokens),
        ("/sandbox/tables/{table}", "POST", control.switch),
        ("/sandbox/features/{feature}", "POST", control.switch_feature),
        ("/sandbox/records/{table}", "PUT", control.put_records),
        ("/sandbox/records/{table}/{identifier}", "DELETE", control.delete_record),
    )
    return [Route(path, _guarded(endpoint), methods=[method]) for path, method, endpoint in routes]


def _guarded(endpoint: Callable[[Request], Awaitable[object]]) -> Callable[[Request], Awaitable[Response]]:
    async def wrapped(request: Request) -> Response:
        if request.client is None or not ipaddress.ip_address(request.client.host).is_loopback:
            return JSONResponse({"error": "The control API answers loopback clients only."}, 403)
        try:
            return JSONResponse(await endpoint(request))
        except (ValueError, TypeError, sqlite3.Error) as error:
            return JSONResponse({"error": str(error)}, 400)

    return wrapped


class _Control:
    """One method per route; a ValueError or TypeError becomes a 400 with its text."""

    def __init__(self, account: Account) -> None:
        self._account = account

    async def stats(self, _request: Request) -> object:
        """All counters."""
        account = self._account
        return {
            **account.stats.snapshot(),
            "authentication_failures": account.authenticator.failures,
            "tokens_issued": account.authenticator.tokens_issued,
            "faults_delivered": account.faults.delivered,
            "faults_waiting": account.faults.waiting,
            "hostility_share": account.hostility.share if account.hostility else 0,
            "hostility_delivered": account.hostility.delivered if account.hostility else {},
        }

    async def reset_stats(self, _request: Request) -> object:
        """Start counting again."""
        self._account.stats.reset()
        return {}

    async def queries(self, _request: Request) -> object:
        """The latest SQL texts, oldest first."""
        return {"queries": self._account.stats.queries}

    async def add_fault(self, request: Request) -> object:
        """One fault, with the fields of `Fault`."""
        given = await _object(request)
        unknown = given.keys() - _FAULT_FIELDS
        if unknown:
            raise ValueError(f"A fault has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(_FAULT_FIELDS))}.")
        self._account.faults.add(Fault(**given))  # type: ignore[arg-type]
        return {"waiting": self._account.faults.waiting}

    async def clear_faults(self, _request: Request) -> object:
        """Forget waiting faults."""
        self._account.faults.clear()
        return {}

    async def begin_hostility(self, request: Request) -> object:
        """`{"share": percent}` of the requests fail from now on, with `seed`, `kinds` and `seconds` as in
        `Hostility`.
        """
        given = await _object(request)
        if given.keys() - _HOSTILITY_FIELDS or "share" not in given:
            raise ValueError(f"Expected a share and, if wanted, others of {', '.join(sorted(_HOSTILITY_FIELDS))}.")
        self._account.hostility = Hostility(**given)  # type: ignore[arg-type]
        return {"share": self._account.hostility.share}

    async def end_hostility(self, _request: Request) -> object:
        """Let every request succeed that is right, but for scripted faults."""
        self._account.hostility = None
        return {}

    async def set_latency(self, request: Request) -> object:
        """`{"milliseconds": n}`: the least time of an answer to a query."""
        milliseconds = (await _object(request)).get("milliseconds")
        if not isinstance(milliseconds, int | float) or milliseconds < 0:
            raise ValueError("milliseconds must be a number that is not negative.")
        self._account.latency = milliseconds / 1000
        return {"milliseconds": milliseconds}

    async def revoke_tokens(self, _request: Request) -> object:
        """Make every bearer token invalid."""
        self._account.authenticator.revoke_tokens()
        return {}

    async def switch(self, request: Request) -> object:
        """`{"available": bool}` for the table, or with `"columns": [names]` for those columns only."""
        given = await _object(request)
        available, columns = given.get("available"), given.get("columns")
        table = self._account.engine.dataset.table(request.path_params["table"])
        if not isinstance(available, bool) or not (columns is None or isinstance(columns, list)):
            raise ValueError("Expected available (true or false) and optionally columns (a list of names).")
        if columns is None:
            self._account.engine.availability.set_table(table.name, available=available)
        for column in columns or ():
            self._account.engine.availability.set_column(table.name, column, available=available)
        return {"table": table.name, "available": available}

    async def switch_feature(self, request: Request) -> object:
        """`{"available": bool}` for a feature and all tables and columns that depend on it."""
        available = (await _object(request)).get("available")
        if not isinstance(available, bool):
            raise TypeError("Expected available (true or false).")
        feature = request.path_params["feature"]
        self._account.engine.availability.set_feature(feature, available=available)
        return {"feature": feature, "available": available}

    async def put_records(self, request: Request) -> object:
        """A list of rows to insert or update by key (or one row)."""
        given = orjson.loads(await request.body())
        rows = given if isinstance(given, list) else [given]
        if not all(isinstance(row, dict) for row in rows):
            raise ValueError("Expected a row or a list of rows, each an object.")
        written = await run_in_threadpool(self._account.engine.dataset.put, request.path_params["table"], rows)
        return {"written": written}

    async def delete_record(self, request: Request) -> object:
        """Delete one record by id; `deletedrecord` notes it."""
        identifier = int(request.path_params["identifier"])
        deleted = await run_in_threadpool(self._account.engine.dataset.delete, request.path_params["table"], identifier)
        return {"deleted": deleted}


async def _object(request: Request) -> dict[str, object]:
    given = orjson.loads(await request.body())
    if not isinstance(given, dict):
        raise TypeError("Expected a JSON object.")
    return given
