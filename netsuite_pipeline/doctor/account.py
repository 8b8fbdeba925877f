"""The account: whether it lets us in, its clock, its slots, and whether it runs SuiteQL.

Five failed logins lock the login (Oracle help subsect_156935170194), and one that is refused is tried twice. So it is
tried once, and not at all while `refused_logins` remembers a refusal; a refusal is written there, the one thing that a
doctor writes.
"""

import datetime as dt
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from netsuite_pipeline.doctor.finding import Answer, Check, Group, NotChecked, error, ok, warning
from netsuite_pipeline.doctor.network import TLS
from netsuite_pipeline.doctor.settings import CREDENTIALS, KEY, Configuration
from netsuite_pipeline.netsuite.auth import credentials_digest
from netsuite_pipeline.netsuite.client import NetSuiteClient
from netsuite_pipeline.netsuite.errors import (
    AuthenticationFailed,
    NetSuiteError,
    QueryRejected,
    RecordTypeUnavailable,
    TransientError,
)
from netsuite_pipeline.netsuite.suiteql import ZONE_QUERY
from netsuite_pipeline.netsuite.system import Slots, SystemEndpoints
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.errors import WarehouseError
from netsuite_pipeline.warehouse.logins import RefusedLogins

LOGIN = "netsuite.login"
SUITEQL = "netsuite.suiteql"

# A healthy account answers within a second.
_TIMEOUT_SECONDS = 20.0
# TBA's timestamp may be five minutes off, an assertion of M2M lives as long (Oracle help subsect_156935170194).
_MOST_SKEW = dt.timedelta(seconds=300)
_MUCH_SKEW = dt.timedelta(seconds=60)
_SET_CLOCK = "set this machine's clock, and keep it right with NTP (timedatectl set-ntp true)"
_PERMISSIONS = {
    "tba": "REST Web Services and Log in using Access Tokens",
    "m2m": "REST Web Services and Log in using OAuth 2.0 Access Tokens",
}


class Account:
    """The account as one doctor talks to it, with one request at a time."""

    def __init__(
        self, configuration: Configuration, *, refusals: Callable[[str], RefusedLogins | None], insist: bool
    ) -> None:
        """`refusals` gives what is known of refused credentials by their digest, None if nothing can be known. With
        `insist`, the login is tried although it was refused lately.
        """
        self._configuration = configuration
        self._refusals = refusals
        self._insist = insist
        self._open = ExitStack()
        self._endpoints: SystemEndpoints | None = None
        self._client: NetSuiteClient | None = None
        self._paused = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def settings(self) -> Settings:
        """The settings, with a shorter patience than that of imports."""
        settings = self._configuration.settings
        return settings.model_copy(update={"netsuite_timeout": min(settings.netsuite_timeout, _TIMEOUT_SECONDS)})

    @property
    def client(self) -> NetSuiteClient:
        """Runs queries, one at a time; once the login is refused, none any more."""
        if self._client is None:
            client = NetSuiteClient.connect(self.settings, concurrency=1, on_login=self._note)
            self._client = self._open.enter_context(client)
        return self._client

    @property
    def endpoints(self) -> SystemEndpoints:
        """The system endpoints."""
        if self._endpoints is None:
            settings = self.settings
            endpoints = SystemEndpoints(settings, timeout=settings.netsuite_timeout)
            self._endpoints = self._open.enter_context(endpoints)
        return self._endpoints

    def login(self) -> Answer:
        """Logs in, by asking for NetSuite's time."""
        if until := self._paused_until():
            return error(
                f"NetSuite refused these credentials lately; nothing is sent before {until:%H:%M} UTC, because five"
                " failures lock the login",
                "mend the credentials here or the role in NetSuite, then: netsuite-pipeline doctor --login",
            )
        try:
            self.endpoints.server_time()
        except AuthenticationFailed as refusal:
            self._note(accepted=False)
            return error(f"refused: {refusal}", self._remedy())
        except TransientError as problem:
            return error(
                f"NetSuite does not answer as it should: {problem}",
                "look at status.netsuite.com and at proxies in between; imports go on by themselves once it answers",
            )
        except NetSuiteError as problem:
            # It is no refusal of the login; what the role may do is asked next.
            return ok(f"not refused, although NetSuite does not tell the time: {problem}")
        self._note(accepted=True)
        return ok(f"accepted, with NETSUITE_AUTH={self.settings.netsuite_auth}")

    def clock(self) -> Answer:
        """Compares the clocks; without a login too."""
        if self.endpoints.skew is None:
            self.endpoints.knock()
        skew = self.endpoints.skew
        if skew is None:
            raise NotChecked("NetSuite's answers bear no date")
        return clock_answer(skew)

    def slots(self) -> Answer:
        """Compares NETSUITE_CONCURRENCY with the account's slots."""
        try:
            slots = self.endpoints.slots()
        except TransientError:
            raise
        except NetSuiteError as refusal:
            raise NotChecked(
                f"only administrators may ask ({refusal}); see Setup > Integration > Integration Management >"
                " Integration Governance"
            ) from None
        return slots_answer(slots, self.settings.netsuite_concurrency)

    def suiteql(self) -> Answer:
        """Runs a query that needs no record type."""
        try:
            rows = self.client.query(ZONE_QUERY).items
        except RecordTypeUnavailable as refusal:
            return error(
                f"refused: {refusal.said}", "give the role the permission SuiteAnalytics Workbook, in NetSuite"
            )
        except QueryRejected as refusal:
            # The words of SuiteQL are understood; imports do not ask for this one.
            return ok(f"answers, but does not tell the session's time zone: {refusal.said}")
        zone = next((value for row in rows for name, value in row.items() if name.lower() == "zone"), "unknown")
        return ok(f"answers; the session's time zone is {zone}")

    def _remedy(self) -> str:
        skew = self.endpoints.skew
        if skew is not None and abs(skew) > _MOST_SKEW:
            return f"this machine's clock is {_distance(skew)}, and that is the reason: {_SET_CLOCK}"
        return (
            "compare the credentials with NetSuite (tokens of production do not work in a sandbox), and see that the"
            f" role has {_PERMISSIONS[self.settings.netsuite_auth]}; its Login Audit Trail (Setup > Users/Roles > User"
            " Management) names the reason. Do not try often: five failures lock the login"
        )

    def _note(self, *, accepted: bool) -> None:
        # That all is well is news only after a refusal, and only then worth a write.
        if accepted and not self._paused:
            return
        known = self._refusals(credentials_digest(self._configuration.settings))
        if known is not None:
            known.remember(accepted=accepted)

    def _paused_until(self) -> dt.datetime | None:
        known = self._refusals(credentials_digest(self._configuration.settings))
        try:
            until = known.paused_until() if known is not None else None
        except WarehouseError:
            # Without the table, before the first import, nothing is remembered.
            return None
        self._paused = until is not None
        return None if self._insist else until


def account_checks(account: Account) -> tuple[Check, ...]:
    """The checks of the account."""
    return (
        Check(
            id=LOGIN,
            group=Group.NETSUITE,
            attempted="log in (serverTime)",
            look=account.login,
            needs=(CREDENTIALS, KEY, TLS),
            remedy="correct the setting",
            seconds=90,
        ),
        Check(
            id="netsuite.clock",
            group=Group.NETSUITE,
            attempted="this machine's clock against NetSuite's",
            look=account.clock,
            # Not the login: a wrong clock is a reason to refuse it.
            needs=(CREDENTIALS, KEY, TLS),
            remedy="look at status.netsuite.com and at proxies in between",
            seconds=60,
        ),
        Check(
            id="netsuite.concurrency",
            group=Group.NETSUITE,
            attempted="NETSUITE_CONCURRENCY against the account's slots",
            look=account.slots,
            needs=(LOGIN,),
            seconds=60,
        ),
        Check(
            id=SUITEQL,
            group=Group.NETSUITE,
            attempted="run a SuiteQL query",
            look=account.suiteql,
            needs=(LOGIN,),
            remedy="look at status.netsuite.com and at proxies in between",
            seconds=300,
        ),
    )


def clock_answer(skew: dt.timedelta) -> Answer:
    """What it means that NetSuite's clock is ahead of ours by `skew`."""
    if abs(skew) > _MOST_SKEW:
        return error(f"it is {_distance(skew)}; beyond 5 minutes NetSuite refuses the login", _SET_CLOCK)
    if abs(skew) > _MUCH_SKEW:
        return warning(f"it is {_distance(skew)}; beyond 5 minutes NetSuite refuses the login", _SET_CLOCK)
    return ok(f"{abs(skew).total_seconds():.1f} s apart")


def slots_answer(slots: Slots, concurrency: int) -> Answer:
    """Whether the slots take `concurrency` requests at once and leave room for others."""
    of_account = f"the account has {slots.account}"
    kind = "reserved for this integration" if slots.reserved else "free for all integrations together"
    found = f"NETSUITE_CONCURRENCY={concurrency}; {of_account}, {slots.usable} of them {kind}"
    if concurrency > slots.usable:
        return error(found, f"set NETSUITE_CONCURRENCY={slots.advised}: the others are refused")
    if concurrency == slots.usable and not slots.reserved:
        return warning(
            found,
            f"set NETSUITE_CONCURRENCY={slots.advised}, or other integrations of the company are refused"
            " while an import runs",
        )
    return ok(found)


def _distance(skew: dt.timedelta) -> str:
    direction = "behind" if skew > dt.timedelta() else "ahead of"
    return f"{abs(skew).total_seconds():.0f} s {direction} NetSuite's"
