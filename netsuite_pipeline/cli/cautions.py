"""What people should know of an import beside its progress: NetSuite is away, a wave is stuck, or it makes room for
another. Sentences only.

When that is so is decided in `waves.circuit`, `waves.stuck` and `waves.lanes`.
"""

from collections.abc import Callable

from netsuite_pipeline.settings import Settings, SettingsError
from netsuite_pipeline.warehouse.missing_columns import account_of
from netsuite_pipeline.waves.circuit import CLOSED, Circuit
from netsuite_pipeline.waves.lanes import Precedence, beside_a_nightly, goes_first, makes_room_for
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import OPEN_JOBS, JobStatus, utc_now
from netsuite_pipeline.waves.progress import JobSummary
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline.waves.stuck import StuckWave, activity_of_summary, stuck_waves


def circuit_of(store: WaveStore, settings: Settings) -> Circuit:
    """Whether the account of the settings answers; whoever looks needs no credentials, and then nobody knows."""
    try:
        return store.circuit(account_of(settings))
    except SettingsError:
        return CLOSED


def precedence_of(summary: JobSummary, store: WaveStore) -> Precedence | None:
    """What the import makes room for; None if it does not."""
    return goes_first(summary.job, store.open_jobs()) if summary.job.status is JobStatus.RUNNING else None


def stuck_in(
    summary: JobSummary, circuit: Circuit, precedence: Precedence | None, settings: Settings
) -> tuple[StuckWave, ...]:
    """The waves of the import that make no progress."""
    limits = Limits.of(settings)
    return stuck_waves(
        activity_of_summary(summary.waves),
        job=summary.job,
        circuit=circuit,
        now=utc_now(),
        timeout=limits.wave_timeout,
        its_turn=precedence is None or beside_a_nightly(limits, precedence).in_flight != 0,
    )


def room_for(precedence: Precedence | None, settings: Settings) -> str | None:
    """That the import holds batches back; None if it does not."""
    return None if precedence is None else makes_room_for(precedence, Limits.of(settings))


def cautions(store: WaveStore, settings: Settings) -> Callable[[JobSummary], list[str]]:
    """Says what to look at in an import as it is when asked; nothing once it has ended."""

    def look(summary: JobSummary) -> list[str]:
        if summary.job.status not in OPEN_JOBS:
            return []
        circuit, precedence = circuit_of(store, settings), precedence_of(summary, store)
        stuck = [wave.sentence for wave in stuck_in(summary, circuit, precedence, settings)]
        return [*filter(None, [circuit.waiting_for, room_for(precedence, settings)]), *stuck]

    return look
