"""What a run asks NetSuite before it reads its first batch."""

import datetime as dt

import pytest
from sqlalchemy import Engine

from netsuite_pipeline.orchestration.batch_run import Wanted
from netsuite_pipeline.orchestration.fetching import AccountFetch
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.batch import BatchRange, Increment
from netsuite_pipeline.sandbox.faults import Endpoint, Fault, FaultKind
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import SettingsError
from netsuite_pipeline.transform.batch import FailedBatch, TransformedBatch

AS_OF = dt.datetime.fromisoformat("2026-03-01 12:00:00")
# NETSUITE_CONCURRENCY is 5 unless set, and one of them is planning's.
SLOTS = 4


def fetching() -> AccountFetch:
    """Reads customers as a run does that has the account to itself."""
    return AccountFetch(
        pipeline=PipelineResource(), record_type=CATALOG.get("customer"), runs=1, run_id="test", warn=lambda _: None
    )


def fetched(count: int, *, increments: bool = False) -> list[type[TransformedBatch | FailedBatch]]:
    """What becomes of `count` batches whose moment is known."""
    ranges = [BatchRange(first, first + 9) for first in range(1, 10 * count, 10)]
    changes = {batch: Increment(since=AS_OF, expected=1) for batch in ranges} if increments else {}
    return [type(batch) for batch in fetching()(Wanted(ranges=ranges, increments=changes, as_of=AS_OF))]


def times_asked(sandbox: SandboxServer) -> int:
    return sum(
        sum(statuses.values())
        for path, statuses in sandbox.stats.snapshot()["requests"].items()
        if path.endswith("serverTime")
    )


@pytest.fixture
def known_columns(engine: Engine, sandbox: SandboxServer) -> None:
    """Nobody needs to ask any more which columns the account has."""
    fetched(1)
    sandbox.stats.reset()


@pytest.mark.usefixtures("known_columns")
def test_a_run_of_many_batches_tries_its_login_with_a_question_that_is_answered_at_once(sandbox: SandboxServer) -> None:
    assert fetched(SLOTS + 1) == [TransformedBatch] * (SLOTS + 1)
    assert times_asked(sandbox) == 1


@pytest.mark.usefixtures("known_columns")
@pytest.mark.parametrize(("count", "increments"), [(SLOTS, False), (SLOTS + 1, True)])
def test_a_run_of_few_requests_asks_nothing_more(sandbox: SandboxServer, count: int, increments: bool) -> None:
    assert fetched(count, increments=increments) == [TransformedBatch] * count
    assert times_asked(sandbox) == 0


def test_a_run_whose_login_is_accepted_already_does_not_try_it(engine: Engine, sandbox: SandboxServer) -> None:
    # The first run of a type asks for its columns.
    assert fetched(SLOTS + 1) == [TransformedBatch] * (SLOTS + 1)
    assert times_asked(sandbox) == 0


@pytest.mark.usefixtures("known_columns")
def test_a_clock_that_does_not_answer_does_not_keep_a_run_from_reading(sandbox: SandboxServer) -> None:
    sandbox.faults.add(Fault(FaultKind.BAD_REQUEST, endpoint=Endpoint.SYSTEM))
    assert fetched(SLOTS + 1) == [TransformedBatch] * (SLOTS + 1)


def test_settings_with_which_nothing_can_be_read_are_the_reason_of_each_batch_of_a_wave_and_one_sentence_by_hand(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NETSUITE_TOKEN_ID")
    fetch, ranges = fetching(), [BatchRange(1, 9), BatchRange(10, 19)]
    failed = list(fetch(Wanted(ranges=ranges, as_of=AS_OF, in_wave=True)))
    assert [batch.range for batch in failed] == ranges
    assert all(isinstance(batch, FailedBatch) and "NETSUITE_TOKEN_ID is not set" in batch.reason for batch in failed)
    with pytest.raises(SettingsError, match="NETSUITE_TOKEN_ID is not set"):
        list(fetch(Wanted(ranges=ranges)))


@pytest.mark.usefixtures("known_columns")
def test_a_login_that_is_refused_fails_the_batches_after_one_request(sandbox: SandboxServer) -> None:
    sandbox.faults.add(Fault(FaultKind.UNAUTHORIZED, times=2, endpoint=Endpoint.SYSTEM))
    assert fetched(SLOTS + 1) == [FailedBatch] * (SLOTS + 1)
    assert sandbox.stats.total_queries == 0
