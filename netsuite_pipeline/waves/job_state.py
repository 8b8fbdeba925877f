"""What the coordinator is told about a job, and what it answers. Data only.

Deciding is in `coordinator` and `job_end`.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass

from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.waves.circuit import CLOSED, Circuit
from netsuite_pipeline.waves.model import (
    IN_FLIGHT,
    TERMINAL,
    Batch,
    BatchStatus,
    Dispatch,
    Job,
    JobStatus,
    RecordTypePlan,
    Wave,
    WaveStatus,
)


@dataclass(frozen=True, kw_only=True)
class Failures:
    """Batches of one record type that failed for good with one category; `key` is the range of one of them."""

    record_type: str
    category: FailureCategory
    batches: int
    key: str


@dataclass(frozen=True, kw_only=True)
class JobState:
    """Everything a decision needs: a job, its record types, its waves in ascending order, what of it failed for good,
    whether NetSuite answers, and the time (naive UTC).
    """

    job: Job
    types: tuple[RecordTypePlan, ...]
    waves: tuple[Wave, ...]
    now: dt.datetime
    failures: tuple[Failures, ...] = ()
    circuit: Circuit = CLOSED


@dataclass(frozen=True, kw_only=True)
class WaveChange:
    """What the row of a wave should say from now on; the counters are counts of its batches."""

    number: int
    status: WaveStatus
    completed: int
    failed: int
    retried: int


@dataclass(frozen=True, kw_only=True)
class JobEnd:
    """How an import ends, and why if not all went well."""

    status: JobStatus
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do now. `waiting_for` is one sentence when nothing is dispatched and the job is not over."""

    dispatches: tuple[Dispatch, ...] = ()
    wave_changes: tuple[WaveChange, ...] = ()
    end: JobEnd | None = None
    waiting_for: str | None = None


def batches_of(waves: Iterable[Wave]) -> Iterator[Batch]:
    """The batches that were read, wave by wave."""
    return (batch for wave in waves for batch in wave.batches)


def count_batches(waves: Iterable[Wave], statuses: Iterable[BatchStatus]) -> int:
    """How many of the batches that were read have one of these statuses."""
    wanted = frozenset(statuses)
    return sum(batch.status in wanted for batch in batches_of(waves))


def count_in_flight(waves: Iterable[Wave]) -> int:
    """How many batches are queued or running."""
    return count_batches(waves, IN_FLIGHT)


def count_completed(wave: Wave) -> int:
    """How many batches of a wave were imported."""
    return wave.completed if wave.unread else count_batches([wave], {BatchStatus.COMPLETED})


def wave_status(statuses: Set[BatchStatus]) -> WaveStatus:
    """Where a wave stands whose batches have these statuses."""
    if statuses <= TERMINAL:
        return WaveStatus.FAILED if BatchStatus.FAILED in statuses else WaveStatus.COMPLETED
    if statuses == {BatchStatus.PENDING}:
        return WaveStatus.PENDING
    return WaveStatus.DISPATCHING if BatchStatus.PENDING in statuses else WaveStatus.PROCESSING
