"""Whose plan nobody will finish: planning runs that ended, were tried again or wait for it, and killed commands."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from netsuite_pipeline.orchestration.names import start_import_name
from netsuite_pipeline.orchestration.planners import is_planner_gone
from netsuite_pipeline.orchestration.tags import ROOT_RUN
from netsuite_pipeline.waves.model import utc_now
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.orchestration.runs import create_run

QUEUED, STARTED, CANCELING = dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING
FAILURE, CANCELED = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED
EVENTS = {
    QUEUED: DagsterEventType.RUN_ENQUEUED,
    STARTED: DagsterEventType.RUN_START,
    CANCELING: DagsterEventType.RUN_CANCELING,
    CANCELED: DagsterEventType.RUN_CANCELED,
    FAILURE: DagsterEventType.RUN_FAILURE,
}
PARENT_RUN = "dagster/parent_run_id"
OUTAGE_TIMEOUT = 21_600
LONG = 7200 + OUTAGE_TIMEOUT
COMMAND = "planned-by-a-command"

Run = Callable[..., str]
IsGone = Callable[..., bool]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance that tries runs again as the shipped dagster.yaml does, though no daemon is there to do it."""
    retries = {"enabled": True, "max_retries": 2, "retry_on_asset_or_op_failure": False}
    with dg.DagsterInstance.ephemeral(settings={"run_retries": retries}) as instance:
        yield instance


@pytest.fixture
def run(definitions: dg.Definitions, instance: dg.DagsterInstance) -> Run:
    """Makes a planning run, the first one or one that tries `root` again, in this state. Returns its id."""

    def make(status: dg.DagsterRunStatus, *, root: str | None = None) -> str:
        tags = {} if root is None else {ROOT_RUN: root, PARENT_RUN: root}
        job = definitions.resolve_job_def(start_import_name())
        # Only a run that says where its code is may be put into the queue.
        origin = RemoteJobOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("location"), "repo"), job.name)
        made = instance.create_run_for_job(
            job, tags=tags, root_run_id=root, parent_run_id=root, remote_job_origin=origin
        )
        event = DagsterEvent(event_type_value=EVENTS[status].value, job_name=job.name)
        instance.report_dagster_event(event, run_id=made.run_id)
        return made.run_id

    return make


@pytest.fixture
def is_gone(instance: dg.DagsterInstance, store: WaveStore) -> IsGone:
    """The verdict on the job of that id so many seconds later; it is noted as planned by now, at the first call."""

    def verdict(job_id: str, *, after: float = 0) -> bool:
        _note(store, job_id)
        now = utc_now() + timedelta(seconds=after)
        job = store.job(job_id)
        return is_planner_gone(job, instance=instance, store=store, outage_timeout=OUTAGE_TIMEOUT, now=now)

    return verdict


def _note(store: WaveStore, job_id: str) -> None:
    store.create_job(job_id, record_types=["customer"], with_dependencies=False, trigger="test", now=utc_now())


def _use_up_retries(run: Run, root: str) -> str:
    run(FAILURE, root=root)
    return run(FAILURE, root=root)


@pytest.mark.parametrize("status", [QUEUED, STARTED, CANCELING])
def test_a_planning_run_that_is_alive_is_waited_for(run: Run, is_gone: IsGone, status: dg.DagsterRunStatus) -> None:
    assert not is_gone(run(status), after=LONG - 60)


@pytest.mark.parametrize("status", [QUEUED, STARTED])
def test_a_run_that_tries_the_plan_again_is_waited_for(run: Run, is_gone: IsGone, status: dg.DagsterRunStatus) -> None:
    root = run(FAILURE)
    run(status, root=root)
    assert not is_gone(root, after=LONG - 60)


def test_a_run_that_dagster_will_try_again_is_waited_for_also_when_its_daemon_was_away(
    run: Run, is_gone: IsGone
) -> None:
    assert not is_gone(run(FAILURE), after=LONG - 60)


def test_a_run_that_failed_for_good_is_given_a_few_minutes_to_be_tried_again(run: Run, is_gone: IsGone) -> None:
    root = run(FAILURE)
    _use_up_retries(run, root)
    assert not is_gone(root, after=120)
    assert is_gone(root, after=200)


def test_a_run_that_failed_is_gone_after_a_few_minutes_where_dagster_tries_nothing_again(
    definitions: dg.Definitions, store: WaveStore
) -> None:
    with dg.DagsterInstance.ephemeral() as without_retries:
        request = dg.RunRequest(job_name=start_import_name())
        job_id = create_run(definitions, without_retries, request, status=FAILURE)
        _note(store, job_id)
        job = store.job(job_id)
        for seconds, gone in ((120, False), (200, True)):
            now = utc_now() + timedelta(seconds=seconds)
            verdict = is_planner_gone(
                job, instance=without_retries, store=store, outage_timeout=OUTAGE_TIMEOUT, now=now
            )
            assert verdict is gone


def test_a_run_that_a_person_terminated_is_gone_at_once(run: Run, is_gone: IsGone) -> None:
    assert is_gone(run(CANCELED))


def test_a_run_that_tried_again_and_was_terminated_is_gone_at_once(run: Run, is_gone: IsGone) -> None:
    root = run(FAILURE)
    run(CANCELED, root=root)
    assert is_gone(root)


def test_the_plan_of_a_cancelled_import_is_given_up_as_soon_as_no_run_is_alive(
    run: Run, is_gone: IsGone, store: WaveStore
) -> None:
    root = run(FAILURE)
    assert not is_gone(root)
    store.cancel(root, now=utc_now())
    assert is_gone(root)


def test_the_plan_of_a_cancelled_import_is_not_given_up_while_a_run_is_alive(
    run: Run, is_gone: IsGone, store: WaveStore
) -> None:
    root = run(FAILURE)
    run(STARTED, root=root)
    _note(store, root)
    store.cancel(root, now=utc_now())
    assert not is_gone(root)


def test_a_command_is_gone_when_it_is_silent(is_gone: IsGone, store: WaveStore) -> None:
    store.beat(COMMAND, age=timedelta(seconds=20))
    assert not is_gone(COMMAND)
    store.beat(COMMAND, age=timedelta(seconds=31))
    assert is_gone(COMMAND)


def test_a_command_is_not_gone_because_its_heartbeats_could_not_be_heard(is_gone: IsGone, store: WaveStore) -> None:
    store.beat(COMMAND, age=timedelta(seconds=62))
    store.beat("listener: look", age=timedelta(seconds=60))
    assert not is_gone(COMMAND)


def test_a_command_that_is_alive_is_waited_for_also_when_its_import_is_cancelled(
    is_gone: IsGone, store: WaveStore
) -> None:
    store.beat(COMMAND)
    _note(store, COMMAND)
    store.cancel(COMMAND, now=utc_now())
    assert not is_gone(COMMAND)


def test_a_planner_of_whom_nothing_was_heard_is_gone_after_the_longest_plan(is_gone: IsGone) -> None:
    assert not is_gone(COMMAND, after=LONG - 60)
    assert is_gone(COMMAND, after=LONG + 60)


def test_a_cancelled_import_does_not_wait_for_a_planner_of_whom_nothing_was_heard(
    is_gone: IsGone, store: WaveStore
) -> None:
    _note(store, COMMAND)
    store.cancel(COMMAND, now=utc_now())
    assert is_gone(COMMAND)
