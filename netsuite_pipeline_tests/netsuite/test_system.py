"""The system endpoints over real HTTP: what they answer, how far the clocks are apart, and answers that are none."""

import datetime as dt
from collections.abc import Callable, Iterator

import pytest

from netsuite_pipeline.netsuite.errors import AuthenticationFailed, TimedOut, Unavailable
from netsuite_pipeline.netsuite.system import Slots, SystemEndpoints
from netsuite_pipeline.sandbox.faults import Endpoint, Fault, FaultKind
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer(records=1, seed=1, concurrency=7) as server:
        yield server


@pytest.fixture
def sandbox(server: SandboxServer) -> Iterator[SandboxServer]:
    """Faults end with the test."""
    yield server
    server.faults.clear()


@pytest.fixture
def settings(sandbox: SandboxServer, settings_for: Callable[..., Settings]) -> Settings:
    known = sandbox.credentials
    return settings_for(
        sandbox.base_url,
        netsuite_consumer_key=known.consumer_key,
        netsuite_consumer_secret=known.consumer_secret,
        netsuite_token_id=known.token_id,
        netsuite_token_secret=known.token_secret,
    )


@pytest.fixture
def endpoints(settings: Settings) -> Iterator[SystemEndpoints]:
    with SystemEndpoints(settings, timeout=10) as endpoints:
        yield endpoints


def test_the_time_is_netsuites_and_tells_how_far_clocks_are_apart(settings: Settings) -> None:
    with SystemEndpoints(settings, timeout=10, clock=lambda: _now() + dt.timedelta(hours=1)) as endpoints:
        assert abs(endpoints.server_time() - _now()) < dt.timedelta(seconds=10)
        assert endpoints.skew is not None
        assert abs(endpoints.skew + dt.timedelta(hours=1)) < dt.timedelta(seconds=5)


def test_slots_are_those_of_the_account(endpoints: SystemEndpoints) -> None:
    assert endpoints.slots() == Slots(account=7, usable=7, reserved=False)


def test_a_refusal_tells_how_far_clocks_are_apart(settings: Settings, sandbox: SandboxServer) -> None:
    sandbox.faults.add(Fault(FaultKind.UNAUTHORIZED, times=2, endpoint=Endpoint.SYSTEM))
    with SystemEndpoints(settings, timeout=10, clock=lambda: _now() - dt.timedelta(hours=1)) as endpoints:
        with pytest.raises(AuthenticationFailed):
            endpoints.server_time()
        assert endpoints.skew is not None
        assert abs(endpoints.skew - dt.timedelta(hours=1)) < dt.timedelta(seconds=5)


def test_knocking_tells_it_without_a_login(endpoints: SystemEndpoints, sandbox: SandboxServer) -> None:
    failures = sandbox.account.authenticator.failures
    endpoints.knock()
    assert endpoints.skew is not None
    assert abs(endpoints.skew) < dt.timedelta(seconds=5)
    assert sandbox.account.authenticator.failures == failures


@pytest.mark.parametrize("kind", [FaultKind.EMPTY, FaultKind.EMPTY_BODY, FaultKind.RESET])
def test_an_answer_that_is_none_is_unavailable(
    endpoints: SystemEndpoints, sandbox: SandboxServer, kind: FaultKind
) -> None:
    sandbox.faults.add(Fault(kind, times=2, endpoint=Endpoint.SYSTEM))
    for ask in (endpoints.server_time, endpoints.slots):
        with pytest.raises(Unavailable):
            ask()


def test_silence_is_not_waited_out(settings: Settings, sandbox: SandboxServer) -> None:
    sandbox.faults.add(Fault(FaultKind.HANG, endpoint=Endpoint.SYSTEM))
    with SystemEndpoints(settings, timeout=0.2) as endpoints, pytest.raises(TimedOut):
        endpoints.server_time()


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
