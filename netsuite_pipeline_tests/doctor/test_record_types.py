"""Each record type is asked for with one query; what the account lacks is a warning, and a refusal ends the asking."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from netsuite_pipeline.doctor.account import Account
from netsuite_pipeline.doctor.finding import Finding, NotChecked, Status
from netsuite_pipeline.doctor.record_types import Probes, record_type_checks
from netsuite_pipeline.doctor.settings import Configuration
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.sandbox.faults import Fault, FaultKind
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline_tests.doctor.conftest import Configured, found

Look = Callable[[Configuration], dict[str, Finding]]


@pytest.fixture
def accounts() -> Iterator[Callable[[Configuration], Account]]:
    """Accounts that are closed after the test."""
    with ExitStack() as stack:
        yield lambda configuration: stack.enter_context(Account(configuration, refusals=lambda _: None, insist=False))


@pytest.fixture
def few(configured: Configured) -> Configured:
    """Configurations with a few record types, which is sooner done."""

    def build(**changes: object) -> Configuration:
        configuration = configured(**changes)
        names = ("subsidiary", "location", "price_level", "customer", "vendor", "employee", "item")
        configuration.catalog = Catalog(CATALOG.get(name) for name in names)
        return configuration

    return build


@pytest.fixture
def look(accounts: Callable[[Configuration], Account]) -> Look:
    """What a doctor finds of the record types."""
    return lambda configuration: found(record_type_checks(accounts(configuration), configuration))


def test_one_query_a_type_finds_all_of_them(configured: Configured, look: Look, sandbox: SandboxServer) -> None:
    findings = look(configured())
    assert set(findings) == {f"record_types.{name}" for name in CATALOG.names}
    assert {finding.status for finding in findings.values()} == {Status.OK}
    assert len(sandbox.stats.queries) == len(CATALOG)


def test_a_type_that_the_account_lacks_is_a_warning_with_the_reason(
    few: Configured, look: Look, sandbox: SandboxServer
) -> None:
    sandbox.availability.set_table("pricelevel", available=False)
    findings = look(few())
    missing = findings["record_types.price_level"]
    assert missing.status is Status.WARNING
    assert missing.found.startswith("unavailable: ")
    assert "Record 'pricelevel' was not found" in missing.found
    assert findings["record_types.subsidiary"].status is Status.OK


def test_columns_that_the_account_lacks_are_named(few: Configured, look: Look, sandbox: SandboxServer) -> None:
    for column in ("comments", "phone"):
        sandbox.availability.set_column("customer", column, available=False)
    customer = look(few())["record_types.customer"]
    assert customer.status is Status.WARNING
    assert customer.found.startswith("2 of ")
    assert {"comments", "phone"} == set(customer.found.partition("missing: ")[2].split(", "))


def test_the_first_refused_login_ends_the_asking(few: Configured, look: Look, sandbox: SandboxServer) -> None:
    before = sandbox.account.authenticator.failures
    findings = list(look(few(netsuite_token_secret="wrong")).values())
    assert sandbox.account.authenticator.failures - before == 2
    assert [finding.status for finding in findings[:2]] == [Status.ERROR, Status.NOT_CHECKED]
    assert {finding.status for finding in findings[1:]} == {Status.NOT_CHECKED}


def test_an_answer_that_does_not_come_is_an_error_of_its_type_alone(
    few: Configured, look: Look, sandbox: SandboxServer
) -> None:
    sandbox.faults.add(Fault(FaultKind.UNAVAILABLE, times=5, match="from customer"))
    findings = look(few())
    assert findings["record_types.customer"].status is Status.ERROR
    assert findings["record_types.subsidiary"].status is Status.OK


def test_when_the_time_is_over_the_rest_is_not_asked(
    configured: Configured, accounts: Callable[[Configuration], Account], sandbox: SandboxServer
) -> None:
    probes = Probes(accounts(configured()), budget=0)
    with pytest.raises(NotChecked, match="are over"):
        probes.answer(CATALOG.get("customer"))
    assert sandbox.stats.queries == []


def test_unusable_declarations_leave_the_types_unasked(configured: Configured, look: Look) -> None:
    assert set(look(configured(adopt_tables="planets"))) == {f"record_types.{name}" for name in CATALOG.names}
