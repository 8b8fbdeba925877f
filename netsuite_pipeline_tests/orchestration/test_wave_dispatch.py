"""The dispatcher, a tick at a time: what it asks Dagster for, and what it makes of the runs it finds there."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import update

from netsuite_pipeline.orchestration import planners, wave_dispatch
from netsuite_pipeline.orchestration.names import partitions_name, start_import_name
from netsuite_pipeline.orchestration.partitions import PartitionRegistry
from netsuite_pipeline.orchestration.tags import DISPATCH, JOB, RANGE_END, RANGE_START, WAVE
from netsuite_pipeline.orchestration.wave_dispatch import WaveDispatcher
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.sandbox.faults import Fault, FaultKind
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.waves import sizing
from netsuite_pipeline.waves.errors import LostLease
from netsuite_pipeline.waves.job_state import Decision, JobState
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import Batch, BatchStatus, JobStatus, utc_now
from netsuite_pipeline.waves.retrying import reset_wave, retry_job
from netsuite_pipeline.waves.sizing import Sizing
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline.waves.tables import import_jobs, wave_batches
from netsuite_pipeline_tests.orchestration.runs import (
    batches,
    between,
    create_run,
    error_of,
    materializations,
    plan,
    reexecute,
    run_request,
)

WAVE_SIZE = 4
RUN_BATCHES = 2
Tick = Callable[[], list[dg.RunRequest]]


@pytest.fixture
def limits(environment: None, monkeypatch: pytest.MonkeyPatch) -> Limits:
    """Small waves, no waiting between them, and the default number of attempts."""
    monkeypatch.setenv("WAVE_SIZE", str(WAVE_SIZE))
    monkeypatch.setenv("RUN_BATCHES", str(RUN_BATCHES))
    return Limits.of(Settings.load())


@pytest.fixture
def job_id(limits: Limits, definitions: dg.Definitions, instance: dg.DagsterInstance) -> str:
    """A planned import of customers only, in more than one wave."""
    result = plan(definitions, instance, "customer")
    assert result.success
    assert len(batches(instance, "customer")) > WAVE_SIZE
    return result.run_id


@pytest.fixture
def dispatcher(instance: dg.DagsterInstance, store: WaveStore, limits: Limits) -> WaveDispatcher:
    return WaveDispatcher(
        instance=instance, store=store, limits=limits, record_types=CATALOG.names, declarations=CATALOG.digest
    )


@pytest.fixture
def tick(dispatcher: WaveDispatcher) -> Tick:
    """One look of the dispatcher; only its run requests."""
    return lambda: [answer for answer in dispatcher.tick() if isinstance(answer, dg.RunRequest)]


@pytest.fixture
def retries_are_due(store: WaveStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes the waiting out of retries: the dispatcher looks when the longest delay has passed."""
    load = WaveStore.load_state

    def later(self: WaveStore, job: str, **changes: Any) -> JobState:
        return load(self, job, **{**changes, "now": utc_now() + timedelta(seconds=301)})

    monkeypatch.setattr(WaveStore, "load_state", later)


def _batches(store: WaveStore, job_id: str) -> list[Batch]:
    return sorted(store.batches(job_id), key=lambda one: one.batch_number)


def _statuses(store: WaveStore, job_id: str) -> list[BatchStatus]:
    return [batch.status for batch in _batches(store, job_id)]


def _ranges(request: dg.RunRequest, instance: dg.DagsterInstance) -> list[BatchRange]:
    keys = batches(instance, "customer")
    first, last = keys.index(request.tags[RANGE_START]), keys.index(request.tags[RANGE_END])
    return [BatchRange.parse(key) for key in keys[first : last + 1]]


def _start(
    store: WaveStore, instance: dg.DagsterInstance, request: dg.RunRequest, run_id: str, *, seconds_ago: float = 0
) -> None:
    """What a run does first: it takes its batches. Its last heartbeat is so many seconds old."""
    store.start_batches(request.tags[DISPATCH], _ranges(request, instance), run_id=run_id, now=utc_now())
    store.beat(run_id, age=timedelta(seconds=seconds_ago))


def _commit(store: WaveStore, request: dg.RunRequest, batch: BatchRange, run_id: str) -> None:
    """What the loader's transaction does at its end; the rows themselves do not matter to the dispatcher."""
    with store.engine.begin() as connection:
        store.complete_batch(
            connection,
            dispatch_key=request.tags[DISPATCH],
            batch=batch,
            run_id=run_id,
            records=50,
            now=utc_now(),
        )


def test_nothing_to_do_is_a_skip_with_its_reason(dispatcher: WaveDispatcher) -> None:
    (answer,) = dispatcher.tick()
    assert isinstance(answer, dg.SkipReason)
    assert answer.skip_message == "No import is under way."


def test_run_requests_carry_range_and_wave_tags_and_a_key_that_follows_from_them(
    tick: Tick, instance: dg.DagsterInstance, job_id: str
) -> None:
    requests = tick()
    keys = batches(instance, "customer")
    assert [(one.tags[RANGE_START], one.tags[RANGE_END]) for one in requests] == [
        (keys[0], keys[1]),
        (keys[2], keys[3]),
    ]
    for request in requests:
        first, last = BatchRange.parse(request.tags[RANGE_START]).first, BatchRange.parse(request.tags[RANGE_END]).last
        assert request.run_key == f"{job_id}:w1:customer:{first}..{last}:a1"
        assert request.job_name == "import_customer"
        assert (request.tags[JOB], request.tags[WAVE], request.tags[DISPATCH]) == (job_id, "1", request.run_key)


@pytest.mark.parametrize(("changes_only", "priority"), [(True, "10"), (False, None)])
def test_the_changes_of_a_night_go_before_a_backfill(
    tick: Tick,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    changes_only: bool,
    priority: str | None,
) -> None:
    assert plan(definitions, instance, "customer", changes_only=changes_only).success
    assert {request.tags.get("dagster/priority") for request in tick()} == {priority}


@pytest.mark.parametrize(("dynamic", "in_flight"), [(True, 1), (False, WAVE_SIZE)])
def test_with_dynamic_sizing_no_more_is_dispatched_than_was_decided_last(
    limits: Limits, instance: dg.DagsterInstance, store: WaveStore, job_id: str, dynamic: bool, in_flight: int
) -> None:
    store.note_sizing(job_id, Sizing(size=1, reason="many failed", at=utc_now()))
    dispatcher = WaveDispatcher(
        instance=instance,
        store=store,
        limits=replace(limits, dynamic_sizing=dynamic),
        record_types=CATALOG.names,
        declarations=CATALOG.digest,
    )
    for _ in range(2):
        list(dispatcher.tick())
    assert _statuses(store, job_id).count(BatchStatus.DISPATCHED) == in_flight


@pytest.fixture
def sizing_tick(
    limits: Limits, instance: dg.DagsterInstance, store: WaveStore, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], None]:
    """A look of a dispatcher that adapts the size, so many minutes from now; two batches are enough to judge by."""
    monkeypatch.setattr(sizing, "_LEAST_SEEN", 2)
    dispatcher = WaveDispatcher(
        instance=instance,
        store=store,
        limits=replace(limits, dynamic_sizing=True, wave_size_min=1),
        record_types=CATALOG.names,
        declarations=CATALOG.digest,
    )

    def look(minutes: int) -> None:
        monkeypatch.setattr(wave_dispatch, "utc_now", lambda: utc_now() + timedelta(minutes=minutes))
        list(dispatcher.tick())

    return look


def test_a_look_at_the_size_that_changes_nothing_is_not_repeated_within_a_minute(
    sizing_tick: Callable[[int], None], store: WaveStore, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, recent = [], WaveStore.recent
    monkeypatch.setattr(WaveStore, "recent", lambda *args, **moments: calls.append(1) or recent(*args, **moments))
    for minutes, looks in ((0, 1), (0, 1), (1, 2), (1, 2), (2, 3)):
        sizing_tick(minutes)
        assert len(calls) == looks
    assert not store.sizings(job_id)


def test_runs_that_died_take_the_size_down_at_once_and_only_once(
    sizing_tick: Callable[[int], None],
    tick: Tick,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    store: WaveStore,
    job_id: str,
) -> None:
    for request in tick():
        create_run(definitions, instance, request, status=dg.DagsterRunStatus.FAILURE)
    for minutes in range(4):
        sizing_tick(minutes)
        assert [one.size for one in store.sizings(job_id)] == [WAVE_SIZE // 2]


def test_what_dagster_could_not_create_soon_is_asked_for_by_the_next_looks(
    tick: Tick, store: WaveStore, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wave_dispatch, "_BATCHES_A_LOOK", RUN_BATCHES)
    first = tick()
    assert len(first) == 1
    assert _statuses(store, job_id).count(BatchStatus.DISPATCHED) == WAVE_SIZE
    # Dagster has none of them yet, so the first is asked for again.
    assert [one.run_key for one in tick()] == [first[0].run_key]


def test_a_wave_in_flight_leaves_no_room_for_more(
    tick: Tick, definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore, job_id: str
) -> None:
    for request in tick():
        create_run(definitions, instance, request, status=dg.DagsterRunStatus.STARTING)
    assert tick() == []
    assert _statuses(store, job_id).count(BatchStatus.DISPATCHED) == WAVE_SIZE


def test_a_dispatch_that_never_became_a_run_is_asked_for_again_with_the_same_key(tick: Tick, job_id: str) -> None:
    assert [one.run_key for one in tick()] == [one.run_key for one in tick()]


@pytest.mark.parametrize("unfit", [None, "no credentials"])
def test_a_cancelled_import_does_not_wait_for_a_run_that_was_never_launched(
    tick: Tick, dispatcher: WaveDispatcher, store: WaveStore, job_id: str, unfit: str | None
) -> None:
    tick()
    store.cancel(job_id, now=utc_now())
    dispatcher._unfit = unfit
    assert tick() == []
    assert store.job(job_id).status is JobStatus.CANCELLED


def test_a_run_that_was_created_and_never_launched_is_asked_for_again(
    tick: Tick, definitions: dg.Definitions, instance: dg.DagsterInstance, job_id: str
) -> None:
    requests = tick()
    create_run(definitions, instance, requests[0], status=dg.DagsterRunStatus.NOT_STARTED)
    assert [one.run_key for one in tick()] == [one.run_key for one in requests]


def test_two_ticks_that_decide_on_the_same_state_dispatch_each_batch_once(
    tick: Tick, store: WaveStore, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide, both_decided = wave_dispatch.decide, threading.Barrier(2, timeout=30)

    def together(state: JobState, limits: Limits) -> Decision:
        decision = decide(state, limits)
        both_decided.wait()
        return decision

    monkeypatch.setattr(wave_dispatch, "decide", together)
    answers: list[list[dg.RunRequest]] = []
    threads = [threading.Thread(target=lambda: answers.append(tick())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    keys = [request.run_key for requests in answers for request in requests]
    assert len(answers) == 2
    assert len(keys) == len(set(keys)) == WAVE_SIZE // RUN_BATCHES
    assert _statuses(store, job_id).count(BatchStatus.DISPATCHED) == WAVE_SIZE


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED])
def test_a_run_that_ended_without_a_word_gives_its_batches_back(
    tick: Tick,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    store: WaveStore,
    job_id: str,
    status: dg.DagsterRunStatus,
) -> None:
    first, _ = tick()
    create_run(definitions, instance, first, status=status)
    tick()
    assert _statuses(store, job_id)[:RUN_BATCHES] == [BatchStatus.RETRYING] * RUN_BATCHES


@pytest.mark.usefixtures("retries_are_due")
def test_given_back_batches_are_dispatched_under_new_keys_in_smaller_runs(
    tick: Tick, definitions: dg.Definitions, instance: dg.DagsterInstance, job_id: str
) -> None:
    first, second = tick()
    create_run(definitions, instance, first, status=dg.DagsterRunStatus.FAILURE)
    create_run(definitions, instance, second, status=dg.DagsterRunStatus.STARTING)
    again = tick()
    assert [one.tags[RANGE_START] for one in again] == [one.tags[RANGE_END] for one in again]
    assert [again[0].tags[RANGE_START], again[1].tags[RANGE_END]] == [first.tags[RANGE_START], first.tags[RANGE_END]]
    assert all(str(one.run_key).endswith(":a2") for one in again)


def test_a_run_that_was_deleted_gives_its_batches_back(
    tick: Tick, definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore, job_id: str
) -> None:
    first, _ = tick()
    run_id = create_run(definitions, instance, first, status=dg.DagsterRunStatus.STARTED)
    _start(store, instance, first, run_id)
    instance.delete_run(run_id)
    assert first.run_key not in [one.run_key for one in tick()]
    assert _statuses(store, job_id)[:RUN_BATCHES] == [BatchStatus.RETRYING] * RUN_BATCHES


def test_only_the_run_that_has_the_batches_can_lose_them(
    tick: Tick, definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore, job_id: str
) -> None:
    first, _ = tick()
    create_run(definitions, instance, first, status=dg.DagsterRunStatus.FAILURE)
    holder = create_run(definitions, instance, first, status=dg.DagsterRunStatus.STARTED)
    _start(store, instance, first, holder)
    tick()
    assert _statuses(store, job_id)[:RUN_BATCHES] == [BatchStatus.PROCESSING] * RUN_BATCHES


def test_a_run_that_stopped_reporting_is_ended_and_gives_its_batches_back(
    tick: Tick, definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore, job_id: str
) -> None:
    first, second = tick()
    dead = create_run(definitions, instance, first, status=dg.DagsterRunStatus.STARTED)
    alive = create_run(definitions, instance, second, status=dg.DagsterRunStatus.STARTED)
    _start(store, instance, first, dead, seconds_ago=31)
    _start(store, instance, second, alive)

    tick()

    assert _status_of(instance, dead) is dg.DagsterRunStatus.FAILURE
    assert _status_of(instance, alive) is dg.DagsterRunStatus.STARTED
    expected = [BatchStatus.RETRYING] * RUN_BATCHES + [BatchStatus.PROCESSING] * RUN_BATCHES
    assert _statuses(store, job_id)[:WAVE_SIZE] == expected


def test_a_run_that_has_just_started_is_given_time_to_report(
    tick: Tick, definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore, job_id: str
) -> None:
    first, _ = tick()
    run_id = create_run(definitions, instance, first, status=dg.DagsterRunStatus.STARTED)
    tick()
    assert _status_of(instance, run_id) is dg.DagsterRunStatus.STARTED
    assert _statuses(store, job_id)[:RUN_BATCHES] == [BatchStatus.DISPATCHED] * RUN_BATCHES


def _status_of(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def test_batches_that_a_dead_run_committed_turn_green_once(
    tick: Tick, definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore, job_id: str
) -> None:
    first, _ = tick()
    run_id = create_run(definitions, instance, first, status=dg.DagsterRunStatus.STARTED)
    committed, lost = _ranges(first, instance)
    _start(store, instance, first, run_id, seconds_ago=31)
    _commit(store, first, committed, run_id)
    assert materializations(instance, "customer") == {}

    tick()
    tick()

    assert materializations(instance, "customer") == {committed.key: [{"committed by run": run_id}]}
    assert _statuses(store, job_id)[:RUN_BATCHES] == [BatchStatus.COMPLETED, BatchStatus.RETRYING]
    assert lost.key not in materializations(instance, "customer")


def test_a_run_that_committed_everything_and_then_died_is_ended_and_its_batches_turn_green(
    tick: Tick, definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore, job_id: str
) -> None:
    first, _ = tick()
    run_id = create_run(definitions, instance, first, status=dg.DagsterRunStatus.STARTED)
    ranges = _ranges(first, instance)
    _start(store, instance, first, run_id, seconds_ago=200)
    for batch in ranges:
        _commit(store, first, batch, run_id)

    tick()

    assert _status_of(instance, run_id) is dg.DagsterRunStatus.FAILURE
    assert materializations(instance, "customer").keys() == {batch.key for batch in ranges}


def test_a_run_that_is_still_writing_its_events_is_left_alone(
    tick: Tick, definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore, job_id: str
) -> None:
    first, _ = tick()
    run_id = create_run(definitions, instance, first, status=dg.DagsterRunStatus.STARTED)
    _start(store, instance, first, run_id)
    for batch in _ranges(first, instance):
        _commit(store, first, batch, run_id)
    tick()
    assert _status_of(instance, run_id) is dg.DagsterRunStatus.STARTED
    assert materializations(instance, "customer") == {}


def test_a_repair_of_colours_that_fails_keeps_no_batch_from_its_run(
    tick: Tick, store: WaveStore, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> bool:
        raise RuntimeError("the event log is locked")

    monkeypatch.setattr(wave_dispatch, "settle_colours", refused)
    assert len(tick()) == WAVE_SIZE // RUN_BATCHES


def test_a_record_type_that_is_gone_fails_its_batches_and_no_tick(
    instance: dg.DagsterInstance, store: WaveStore, limits: Limits, job_id: str
) -> None:
    without = WaveDispatcher(instance=instance, store=store, limits=limits, record_types=["subsidiary"])
    for _ in range(20):
        assert all(isinstance(answer, dg.SkipReason) for answer in without.tick())
    job = store.job(job_id)
    assert job.status is JobStatus.FAILED
    assert "batches failed" in str(job.failure_reason)


def test_an_import_that_was_planned_with_other_declarations_is_not_begun(
    instance: dg.DagsterInstance, store: WaveStore, limits: Limits, job_id: str
) -> None:
    older = WaveDispatcher(
        instance=instance, store=store, limits=limits, record_types=CATALOG.names, declarations="of an older file"
    )
    (answer,) = older.tick()
    assert isinstance(answer, dg.SkipReason)
    job = store.job(job_id)
    assert job.status is JobStatus.FAILED
    assert "Restart the daemon and the web server, and start the import again." in str(job.failure_reason)


def test_an_import_that_is_under_way_goes_on_after_a_change_of_declarations(
    tick: Tick, instance: dg.DagsterInstance, store: WaveStore, limits: Limits, job_id: str
) -> None:
    assert tick()
    newer = WaveDispatcher(
        instance=instance, store=store, limits=limits, record_types=CATALOG.names, declarations="of a newer file"
    )
    list(newer.tick())
    assert store.job(job_id).status is JobStatus.RUNNING


@pytest.mark.parametrize(("created", "beat"), [(28_801, None), (60, 31)])
def test_a_plan_that_nobody_will_finish_ends_its_job(
    tick: Tick, store: WaveStore, job_id: str, created: int, beat: int | None
) -> None:
    """A planning run that Dagster has given up, and a command that was killed."""
    _planning(store, "lost", created=created, beat=beat)
    tick()
    assert store.job("lost").status is JobStatus.FAILED
    assert "start the import again" in str(store.job("lost").failure_reason)
    assert store.job(job_id).status is JobStatus.RUNNING


@pytest.mark.parametrize("beat", [None, 1])
def test_a_plan_that_is_being_made_is_waited_for(tick: Tick, store: WaveStore, job_id: str, beat: int | None) -> None:
    _planning(store, "slow", created=600, beat=beat)
    tick()
    assert store.job("slow").status is JobStatus.PLANNING


@pytest.mark.parametrize(("cancelled", "status"), [(False, JobStatus.FAILED), (True, JobStatus.CANCELLED)])
def test_a_job_ends_whose_planning_run_failed(
    tick: Tick,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    store: WaveStore,
    monkeypatch: pytest.MonkeyPatch,
    cancelled: bool,
    status: JobStatus,
) -> None:
    request = dg.RunRequest(job_name=start_import_name())
    run_id = create_run(definitions, instance, request, status=dg.DagsterRunStatus.FAILURE)
    _planning(store, run_id, created=60, beat=None)
    if cancelled:
        store.cancel(run_id, now=utc_now())
    else:
        tick()
        assert store.job(run_id).status is JobStatus.PLANNING
        monkeypatch.setattr(planners, "_NEXT_RUN", timedelta())
    tick()
    assert store.job(run_id).status is status


def _planning(store: WaveStore, name: str, *, created: int, beat: int | None) -> None:
    moment = utc_now() - timedelta(seconds=created)
    store.create_job(name, record_types=["customer"], with_dependencies=False, trigger="test", now=moment)
    if beat is not None:
        store.beat(name, age=timedelta(seconds=beat))


def _carry_out(
    tick: Tick,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    store: WaveStore,
    job_id: str,
) -> Iterator[list[dg.RunRequest]]:
    """Ticks and executes what is asked for until the job has ended; yields every tick's requests before that."""
    for _ in range(100):
        requests = tick()
        yield requests
        for request in requests:
            run_request(definitions, instance, request)
        if store.job(job_id).finished_at:
            return
    raise AssertionError(f"the job has not ended: {store.job(job_id)}")


@pytest.mark.usefixtures("both_databases")
def test_an_import_is_carried_out_wave_by_wave_and_a_second_one_writes_nothing(
    tick: Tick, definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore, job_id: str
) -> None:
    again = plan(definitions, instance, "customer").run_id
    for job in (job_id, again):
        for requests in _carry_out(tick, definitions, instance, store, job):
            for open_job in (job_id, again):
                assert sum(len(_ranges(one, instance)) for one in requests if one.tags[JOB] == open_job) <= WAVE_SIZE
        assert store.job(job).status is JobStatus.COMPLETED

    for second, first in materializations(instance, "customer").values():
        assert first["written"] > 0
        assert second["written"] == 0


@pytest.mark.usefixtures("retries_are_due")
def test_a_batch_that_fails_once_is_tried_again_and_the_job_completes(
    tick: Tick,
    sandbox: SandboxServer,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    store: WaveStore,
    job_id: str,
) -> None:
    bad = batches(instance, "customer")[1]
    # Five attempts of the client make one of the batch.
    sandbox.faults.add(Fault(kind=FaultKind.UNAVAILABLE, times=5, match=between(bad)))
    for _ in _carry_out(tick, definitions, instance, store, job_id):
        pass
    assert store.job(job_id).status is JobStatus.COMPLETED
    assert {batch.range.key: batch.attempt for batch in _batches(store, job_id) if batch.attempt != 1} == {bad: 2}
    assert materializations(instance, "customer").keys() == set(batches(instance, "customer"))


def test_a_batch_that_fails_for_good_leaves_the_job_partial_and_alone_is_not_green(
    tick: Tick,
    sandbox: SandboxServer,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    store: WaveStore,
    job_id: str,
) -> None:
    keys = batches(instance, "customer")
    sandbox.faults.add(Fault(kind=FaultKind.BAD_REQUEST, times=None, match=between(keys[1])))
    for _ in _carry_out(tick, definitions, instance, store, job_id):
        pass
    job = store.job(job_id)
    assert job.status is JobStatus.PARTIAL
    assert job.failure_reason == "Not everything was imported: 1 of customer's batches failed."
    assert materializations(instance, "customer").keys() == set(keys) - {keys[1]}
    (failed,) = (batch for batch in _batches(store, job_id) if batch.status is BatchStatus.FAILED)
    assert (failed.range.key, failed.failure_category) == (keys[1], FailureCategory.PERMANENT_ERROR)


def test_a_wave_run_that_people_re_execute_turns_its_red_batch_green(
    tick: Tick,
    sandbox: SandboxServer,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    store: WaveStore,
    job_id: str,
) -> None:
    keys = batches(instance, "customer")
    sandbox.faults.add(Fault(kind=FaultKind.BAD_REQUEST, times=None, match=between(keys[1])))
    first, _ = tick()
    red = run_request(definitions, instance, first)
    sandbox.faults.clear()

    assert reexecute(definitions, instance, red.run_id).is_success
    assert materializations(instance, "customer").keys() == set(keys[:RUN_BATCHES])


def test_a_run_whose_batches_went_to_another_leaves_them_alone_and_is_red(
    tick: Tick, definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore, job_id: str
) -> None:
    first, _ = tick()
    _start(store, instance, first, "the run that was faster")
    late = run_request(definitions, instance, first)
    assert not late.success
    assert "the batch was given to another run meanwhile" in error_of(late)
    assert materializations(instance, "customer") == {}
    assert _statuses(store, job_id)[:RUN_BATCHES] == [BatchStatus.PROCESSING] * RUN_BATCHES


def _age(store: WaveStore, seconds: float) -> None:
    """Makes everything that happened so far that old."""
    then = utc_now() - timedelta(seconds=seconds)
    with store.engine.begin() as connection:
        connection.execute(update(wave_batches).values(updated_at=then))
        connection.execute(update(import_jobs).values(planned_at=then))


def test_a_wave_whose_runs_make_no_progress_is_named_with_the_way_out_and_logged_now_and_then(
    dispatcher: WaveDispatcher,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    store: WaveStore,
    limits: Limits,
    job_id: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for request in [one for one in dispatcher.tick() if isinstance(one, dg.RunRequest)]:
        run_id = create_run(definitions, instance, request, status=dg.DagsterRunStatus.STARTED)
        _start(store, instance, request, run_id)
    (moving,) = dispatcher.tick()
    assert isinstance(moving, dg.SkipReason)
    assert "no progress" not in (moving.skip_message or "")
    _age(store, limits.wave_timeout + 1)
    for _ in range(3):
        (stuck,) = dispatcher.tick()
        assert isinstance(stuck, dg.SkipReason)
        assert "Wave 1 has made no progress since" in (stuck.skip_message or "")
        assert f"`netsuite-pipeline waves reset {job_id} 1`" in (stuck.skip_message or "")
    assert [record.levelname for record in caplog.records if "no progress" in record.message] == ["WARNING"]


def test_a_reset_wave_is_dispatched_again_and_its_living_run_can_commit_nothing(
    tick: Tick, definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore, limits: Limits, job_id: str
) -> None:
    requests = tick()
    for request in requests:
        run_id = create_run(definitions, instance, request, status=dg.DagsterRunStatus.STARTED)
        _start(store, instance, request, run_id)
    result = reset_wave(job_id, 1, store=store, registry=PartitionRegistry(instance), limits=limits, now=utc_now())
    assert result.batches == {BatchStatus.PROCESSING: WAVE_SIZE}
    with pytest.raises(LostLease):
        _commit(store, requests[-1], _ranges(requests[-1], instance)[0], run_id)
    assert [one.run_key for one in tick()] == [str(one.run_key).removesuffix("a1") + "a2" for one in requests]


def test_a_retried_batch_whose_partition_was_replaced_is_not_asked_for(
    tick: Tick, definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore, job_id: str
) -> None:
    store.cancel(job_id, now=utc_now())
    assert tick() == []
    assert store.job(job_id).status is JobStatus.CANCELLED
    last = batches(instance, "customer")[-1]
    assert last not in {batch.key for batch in store.in_flight_ranges("customer")}
    instance.delete_dynamic_partition(partitions_name("customer"), last)
    result = retry_job(job_id, store=store, registry=PartitionRegistry(instance), limits=limits, now=utc_now())
    assert result.gone == {"customer": 1}
    (failed,) = (batch for batch in _batches(store, job_id) if batch.status is BatchStatus.FAILED)
    assert failed.range.key == last
    assert len(tick()) == WAVE_SIZE // RUN_BATCHES
