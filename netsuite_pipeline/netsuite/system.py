"""NetSuite's system endpoints, asked once and without a second try: its time, and the slots of the account.

For whoever wants to know how NetSuite answers and not to be spared a failure; imports ask through `client`. How far the
two clocks are apart is known even when the login is refused, from the answer's `Date` header.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from netsuite_pipeline.netsuite.auth import auth_for
from netsuite_pipeline.netsuite.errors import TimedOut, Unavailable, classify
from netsuite_pipeline.settings import Settings

_TIME_PATH = "/services/rest/system/v1/serverTime"
_LIMITS_PATH = "/services/rest/system/v1/governanceLimits"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
# The header has whole seconds, cut off.
_HALF_A_SECOND = dt.timedelta(seconds=0.5)
_INTEGRATION = "integrationSpecific"


@dataclass(frozen=True, kw_only=True)
class Slots:
    """How many requests NetSuite takes at once: of the whole account, and those that this integration may use.

    `reserved`: nobody else uses the latter.
    """

    account: int
    usable: int
    reserved: bool

    @property
    def advised(self) -> int:
        """How many to use: where all integrations share them, one is left to the others."""
        return max(1, self.usable - (not self.reserved))


class SystemEndpoints:
    """One connection. `skew` is NetSuite's time less ours as of the last answer, None as long as there was none."""

    def __init__(
        self,
        settings: Settings,
        *,
        timeout: float,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        """`timeout` is in seconds. SettingsError if a credential is unusable."""
        self.skew: dt.timedelta | None = None
        self._clock = clock
        self._sent = clock()
        self._auth = auth_for(settings)
        self._http = httpx.Client(
            base_url=settings.netsuite_url,
            headers={"Accept": "application/json"},
            timeout=timeout,
            # Of every answer, those to a login that is tried twice and to requests for a token among them.
            event_hooks={"request": [self._note_sent], "response": [self._note_date]},
            trust_env=urlsplit(settings.netsuite_url).hostname not in _LOOPBACK,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.close()

    def server_time(self) -> dt.datetime:
        """NetSuite's time, aware; any user may ask (Oracle help article_0528010158). NetSuiteError."""
        text = self._get(_TIME_PATH).get("serverTime")
        try:
            moment = dt.datetime.fromisoformat(str(text))
        except ValueError:
            raise Unavailable("the answer holds no time", status=httpx.codes.OK) from None
        moment = moment.replace(tzinfo=moment.tzinfo or dt.UTC)
        # To the millisecond, where the header is to the second.
        self.skew = moment - self._midway()
        return moment

    def slots(self) -> Slots:
        """The slots, which administrators may see (Oracle help article_0625010817). NetSuiteError."""
        limits = self._get(_LIMITS_PATH)
        reserved = limits.get("integrationLimitType") == _INTEGRATION
        usable = "integrationConcurrencyLimit" if reserved else "accountUnallocatedConcurrencyLimit"
        try:
            return Slots(account=int(limits["accountConcurrencyLimit"]), usable=int(limits[usable]), reserved=reserved)
        except (KeyError, TypeError, ValueError):
            raise Unavailable("the answer holds no limits", status=httpx.codes.OK) from None

    def knock(self) -> None:
        """Asks for nothing, without credentials; whatever is answered sets `skew`. NetSuiteError if none comes."""
        self._send("/", auth=None)

    def _get(self, path: str) -> dict[str, Any]:
        response = self._send(path, auth=self._auth)
        if response.status_code != httpx.codes.OK:
            raise classify(response)
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise Unavailable("the answer is unreadable", status=httpx.codes.OK)
        return answer

    def _send(self, path: str, *, auth: httpx.Auth | None) -> httpx.Response:
        try:
            return self._http.get(path, auth=auth)
        except httpx.TimeoutException as error:
            raise TimedOut(f"no answer ({type(error).__name__})") from error
        except httpx.RequestError as error:
            raise Unavailable(f"no complete answer ({type(error).__name__}: {error})") from error

    def _note_sent(self, _: httpx.Request) -> None:
        self._sent = self._clock()

    def _note_date(self, response: httpx.Response) -> None:
        try:
            date = parsedate_to_datetime(response.headers.get("Date", ""))
        except ValueError:
            return
        self.skew = date.replace(tzinfo=date.tzinfo or dt.UTC) + _HALF_A_SECOND - self._midway()

    def _midway(self) -> dt.datetime:
        """Our time when NetSuite looked at its clock, as near as one can tell."""
        return self._sent + (self._clock() - self._sent) / 2
