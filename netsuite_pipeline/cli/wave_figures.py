"""How the numbers of an import look to people. Rendering only; they are computed in `waves.statistics`."""

import math
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from netsuite_pipeline.waves.model import BatchStatus, JobStatus
from netsuite_pipeline.waves.statistics import SET_BACK, FailureCounts, JobStatistics


def statistics_view(found: JobStatistics) -> RenderableType:
    """Everything `waves stats` shows."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    for name, value in _rows(found):
        table.add_row(name, value)
    return Group(Text.assemble("Statistics of import ", (found.job.job_id, "bold")), table)


def _rows(found: JobStatistics) -> Iterator[tuple[str, str]]:
    yield "Status", _status(found)
    yield "Waves", f"{found.waves_over} of {found.total_waves} over"
    if found.current_wave:
        yield "Current wave", f"{found.current_wave.number}, {found.current_wave.percent} % over"
    counts = [f"{count:,} {status.value}" for status, count in found.batches.items() if count]
    yield "Batches", f"{found.total_batches:,}: {', '.join(counts) or 'none'}"
    yield "Progress", f"{found.percent} % of the batches"
    left = f", about {found.records_left:,} left" if found.records_left else ""
    yield "Records", f"{found.records:,} imported{left}"
    yield "Attempts", f"{found.attempts:,}"
    yield "Failures", _counts(found.all_failures)
    for category, counts_of in found.failures.items():
        yield f"  {'tried again by hand' if category == SET_BACK else category}", _counts(counts_of)
    if found.average_wave_seconds is not None:
        yield "Average wave", duration(found.average_wave_seconds)
    yield from _speed(found)


def _status(found: JobStatistics) -> str:
    if found.job.status is JobStatus.RUNNING and found.job.cancelled_at:
        return "running, being cancelled"
    return (
        "running, paused" if found.job.status is JobStatus.RUNNING and found.job.paused_at else found.job.status.value
    )


def _counts(counts: FailureCounts) -> str:
    if not counts.total:
        return "none"
    return (
        f"{counts.total:,} batches: {counts.retried_successfully:,} retried successfully, {counts.permanent:,} failed"
        f" for good, {counts.retrying:,} retrying"
    )


def _speed(found: JobStatistics) -> Iterator[tuple[str, str]]:
    if found.records_per_second is not None:
        yield "Whole import", f"{found.records_per_second:,.0f} records/s"
    if found.pace is None:
        return
    yield (
        f"Last {duration(found.pace.seconds)}",
        f"{found.pace.records_per_second:,.0f} records/s, {found.pace.batches_per_second:.2f} batches/s",
    )
    unknown = found.batches[BatchStatus.COMPLETED] != found.total_batches
    if found.seconds_left is not None:
        yield "Time remaining", f"about {duration(found.seconds_left)}"
    elif unknown:
        yield "Time remaining", "unknown: no batch was completed lately"


def duration(seconds: float) -> str:
    """Seconds up to two minutes, then minutes, then hours; rounded up, since a guess that is kept is worth more."""
    if seconds < 120:
        return f"{math.ceil(seconds)} s"
    return f"{math.ceil(seconds / 60)} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
