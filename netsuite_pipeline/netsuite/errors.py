"""What can go wrong at NetSuite, and the one place that tells kinds of answers apart and what each asks for.

Answers are told apart by HTTP status and `o:errorCode`; text decides only where NetSuite has no code of its
own. How long is waited before another try is `retry`'s business, how many are sent at once is `governor`'s, what
becomes of a failed batch is `waves`'.
"""

# ruff: noqa: N818 - the names say what happened, as those of httpx and the standard library's TimeoutError do

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
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
_COMPANY_LANGUAGE = re.compile(r"default company language value '([^']+)'")


class Reaction(StrEnum):
    """What an error asks of whoever sent the request."""

    RETRY = "retry"
    # Again, later, and fewer requests at once.
    BACK_OFF = "back off"
    # Again without the column that is named.
    DROP_COLUMN = "drop column"
    # The account lacks the table: the record type is left out, the rest goes on.
    UNAVAILABLE = "unavailable"
    # Nothing more may be sent with these credentials.
    STOP = "stop"
    # The same request will be refused again.
    GIVE_UP = "give up"


class NetSuiteError(Exception):
    """NetSuite refused, was silent or was incomplete; the text is for people and holds no secret.

    `reaction` decides what is done at once, `category` what becomes of the batch. `status` is the HTTP status and
    `code` NetSuite's own error code, each None where there was none. `said` is the text without what was attempted.
    `date` is the answer's `Date` header as it was sent.
    """

    category: ClassVar[FailureCategory] = FailureCategory.UNKNOWN
    # What nobody knows better is not sent again.
    reaction: Reaction = Reaction.GIVE_UP
    date: str | None = None

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

    reaction = Reaction.RETRY
    retry_after: str | None = None


class RateLimited(TransientError):
    """Too many requests at once in the account."""

    category = FailureCategory.API_RATE_LIMIT
    reaction = Reaction.BACK_OFF


class Unavailable(TransientError):
    """NetSuite is down, unreachable, or answered with something unreadable."""

    category = FailureCategory.API_UNAVAILABLE


class TimedOut(TransientError):
    """No answer in time, or an answer without content."""

    category = FailureCategory.TIMEOUT


class AuthenticationFailed(NetSuiteError):
    """The credentials were refused, twice."""

    category = FailureCategory.AUTHENTICATION
    # Five failures lock the login (Oracle help subsect_156935170194).
    reaction = Reaction.STOP


class RecordTypeUnavailable(NetSuiteError):
    """The account lacks the table: a feature is off or the role has no permission. `table` is its name, if NetSuite
    names it.
    """

    category = FailureCategory.PERMANENT_ERROR
    reaction = Reaction.UNAVAILABLE
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
    kind = _kind_of(fault)
    error = kind(fault.text, status=fault.status, code=fault.code)
    error.date = response.headers.get("Date")
    match error:
        case TransientError():
            error.retry_after = response.headers.get("Retry-After")
        case RecordTypeUnavailable():
            table = _TABLE_MISSING.search(fault.detail) if fault.status == 400 else None
            error.table = (table[1] or table[2] or None) if table else None
        case QueryRejected():
            column = _COLUMN_MISSING.search(fault.detail)
            if column:
                error.column = column[1] or column[2]
                error.reaction = Reaction.DROP_COLUMN
    return error


def _kind_of(fault: "_Fault") -> type[NetSuiteError]:
    status, code = fault.status, fault.code
    if status == 429 or code in _RATE_LIMIT_CODES:
        return RateLimited
    if status == 401 or code in _LOGIN_CODES:
        return AuthenticationFailed
    if status == 408:
        return TimedOut
    # NetSuite redirects to a page for people while it is being maintained.
    if status >= 500 or 300 <= status < 400:
        return Unavailable
    if code == "INSUFFICIENT_PERMISSION" or (status == 400 and _TABLE_MISSING.search(fault.detail)):
        return RecordTypeUnavailable
    return QueryRejected


@dataclass(frozen=True)
class _Fault:
    status: int
    code: str | None
    detail: str
    # The header that NetSuite does not take, where it names one.
    header: str | None

    @property
    def text(self) -> str:
        named = f"HTTP {self.status}" + (f" {self.code}" if self.code else "")
        return (f"{named}: {_trimmed(self.detail)}" if self.detail else named) + self._remedy

    @property
    def _remedy(self) -> str:
        if self.code != "INVALID_HEADER" or self.header != "Accept-Language":
            return ""
        # Observed where the user's language is not the company's (airbyte issue 34137).
        language = _COMPANY_LANGUAGE.search(self.detail)
        value = (
            f"NETSUITE_LANGUAGE={language[1]}" if language else "NETSUITE_LANGUAGE to the company's default language"
        )
        return f" To mend it, set {value}, or give the integration's user the language of the company."

    @classmethod
    def of(cls, response: httpx.Response) -> "_Fault":
        body = _json_object(response.content)
        details = body.get("o:errorDetails")
        first = details[0] if isinstance(details, list) and details else None
        if isinstance(first, Mapping):
            # A 429 carries USER_ERROR at the top; the code that matters is inside the details.
            code, detail, header = first.get("o:errorCode"), first.get("detail"), first.get("o:errorHeader")
        else:
            # RFC 6749 section 5.2: the token endpoint's form.
            code, detail, header = body.get("o:errorCode") or body.get("error"), body.get("error_description"), None
        return cls(response.status_code, _text(code), str(detail or ""), _text(header))


def _json_object(body: bytes) -> Mapping[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError:
        # Gateways answer 502 to 504 with HTML or nothing.
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _trimmed(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _DETAIL_CHARACTERS else f"{text[:_DETAIL_CHARACTERS]}…"
