"""The account over real HTTP: logging in, the clocks, the slots; and a login that is refused is not worn out."""

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from netsuite_pipeline.doctor.account import Account, account_checks, clock_answer, slots_answer
from netsuite_pipeline.doctor.finding import Finding, Status
from netsuite_pipeline.doctor.settings import Configuration
from netsuite_pipeline.netsuite import system
from netsuite_pipeline.netsuite.system import Slots
from netsuite_pipeline.sandbox.faults import Endpoint, Fault, FaultKind
from netsuite_pipeline.sandbox.keys import create_key_pair
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.logins import RefusedLogins
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline.warehouse.tables import import_tables
from netsuite_pipeline_tests.doctor.conftest import Configured, found
from netsuite_pipeline_tests.ports import free_port

WRONG = "wrong-5d1c"
Look = Callable[..., dict[str, Finding]]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    """A warehouse that remembers refused logins."""
    engine = connect(f"sqlite:///{tmp_path / 'warehouse.db'}")
    ensure_tables(engine, import_tables(sa.MetaData()))
    yield engine
    engine.dispose()


@pytest.fixture
def look(engine: sa.Engine) -> Iterator[Look]:
    """What a doctor finds of the account of a configuration."""
    with ExitStack() as stack:

        def find(configuration: Configuration, *, insist: bool = False) -> dict[str, Finding]:
            def refusals(digest: str) -> RefusedLogins:
                return RefusedLogins(lambda: nullcontext(engine), digest)

            account = stack.enter_context(Account(configuration, refusals=refusals, insist=insist))
            return found(account_checks(account))

        yield find


def _refused(sandbox: SandboxServer) -> int:
    return sandbox.account.authenticator.failures


def test_an_account_that_lets_us_in(configured: Configured, look: Look) -> None:
    findings = look(configured(netsuite_concurrency=4))
    assert {name: finding.status for name, finding in findings.items()} == {
        "netsuite.login": Status.OK,
        "netsuite.clock": Status.OK,
        "netsuite.concurrency": Status.OK,
        "netsuite.suiteql": Status.OK,
    }
    assert findings["netsuite.suiteql"].found == "answers; the session's time zone is America/Los_Angeles"


def test_client_credentials_let_us_in_too(configured: Configured, look: Look, tmp_path: Path) -> None:
    pair = create_key_pair(tmp_path)
    with SandboxServer(records=1, seed=1, m2m_certificate=pair.certificate) as server:
        known = server.credentials
        findings = look(
            configured(
                netsuite_base_url=server.base_url,
                netsuite_auth="m2m",
                netsuite_client_id=known.client_id,
                netsuite_certificate_id=known.certificate_id,
                netsuite_private_key_file=pair.private_key,
            )
        )
    assert findings["netsuite.login"].found == "accepted, with NETSUITE_AUTH=m2m"
    assert findings["netsuite.suiteql"].status is Status.OK


def test_a_refused_login_stops_the_rest_and_is_tried_twice_however_often_one_looks(
    configured: Configured, look: Look, sandbox: SandboxServer
) -> None:
    before = _refused(sandbox)
    configuration = configured(netsuite_token_secret=WRONG)
    first, second = look(configuration), look(configuration)
    assert _refused(sandbox) - before == 2
    assert first["netsuite.login"].found.startswith("refused: HTTP 401 INVALID_LOGIN")
    assert "compare the credentials" in first["netsuite.login"].remedy
    assert first["netsuite.suiteql"].status is Status.NOT_CHECKED
    assert "NetSuite refused these credentials lately; nothing is sent before" in second["netsuite.login"].found
    # Whoever is kept out needs to know it most.
    assert second["netsuite.clock"].status is Status.OK
    assert WRONG not in str([first, second])


def test_a_person_may_insist_and_then_imports_go_on_as_well(
    configured: Configured, look: Look, sandbox: SandboxServer, engine: sa.Engine
) -> None:
    configuration = configured()
    sandbox.faults.add(Fault(FaultKind.UNAUTHORIZED, times=2, endpoint=Endpoint.SYSTEM))
    assert look(configuration)["netsuite.login"].status is Status.ERROR
    assert look(configuration)["netsuite.login"].status is Status.ERROR
    # Whatever becomes of the rest.
    sandbox.faults.add(Fault(FaultKind.UNAVAILABLE, times=5))
    findings = look(configuration, insist=True)
    assert findings["netsuite.login"].status is Status.OK
    assert findings["netsuite.suiteql"].status is Status.ERROR
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM refused_logins").scalar_one() == 0


@pytest.mark.parametrize(("seconds", "direction"), [(-1000, "behind"), (1000, "ahead of")])
def test_a_wrong_clock_is_named_as_the_reason_for_a_refused_login(
    configured: Configured, look: Look, monkeypatch: pytest.MonkeyPatch, seconds: int, direction: str
) -> None:
    _shift_clock(monkeypatch, seconds)
    findings = look(configured())
    login, clock = findings["netsuite.login"], findings["netsuite.clock"]
    assert (login.status, clock.status) == (Status.ERROR, Status.ERROR)
    assert f"s {direction} NetSuite's, and that is the reason: set this machine's clock" in login.remedy
    assert f"s {direction} NetSuite's" in clock.found


@pytest.mark.parametrize(
    ("seconds", "status"),
    [(0, Status.OK), (59, Status.OK), (61, Status.WARNING), (-299, Status.WARNING), (301, Status.ERROR)],
)
def test_how_far_clocks_may_be_apart(seconds: int, status: Status) -> None:
    assert clock_answer(dt.timedelta(seconds=seconds)).status is status


def test_an_account_that_does_not_answer_is_no_refusal(configured: Configured, look: Look) -> None:
    findings = look(configured(netsuite_base_url=f"http://127.0.0.1:{free_port()}"))
    assert findings["netsuite.login"].found.startswith("NetSuite does not answer as it should: no complete answer")
    assert findings["netsuite.clock"].status is Status.ERROR
    assert findings["netsuite.suiteql"].status is Status.NOT_CHECKED


def test_without_the_servers_time_suiteql_is_asked_all_the_same(
    configured: Configured, look: Look, sandbox: SandboxServer
) -> None:
    sandbox.faults.add(Fault(FaultKind.FORBIDDEN, endpoint=Endpoint.SYSTEM, match="serverTime"))
    findings = look(configured())
    assert findings["netsuite.login"].found.startswith("not refused, although NetSuite does not tell the time")
    # By the header of the answer.
    assert findings["netsuite.clock"].status is Status.OK
    assert findings["netsuite.suiteql"].status is Status.OK


@pytest.mark.parametrize("kind", [FaultKind.FORBIDDEN, FaultKind.UNAUTHORIZED])
def test_slots_that_only_administrators_may_see_are_not_checked(
    configured: Configured, look: Look, sandbox: SandboxServer, kind: FaultKind
) -> None:
    sandbox.faults.add(Fault(kind, times=2, endpoint=Endpoint.SYSTEM, match="governanceLimits"))
    findings = look(configured())
    assert findings["netsuite.concurrency"].status is Status.NOT_CHECKED
    assert "only administrators may ask" in findings["netsuite.concurrency"].found
    assert findings["netsuite.suiteql"].status is Status.OK


@pytest.mark.parametrize(
    ("concurrency", "slots", "status", "advised"),
    [
        (4, Slots(account=5, usable=5, reserved=False), Status.OK, ""),
        (5, Slots(account=5, usable=5, reserved=False), Status.WARNING, "NETSUITE_CONCURRENCY=4,"),
        (6, Slots(account=15, usable=5, reserved=False), Status.ERROR, "NETSUITE_CONCURRENCY=4:"),
        (2, Slots(account=5, usable=2, reserved=True), Status.OK, ""),
        (3, Slots(account=5, usable=2, reserved=True), Status.ERROR, "NETSUITE_CONCURRENCY=2:"),
    ],
)
def test_slots_leave_room_for_others_unless_they_are_our_own(
    concurrency: int, slots: Slots, status: Status, advised: str
) -> None:
    answer = slots_answer(slots, concurrency)
    assert answer.status is status
    assert advised in answer.remedy


def test_a_role_without_suiteql_is_an_error_that_names_the_permission(
    configured: Configured, look: Look, sandbox: SandboxServer
) -> None:
    sandbox.faults.add(Fault(FaultKind.FORBIDDEN))
    finding = look(configured())["netsuite.suiteql"]
    assert finding.status is Status.ERROR
    assert "SuiteAnalytics Workbook" in finding.remedy


def test_suiteql_that_tells_no_time_zone_is_well(configured: Configured, look: Look, sandbox: SandboxServer) -> None:
    sandbox.faults.add(Fault(FaultKind.BAD_REQUEST))
    finding = look(configured())["netsuite.suiteql"]
    assert finding.status is Status.OK
    assert "does not tell the session's time zone" in finding.found


def _shift_clock(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    """This machine's clock as the doctor and its signatures see it; the sandbox keeps the right one."""
    monkeypatch.setattr("oauthlib.oauth1.rfc5849.generate_timestamp", lambda: str(int(time.time()) + seconds))

    class Shifted(system.SystemEndpoints):
        def __init__(self, settings: Any, *, timeout: float) -> None:
            super().__init__(
                settings, timeout=timeout, clock=lambda: dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
            )

    monkeypatch.setattr("netsuite_pipeline.doctor.account.SystemEndpoints", Shifted)
