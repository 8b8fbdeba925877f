"""Planning an import says when NETSUITE_CONCURRENCY is more than the account has."""

import dagster as dg
import pytest

from netsuite_pipeline.sandbox.faults import Endpoint, Fault, FaultKind
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline_tests.orchestration.runs import plan

ADVICE = "NETSUITE_CONCURRENCY=9 is more than the 5 requests that NetSuite takes at once"
LIMITS = "/services/rest/system/v1/governanceLimits"


def advice(definitions: dg.Definitions, instance: dg.DagsterInstance, *names: str) -> list[str]:
    """What the log of a planning run says of slots."""
    run = plan(definitions, instance, *names)
    assert run.success
    said = [entry.user_message for entry in instance.all_logs(run.run_id) if entry.level >= 30]
    return [text for text in said if "NETSUITE_CONCURRENCY" in text]


def times_asked(sandbox: SandboxServer) -> int:
    return sum(sandbox.stats.snapshot()["requests"].get(LIMITS, {}).values())


def test_more_than_the_account_has_is_said_after_one_request_for_all_types(
    definitions: dg.Definitions, instance: dg.DagsterInstance, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETSUITE_CONCURRENCY", "9")
    (said,) = advice(definitions, instance, "customer", "vendor", "subsidiary")
    assert ADVICE in said
    assert said.endswith("Set NETSUITE_CONCURRENCY=4.")
    assert times_asked(sandbox) == 1


def test_what_the_account_has_is_not_spoken_of(
    definitions: dg.Definitions, instance: dg.DagsterInstance, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETSUITE_CONCURRENCY", "9")
    monkeypatch.setattr(sandbox.account, "concurrency", 9)
    assert advice(definitions, instance, "subsidiary") == []
    assert times_asked(sandbox) == 1


def test_nothing_is_asked_where_every_account_has_as_many(
    definitions: dg.Definitions, instance: dg.DagsterInstance, sandbox: SandboxServer
) -> None:
    assert advice(definitions, instance, "subsidiary") == []
    assert times_asked(sandbox) == 0


@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.FORBIDDEN, match="governanceLimits", endpoint=Endpoint.SYSTEM),
        Fault(FaultKind.UNAUTHORIZED, match="governanceLimits", endpoint=Endpoint.SYSTEM, times=2),
        Fault(FaultKind.UNAVAILABLE, match="governanceLimits", endpoint=Endpoint.SYSTEM),
    ],
    ids=["forbidden", "refused", "down"],
)
def test_a_role_that_may_not_ask_plans_its_imports_in_silence(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    sandbox: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
) -> None:
    monkeypatch.setenv("NETSUITE_CONCURRENCY", "9")
    sandbox.faults.add(fault)
    assert advice(definitions, instance, "subsidiary") == []
    # And the login is not taken for refused.
    sandbox.stats.reset()
    assert plan(definitions, instance, "price_level").success
    assert sandbox.stats.total_queries > 0
