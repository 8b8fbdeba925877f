"""The error bodies NetSuite answers with, and the exception that carries one.

Texts and envelopes are those printed in Oracle's help (section_156570709583) or observed on live accounts
(BuildHero, julbrs/netsuite-api-client, hotgluexyz/tap-netsuite-rest, airbyte #21965).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

_RFC_2616 = "https://www.w3.org/Protocols/rfc2616/rfc2616-sec10.html"
_RFC_9110_BAD_REQUEST = "https://www.rfc-editor.org/rfc/rfc9110.html#section-15.5.1"
_UNPROCESSED = "Invalid search query. Detailed unprocessed description follows. "
_LOGIN = (
    "Invalid login attempt. For more details, see the Login Audit Trail in the NetSuite UI at Setup > "
    "Users/Roles > User Management > View Login Audit Trail."
)


# Not frozen: contextlib sets __traceback__ on exceptions that pass through it.
@dataclass(eq=False)
class NetSuiteFault(Exception):  # noqa: N818 - it is an answer of the server, not an error of ours
    """An answer other than 200: status, JSON body and extra headers."""

    status: int
    body: Mapping[str, object]
    headers: Mapping[str, str] = field(default_factory=dict)


def _body(*, kind: str, title: str, status: int, detail: str, code: str, **where: str) -> dict[str, object]:
    details = {
        "detail": detail,
        **{f"o:error{name}": value for name, value in where.items()},
        "o:errorCode": code,
    }
    return {"type": kind, "title": title, "status": status, "o:errorDetails": [details]}


def invalid_query(description: str) -> NetSuiteFault:
    """400 for the SQL text itself; `description` follows NetSuite's own introduction."""
    return invalid_parameter(_UNPROCESSED + description, parameter="q")


def unsupported(reason: str) -> NetSuiteFault:
    """400 for SQL that NetSuite (or this sandbox) does not run."""
    return invalid_query(f"Search error occurred: Invalid or unsupported search. {reason}")


def invalid_parameter(detail: str, *, parameter: str) -> NetSuiteFault:
    """400 INVALID_PARAMETER for one query parameter."""
    return NetSuiteFault(
        400,
        _body(
            kind=_RFC_9110_BAD_REQUEST, title="Bad Request", status=400, detail=detail,
            code="INVALID_PARAMETER", QueryParam=parameter,
        ),
    )  # fmt: skip


def unknown_identifier(name: str, available: Mapping[str, str]) -> NetSuiteFault:
    """400 for one unknown column. `available` maps aliases to tables, printed as NetSuite prints its map."""
    sources = ", ".join(f"{alias}={table}" for alias, table in available.items())
    return invalid_query(
        f"Search error occurred: Unknown identifier '{name}'. Available identifiers are: {{{sources}}}."
    )


def unknown_table(name: str) -> NetSuiteFault:
    """400 for a table that does not exist."""
    return invalid_query(f"Invalid search type: {name}.")


def table_not_available(name: str) -> NetSuiteFault:
    """400 for a table whose feature is off or whose permission is missing."""
    return invalid_query(f"Search error occurred: Record '{name}' was not found.")


def unparsable_date(text: str, pattern: str, zone: str) -> NetSuiteFault:
    """400 for a text that is no date in the expected format."""
    return invalid_query(
        f'Search error occurred: Parse of date/time "{text}" failed with date format "{pattern}" in time zone {zone}'
    )


def invalid_header(detail: str, *, header: str) -> NetSuiteFault:
    """400 INVALID_HEADER for one request header."""
    return NetSuiteFault(
        400,
        _body(
            kind=_RFC_9110_BAD_REQUEST, title="Bad Request", status=400, detail=detail, code="INVALID_HEADER",
            Header=header,
        ),
    )  # fmt: skip


def invalid_request() -> NetSuiteFault:
    """400 for a body that is not the documented JSON."""
    return NetSuiteFault(
        400,
        _body(
            kind=_RFC_2616, title="Bad Request", status=400, code="INVALID_REQUEST",
            detail="The request could not be understood by the server due to malformed syntax.",
        ),
    )  # fmt: skip


def invalid_login(*, bearer_realm: str | None = None) -> NetSuiteFault:
    """401; for a bearer token also the WWW-Authenticate header of Oracle help subsect_158521885412."""
    headers = {}
    if bearer_realm is not None:
        headers["WWW-Authenticate"] = (
            f'Bearer realm="{bearer_realm}", error="invalid_token", error_description="Invalid login attempt."'
        )
    body = _body(kind=_RFC_2616, title="Unauthorized", status=401, detail=_LOGIN, code="INVALID_LOGIN")
    return NetSuiteFault(401, body, headers)


def insufficient_permission() -> NetSuiteFault:
    """403 with the code of the live sample of omniboost/go-netsuite-rest; the text is the sandbox's."""
    return NetSuiteFault(
        403,
        _body(
            kind=_RFC_2616,
            title="Forbidden",
            status=403,
            detail="You do not have the permission for this. Scripted by the sandbox.",
            code="INSUFFICIENT_PERMISSION",
        ),
    )


def not_found() -> NetSuiteFault:
    """404 as the record service prints it."""
    return NetSuiteFault(
        404,
        _body(
            kind=_RFC_2616,
            title="Not Found",
            status=404,
            detail="Record does not exist.",
            code="NONEXISTENT_ID",
        ),
    )


def too_many_requests(retry_after: str | None = None) -> NetSuiteFault:
    """429. Oracle prints the title "Bad Request" and a second code at the top; Retry-After is not
    documented.
    """
    body = _body(
        kind=_RFC_2616, title="Bad Request", status=429, code="CONCURRENCY_LIMIT_EXCEEDED",
        detail="Concurrent request limit exceeded. Request blocked.",
    )  # fmt: skip
    body["o:errorCode"] = "USER_ERROR"
    return NetSuiteFault(429, body, {} if retry_after is None else {"Retry-After": retry_after})


def unexpected_error() -> NetSuiteFault:
    """500 with the error id of Oracle's sample."""
    return NetSuiteFault(
        500,
        _body(
            kind=_RFC_2616, title="Internal Server Error", status=500, code="UNEXPECTED_ERROR",
            detail="An unexpected error occurred. Error ID: jrgbpyylphhishmmlxyt",
        ),
    )  # fmt: skip
