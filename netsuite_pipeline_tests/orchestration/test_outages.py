"""The circuit breaker in front of the dispatcher, with a sandbox that goes away and comes back."""

import datetime as dt
from collections.abc import Callable

import dagster as dg
import pytest

from netsuite_pipeline.orchestration import wave_dispatch
from netsuite_pipeline.orchestration.outages import SourceWatch, asking
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.orchestration.wave_dispatch import WaveDispatcher
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.sandbox.faults import Fault, FaultKind
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.waves.circuit import CLOSED
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import BatchStatus, JobStatus, utc_now
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.orchestration.runs import (
    between,
    error_of,
    materializations,
    plan,
    run_batches,
    run_request,
)

# What `missing_columns.account_of` makes of the sandbox of the tests.
ACCOUNT = "1234567_SB1 127.0.0.1"
Tick = Callable[..., list[dg.RunRequest | dg.SkipReason]]


@pytest.fixture
def job_id(
    environment: None, definitions: dg.Definitions, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A planned import of customers only, in two runs."""
    monkeypatch.setenv("RUN_BATCHES", "2")
    result = plan(definitions, instance, "customer")
    assert result.success
    return result.run_id


@pytest.fixture
def watch(store: WaveStore) -> SourceWatch:
    return SourceWatch(store=store, account=ACCOUNT, ask=asking(PipelineResource()))


@pytest.fixture
def tick(
    job_id: str,
    instance: dg.DagsterInstance,
    store: WaveStore,
    watch: SourceWatch,
    monkeypatch: pytest.MonkeyPatch,
) -> Tick:
    """One look of the dispatcher, so many seconds from now."""

    def look(*, later: int = 0) -> list[dg.RunRequest | dg.SkipReason]:
        dispatcher = WaveDispatcher(
            instance=instance,
            store=store,
            limits=Limits.of(Settings.load()),
            record_types=CATALOG.names,
            declarations=CATALOG.digest,
            watch=watch,
        )
        monkeypatch.setattr(wave_dispatch, "utc_now", lambda: utc_now() + dt.timedelta(seconds=later))
        return list(dispatcher.tick())

    return look


def runs(answers: list[dg.RunRequest | dg.SkipReason]) -> list[dg.RunRequest]:
    return [answer for answer in answers if isinstance(answer, dg.RunRequest)]


def requests(sandbox: SandboxServer) -> int:
    return int(str(sandbox.stats.snapshot()["total_requests"]))


def test_while_netsuite_is_away_nothing_is_dispatched_and_the_import_goes_on_when_it_is_back(
    tick: Tick,
    sandbox: SandboxServer,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    store: WaveStore,
    job_id: str,
) -> None:
    dispatched = runs(tick())
    sandbox.faults.add(Fault(kind=FaultKind.UNAVAILABLE, times=None))
    for request in dispatched:
        run_request(definitions, instance, request)
    assert {batch.status for batch in store.batches(job_id)} == {BatchStatus.RETRYING}

    before = requests(sandbox)
    (skip,) = (one for one in tick(later=1) if isinstance(one, dg.SkipReason))
    assert "NetSuite has not answered since" in str(skip.skip_message)
    assert "HTTP 503" in str(skip.skip_message)
    assert requests(sandbox) == before + 1
    # Neither asked nor dispatched before it is time.
    assert not runs(tick(later=20))
    assert requests(sandbox) == before + 1
    assert not runs(tick(later=40))
    assert requests(sandbox) == before + 2

    sandbox.faults.clear()
    seconds = 200
    while store.job(job_id).finished_at is None:
        for request in runs(tick(later=seconds)):
            run_request(definitions, instance, request)
        seconds += 301
    assert store.job(job_id).status is JobStatus.COMPLETED
    assert not store.circuit(ACCOUNT).is_open
    assert max(batch.attempt for batch in store.batches(job_id)) == 2
    assert len(materializations(instance, "customer")) == len(store.batches(job_id))


def test_a_batch_that_alone_gets_no_answer_does_not_stop_the_others(
    tick: Tick,
    sandbox: SandboxServer,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    store: WaveStore,
    job_id: str,
) -> None:
    first, *_ = runs(tick())
    key = store.batches(job_id)[0].range.key
    sandbox.faults.add(Fault(kind=FaultKind.INTERNAL_ERROR, times=None, match=between(key)))
    run_request(definitions, instance, first)
    tick(later=1)
    circuit = store.circuit(ACCOUNT)
    assert not circuit.is_open
    assert circuit.looked_at is not None
    asked = requests(sandbox)
    tick(later=2)
    assert requests(sandbox) == asked


@pytest.mark.parametrize(
    "kind", [FaultKind.UNAUTHORIZED, FaultKind.BAD_REQUEST, FaultKind.FORBIDDEN, FaultKind.TOO_MANY_REQUESTS]
)
def test_a_refusal_is_an_answer(watch: SourceWatch, sandbox: SandboxServer, store: WaveStore, kind: FaultKind) -> None:
    store.save_circuit(ACCOUNT, CLOSED.unanswered("HTTP 503", utc_now()))
    sandbox.faults.add(Fault(kind=kind, times=None))
    assert not watch.look(utc_now() + dt.timedelta(seconds=31)).is_open


@pytest.mark.parametrize("kind", [FaultKind.UNAVAILABLE, FaultKind.RESET, FaultKind.EMPTY_BODY])
def test_no_answer_keeps_it_open_after_one_attempt(
    watch: SourceWatch, sandbox: SandboxServer, store: WaveStore, kind: FaultKind
) -> None:
    store.save_circuit(ACCOUNT, CLOSED.unanswered("HTTP 503", utc_now()))
    sandbox.faults.add(Fault(kind=kind, times=None))
    before = requests(sandbox)
    circuit = watch.look(utc_now() + dt.timedelta(seconds=31))
    assert (circuit.is_open, circuit.probes) == (True, 2)
    assert requests(sandbox) - before <= 1


def test_runs_that_begin_during_an_outage_end_at_once_and_those_launched_by_hand_try_it(
    tick: Tick,
    sandbox: SandboxServer,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    store: WaveStore,
    job_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dispatched = runs(tick())
    store.save_circuit(ACCOUNT, CLOSED.unanswered("HTTP 503", utc_now()))
    # Not even where batches are never tried again.
    monkeypatch.setenv("WAVE_RETRY_API_ERRORS", "false")
    before, planned = requests(sandbox), store.batches(job_id)[0].max_retries
    for request in dispatched:
        assert "NetSuite has not answered since" in error_of(run_request(definitions, instance, request))
    assert requests(sandbox) == before
    tried = store.batches(job_id)
    assert {(batch.status, batch.failure_category) for batch in tried} == {
        (BatchStatus.RETRYING, FailureCategory.API_UNAVAILABLE)
    }
    # The attempt does not count, because nothing was tried.
    assert {batch.max_retries for batch in tried} == {planned + 1}

    assert run_batches(definitions, instance, "customer", [tried[0].range.key]).success


def test_a_run_that_begins_when_netsuite_is_due_to_be_asked_asks_by_itself(
    tick: Tick, definitions: dg.Definitions, instance: dg.DagsterInstance, store: WaveStore
) -> None:
    first, *_ = runs(tick())
    # As after a daemon that was away itself for an hour.
    store.save_circuit(ACCOUNT, CLOSED.unanswered("HTTP 503", utc_now() - dt.timedelta(hours=1)))
    assert run_request(definitions, instance, first).success
