"""`import start`: what it plans, what it prints, and how it ends."""

import time
from types import SimpleNamespace

import dagster as dg
import pytest

from netsuite_pipeline.cli import watching
from netsuite_pipeline.orchestration.location import build_definitions
from netsuite_pipeline.orchestration.names import partitions_name
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.orchestration.wave_dispatch import WaveDispatcher
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.sandbox.faults import Fault, FaultKind
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import ImportMode, JobStatus
from netsuite_pipeline.waves.progress import JobSummary
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.cli.conftest import Command


def _latest() -> JobSummary:
    engine = connect(Settings.load().warehouse_url.get_secret_value())
    store = WaveStore(engine)
    latest = store.latest_job()
    assert latest is not None
    summary = store.job_summary(latest.job_id)
    engine.dispose()
    return summary


def test_start_plans_the_types_and_what_they_depend_on(command: Command) -> None:
    answer = command("import", "start", "--types", "customer, inventory_item")

    assert answer.exit_code == 0
    summary = _latest()
    assert summary.job.status is JobStatus.RUNNING
    assert summary.job.trigger == "command line"
    assert summary.job.record_types == ("customer", "inventory_item")
    planned = {kind.record_type for kind in summary.types}
    assert planned == {"customer", "inventory_item", "subsidiary", "location", "price_level"}
    records = sum(kind.source_records or 0 for kind in summary.types)
    assert f"{records:,} records of 5 types in {summary.total_batches} batches" in answer.output
    assert f"netsuite-pipeline waves status {summary.job.job_id}" in answer.output
    with dg.DagsterInstance.get() as instance:
        assert instance.get_dynamic_partitions(partitions_name("customer"))


def test_changes_are_planned_against_what_was_imported(command: Command) -> None:
    answer = command("import", "start", "--types", "price_level,charge_type", "--no-dependencies", "--changes")
    assert answer.exit_code == 0
    assert _latest().job.mode is ImportMode.INCREMENTAL
    assert "price_level is read as a whole: it was not imported before" in answer.output


def test_what_planning_found_is_seen_on_the_asset(command: Command) -> None:
    assert command("import", "start", "--types", "price_level", "--no-dependencies").exit_code == 0
    with dg.DagsterInstance.get() as instance:
        (record,) = instance.fetch_observations(dg.AssetKey("price_level"), limit=5).records
    observation = record.asset_observation
    assert observation is not None
    assert observation.metadata["import"].value == _latest().job.job_id
    assert observation.metadata["batches to read"].value == 1


def test_more_requests_at_once_than_the_account_takes_are_spoken_of(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETSUITE_CONCURRENCY", "99")
    answer = command("import", "start", "--types", "price_level", "--no-dependencies")
    assert answer.exit_code == 0
    assert "NETSUITE_CONCURRENCY=99 is more than the" in answer.errors


def test_start_without_types_plans_everything(command: Command) -> None:
    assert command("import", "start").exit_code == 0
    assert {kind.record_type for kind in _latest().types} == set(CATALOG.names)


def test_no_dependencies_plans_the_named_types_alone(command: Command) -> None:
    answer = command("import", "start", "--types", "customer", "--no-dependencies")
    assert answer.exit_code == 0
    summary = _latest()
    assert [kind.record_type for kind in summary.types] == ["customer"]
    assert not summary.job.with_dependencies


def test_an_unknown_type_is_named_with_the_known_ones_and_nothing_is_asked(
    command: Command, sandbox: SandboxServer
) -> None:
    answer = command("import", "start", "--types", "nonsense")
    assert answer.exit_code == 2
    assert answer.errors == (f"error: There is no record type 'nonsense'. Known: {', '.join(CATALOG.names)}.\n")
    assert sandbox.stats.total_queries == 0


def test_an_unavailable_type_is_said_with_netsuites_reason(command: Command, sandbox: SandboxServer) -> None:
    sandbox.availability.set_table("pricelevel", available=False)
    answer = command("import", "start", "--types", "customer")
    assert answer.exit_code == 0
    assert "price_level is unavailable: " in answer.output
    assert "Record 'pricelevel' was not found" in answer.output


def test_netsuite_being_down_ends_with_exit_code_1_and_a_failed_job(command: Command, sandbox: SandboxServer) -> None:
    sandbox.faults.add(Fault(kind=FaultKind.UNAVAILABLE, times=None))
    answer = command("import", "start", "--types", "price_level")
    assert answer.exit_code == 1
    assert "after 5 of at most 5 attempts" in answer.errors
    assert "Traceback" not in answer.errors
    assert _latest().job.status is JobStatus.FAILED


@pytest.mark.parametrize("variable", ["NETSUITE_TOKEN_SECRET", "NETSUITE_CONSUMER_SECRET", "NETSUITE_TOKEN_ID"])
def test_wrong_credentials_are_tried_twice_and_never_printed(
    command: Command, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "wrong-9f31")
    failures = sandbox.account.authenticator.failures
    answer = command("import", "start", "--types", "customer")
    assert answer.exit_code == 1
    assert "account 1234567_SB1 with NETSUITE_AUTH=tba" in answer.errors
    known = sandbox.credentials
    for secret in ("wrong-9f31", known.consumer_secret, known.token_secret, known.token_id, known.consumer_key):
        assert secret not in answer.errors + answer.output
    assert "Traceback" not in answer.errors
    assert sandbox.account.authenticator.failures - failures == 2


def test_a_type_with_a_partition_added_by_hand_is_named_with_what_to_do(command: Command) -> None:
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions(partitions_name("customer"), ["2026-01-31"])
    answer = command("import", "start", "--types", "customer", "--no-dependencies")
    assert "Batches of customer cannot be planned: '2026-01-31' is no batch" in answer.output
    assert "Delete this partition." in answer.output
    assert "Traceback" not in answer.errors


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Carries imports out: whenever `--watch` would sleep, the dispatcher looks and the runs it asks for happen."""
    definitions = build_definitions(CATALOG, Settings.load())
    looks = iter(range(100))

    def instead_of_sleeping(_seconds: float) -> None:
        next(looks)
        with dg.DagsterInstance.get() as instance, PipelineResource().engine() as engine:
            store, limits = WaveStore(engine), Limits.of(Settings.load())
            dispatcher = WaveDispatcher(instance=instance, store=store, limits=limits, record_types=CATALOG.names)
            for request in [one for one in dispatcher.tick() if isinstance(one, dg.RunRequest)]:
                job = definitions.resolve_job_def(str(request.job_name))
                job.execute_in_process(instance=instance, tags=dict(request.tags), raise_on_error=False)

    monkeypatch.setattr(watching, "time", SimpleNamespace(monotonic=time.monotonic, sleep=instead_of_sleeping))


@pytest.mark.usefixtures("daemon")
def test_watch_follows_a_complete_import_to_its_end(command: Command) -> None:
    answer = command("import", "start", "--types", "price_level,subsidiary", "--watch")
    assert answer.exit_code == 0
    summary = _latest()
    assert summary.job.status is JobStatus.COMPLETED
    assert f"Import {summary.job.job_id}: completed" in answer.output
    for kind in summary.types:
        assert kind.records == kind.source_records
        (row,) = (line for line in answer.output.splitlines() if line.split()[:1] == [kind.record_type])
        assert f"{kind.records:,}" in row


@pytest.mark.usefixtures("daemon")
def test_watch_of_an_import_that_ends_incomplete_has_exit_code_1(command: Command, sandbox: SandboxServer) -> None:
    sandbox.availability.set_table("pricelevel", available=False)
    answer = command("import", "start", "--types", "price_level,subsidiary", "--watch")
    assert answer.exit_code == 1
    assert _latest().job.status is JobStatus.PARTIAL
    assert "price_level is unavailable: " in answer.output


@pytest.mark.usefixtures("daemon")
def test_watch_says_at_the_end_which_types_are_imported_without_all_that_they_depend_on(
    command: Command, sandbox: SandboxServer
) -> None:
    sandbox.availability.set_table("pricelevel", available=False)
    answer = command("import", "start", "--types", "customer", "--watch")
    assert answer.exit_code == 1
    assert _latest().job.status is JobStatus.PARTIAL
    assert answer.output.splitlines()[-1] == "customer is partial: imported without all of price_level"


@pytest.mark.usefixtures("daemon")
def test_watch_says_at_the_end_which_types_lack_columns(command: Command, sandbox: SandboxServer) -> None:
    for column in ("discountpct", "isonline"):
        sandbox.availability.set_column("pricelevel", column, available=False)
    try:
        answer = command("import", "start", "--types", "price_level,subsidiary", "--watch")
    finally:
        for column in ("discountpct", "isonline"):
            sandbox.availability.set_column("pricelevel", column, available=True)
    assert answer.exit_code == 0
    assert _latest().job.status is JobStatus.COMPLETED
    said = "price_level: 2 columns are missing in the account; see `netsuite-pipeline record-types show price_level`"
    assert answer.output.splitlines()[-1] == said
