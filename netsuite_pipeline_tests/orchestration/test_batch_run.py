"""A run's batches are written a few at a time, reported in order, and never pile up."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from netsuite_pipeline.orchestration.batch_run import BatchRun, Wanted, import_batches
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.transform.batch import TransformedBatch
from netsuite_pipeline.waves.batch_store import Started
from netsuite_pipeline.waves.errors import LostLease

RANGES = tuple(BatchRange(first, first + 9) for first in range(1, 61, 10))
_PATIENCE = 60


class Fetching:
    """Hands out empty batches and knows how many were asked for."""

    def __init__(self) -> None:
        self.handed_out = 0

    def __call__(self, wanted: Wanted) -> Iterator[TransformedBatch]:
        for batch in wanted.ranges:
            self.handed_out += 1
            yield TransformedBatch(
                record_type=CATALOG.get("customer"), range=batch, expected=0, fetched=0, rows=[], read_at=None
            )


class Loader:
    """Loads by calling a function."""

    def __init__(self, load: Any) -> None:
        self._load = load

    def load(self, batch: TransformedBatch, **parts: Any) -> Any:
        return self._load(batch)


class Leasing:
    """Gives a run all the batches that it asks for; it may not fail any."""

    def start_batches(self, dispatch_key: str, ranges: Any, **parts: Any) -> Started:
        return Started(attempt=1, ranges=tuple(ranges), max_retries={}, increments={}, as_of=None)


def imported(fetching: Fetching, load: Any, *, writers: int) -> Any:
    run = BatchRun(record_type=CATALOG.get("customer"), ranges=RANGES, run_id="run", fetch=fetching)
    return import_batches(run, loader=Loader(load), store=None, limits=None, writers=writers)


@pytest.mark.parametrize("writers", [1, 2])
def test_a_run_whose_batches_were_given_to_another_reads_no_more_of_them(writers: int) -> None:
    fetching = Fetching()

    def load(batch: TransformedBatch) -> str:
        raise LostLease(batch.range.key)

    run = BatchRun(
        record_type=CATALOG.get("customer"),
        ranges=RANGES,
        run_id="run",
        fetch=fetching,
        job_id="job",
        dispatch_key="a1",
    )
    outcomes = list(import_batches(run, loader=Loader(load), store=Leasing(), limits=None, writers=writers))  # type: ignore[arg-type]
    assert [outcome.range for outcome in outcomes] == list(RANGES)
    assert {outcome.reason for outcome in outcomes} == {"the batch was given to another run meanwhile"}
    assert fetching.handed_out <= writers


def test_two_batches_are_written_at_the_same_time() -> None:
    together = threading.Barrier(2, timeout=_PATIENCE)

    def load(batch: TransformedBatch) -> str:
        together.wait()
        return batch.range.key

    outcomes = list(imported(Fetching(), load, writers=2))
    assert [outcome.ledger for outcome in outcomes] == [batch.key for batch in RANGES]


@pytest.mark.parametrize("writers", [1, 2, 3])
def test_outcomes_come_in_order_and_no_more_batches_are_taken_than_are_written(writers: int) -> None:
    fetching = Fetching()
    writing: set[str] = set()
    most: list[int] = []
    lock = threading.Lock()

    def load(batch: TransformedBatch) -> str:
        with lock:
            writing.add(batch.range.key)
            most.append(len(writing))
        # Earlier batches take longer, so that later ones are ready first.
        threading.Event().wait(0.02 if batch.range.first % 20 == 1 else 0)
        with lock:
            writing.discard(batch.range.key)
        return batch.range.key

    seen = []
    for outcome in imported(fetching, load, writers=writers):
        seen.append(outcome.range)
        assert fetching.handed_out - len(seen) < writers
    assert seen == list(RANGES)
    assert max(most) <= writers


def test_leaving_early_waits_for_what_is_being_written_and_takes_nothing_more() -> None:
    fetching = Fetching()
    written: list[str] = []

    def load(batch: TransformedBatch) -> str:
        threading.Event().wait(0.05)
        written.append(batch.range.key)
        return batch.range.key

    outcomes = imported(fetching, load, writers=2)
    next(outcomes)
    outcomes.close()
    assert (fetching.handed_out, len(written)) == (2, 2)
