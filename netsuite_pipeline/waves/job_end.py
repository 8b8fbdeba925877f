"""When an import is over, and how it went. Pure.

What is dispatched until then is decided in `coordinator`.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence

from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.waves.job_state import Failures, JobEnd, JobState, count_completed, count_in_flight
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import JobStatus, RecordTypePlan


def job_end(state: JobState, limits: Limits) -> JobEnd | None:
    """How the job ends now; None if it goes on, or waits for what is in flight."""
    early = early_end(state, limits)
    if early is not None:
        # Runs that are under way finish what they have; nothing new is dispatched meanwhile.
        return None if count_in_flight(state.waves) else early
    if not all(wave.is_over for wave in state.waves):
        return None
    unavailable = [plan for plan in state.types if not plan.available]
    if not unavailable and not state.failures:
        return JobEnd(status=JobStatus.COMPLETED)
    nothing_planned = len(unavailable) == len(state.types)
    nothing_imported = bool(state.failures) and not any(count_completed(wave) for wave in state.waves)
    status = JobStatus.FAILED if nothing_planned or nothing_imported else JobStatus.PARTIAL
    return JobEnd(status=status, reason=_shortfall(unavailable, state.failures))


def early_end(state: JobState, limits: Limits) -> JobEnd | None:
    """How the job ends as soon as nothing is in flight, although batches are left; None if it goes on."""
    if state.job.cancelled_at is not None:
        return JobEnd(status=JobStatus.CANCELLED, reason="Cancelled. `waves retry` imports what is left.")
    reason = stopping_failure(state.failures, limits) or _outage_too_long(state, limits)
    return None if reason is None else JobEnd(status=JobStatus.FAILED, reason=reason)


def stopping_failure(failures: Iterable[Failures], limits: Limits) -> str | None:
    """The sentence of the first of these failures that stops an import; None if it goes on with all of them."""
    for failed in failures:
        if failed.category is FailureCategory.AUTHENTICATION:
            return (
                f"Stopped, because NetSuite refused the login when batch {failed.key} of {failed.record_type} was "
                "read: mend the credentials, then `waves retry` imports the rest."
            )
        if failed.category is FailureCategory.PERMANENT_ERROR and not limits.continues_on_permanent(failed.record_type):
            own = limits.policy_of(failed.record_type).continue_on_permanent is not None
            why = (
                f"{failed.record_type} declares that it stops the import"
                if own
                else "WAVE_CONTINUE_ON_PERMANENT is off"
            )
            return f"Stopped, because batch {failed.key} of {failed.record_type} failed for good and {why}."
    return None


def _outage_too_long(state: JobState, limits: Limits) -> str | None:
    job, opened_at = state.job, state.circuit.opened_at
    # A paused job waits for a person, not for NetSuite.
    if opened_at is None or job.paused_at is not None:
        return None
    # A job that was planned or resumed since then has not waited that long.
    waiting_since = max(one for one in (opened_at, job.planned_at, job.resumed_at) if one is not None)
    if state.now - waiting_since < dt.timedelta(seconds=limits.outage_timeout):
        return None
    return (
        f"Stopped, because NetSuite has not answered since {opened_at:%Y-%m-%d %H:%M} UTC, for more than "
        f"WAVE_OUTAGE_TIMEOUT={limits.outage_timeout} s ({state.circuit.reason}): `waves retry` imports the rest."
    )


def _shortfall(unavailable: Sequence[RecordTypePlan], failures: Sequence[Failures]) -> str:
    parts = [f"{plan.record_type} is unavailable ({plan.reason})" for plan in unavailable]
    by_type: Counter[str] = Counter()
    for failed in failures:
        by_type[failed.record_type] += failed.batches
    parts += [f"{count} of {name}'s batches failed" for name, count in sorted(by_type.items())]
    return "Not everything was imported: " + "; ".join(parts) + "."
