"""NetSuiteClient: SuiteQL over HTTP for many threads at once, with bounds on requests, retries and time.

Query text is made in `suiteql`; what an answer means as an error is decided in `errors`, how often it is
tried again in `retry`, how many are sent at once in `governor`, how a request is signed in `auth`.
"""

import datetime as dt
import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import httpx
import orjson

from netsuite_pipeline.netsuite.auth import auth_for
from netsuite_pipeline.netsuite.budget import Budget, budget_of
from netsuite_pipeline.netsuite.errors import (
    AuthenticationFailed,
    NetSuiteError,
    QueryCancelled,
    QueryRejected,
    RecordTypeUnavailable,
    TimedOut,
    TransientError,
    Unavailable,
    classify,
)
from netsuite_pipeline.netsuite.governor import Governor, SlotStats
from netsuite_pipeline.netsuite.login import CredentialGate, OnLogin, paused, refused
from netsuite_pipeline.netsuite.page import PAGE_SIZE, Page
from netsuite_pipeline.netsuite.retry import ATTEMPTS, pauses_of_an_outage, retrying
from netsuite_pipeline.netsuite.suiteql import ZONE_QUERY
from netsuite_pipeline.settings import Settings

_log = logging.getLogger(__name__)

_PATH = "/services/rest/query/v1/suiteql"
_SERVER_TIME_PATH = "/services/rest/system/v1/serverTime"
_CONNECT_SECONDS = 15.0
_QUERY_CHARACTERS = 200
# How soon a waiting query notices that it is cancelled.
_CANCEL_SECONDS = 0.2
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

Sleep = Callable[[float], None]
Now = Callable[[], dt.datetime]
Answer = TypeVar("Answer")


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, kw_only=True)
class ClientStats:
    """What a client has done so far. `seconds_waiting` is the time between attempts, over all threads."""

    slots: SlotStats
    requests: int = 0
    retries: int = 0
    seconds_waiting: float = 0.0

    @property
    def summary(self) -> str:
        """One line for the log of a run."""
        slots = self.slots
        return (
            f"NetSuite: {self.requests} requests, {self.retries} tried again; at most {slots.most} in flight,"
            f" {slots.limit} of {slots.ceiling} allowed at the end, fewer {slots.refusals} times after a 429 and"
            f" {slots.slowdowns} times for slow answers; waited {slots.seconds_queued:.1f} s for slots and"
            f" {self.seconds_waiting:.1f} s between attempts."
        )


class NetSuiteClient:
    """Runs SuiteQL queries. Thread-safe; at most `concurrency` requests are in flight, fewer after a 429."""

    def __init__(
        self,
        *,
        base_url: str,
        auth: httpx.Auth,
        identity: str,
        concurrency: int | Budget,
        timeout: float,
        language: str | None = None,
        refusal: AuthenticationFailed | None = None,
        on_login: OnLogin | None = None,
        attempts: int = ATTEMPTS,
        patience: float = 0.0,
        on_outage: Callable[[], None] | None = None,
        sleep: Sleep = time.sleep,
        now: Now = _utc_now,
    ) -> None:
        """`identity` names account and scheme in errors. `timeout` is in seconds, for an answer to arrive. A query is
        sent at most `attempts` times, and once more so often whenever NetSuite is back after it was away; that is
        waited for `patience` seconds, and `on_outage` is called before each wait.

        A `concurrency` that is a Budget may change while the client lives. With a `refusal` nothing is sent, and every
        query raises it. `on_login` is told once whether NetSuite accepts the credentials, and once more should it
        refuse them later. `now` is this machine's time, aware.
        """
        budget = concurrency if isinstance(concurrency, Budget) else Budget(usual=concurrency)
        self.concurrency = budget.most
        self._identity = identity
        self._timeout = timeout
        self._attempts = attempts
        self._patience = patience
        self._on_outage = on_outage
        self._sleep = sleep
        self._now = now
        self._governor = Governor(lambda: budget.at(now()))
        self._gate = CredentialGate(refusal, on_login)
        self._stats = ClientStats(slots=self._governor.stats)
        self._stats_lock = threading.Lock()
        headers = {"Prefer": "transient", "Accept": "application/json", "Accept-Encoding": "gzip"}
        self._http = httpx.Client(
            base_url=base_url,
            auth=auth,
            # Without a header NetSuite takes the language of the integration's user.
            headers=headers if language is None else {**headers, "Accept-Language": language},
            timeout=httpx.Timeout(timeout, connect=_CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=budget.most, max_keepalive_connections=budget.most),
            event_hooks={"request": [self._count_request]},
            # A company's proxy does not lead to a server on this machine.
            trust_env=urlsplit(base_url).hostname not in _LOOPBACK,
        )

    @classmethod
    def connect(
        cls,
        settings: Settings,
        *,
        concurrency: int | Budget | None = None,
        paused_until: dt.datetime | None = None,
        on_login: OnLogin | None = None,
        attempts: int = ATTEMPTS,
        patience: float = 0.0,
        on_outage: Callable[[], None] | None = None,
        sleep: Sleep = time.sleep,
        now: Now = _utc_now,
    ) -> Self:
        """A client for the account of the settings. Sends nothing; SettingsError if a credential is unusable.

        `concurrency` replaces the budget of all runs, for a run that shares the account's slots with others.
        `paused_until` (naive UTC) is given when the credentials were refused lately: then every query says so.
        """
        identity = (
            f"account {settings.netsuite_account_id or settings.netsuite_url}"
            f" with NETSUITE_AUTH={settings.netsuite_auth}"
        )
        return cls(
            base_url=settings.netsuite_url,
            auth=auth_for(settings),
            identity=identity,
            concurrency=concurrency or budget_of(settings),
            timeout=settings.netsuite_timeout,
            language=settings.netsuite_language,
            refusal=paused(identity, paused_until) if paused_until else None,
            on_login=on_login,
            attempts=attempts,
            patience=patience,
            on_outage=on_outage,
            sleep=sleep,
            now=now,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    @property
    def stats(self) -> ClientStats:
        """What has been done so far; a snapshot."""
        with self._stats_lock:
            return replace(self._stats, slots=self._governor.stats)

    @property
    def is_accepted(self) -> bool:
        """Whether NetSuite has accepted the credentials. Until it has, requests go one at a time."""
        return self._gate.is_open

    def query(self, sql: str, *, cancelled: threading.Event | None = None) -> Page:
        """The first page, of at most PAGE_SIZE rows, that `sql` answers.

        Raises a NetSuiteError that says what was attempted and NetSuite's last status and code: a
        TransientError after the last attempt, any other at once. QueryCancelled as soon as `cancelled` is set,
        except that a request in flight is waited for.
        """
        page, attempts = self._asked(
            lambda: self._query_request(sql),
            _page,
            attempted=f"Query NetSuite ({_shortened(sql)})",
            cancelled=cancelled,
        )
        return replace(page, attempts=attempts)

    def server_time(self) -> dt.datetime:
        """What time it is by NetSuite's clock, naive UTC; any role may ask (Oracle help article_0528010158).

        Raises as `query` does.
        """
        moment, _ = self._asked(
            lambda: self._http.build_request("GET", _SERVER_TIME_PATH), _moment, attempted="Ask NetSuite for the time"
        )
        return moment

    def _asked(
        self,
        build: Callable[[], httpx.Request],
        read: Callable[[bytes], Answer],
        *,
        attempted: str,
        cancelled: threading.Event | None = None,
    ) -> tuple[Answer, int]:
        """What `read` makes of the answer, and how many attempts it took: each builds and signs its own request."""
        for seconds in pauses_of_an_outage(self._patience):
            begun = time.monotonic()
            try:
                return self._asked_now(build, read, attempted=attempted, cancelled=cancelled)
            except (Unavailable, TimedOut) as error:
                if self.silence(cancelled=cancelled) is None:
                    # Not an outage: this question alone gets no answer, now and later.
                    raise
                # Attempts that hang are a part of it, and what one question waited the next one need not wait again.
                self._patience -= time.monotonic() - begun + seconds
                _log.warning("NetSuite is away (%s). It is asked again in %.0f s.", error.said, seconds)
                if self._on_outage is not None:
                    self._on_outage()
                self._pause(seconds, cancelled=cancelled)
            if self._patience <= 0:
                break
        return self._asked_now(build, read, attempted=attempted, cancelled=cancelled)

    def silence(self, *, cancelled: threading.Event | None = None) -> str | None:
        """What comes instead of an answer to a small question, sent once; None if NetSuite answers.

        Any answer is one, also a refusal, or too many requests: whoever counts them is there.
        """
        try:
            self._attempt(lambda: self._query_request(ZONE_QUERY), _page, cancelled)
        except (Unavailable, TimedOut) as error:
            return error.said
        except NetSuiteError:
            return None
        return None

    def _query_request(self, sql: str) -> httpx.Request:
        return self._http.build_request("POST", _PATH, params={"limit": PAGE_SIZE}, json={"q": sql})

    def _asked_now(
        self,
        build: Callable[[], httpx.Request],
        read: Callable[[bytes], Answer],
        *,
        attempted: str,
        cancelled: threading.Event | None,
    ) -> tuple[Answer, int]:
        retry = retrying(partial(self._pause, cancelled=cancelled), attempts=self._attempts)
        try:
            answer = retry(self._attempt, build, read, cancelled)
        except TransientError as error:
            tries = f"{retry.statistics['attempt_number']} of at most {self._attempts} attempts"
            raise error.within(f"{attempted} failed after {tries}, the last answer being") from error
        except (QueryRejected, RecordTypeUnavailable, QueryCancelled) as error:
            raise error.within(attempted) from error
        return answer, retry.statistics["attempt_number"]

    def _attempt(
        self,
        build: Callable[[], httpx.Request],
        read: Callable[[bytes], Answer],
        cancelled: threading.Event | None,
    ) -> Answer:
        _check(cancelled)
        with self._gate.admitted(), self._governor.slot() as slot:
            # Waiting for the slot may have taken long.
            _check(cancelled)
            body = self._send(build())
            slot.size = len(body)
        return read(body)

    def _send(self, request: httpx.Request) -> bytes:
        deadline = time.monotonic() + self._timeout
        try:
            response = self._http.send(request, stream=True)
            try:
                if response.status_code != httpx.codes.OK:
                    response.read()
                    raise classify(response)
                return _read_until(response, deadline)
            finally:
                response.close()
        except httpx.TimeoutException as error:
            raise TimedOut(f"no answer ({type(error).__name__})") from error
        except httpx.RequestError as error:
            raise Unavailable(f"no complete answer ({type(error).__name__}: {error})") from error
        except AuthenticationFailed as error:
            raise refused(error, identity=self._identity, now=self._now()) from error

    def _pause(self, seconds: float, *, cancelled: threading.Event | None) -> None:
        with self._stats_lock:
            self._stats = replace(
                self._stats,
                retries=self._stats.retries + 1,
                seconds_waiting=self._stats.seconds_waiting + seconds,
            )
        if cancelled is None:
            self._sleep(seconds)
            return
        while seconds > 0 and not cancelled.is_set():
            self._sleep(min(seconds, _CANCEL_SECONDS))
            seconds -= _CANCEL_SECONDS

    def _count_request(self, _: httpx.Request) -> None:
        with self._stats_lock:
            self._stats = replace(self._stats, requests=self._stats.requests + 1)


def _check(cancelled: threading.Event | None) -> None:
    if cancelled is not None and cancelled.is_set():
        raise QueryCancelled("cancelled")


def _read_until(response: httpx.Response, deadline: float) -> bytes:
    # The read timeout starts again with every byte; the deadline ends an answer that trickles.
    chunks = []
    for chunk in response.iter_bytes():
        chunks.append(chunk)
        if time.monotonic() > deadline:
            raise TimedOut("the answer did not arrive completely in time")
    return b"".join(chunks)


def _page(body: bytes) -> Page:
    answer = _parsed(body)
    items = answer.get("items") if isinstance(answer, dict) else None
    if items is None:
        # Observed on live accounts by Salto's adapter, which asks again as well.
        raise TimedOut("an answer without rows or an empty list of them", status=httpx.codes.OK)
    if not isinstance(items, list) or not all(isinstance(row, dict) for row in items):
        raise Unavailable("an answer whose items are no rows", status=httpx.codes.OK)
    total = answer.get("totalResults")
    return Page(
        items=items,
        total=total if isinstance(total, int) else None,
        has_more=answer.get("hasMore") is True,
    )


def _moment(body: bytes) -> dt.datetime:
    answer = _parsed(body)
    text = answer.get("serverTime") if isinstance(answer, dict) else None
    try:
        moment = dt.datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise TimedOut("an answer without a time that names its zone", status=httpx.codes.OK)
    return moment.astimezone(dt.UTC).replace(tzinfo=None)


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        # Half a surrogate pair: valid JSON that orjson refuses. Its row is rejected later, not the page.
        return json.loads(body)
    except ValueError as error:
        if not body.strip():
            raise TimedOut("an empty answer", status=httpx.codes.OK) from None
        raise Unavailable(f"truncated or malformed JSON of {len(body)} bytes", status=httpx.codes.OK) from error


def _shortened(sql: str) -> str:
    return sql if len(sql) <= _QUERY_CHARACTERS else f"{sql[:_QUERY_CHARACTERS]}…"
