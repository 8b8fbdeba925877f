"""`waves pause`, `resume`, `cancel`, `retry`, `reset`, `stats`; and what `waves status` says of an import held up."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
import typer
from sqlalchemy import update

from netsuite_pipeline.cli.cautions import circuit_of
from netsuite_pipeline.orchestration.names import partitions_name
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.orchestration.tags import JOB, WAVE
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.missing_columns import account_of
from netsuite_pipeline.waves.coordinator import decide
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import BatchStatus, Dispatch, JobStatus, utc_now
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline.waves.tables import wave_batches
from netsuite_pipeline_tests.cli.conftest import Command

MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


@pytest.fixture
def store(environment: None) -> Iterator[WaveStore]:
    with PipelineResource().engine() as engine:
        yield WaveStore(engine)


@pytest.fixture
def job(command: Command, store: WaveStore, monkeypatch: pytest.MonkeyPatch) -> str:
    """A planned import of customers only: one wave with several batches."""
    monkeypatch.setenv("BATCH_SIZE", "20")
    command("import", "start", "--types", "customer", "--no-dependencies")
    latest = store.latest_job()
    assert latest is not None
    assert len(store.batches(latest.job_id)) > 2
    return latest.job_id


@dg.op
def _nothing() -> None:
    pass


@dg.job
def _run() -> None:
    _nothing()


def look(store: WaveStore, job: str) -> tuple[Dispatch, ...]:
    """A look of the dispatcher, whose claims become no runs."""
    limits, now = Limits.of(Settings.load()), utc_now()
    state = store.load_state(job, now=now)
    decision, resumes = decide(state, limits), state.job.resumes
    store.update_waves(job, decision.wave_changes, now=now, resumes=resumes)
    for dispatch in decision.dispatches:
        assert store.claim_dispatch(dispatch, in_flight_limit=None, now=now, resumes=resumes)
    if decision.end:
        store.finish_job(job, status=decision.end.status, reason=decision.end.reason, now=now)
    return decision.dispatches


def fail_some(store: WaveStore, job: str, count: int) -> None:
    """The first batches fail for good, the others are completed, and the import ends."""
    for dispatch in look(store, job):
        ranges = [batch.range for batch in dispatch.batches]
        held = {"dispatch_key": dispatch.key, "run_id": "run", "now": utc_now()}
        store.start_batches(dispatch.key, ranges, run_id="run", now=utc_now())
        for one in ranges[:count]:
            store.fail_batch(batch=one, category=FailureCategory.DATABASE, reason="no", retry_at=None, **held)
        for one in ranges[count:]:
            with store.engine.begin() as connection:
                store.complete_batch(connection, batch=one, records=50, **held)
        count = 0
    look(store, job)
    assert store.job(job).status is JobStatus.PARTIAL


def statuses(store: WaveStore, job: str) -> set[BatchStatus]:
    return {batch.status for batch in store.batches(job)}


def test_an_import_is_paused_and_resumed(command: Command, store: WaveStore, job: str) -> None:
    answer = command("waves", "pause", job)
    assert (answer.exit_code, answer.errors) == (0, "")
    assert answer.output == f"Import {job} is paused. Go on with: netsuite-pipeline waves resume {job}\n"
    assert f"Import {job}: running, paused since {utc_now():%Y-%m-%d}" in command("waves", "status").output
    assert command("waves", "resume", job).output.startswith(f"Import {job} goes on.")
    assert store.job(job).paused_at is None


def test_a_cancelled_import_says_how_it_ends_and_how_to_take_it_up_again(
    command: Command, store: WaveStore, job: str
) -> None:
    answer = command("waves", "cancel", job)
    assert answer.exit_code == 0
    assert "ends when nothing of it is in flight any more" in answer.output
    assert f"waves retry {job}" in answer.output
    assert f"Import {job}: running, being cancelled since" in command("waves", "status").output
    look(store, job)
    assert command("waves", "cancel", job).output.startswith(f"Import {job} is cancelled.")
    assert command("waves", "retry", job).output.startswith(f"Import {job} tries again: what was left.")
    assert store.job(job).status is JobStatus.RUNNING


def test_cancelling_an_import_that_is_being_planned_says_how_it_ends(
    command: Command, store: WaveStore, job: str
) -> None:
    store.create_job("planning-1", record_types=["customer"], with_dependencies=False, trigger="test", now=utc_now())
    answer = command("waves", "cancel", "planning-1")
    assert answer.exit_code == 0
    assert "Import planning-1 ends when its plan is there, or soon if nobody makes it any more" in answer.output
    assert "in flight" not in answer.output
    assert command("waves", "retry", "planning-1").exit_code == 0
    assert store.job("planning-1").cancelled_at is None


@pytest.mark.parametrize("name", ["pause", "resume", "cancel", "retry"])
def test_an_unknown_import_is_one_sentence_and_exit_code_1(command: Command, name: str) -> None:
    answer = command("waves", name, "nope")
    assert answer.exit_code == 1
    assert answer.errors.startswith("error: There is no import job 'nope'")


@pytest.mark.parametrize("name", ["pause", "resume", "cancel", "retry", "reset"])
def test_what_changes_an_import_needs_its_id(command: Command, name: str) -> None:
    answer = command("waves", name)
    assert answer.exit_code == 2
    assert "Missing argument 'JOB'" in answer.errors


def test_retry_says_what_is_tried_again(command: Command, store: WaveStore, job: str) -> None:
    fail_some(store, job, 2)
    assert "2 failed" in command("waves", "status").output
    answer = command("waves", "retry", job)
    assert answer.exit_code == 0
    assert answer.output == (
        f"Import {job} tries again: 2 failed.\nFollow it with: netsuite-pipeline waves status {job} --watch\n"
    )
    assert command("waves", "retry", job).errors.startswith(f"error: No batch of import {job} has failed for good")


def test_retry_and_reset_grant_what_the_type_says_of_its_own_failures(
    command: Command, store: WaveStore, job: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_some(store, job, 2)
    file = tmp_path / "types.yaml"
    file.write_text("extend:\n  customer:\n    failures: {timeout: {attempts: 9}}\n")
    monkeypatch.setenv("RECORD_TYPES_FILE", str(file))
    for arguments in (["retry", job], ["reset", job, "1", "--yes"]):
        assert command("waves", *arguments).exit_code == 0
        assert [batch.max_retries for batch in store.batches(job)[:3]] == [10, 10, 3]


@pytest.mark.parametrize("arguments", [["retry"], ["reset", "1", "--yes"]])
def test_batches_whose_partition_is_gone_are_left_with_exit_code_1_and_how_to_import_them(
    command: Command, store: WaveStore, job: str, arguments: list[str]
) -> None:
    fail_some(store, job, 2)
    first = store.batches(job)[0].range
    with dg.DagsterInstance.get() as instance:
        instance.delete_dynamic_partition(partitions_name("customer"), first.key)
    name, *rest = arguments
    answer = command("waves", name, job, *rest)
    assert (answer.exit_code, answer.errors) == (1, "")
    assert "tries again: 1 failed.\n1 batch of customer cannot be tried again" in answer.output
    assert "import start --types customer --no-dependencies" in answer.output
    assert f"customer {first.key} failed after 1 attempts (unknown): A later plan replaced the partition" in (
        command("waves", "status").output
    )


def test_the_document_of_a_retry_that_leaves_batches_comes_with_exit_code_1(
    command: Command, store: WaveStore, job: str
) -> None:
    fail_some(store, job, 2)
    with dg.DagsterInstance.get() as instance:
        instance.delete_dynamic_partition(partitions_name("customer"), store.batches(job)[0].range.key)
    answer = command("waves", "retry", job, "--json")
    assert answer.exit_code == 1
    document = json.loads(answer.output)
    assert (document["batches"], document["gone"]) == ({"failed": 1}, {"customer": 1})


def test_reset_shows_what_it_will_touch_and_asks(
    command: Command, store: WaveStore, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = sum(len(dispatch.batches) for dispatch in look(store, job))
    asked: list[str] = []
    monkeypatch.setattr(typer, "confirm", lambda question: asked.append(question))
    answer = command("waves", "reset", job, "1")
    assert f"Wave 1 of import {job}: {count} dispatched to be tried again; 0 completed ones stay" in answer.output
    assert (answer.exit_code, answer.errors, asked) == (1, "error: Nothing was changed.\n", ["Reset the wave?"])
    assert statuses(store, job) == {BatchStatus.DISPATCHED}

    answer = command("waves", "reset", job, "1", "--yes")
    assert (answer.exit_code, len(asked)) == (0, 1)
    assert f"Import {job} tries again: {count} dispatched.\n" in answer.output
    assert statuses(store, job) == {BatchStatus.PENDING}


def test_reset_refuses_while_runs_are_alive_unless_forced(command: Command, store: WaveStore, job: str) -> None:
    look(store, job)
    with dg.DagsterInstance.get() as instance:
        for status, wave in (("STARTING", 1), ("FAILURE", 1), ("STARTED", 2)):
            instance.create_run_for_job(_run, tags={JOB: job, WAVE: str(wave)}, status=dg.DagsterRunStatus[status])
    answer = command("waves", "reset", job, "1", "--yes")
    assert answer.exit_code == 1
    assert "1 run of it is alive in Dagster. Terminate it there, or force it" in answer.errors
    assert "finds its lease lost" in answer.errors
    assert statuses(store, job) == {BatchStatus.DISPATCHED}
    assert command("waves", "reset", job, "1", "--yes", "--force").exit_code == 0
    assert statuses(store, job) == {BatchStatus.PENDING}


def test_a_wave_without_anything_to_reset_is_not_asked_about(command: Command, job: str) -> None:
    answer = command("waves", "reset", job, "9")
    assert answer.exit_code == 1
    assert answer.errors == f"error: Wave 9 of import {job} has no batch that is not completed.\n"


@pytest.mark.parametrize("arguments", [["status", "--watch", "--json"], ["reset", "job", "1", "--json"]])
def test_options_that_do_not_go_together_are_a_usage_error(command: Command, arguments: list[str]) -> None:
    assert command("waves", *arguments).exit_code == 2


def test_every_command_prints_one_json_document(command: Command, store: WaveStore, job: str) -> None:
    look(store, job)
    for arguments in (
        ["pause", job],
        ["resume", job],
        ["reset", job, "1", "--yes"],
        ["cancel", job],
        ["retry", job],
        ["status"],
        ["stats"],
    ):
        answer = command("waves", *arguments, "--json")
        assert (answer.exit_code, answer.errors) == (0, "")
        document = json.loads(answer.output)
        assert document["job"]["job_id"] == job
        assert re.fullmatch(MOMENT, document["job"]["planned_at"])


def test_the_status_document_holds_waves_types_and_failures(command: Command, store: WaveStore, job: str) -> None:
    fail_some(store, job, 1)
    document = json.loads(command("waves", "status", job, "--json").output)
    assert list(document) == [
        "job",
        "waves",
        "record_types",
        "failed_batches",
        "netsuite_away",
        "makes_room",
        "stuck_waves",
        "backfills",
    ]
    (wave,) = document["waves"]
    assert (wave["status"], wave["failed"], wave["pending"]) == ("failed", 1, 0)
    assert document["record_types"][0]["batches"]["failed"] == 1
    assert document["failed_batches"][0]["category"] == "database"
    assert re.fullmatch(MOMENT, document["job"]["finished_at"])


def test_without_any_import_the_document_has_no_job(command: Command) -> None:
    assert json.loads(command("waves", "status", "--json").output) == {"job": None, "backfills": []}
    assert command("waves", "stats").output.startswith("There has been no import yet.")


def test_stats_tell_failures_waves_and_speed(command: Command, store: WaveStore, job: str) -> None:
    fail_some(store, job, 2)
    total = len(store.batches(job))
    answer = command("waves", "stats", job)
    assert answer.exit_code == 0
    assert f"Statistics of import {job}\n" in answer.output
    assert re.search(rf"Batches +{total}: {total - 2} completed, 2 failed", answer.output)
    assert re.search(r"  database +2 batches: 0 retried successfully, 2 failed for good, 0 retrying", answer.output)
    assert re.search(r"Waves +1 of 1 over", answer.output)
    document = json.loads(command("waves", "stats", job, "--json").output)
    assert document["failures"]["database"]["permanent"] == 2
    assert (document["percent"], document["pace"], document["current_wave"]) == (100, None, None)


def test_watching_an_import_that_has_ended_shows_it_once(command: Command, store: WaveStore, job: str) -> None:
    fail_some(store, job, 1)
    answer = command("waves", "status", job, "--watch")
    assert (answer.exit_code, answer.errors) == (0, "")
    assert answer.output.count(f"Import {job}: partial") == 1
    assert answer.output.count("Record type") == 1


def test_status_says_that_netsuite_is_away(command: Command, store: WaveStore, job: str) -> None:
    settings = Settings.load()
    assert not circuit_of(store, settings).is_open
    store.save_circuit(account_of(settings), circuit_of(store, settings).unanswered("HTTP 503", utc_now()))
    said = "NetSuite has not answered since"
    assert said in command("waves", "status").output
    assert json.loads(command("waves", "status", "--json").output)["netsuite_away"].startswith(said)


def test_status_names_a_wave_without_progress_and_the_way_out(
    command: Command, store: WaveStore, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAVE_TIMEOUT", "60")
    look(store, job)
    assert "no progress" not in command("waves", "status").output
    long_ago = utc_now() - timedelta(seconds=61)
    with store.engine.begin() as connection:
        connection.execute(update(wave_batches).values(updated_at=long_ago))
        connection.exec_driver_sql("UPDATE import_jobs SET planned_at = NULL")
    answer = command("waves", "status")
    assert "Wave 1 has made no progress since" in answer.output
    assert f"`netsuite-pipeline waves reset {job} 1`" in answer.output
    (stuck,) = json.loads(command("waves", "status", "--json").output)["stuck_waves"]
    assert (stuck["number"], stuck["since"]) == (1, f"{long_ago:%Y-%m-%dT%H:%M:%S}Z")


def test_status_says_that_a_full_import_makes_room_for_a_nights_changes(
    command: Command, store: WaveStore, job: str
) -> None:
    assert "goes first" not in command("waves", "status", job).output
    command("import", "start", "--types", "customer", "--no-dependencies", "--changes")
    latest = store.latest_job()
    assert latest is not None
    said = f"Import of changes {latest.job_id} goes first: until it is over, "
    assert said in command("waves", "status", job).output
    assert json.loads(command("waves", "status", job, "--json").output)["makes_room"].startswith(said)
    assert json.loads(command("waves", "status", "--json").output)["makes_room"] is None


def test_an_import_that_waits_for_an_older_one_beside_the_nights_changes_is_not_called_stuck(
    command: Command, store: WaveStore, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAVE_TIMEOUT", "60")
    command("import", "start", "--types", "customer", "--no-dependencies")
    younger = store.latest_job()
    assert younger is not None
    command("import", "start", "--types", "customer", "--no-dependencies", "--changes")
    with store.engine.begin() as connection:
        connection.execute(update(wave_batches).values(updated_at=utc_now() - timedelta(seconds=61)))
        connection.exec_driver_sql("UPDATE import_jobs SET planned_at = NULL")
    assert "no progress" in command("waves", "status", job).output
    output = command("waves", "status", younger.job_id).output
    assert f"the older import {job} has what it leaves" in output
    assert "no progress" not in output
