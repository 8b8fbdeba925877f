"""What the doctor says of one company among several: whose account it has, and whether it gets its turn."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from netsuite_pipeline.doctor.dagster_instance import instance_checks, sensors_answer
from netsuite_pipeline.doctor.finding import Status
from netsuite_pipeline.doctor.tenants import tenant_answer, tenant_checks, turns_answer
from netsuite_pipeline.tenancy.file import Tenants, read_tenants
from netsuite_pipeline_tests.doctor.conftest import Configured
from netsuite_pipeline_tests.doctor.test_dagster_instance import NOW

COMPANY = "  {name}: {{settings: {{NETSUITE_ACCOUNT_ID: {account}}}, secrets: {{WAREHOUSE_URL: {name}_URL}}}}\n"


def _tenants(directory: Path, accounts: Mapping[str, str]) -> Tenants:
    file = directory / "tenants.yaml"
    lines = [COMPANY.format(name=name, account=account) for name, account in accounts.items()]
    file.write_text("tenants:\n" + "".join(lines))
    return read_tenants(file)


def test_companies_with_accounts_of_their_own_are_well(tmp_path: Path) -> None:
    answer = tenant_answer(_tenants(tmp_path, {"acme": "1", "globex": "2"}), "acme")
    assert (answer.status, answer.found) == (Status.OK, "2 companies: acme, globex")


def test_an_account_that_two_companies_have_is_a_warning(tmp_path: Path) -> None:
    answer = tenant_answer(_tenants(tmp_path, {"acme": "1_SB1", "globex": "1-sb1", "initech": "2"}), "acme")
    assert answer.status is Status.WARNING
    assert answer.found == "account 1_SB1 is globex's too, and each counts its requests in flight by itself"
    assert "NETSUITE_CONCURRENCY" in answer.remedy


@pytest.mark.parametrize(
    ("runs", "at_once", "status"),
    [
        ({"acme": 2, "globex": 3}, 5, Status.OK),
        ({"acme": 2, "globex": 3}, None, Status.OK),
        ({"acme": 2, "globex": 3}, 4, Status.WARNING),
        ({"acme": None, "globex": 3}, 10, Status.WARNING),
    ],
)
def test_every_company_gets_its_turn_when_the_runs_of_all_pools_fit(
    runs: dict[str, int | None], at_once: int | None, status: Status
) -> None:
    answer = turns_answer(runs, at_once=at_once)
    assert answer.status is status
    assert status is Status.OK or answer.remedy


def test_the_runs_of_all_companies_are_counted_by_the_instances_pools(
    configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _tenants(tmp_path, {"acme": "1", "globex": "2"})
    monkeypatch.setenv("TENANTS_FILE", str(tmp_path / "tenants.yaml"))
    monkeypatch.setenv("NETSUITE_TENANT", "acme")
    pools = [SimpleNamespace(name="globex__netsuite_api", from_default=False, limit=9)]
    queue, pool = SimpleNamespace(max_concurrent_runs=10), SimpleNamespace(default_pool_limit=2)
    instance: Any = SimpleNamespace(
        event_log_storage=SimpleNamespace(get_pool_limits=lambda: pools),
        get_concurrency_config=lambda: SimpleNamespace(run_queue_config=queue, pool_config=pool),
    )
    deployment: Any = SimpleNamespace(configuration=configured(), instance=instance)
    (turns,) = (check for check in instance_checks(deployment) if check.id == "dagster.turns")
    assert turns.look().found.startswith("11 runs of 2 companies by their pools, and 10 at once in all")


def test_a_deployment_of_one_company_has_none_of_these_lines(configured: Configured) -> None:
    deployment: Any = SimpleNamespace(configuration=configured())
    assert not tenant_checks()
    assert "dagster.turns" not in {check.id for check in instance_checks(deployment)}


def test_the_sensors_of_a_company_are_those_of_its_own_location(monkeypatch: pytest.MonkeyPatch) -> None:
    states = [_sensor("globex", is_running=True), _sensor("acme", is_running=False)]
    instance: Any = SimpleNamespace(all_instigator_state=lambda: states, get_ticks=lambda *_, limit: [][:limit])
    for company, status in (("acme", Status.ERROR), ("globex", Status.OK)):
        monkeypatch.setenv("NETSUITE_TENANT", company)
        assert sensors_answer(instance, NOW).status is status


def _sensor(location: str, *, is_running: bool) -> Any:
    of_location = SimpleNamespace(code_location_origin=SimpleNamespace(location_name=location))
    return SimpleNamespace(
        instigator_name="wave_dispatcher",
        is_running=is_running,
        origin=SimpleNamespace(repository_origin=of_location),
        instigator_origin_id=location,
        selector_id=location,
    )
