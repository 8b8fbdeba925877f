"""Decide what to dispatch next, and when an import is over. Pure: no SQL, no Dagster, no clock.

The rules, in the order of their rank:
1. A level starts when every batch of all lower levels is over (completed or failed for good), whatever else
   happens.
2. At most WAVE_SIZE batches are in flight.
3. Within a level, a wave starts when WAVE_COMPLETION_THRESHOLD percent of the one before it are over and
   WAVE_INTER_WAVE_DELAY seconds have passed since. Between levels there is no delay: nothing is left in
   flight then.
4. Batches that are due for another attempt go before new ones.
FEATURE_WAVE_COORDINATION=false lifts rules 2 and 3, not 1: everything that may run is dispatched at once, yet
a record type is never imported before those it depends on.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.waves.failure_policy import MAX_DELAY
from netsuite_pipeline.waves.limits import Limits
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
class JobState:
    """Everything a decision needs: a job, its record types, its waves in ascending order, and the time
    (naive UTC).
    """

    job: Job
    types: tuple[RecordTypePlan, ...]
    waves: tuple[Wave, ...]
    now: dt.datetime


@dataclass(frozen=True, kw_only=True)
class WaveChange:
    """What the row of a wave should say from now on; the counters are counts of its batches."""

    number: int
    status: WaveStatus
    completed: int
    failed: int
    retried: int
    reason: str | None = None


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


def decide(state: JobState, limits: Limits) -> Decision:
    """What to do next for one job; the same state always gives the same decision."""
    if state.job.status is JobStatus.PLANNING:
        return Decision(waiting_for="Waiting for the plan: NetSuite is being asked how many records there are.")
    if state.job.status is not JobStatus.RUNNING:
        return Decision()
    end = _end(state, limits)
    changes = tuple(_wave_changes(state.waves, end))
    if end is not None:
        return Decision(wave_changes=changes, end=end)
    dispatches = () if _stopping_failure(state, limits) else tuple(_dispatches(state, limits))
    waiting_for = None if dispatches else _waiting_for(state, limits)
    return Decision(dispatches=dispatches, wave_changes=changes, waiting_for=waiting_for)


def _batches(waves: Iterable[Wave]) -> Iterator[Batch]:
    return (batch for wave in waves for batch in wave.batches)


def _count(waves: Iterable[Wave], statuses: Iterable[BatchStatus]) -> int:
    wanted = frozenset(statuses)
    return sum(batch.status in wanted for batch in _batches(waves))


def _end(state: JobState, limits: Limits) -> JobEnd | None:
    stopping = _stopping_failure(state, limits)
    if stopping is not None:
        # Runs that are under way finish what they have; nothing new is dispatched meanwhile.
        return None if _count(state.waves, IN_FLIGHT) else JobEnd(status=JobStatus.FAILED, reason=stopping)
    if any(batch.status not in TERMINAL for batch in _batches(state.waves)):
        return None
    unavailable = [plan for plan in state.types if not plan.available]
    failed = [batch for batch in _batches(state.waves) if batch.status is BatchStatus.FAILED]
    if not unavailable and not failed:
        return JobEnd(status=JobStatus.COMPLETED)
    nothing_planned = len(unavailable) == len(state.types)
    nothing_imported = bool(failed) and not _count(state.waves, {BatchStatus.COMPLETED})
    status = JobStatus.FAILED if nothing_planned or nothing_imported else JobStatus.PARTIAL
    return JobEnd(status=status, reason=_shortfall(unavailable, failed))


def _stopping_failure(state: JobState, limits: Limits) -> str | None:
    for batch in _batches(state.waves):
        if batch.status is not BatchStatus.FAILED:
            continue
        if batch.failure_category is FailureCategory.AUTHENTICATION:
            return (
                f"Stopped, because NetSuite refused the login when batch {batch.range.key} of {batch.record_type} was "
                "read: mend the credentials and start a new import."
            )
        if batch.failure_category is FailureCategory.PERMANENT_ERROR and not limits.continue_on_permanent:
            return (
                f"Stopped, because batch {batch.range.key} of {batch.record_type} failed for good and "
                "WAVE_CONTINUE_ON_PERMANENT is off."
            )
    return None


def _shortfall(unavailable: Sequence[RecordTypePlan], failed: Sequence[Batch]) -> str:
    parts = [f"{plan.record_type} is unavailable ({plan.reason})" for plan in unavailable]
    names = sorted(batch.record_type for batch in failed)
    parts += [f"{len(list(group))} of {name}'s batches failed" for name, group in groupby(names)]
    return "Not everything was imported: " + "; ".join(parts) + "."


def _wave_changes(waves: Iterable[Wave], end: JobEnd | None) -> Iterator[WaveChange]:
    for wave in waves:
        status = _wave_status(wave)
        stopped = end is not None and status not in {WaveStatus.COMPLETED, WaveStatus.FAILED}
        change = WaveChange(
            number=wave.number,
            status=WaveStatus.FAILED if stopped else status,
            completed=_count([wave], {BatchStatus.COMPLETED}),
            failed=_count([wave], {BatchStatus.FAILED}),
            retried=sum(batch.attempt > 1 for batch in wave.batches),
            reason=end.reason if end is not None and stopped else None,
        )
        if (change.status, change.completed, change.failed, change.retried) != (
            wave.status,
            wave.completed,
            wave.failed,
            wave.retried,
        ):
            yield change


def _wave_status(wave: Wave) -> WaveStatus:
    statuses = {batch.status for batch in wave.batches}
    if statuses <= TERMINAL:
        return WaveStatus.FAILED if BatchStatus.FAILED in statuses else WaveStatus.COMPLETED
    if statuses == {BatchStatus.PENDING}:
        return WaveStatus.PENDING
    return WaveStatus.DISPATCHING if BatchStatus.PENDING in statuses else WaveStatus.PROCESSING


def _dispatches(state: JobState, limits: Limits) -> Iterator[Dispatch]:
    room = None if limits.in_flight is None else limits.in_flight - _count(state.waves, IN_FLIGHT)
    waves = _open_waves(state, limits)
    for status in (BatchStatus.RETRYING, BatchStatus.PENDING):
        for wave in waves:
            for batches in _runs_of(wave.batches, status=status, now=state.now, limits=limits):
                if room is not None and room < len(batches):
                    # Waiting until all fit costs less than cutting them: each piece would need a run of its
                    # own.
                    return
                room = None if room is None else room - len(batches)
                yield Dispatch(
                    job_id=state.job.job_id,
                    wave_number=wave.number,
                    record_type=batches[0].record_type,
                    attempt=batches[0].attempt + 1,
                    batches=batches,
                )


def _open_waves(state: JobState, limits: Limits) -> list[Wave]:
    """The waves whose batches may be dispatched: those of the lowest unfinished level, as far as they are
    due.
    """
    for _, group in groupby(state.waves, key=lambda wave: wave.level):
        waves = list(group)
        if all(batch.status in TERMINAL for batch in _batches(waves)):
            continue
        opened: list[Wave] = []
        for wave in waves:
            started = any(batch.status is not BatchStatus.PENDING for batch in wave.batches)
            if opened and not started and not _lets_next_start(opened[-1], state.now, limits):
                break
            opened.append(wave)
        return opened
    return []


def _lets_next_start(wave: Wave, now: dt.datetime, limits: Limits) -> bool:
    if not limits.coordination:
        return True
    needed = -(-limits.completion_threshold * len(wave.batches) // 100)
    finished = sorted(batch.finished_at or now for batch in wave.batches if batch.status in TERMINAL)
    if len(finished) < needed:
        return False
    waited = now - finished[needed - 1]
    # A negative wait means that the clock was set back; waiting for it to catch up could take hours.
    return waited < dt.timedelta() or waited >= dt.timedelta(seconds=limits.inter_wave_delay)


def _runs_of(
    batches: Iterable[Batch], *, status: BatchStatus, now: dt.datetime, limits: Limits
) -> Iterator[tuple[Batch, ...]]:
    """Groups of due batches that can share a run, none larger than a run may be."""
    group: list[Batch] = []
    ordered = sorted(batches, key=lambda batch: (batch.record_type_id, batch.batch_number))
    for batch in ordered:
        if batch.status is not status or not _is_due(batch, now):
            continue
        if group and not (_continues(group[-1], batch) and _has_room(group, batch, limits)):
            yield tuple(group)
            group = []
        group.append(batch)
    if group:
        yield tuple(group)


def _has_room(group: Sequence[Batch], batch: Batch, limits: Limits) -> bool:
    whole = sum(one.changed_since is None for one in (*group, batch))
    changes = sum(one.expected_records for one in (*group, batch) if one.changed_since is not None)
    return (
        whole <= limits.dispatch_batches
        and len(group) < limits.dispatch_increments
        and (changes <= limits.dispatch_changes or batch.changed_since is None)
    )


def _continues(before: Batch, batch: Batch) -> bool:
    return (batch.record_type, batch.batch_number, batch.attempt) == (
        before.record_type,
        before.batch_number + 1,
        before.attempt,
    )


def _is_due(batch: Batch, now: dt.datetime) -> bool:
    if batch.not_before is None:
        return True
    wait = batch.not_before - now
    # No delay is longer than MAX_DELAY; one that seems so was set before the clock was put back.
    return wait <= dt.timedelta() or wait > MAX_DELAY


def _waiting_for(state: JobState, limits: Limits) -> str:
    if _stopping_failure(state, limits) is not None:
        return f"Stopping: {_count(state.waves, IN_FLIGHT)} batches are still in flight."
    waves = _open_waves(state, limits)
    level = waves[0].level
    in_flight = _count(waves, IN_FLIGHT)
    retrying = _count(waves, {BatchStatus.RETRYING})
    parts = [f"{in_flight} batches of level {level} in flight"]
    if retrying:
        parts.append(f"{retrying} due for another attempt later")
    rest = [wave for wave in state.waves if wave.level == level and wave.number > waves[-1].number]
    if rest:
        parts.append(
            f"wave {rest[0].number} starts {limits.inter_wave_delay} s after "
            f"{limits.completion_threshold} % of wave {waves[-1].number} are over"
        )
    return "Waiting: " + ", ".join(parts) + "."
