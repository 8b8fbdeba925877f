"""Which waves have made no progress for WAVE_TIMEOUT seconds although they should. Pure.

Nothing follows from it by itself: a run that hangs looks like one that is slow. People are told, with the way out.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from netsuite_pipeline.waves.circuit import Circuit
from netsuite_pipeline.waves.job_state import JobState
from netsuite_pipeline.waves.model import IN_FLIGHT, OPEN_JOBS, BatchStatus, Job, Wave
from netsuite_pipeline.waves.progress import WaveSummary


@dataclass(frozen=True, kw_only=True)
class WaveActivity:
    """What goes on in a wave that is not over. `changed_at` is when a batch of it last changed its status, `next_due`
    when the first of those that wait for another attempt is due.
    """

    number: int
    level: int
    in_flight: int
    pending: int
    is_started: bool
    next_due: dt.datetime | None
    changed_at: dt.datetime | None


@dataclass(frozen=True, kw_only=True)
class StuckWave:
    """A wave without progress `since` then (naive UTC), for more than `timeout` seconds."""

    job_id: str
    number: int
    in_flight: int
    since: dt.datetime
    timeout: int

    @property
    def sentence(self) -> str:
        """What is wrong and the way out, for people."""
        said = (
            f"Wave {self.number} has made no progress since {self.since:%Y-%m-%d %H:%M} UTC, for more than"
            f" WAVE_TIMEOUT={self.timeout} s"
        )
        if not self.in_flight:
            return (
                f"{said}, and nothing of it is in flight: is dagster-daemon running, with the DAGSTER_HOME that the"
                " import was planned with, and the sensor wave_dispatcher on?"
            )
        return (
            f"{said}, with {self.in_flight} batches in flight. If their runs hang, terminate them in the Dagster UI;"
            f" `netsuite-pipeline waves reset {self.job_id} {self.number}` has the batches tried again."
        )


def stuck_waves(
    waves: Iterable[WaveActivity],
    *,
    job: Job,
    circuit: Circuit,
    now: dt.datetime,
    timeout: int,
    its_turn: bool = True,
) -> tuple[StuckWave, ...]:
    """Those of the waves that are not over which have something in flight, or due and free to go, and no progress.

    While it is not the job's turn (`lanes`), nothing of it is free to go.
    """
    open_waves = sorted(waves, key=lambda wave: wave.number)
    if job.status not in OPEN_JOBS or not open_waves:
        return ()
    held = job.paused_at is not None or job.cancelled_at is not None or circuit.is_open or not its_turn
    level = min(wave.level for wave in open_waves)
    turn = next(wave.number for wave in open_waves if wave.level == level)
    # Nobody expected progress before.
    moments = (job.planned_at, job.resumed_at, circuit.looked_at)
    found = []
    for wave in open_waves:
        due = wave.level == level and _is_due(wave, now, turn=wave.number == turn)
        if not wave.in_flight and (held or not due):
            continue
        since = max((one for one in (*moments, wave.changed_at) if one is not None), default=now)
        if now - since >= dt.timedelta(seconds=timeout):
            found.append(
                StuckWave(job_id=job.job_id, number=wave.number, in_flight=wave.in_flight, since=since, timeout=timeout)
            )
    return tuple(found)


def _is_due(wave: WaveActivity, now: dt.datetime, *, turn: bool) -> bool:
    retry_is_due = wave.next_due is not None and wave.next_due <= now
    return retry_is_due or bool(wave.pending and (wave.is_started or turn))


def activity_of_state(state: JobState) -> list[WaveActivity]:
    """For the dispatcher: of the waves that it has read, which are all under way."""
    return [_of_wave(wave) for wave in state.waves if wave.batches and not wave.is_over]


def activity_of_summary(waves: Iterable[WaveSummary]) -> list[WaveActivity]:
    """For people who look."""
    return [
        WaveActivity(
            number=wave.number,
            level=wave.level,
            in_flight=wave.in_flight,
            pending=wave.pending,
            is_started=wave.pending < wave.total,
            next_due=wave.next_due,
            changed_at=wave.changed_at,
        )
        for wave in waves
        if wave.completed + wave.failed < wave.total
    ]


def _of_wave(wave: Wave) -> WaveActivity:
    due = [one.not_before for one in wave.batches if one.status is BatchStatus.RETRYING and one.not_before]
    pending = sum(one.status is BatchStatus.PENDING for one in wave.batches)
    return WaveActivity(
        number=wave.number,
        level=wave.level,
        in_flight=sum(one.status in IN_FLIGHT for one in wave.batches),
        pending=pending,
        is_started=pending < len(wave.batches),
        next_due=min(due, default=None),
        changed_at=max((one.changed_at for one in wave.batches if one.changed_at), default=None),
    )
