"""Decide what to dispatch next, and when an import is over. Pure: no SQL, no Dagster, no clock.

The rules, in the order of their rank:
1. A level starts when every batch of all lower levels is over (completed or failed for good), whatever else
   happens.
2. At most WAVE_SIZE batches are in flight.
3. Within a level, a wave starts when WAVE_COMPLETION_THRESHOLD percent of the one before it are over and
   WAVE_INTER_WAVE_DELAY seconds have passed since. Between levels there is no delay: nothing is left in
   flight then.
4. Batches that are due for another attempt go before new ones. Those that wait because NetSuite was away do not hold up
   the next wave of their level: they go with it, or after the last one. Where nobody knows why they failed, fewer and
   fewer of them share a run.
Nothing is dispatched while the job is paused or NetSuite does not answer (`circuit`); a cancelled one ends when
nothing is in flight any more.
FEATURE_WAVE_COORDINATION=false lifts rules 2 and 3, not 1: everything that may run is dispatched at once, yet
a record type is never imported before those it depends on.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.waves.failure_policy import MAX_DELAY
from netsuite_pipeline.waves.job_end import early_end, job_end
from netsuite_pipeline.waves.job_state import (
    Decision,
    JobState,
    WaveChange,
    count_batches,
    count_completed,
    count_in_flight,
    wave_status,
)
from netsuite_pipeline.waves.limits import Limits, RunSize
from netsuite_pipeline.waves.model import TERMINAL, Batch, BatchStatus, Dispatch, JobStatus, Wave


def decide(state: JobState, limits: Limits) -> Decision:
    """What to do next for one job; the same state always gives the same decision."""
    if state.job.status is JobStatus.PLANNING:
        what = "NetSuite is being asked how many records there are"
        then = "" if state.job.cancelled_at is None else ", and the import is cancelled when it is there"
        return Decision(waiting_for=f"Waiting for the plan: {what}{then}.")
    if state.job.status is not JobStatus.RUNNING:
        return Decision()
    end = job_end(state, limits)
    changes = tuple(_wave_changes(state.waves))
    if end is not None:
        return Decision(wave_changes=changes, end=end)
    held_up = _held_up(state, limits)
    dispatches = () if held_up else tuple(_dispatches(state, limits))
    waiting_for = None if dispatches else held_up or _waiting_for(state, limits)
    return Decision(dispatches=dispatches, wave_changes=changes, waiting_for=waiting_for)


def _held_up(state: JobState, limits: Limits) -> str | None:
    """Why nothing at all may be dispatched now, as a sentence."""
    flying = count_in_flight(state.waves)
    if early_end(state, limits) is not None:
        return f"Stopping: {flying} batches are still in flight."
    if state.job.paused_at is not None:
        return f"Paused since {state.job.paused_at:%Y-%m-%d %H:%M} UTC, {flying} batches in flight."
    return state.circuit.waiting_for


def _wave_changes(waves: Iterable[Wave]) -> Iterator[WaveChange]:
    for wave in waves:
        if wave.unread:
            continue
        change = WaveChange(
            number=wave.number,
            status=wave_status({batch.status for batch in wave.batches}),
            completed=count_completed(wave),
            failed=count_batches([wave], {BatchStatus.FAILED}),
            retried=sum(batch.attempt > 1 for batch in wave.batches),
        )
        if (change.status, change.completed, change.failed, change.retried) != (
            wave.status,
            wave.completed,
            wave.failed,
            wave.retried,
        ):
            yield change


def _dispatches(state: JobState, limits: Limits) -> Iterator[Dispatch]:
    room = None if limits.in_flight is None else limits.in_flight - count_in_flight(state.waves)
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
        if all(wave.is_over for wave in waves):
            continue
        opened: list[Wave] = []
        for wave in waves:
            if wave.unread:
                if wave.is_over:
                    continue
                break
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
    finished = sorted(batch.finished_at or now for batch in wave.batches if _is_out_of_the_way(batch))
    if len(finished) < needed:
        return False
    waited = now - finished[needed - 1]
    # A negative wait means that the clock was set back; waiting for it to catch up could take hours.
    return waited < dt.timedelta() or waited >= dt.timedelta(seconds=limits.inter_wave_delay)


def _is_out_of_the_way(batch: Batch) -> bool:
    """Whether the next wave need not wait for the batch: it is over, or postponed because NetSuite was away."""
    postponed = batch.status is BatchStatus.RETRYING and batch.failure_category is FailureCategory.API_UNAVAILABLE
    return postponed or batch.status in TERMINAL


def _runs_of(
    batches: Iterable[Batch], *, status: BatchStatus, now: dt.datetime, limits: Limits
) -> Iterator[tuple[Batch, ...]]:
    """Groups of due batches that can share a run, none larger than a run may be."""
    group: list[Batch] = []
    ordered = sorted(batches, key=lambda batch: (batch.record_type_id, batch.batch_number))
    # By all batches of the wave: how many are due changes from look to look, and the parts would with it.
    sizes = _run_sizes(ordered, limits)
    for batch in ordered:
        if batch.status is not status or not _is_due(batch, now):
            continue
        if group and not (_continues(group[-1], batch) and _has_room(group, batch, sizes[batch.record_type])):
            yield tuple(group)
            group = []
        group.append(batch)
    if group:
        yield tuple(group)


def _run_sizes(batches: Iterable[Batch], limits: Limits) -> Mapping[str, RunSize]:
    """How large the runs of each record type are, by all of its batches in the wave."""
    whole: Counter[str] = Counter()
    increments: Counter[str] = Counter()
    changes: Counter[str] = Counter()
    for batch in batches:
        is_whole = batch.changed_since is None
        whole[batch.record_type] += is_whole
        increments[batch.record_type] += not is_whole
        changes[batch.record_type] += 0 if is_whole else batch.expected_records
    return {
        name: limits.run_size(whole=whole[name], increments=increments[name], changes=changes[name]) for name in whole
    }


def _has_room(group: Sequence[Batch], batch: Batch, most: RunSize) -> bool:
    whole = sum(one.changed_since is None for one in (*group, batch))
    changes = sum(one.expected_records for one in (*group, batch) if one.changed_since is not None)
    return (
        whole <= most.whole
        and len(group) < min(_company(group[0], most), _company(batch, most))
        and (changes <= most.changes or batch.changed_since is None)
    )


def _company(batch: Batch, most: RunSize) -> int:
    """How many batches the batch's next run may have. Fewer each time if nobody knows why it failed, as when its run
    died, and none beside it in its last attempt: one batch that kills its process must not fail its neighbours.
    """
    usual = max(most.increments, most.whole)
    if batch.failure_category is not FailureCategory.UNKNOWN or batch.status is not BatchStatus.RETRYING:
        return usual
    if batch.attempt >= batch.max_retries:
        return 1
    return -(-(most.whole if batch.changed_since is None else usual) >> (2 * batch.attempt - 1))


def _continues(before: Batch, batch: Batch) -> bool:
    # Those that a person granted more attempts go apart: when a run dies without a word, one rule holds for all it had.
    return (batch.record_type, batch.batch_number, batch.attempt, batch.max_retries) == (
        before.record_type,
        before.batch_number + 1,
        before.attempt,
        before.max_retries,
    )


def _is_due(batch: Batch, now: dt.datetime) -> bool:
    if batch.not_before is None:
        return True
    wait = batch.not_before - now
    # No delay is longer than MAX_DELAY; one that seems so was set before the clock was put back.
    return wait <= dt.timedelta() or wait > MAX_DELAY


def _waiting_for(state: JobState, limits: Limits) -> str:
    waves = _open_waves(state, limits)
    if not waves:
        return "Waiting for the rows of waves that are over."
    level = waves[0].level
    flying = count_in_flight(waves)
    retrying = count_batches(waves, {BatchStatus.RETRYING})
    parts = [f"{flying} batches of level {level} in flight"]
    if retrying:
        parts.append(f"{retrying} due for another attempt later")
    rest = [wave for wave in state.waves if wave.level == level and wave.number > waves[-1].number]
    if rest:
        parts.append(
            f"wave {rest[0].number} starts {limits.inter_wave_delay} s after "
            f"{limits.completion_threshold} % of wave {waves[-1].number} are over"
        )
    return "Waiting: " + ", ".join(parts) + "."
