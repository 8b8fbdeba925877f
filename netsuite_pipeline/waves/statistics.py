"""What the figures of a job say: how far it is, how fast, how long it will take, and what its failures came to. Pure.

The figures come from `statistics_store`.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from netsuite_pipeline.waves.model import TERMINAL, BatchStatus, Job, JobStatus
from netsuite_pipeline.waves.statistics_store import FailureFigures, JobFigures, WaveFigures

# Long enough for several runs to come and go, short enough to follow business hours.
WINDOW = dt.timedelta(minutes=5)
# What a person set back has no category until it fails again.
SET_BACK = "set_back"


@dataclass(frozen=True, kw_only=True)
class FailureCounts:
    """Batches that failed at least once, by what became of them: imported after all, failed for good, or not over."""

    retried_successfully: int = 0
    permanent: int = 0
    retrying: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.retried_successfully + self.permanent + self.retrying


@dataclass(frozen=True, kw_only=True)
class CurrentWave:
    """The wave whose turn it is, and how much of it is over."""

    number: int
    percent: int


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast batches are completed at the moment, measured over so many `seconds`."""

    seconds: float
    batches_per_second: float
    records_per_second: float


@dataclass(frozen=True, kw_only=True)
class JobStatistics:
    """A job in numbers, for people. `failures` is by category, or `set_back` where a person had batches tried again.

    `pace` and `seconds_left` are None unless the job is at work; without anything completed lately nobody can tell how
    long the rest takes. `records_per_second` is that of the whole job.
    """

    job: Job
    total_batches: int
    batches: Mapping[BatchStatus, int]
    percent: int
    total_waves: int
    waves_over: int
    current_wave: CurrentWave | None
    average_wave_seconds: float | None
    failures: Mapping[str, FailureCounts]
    attempts: int
    records: int
    records_left: int
    records_per_second: float | None
    pace: Pace | None
    seconds_left: float | None

    @property
    def all_failures(self) -> FailureCounts:
        """The sum over the categories."""
        counts = self.failures.values()
        return FailureCounts(
            retried_successfully=sum(one.retried_successfully for one in counts),
            permanent=sum(one.permanent for one in counts),
            retrying=sum(one.retrying for one in counts),
        )


def statistics_of(figures: JobFigures, *, now: dt.datetime) -> JobStatistics:
    """What the figures say at `now` (naive UTC)."""
    total = sum(figures.batches.values())
    over = sum(figures.batches.get(status, 0) for status in TERMINAL)
    timed = [wave.seconds for wave in figures.waves if wave.seconds is not None]
    pace = _pace(figures, now)
    return JobStatistics(
        job=figures.job,
        total_batches=total,
        batches={status: figures.batches.get(status, 0) for status in BatchStatus},
        percent=_percent(over, total),
        total_waves=len(figures.waves),
        waves_over=sum(wave.over == wave.total for wave in figures.waves),
        current_wave=_current(figures.waves) if figures.job.status is JobStatus.RUNNING else None,
        average_wave_seconds=sum(timed) / len(timed) if timed else None,
        failures={one.category.value if one.category else SET_BACK: _counts(one) for one in figures.failures},
        attempts=figures.attempts,
        records=figures.records,
        records_left=figures.expected_left,
        records_per_second=_overall(figures, now),
        pace=pace,
        seconds_left=_seconds_left(figures, pace, batches_left=total - over) if pace else None,
    )


def _percent(part: int, whole: int) -> int:
    return 100 * part // whole if whole else 100


def _current(waves: tuple[WaveFigures, ...]) -> CurrentWave | None:
    wave = next((wave for wave in waves if wave.over < wave.total), None)
    return CurrentWave(number=wave.number, percent=_percent(wave.over, wave.total)) if wave else None


def _counts(figures: FailureFigures) -> FailureCounts:
    completed = figures.batches.get(BatchStatus.COMPLETED, 0)
    failed = figures.batches.get(BatchStatus.FAILED, 0)
    retrying = sum(figures.batches.values()) - completed - failed
    return FailureCounts(retried_successfully=completed, permanent=failed, retrying=retrying)


def _overall(figures: JobFigures, now: dt.datetime) -> float | None:
    if figures.first_dispatched is None:
        return None
    ended = figures.job.finished_at or now
    return figures.records / max((ended - figures.first_dispatched).total_seconds(), 1.0)


def _pace(figures: JobFigures, now: dt.datetime) -> Pace | None:
    job, begun = figures.job, figures.first_dispatched
    if job.status is not JobStatus.RUNNING or job.paused_at is not None or begun is None:
        return None
    # A job that was begun or resumed lately has had less time than the window.
    since = max(one for one in (figures.recent_since, begun, job.resumed_at) if one is not None)
    seconds = max((now - since).total_seconds(), 1.0)
    return Pace(
        seconds=seconds,
        batches_per_second=figures.recent_batches / seconds,
        records_per_second=figures.recent_records / seconds,
    )


def _seconds_left(figures: JobFigures, pace: Pace, *, batches_left: int) -> float | None:
    if not batches_left:
        return 0.0
    if figures.expected_left and pace.records_per_second:
        return figures.expected_left / pace.records_per_second
    return batches_left / pace.batches_per_second if pace.batches_per_second else None
