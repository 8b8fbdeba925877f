"""A night's changes go before full imports and backfills: in the dispatcher, and in Dagster's own queue."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.utils import make_new_run_id
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from netsuite_pipeline.orchestration.tags import JOB, PRIORITY
from netsuite_pipeline.orchestration.wave_dispatch import WaveDispatcher
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import BatchStatus
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.orchestration.runs import create_run, plan

PROJECT = Path(__file__).resolve().parents[2]
BACKFILL = {"dagster/backfill": "someones"}
NIGHTLY = {PRIORITY: "10"}
Answers = list[dg.RunRequest | dg.SkipReason]


@pytest.fixture
def look(instance: dg.DagsterInstance, store: WaveStore) -> Callable[[], Answers]:
    """A look of the dispatcher, at most five batches in flight, two in a run, and 80 % of them for the night."""
    limits = replace(Limits.of(Settings.load()), wave_size=5, run_batches=2, nightly_reserve=80)
    dispatcher = WaveDispatcher(instance=instance, store=store, limits=limits, record_types=CATALOG.names)
    return lambda: list(dispatcher.tick())


def _planned(definitions: dg.Definitions, instance: dg.DagsterInstance, *, changes_only: bool) -> str:
    result = plan(definitions, instance, "customer", changes_only=changes_only)
    assert result.success
    return result.run_id


def _in_flight(store: WaveStore, job_id: str) -> int:
    return sum(batch.status is BatchStatus.DISPATCHED for batch in store.batches(job_id))


def test_a_full_import_leaves_the_reserve_while_changes_are_imported_and_not_longer(
    definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore, look: Callable[[], Answers]
) -> None:
    full = _planned(definitions, instance, changes_only=False)
    nightly = _planned(definitions, instance, changes_only=True)
    for answer in look():
        assert isinstance(answer, dg.RunRequest)
        create_run(definitions, instance, answer, status=dg.DagsterRunStatus.STARTED)
    assert (_in_flight(store, full), _in_flight(store, nightly)) == (1, 5)

    # Both have what they may have; the sensor says which waits for which.
    (said,) = look()
    assert isinstance(said, dg.SkipReason)
    assert f"Import of changes {nightly} goes first" in str(said.skip_message)

    store.pause(nightly, now=store.job(nightly).created_at)
    look()
    assert _in_flight(store, full) == 5


def test_all_full_imports_together_leave_the_reserve_and_the_younger_goes_on_after_the_older(
    definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore, look: Callable[[], Answers]
) -> None:
    older, younger = (_planned(definitions, instance, changes_only=False) for _ in range(2))
    nightly = _planned(definitions, instance, changes_only=True)
    for answer in look():
        assert isinstance(answer, dg.RunRequest)
        create_run(definitions, instance, answer, status=dg.DagsterRunStatus.STARTED)
    assert [_in_flight(store, one) for one in (older, younger, nightly)] == [1, 0, 5]
    (said,) = look()
    assert isinstance(said, dg.SkipReason)
    assert f"and the older import {older} has what it leaves" in str(said.skip_message)

    store.pause(older, now=store.job(older).created_at)
    look()
    assert [_in_flight(store, one) for one in (older, younger, nightly)] == [1, 1, 5]


def test_a_look_reads_the_open_imports_once_however_many_there_are(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    store: WaveStore,
    look: Callable[[], Answers],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(2):
        _planned(definitions, instance, changes_only=False)
    calls, read = [], WaveStore.open_jobs
    monkeypatch.setattr(WaveStore, "open_jobs", lambda self: calls.append(1) or read(self))
    look()
    assert len(calls) == 1


def test_companies_take_turns_in_the_queue_they_share(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    look: Callable[[], Answers],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    full = _planned(definitions, instance, changes_only=False)
    monkeypatch.setattr("netsuite_pipeline.orchestration.wave_dispatch.tenant_of_process", lambda: "acme")
    runs = [answer for answer in look() if isinstance(answer, dg.RunRequest) and answer.tags[JOB] == full]
    priorities = [int(run.tags[PRIORITY]) for run in runs]
    # Of five batches, two to a run.
    assert [priorities[0] - priority for priority in priorities] == [0, 10, 20]
    assert priorities[0] < 0


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "dagster.yaml").write_text((PROJECT / "dagster.yaml").read_text())
    return tmp_path


def _open(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.event_log_storage.initialize_concurrency_limit_to_default("netsuite_api")
        yield instance


@pytest.fixture
def shipped(home: Path) -> Iterator[dg.DagsterInstance]:
    """An instance with the shipped dagster.yaml."""
    yield from _open(home)


@pytest.fixture
def with_a_slot_for_the_night(home: Path) -> Iterator[dg.DagsterInstance]:
    """An instance with that file, in which the lines that keep a slot free are no comment any more."""
    file = home / "dagster.yaml"
    text, lines = re.subn(r"(?m)^    # ((?:tag_concurrency_limits:|  ).*)$", r"    \1", file.read_text())
    assert lines == 4
    file.write_text(text)
    yield from _open(home)


def _add(
    definitions: dg.Definitions, instance: dg.DagsterInstance, tags: dict[str, str], *, status: str = "QUEUED"
) -> str:
    job = "import_customer"
    run = instance.create_run_for_job(definitions.resolve_job_def(job), tags=tags)
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("anywhere"), "__repository__")
    origin = RemoteJobOrigin(repository, job)
    added = run._replace(
        run_id=make_new_run_id(),
        status=dg.DagsterRunStatus(status),
        remote_job_origin=origin,
        tags={**run.tags, **tags},
    )
    instance.add_run(added)
    return added.run_id


def _launched(instance: dg.DagsterInstance) -> list[str]:
    """What Dagster's own queue would launch now, in its order."""
    with QueuedRunCoordinatorDaemon(interval_seconds=1) as queue:
        chosen = queue._get_runs_to_dequeue(instance, instance.get_concurrency_config(), fixed_iteration_time=None)
        return [run.run_id for run in chosen]


def test_a_slot_that_gets_free_is_the_nightlys_whatever_waits_longer(
    definitions: dg.Definitions, shipped: dg.DagsterInstance
) -> None:
    _add(definitions, shipped, {}, status="STARTED")
    for tags in [{}, BACKFILL] * 6:
        _add(definitions, shipped, tags)
    nightly = _add(definitions, shipped, NIGHTLY)
    assert _launched(shipped) == [nightly]


@pytest.mark.parametrize(("kept", "is_launched"), [("shipped", False), ("with_a_slot_for_the_night", True)])
def test_a_backfill_leaves_a_slot_to_the_night_where_dagster_yaml_says_so(
    definitions: dg.Definitions, request: pytest.FixtureRequest, kept: str, is_launched: bool
) -> None:
    instance: dg.DagsterInstance = request.getfixturevalue(kept)
    for _ in range(5):
        _add(definitions, instance, BACKFILL)
    of_backfill = _launched(instance)
    assert len(of_backfill) == (1 if is_launched else 2)
    for _ in of_backfill:
        _add(definitions, instance, BACKFILL, status="STARTED")
    nightly = _add(definitions, instance, NIGHTLY)
    assert _launched(instance) == ([nightly] if is_launched else [])
