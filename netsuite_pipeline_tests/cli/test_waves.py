"""`waves status`: how an import stands, for people."""

import json

import pytest

from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.waves.coordinator import decide
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import utc_now
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.cli.conftest import Command, note_missing


def test_status_without_any_import_says_how_to_start_one(command: Command) -> None:
    answer = command("waves", "status")
    assert answer.exit_code == 0
    assert answer.output == "There has been no import yet. Start one with: netsuite-pipeline import start\n"


def test_status_needs_no_credentials(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        if name.startswith("netsuite"):
            monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("DAGSTER_HOME")
    assert command("waves", "status").exit_code == 0


def test_an_unknown_job_is_one_sentence(command: Command) -> None:
    answer = command("waves", "status", "nightly-7")
    assert answer.exit_code == 1
    assert answer.errors == (
        "error: There is no import job 'nightly-7'; `waves status` without an argument shows the latest.\n"
    )


def test_status_shows_the_latest_import_or_the_one_named(command: Command) -> None:
    jobs = []
    for kind in ("price_level", "subsidiary"):
        planned = command("import", "start", "--types", kind)
        jobs.append(planned.output.split()[1])
    latest = command("waves", "status")
    assert f"Import {jobs[1]}: running" in latest.output
    assert "Wave 1 (level 0): pending, 0/1 batches, 0 %\n" in latest.output
    assert "subsidiary" in latest.output
    named = command("waves", "status", jobs[0])
    assert f"Import {jobs[0]}: running" in named.output
    assert "price_level" in named.output


def test_status_is_shown_while_a_table_is_not_as_declared(command: Command) -> None:
    command("import", "start", "--types", "subsidiary")
    engine = connect(Settings.load().warehouse_url.get_secret_value())
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE subsidiaries DROP COLUMN legalname")
    engine.dispose()
    assert "db upgrade" in command("import", "start", "--types", "subsidiary").errors
    answer = command("waves", "status")
    assert (answer.exit_code, answer.errors) == (0, "")
    assert "subsidiary" in answer.output


def test_status_names_unavailable_types_and_failed_batches_with_their_reasons(
    command: Command, sandbox: SandboxServer
) -> None:
    sandbox.availability.set_table("pricelevel", available=False)
    command("import", "start", "--types", "customer")
    failed = _fail_a_batch("NetSuite says [/red] and [bold]")
    answer = command("waves", "status")
    assert answer.exit_code == 0
    assert "price_level is unavailable: " in answer.output
    reason = "after 1 attempts (permanent_error): NetSuite says [/red] and [bold]"
    assert f"{failed[0]} {failed[1].key} failed {reason}" in answer.output


def test_status_says_which_types_are_imported_without_all_that_they_depend_on(
    command: Command, sandbox: SandboxServer
) -> None:
    sandbox.availability.set_table("pricelevel", available=False)
    command("import", "start", "--types", "opportunity")
    said = [line for line in command("waves", "status").output.splitlines() if " is partial: " in line]
    assert said == [
        "customer is partial: imported without all of price_level",
        "opportunity is partial: imported without all of price_level",
    ]
    document = json.loads(command("waves", "status", "--json").output)
    assert {kind["record_type"]: kind["without_all_of"] for kind in document["record_types"]} == {
        "location": [],
        "price_level": [],
        "subsidiary": [],
        "customer": ["price_level"],
        "opportunity": ["price_level"],
    }


def test_status_says_which_types_of_the_import_lack_columns(command: Command) -> None:
    command("import", "start", "--types", "price_level")
    note_missing("price_level", "discountpct")
    note_missing("customer", "email", "fax")
    answer = command("waves", "status")
    assert answer.exit_code == 0
    said = "price_level: 1 column is missing in the account; see `netsuite-pipeline record-types show price_level`"
    assert answer.output.splitlines()[-1] == said
    assert "customer" not in answer.output


def _fail_a_batch(reason: str) -> tuple[str, BatchRange]:
    """Lets the first batch of the latest import fail for good, as a run of it would."""
    limits = Limits.of(Settings.load())
    with PipelineResource().engine() as engine:
        store = WaveStore(engine)
        latest = store.latest_job()
        assert latest is not None
        dispatch = decide(store.load_state(latest.job_id, now=utc_now()), limits).dispatches[0]
        assert store.claim_dispatch(dispatch, in_flight_limit=None, now=utc_now())
        batch = dispatch.batches[0].range
        store.start_batches(dispatch.key, [batch], run_id="run", now=utc_now())
        store.fail_batch(
            dispatch_key=dispatch.key,
            batch=batch,
            run_id="run",
            category=FailureCategory.PERMANENT_ERROR,
            reason=reason,
            retry_at=None,
            now=utc_now(),
        )
    return dispatch.record_type, batch
