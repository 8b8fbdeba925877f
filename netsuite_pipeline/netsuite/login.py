"""Whether NetSuite accepts the credentials: one request alone tries them, and why they were refused is said.

How a request is signed, and that it is signed anew once after a 401, is decided in `auth`. That other runs send
nothing either is `warehouse.logins`' business.
"""

import copy
import datetime as dt
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from email.utils import parsedate_to_datetime
from typing import Protocol

from netsuite_pipeline.netsuite.auth import CLOCK_TOLERANCE_SECONDS
from netsuite_pipeline.netsuite.errors import AuthenticationFailed, QueryRejected, RecordTypeUnavailable


class OnLogin(Protocol):
    """Whoever wants to know whether NetSuite accepts the credentials."""

    def __call__(self, *, accepted: bool) -> None:
        """Called by the thread that learned it."""


class CredentialGate:
    """Lets one request alone try the credentials, and none any more once they were refused.

    Five failures within 30 minutes lock the login (Oracle help subsect_156935170194), so wrong credentials
    must not be tried by every thread.
    """

    def __init__(self, refusal: AuthenticationFailed | None, on_login: OnLogin | None) -> None:
        self._first = threading.Lock()
        self._accepted = threading.Event()
        self._refusal = refusal
        self._on_login = on_login

    @property
    def is_open(self) -> bool:
        """Whether requests go together, because one has shown that the credentials are accepted."""
        return self._accepted.is_set()

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Around one request; AuthenticationFailed at once if the credentials are known to be refused."""
        with ExitStack() as turn:
            if not self._accepted.is_set():
                turn.enter_context(self._first)
                if self._accepted.is_set():
                    # Learned while this thread waited; the others must not wait for it in turn.
                    turn.close()
            if self._refusal is not None:
                raise copy.copy(self._refusal)
            try:
                yield
            except AuthenticationFailed as error:
                if self._refusal is None:
                    self._refusal = error
                    self._tell(accepted=False)
                raise
            except (QueryRejected, RecordTypeUnavailable):
                self._accept()
                raise
            self._accept()

    def _accept(self) -> None:
        if not self._accepted.is_set():
            self._accepted.set()
            self._tell(accepted=True)

    def _tell(self, *, accepted: bool) -> None:
        if self._on_login is not None:
            self._on_login(accepted=accepted)


def paused(identity: str, until: dt.datetime) -> AuthenticationFailed:
    """The refusal of credentials that NetSuite refused lately; `until` is naive UTC."""
    return AuthenticationFailed(
        f"Log in to {identity}: NetSuite refused these credentials lately, and five failures lock the login. Nothing is"
        f" sent until {until:%Y-%m-%d %H:%M} UTC, unless they are changed; once they are mended on NetSuite's side,"
        " `netsuite-pipeline import start` tries them at once."
    )


def refused(error: AuthenticationFailed, *, identity: str, now: dt.datetime) -> AuthenticationFailed:
    """The error with what was attempted and what to do. `now`, aware, is this machine's time when the answer came.

    A clock that is wrong by more than a login may be is named first, because NetSuite's answer says nothing of it.
    """
    attempted = f"Log in to {identity}, twice."
    skew = skew_of(error.date, now=now)
    if skew is not None and abs(skew.total_seconds()) > CLOCK_TOLERANCE_SECONDS:
        return error.within(
            f"This machine's clock is {_in_words(skew)} NetSuite's: logins are refused when it is wrong by more than"
            f" {CLOCK_TOLERANCE_SECONDS // 60} minutes. Set it, best by NTP, and start again. {attempted} Nothing more"
            " is sent, because five failures lock the login. NetSuite says"
        )
    return error.within(
        f"{attempted} Check the credentials, the role's permissions and this machine's clock; nothing more is sent,"
        " because five failures lock the login. NetSuite says"
    )


def skew_of(date: str | None, *, now: dt.datetime) -> dt.timedelta | None:
    """How far `now`, aware, is ahead of a `Date` header (RFC 9110, 6.6.1); None if there is none that can be read."""
    try:
        moment = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    return now - moment.replace(tzinfo=moment.tzinfo or dt.UTC)


def _in_words(skew: dt.timedelta) -> str:
    seconds = round(abs(skew.total_seconds()))
    parts = ((seconds // 86_400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s"))
    said = [f"{number} {unit}" for number, unit in parts if number]
    # To the two largest units: nobody sets a clock by what is left.
    return f"{' '.join(said[:2])} {'ahead of' if skew > dt.timedelta(0) else 'behind'}"
