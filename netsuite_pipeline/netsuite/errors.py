"""What can go wrong at NetSuite, and the one place that tells kinds of answers apart.

Answers are told apart by HTTP status and `o:errorCode`; text decides only where NetSuite has no code of its
own. Which errors are tried again at once is `retry`'s business, what becomes of a failed batch is `waves`'.
"""

# ruff: noqa: N818 - the names say what happened, as those of httpx and the standard library's TimeoutError do

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import httpx

from netsuite_pipeline.record_types.failure import FailureCategory

# NetSuite's details quote the whole query at times.
_DETAIL_CHARACTERS = 400

# The second one comes with status 400, from RESTlets (Oracle help bridgehead_1525252812).
_RATE_LIMIT_CODES = frozenset({"CONCURRENCY_LIMIT_EXCEEDED", "SSS_REQUEST_LIMIT_EXCEEDED"})
_LOGIN_CODES = frozenset({"INVALID_LOGIN", "INVALID_LOGIN_ATTEMPT"})

# These three share the code INVALID_PARAMETER with every other fault of a query (observed on live accounts).
_TABLE_MISSING = re.compile(r"Record '([^']*)' was not found|Invalid search type: (\w*)")
# The second form is for columns that NetSuite has and does not expose to SuiteQL, or has removed.
_COLUMN_MISSING = re.compile(r"Unknown identifier '([^']*)'|Field '([^']*)'(?: for record '[^']*')?(?: was)? not found")


class NetSuiteError(Exception):
    """NetSuite refused, was silent or was incomplete; the text is for people and holds no secret.

    `category` decides what is done next. `status` is the HTTP status and `code` NetSuite's own error code,
    each None where there was none. `said` is the text without what was attempted.
    """

    category: ClassVar[FailureCategory] = FailureCategory.UNKNOWN

    def __init__(self, message: str, *, status: int | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.said = message
        self.status = status
        self.code = code

    def within(self, attempted: str) -> Self:
        """The same error with what was attempted in front of its text."""
        error = copy.copy(self)
        error.args = (f"{attempted}: {self}",)
        return error


class TransientError(NetSuiteError):
    """Asking again may help. `retry_after` is NetSuite's `Retry-After` header as it was sent."""

    retry_after: str | None = None


class RateLimited(TransientError):
    """Too many requests at once in the account."""

    category = FailureCategory.API_RATE_LIMIT


class Unavailable(TransientError):
    """NetSuite is down, unreachable, or answered with something unreadable."""

    category = FailureCategory.API_UNAVAILABLE


class TimedOut(TransientError):
    """No answer in time, or an answer without content."""

    category = FailureCategory.TIMEOUT


class AuthenticationFailed(NetSuiteError):
    """The credentials were refused, twice."""

    category = FailureCategory.AUTHENTICATION


class RecordTypeUnavailable(NetSuiteError):
    """The account lacks the table: a feature is off or the role has no permission. `table` is its name, if NetSuite
    names it.
    """

    category = FailureCategory.PERMANENT_ERROR
    table: str | None = None


class QueryRejected(NetSuiteError):
    """NetSuite does not run this query. `column` is the column it does not know, where that is the reason."""

    category = FailureCategory.PERMANENT_ERROR
    column: str | None = None


class RequiredColumnMissing(NetSuiteError):
    """The account lacks a column that the record type cannot be imported without."""

    category = FailureCategory.PERMANENT_ERROR


class ColumnLost(NetSuiteError):
    """A column that was there when it was asked for is gone: a permission was taken away, or a feature turned off.

    Its category is one that is tried again, since the next run looks anew at what there is.
    """

    category = FailureCategory.UNKNOWN


class IncompleteRead(NetSuiteError):
    """What was read does not agree with what NetSuite counted or with the order that was asked for."""


class QueryCancelled(NetSuiteError):
    """Nobody waits for the answer any more."""


def classify(response: httpx.Response) -> NetSuiteError:
    """The error an answer stands for. `response` is one whose body has been read and that is no success.

    The statuses and codes are those of Oracle's help section_156570709583.
    """
    fault = _Fault.of(response)
    status, code = response.status_code, fault.code
    if status == 429 or code in _RATE_LIMIT_CODES:
        return _transient(RateLimited, response, fault)
    if status == 401 or code in _LOGIN_CODES:
        return AuthenticationFailed(fault.text, status=status, code=code)
    if status == 408:
        return _transient(TimedOut, response, fault)
    # NetSuite redirects to a page for people while it is being maintained.
    if status >= 500 or 300 <= status < 400:
        return _transient(Unavailable, response, fault)
    table = _TABLE_MISSING.search(fault.detail) if status == 400 else None
    if table or code == "INSUFFICIENT_PERMISSION":
        unavailable = RecordTypeUnavailable(fault.text, status=status, code=code)
        unavailable.table = (table[1] or table[2] or None) if table else None
        return unavailable
    rejected = QueryRejected(fault.text, status=status, code=code)
    if column := _COLUMN_MISSING.search(fault.detail):
        rejected.column = column[1] or column[2]
    return rejected


def _transient(kind: type[TransientError], response: httpx.Response, fault: "_Fault") -> TransientError:
    error = kind(fault.text, status=response.status_code, code=fault.code)
    error.retry_after = response.headers.get("Retry-After")
    return error


@dataclass(frozen=True)
class _Fault:
    status: int
    code: str | None
    detail: str

    @property
    def text(self) -> str:
        named = f"HTTP {self.status}" + (f" {self.code}" if self.code else "")
        return f"{named}: {_trimmed(self.detail)}" if self.detail else named

    @classmethod
    def of(cls, response: httpx.Response) -> "_Fault":
        body = _json_object(response.content)
        details = body.get("o:errorDetails")
        first = details[0] if isinstance(details, list) and details else None
        if isinstance(first, Mapping):
            # A 429 carries USER_ERROR at the top; the code that matters is inside the details.
            code, detail = first.get("o:errorCode"), first.get("detail")
        else:
            # RFC 6749 section 5.2: the token endpoint's form.
            code, detail = body.get("o:errorCode") or body.get("error"), body.get("error_description")
        return cls(response.status_code, code if isinstance(code, str) else None, str(detail or ""))


def _json_object(body: bytes) -> Mapping[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError:
        # Gateways answer 502 to 504 with HTML or nothing.
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _trimmed(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _DETAIL_CHARACTERS else f"{text[:_DETAIL_CHARACTERS]}…"
