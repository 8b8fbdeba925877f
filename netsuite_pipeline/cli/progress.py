"""What people see of an import: live while it runs, and as tables afterwards. Rendering only.

The numbers come from `waves.progress`, which counts batches in the database.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from netsuite_pipeline.orchestration.backfills import BackfillProgress
from netsuite_pipeline.waves.dependents import without_all_of
from netsuite_pipeline.waves.model import (
    OPEN_JOBS,
    BatchStatus,
    ImportMode,
    Job,
    JobStatus,
    TypeStatus,
    WaveStatus,
    utc_now,
)
from netsuite_pipeline.waves.progress import JobSummary, TypeSummary, WaveSummary

_WAVE_MARKS = {
    WaveStatus.PENDING: ("·", "dim"),
    WaveStatus.DISPATCHING: ("▶", "cyan"),
    WaveStatus.PROCESSING: ("▶", "cyan"),
    WaveStatus.COMPLETED: ("✔", "green"),
    WaveStatus.FAILED: ("✘", "red"),
}
_JOB_STYLES = {JobStatus.COMPLETED: "green", JobStatus.PARTIAL: "yellow", JobStatus.FAILED: "red"}


def status_view(summary: JobSummary, cautions: Sequence[str] = ()) -> RenderableType:
    """Everything `waves status` shows: a headline, a line per wave, what is missing or failed, and what to look at."""
    waves = (_wave_line(wave) for wave in summary.waves)
    return Group(_headline(summary), *waves, *_shortfalls(summary), *(Text(one, "yellow") for one in cautions))


def records_per_second(summary: JobSummary) -> float:
    """Records of completed batches per second since the first batch was dispatched."""
    started = [kind.first_dispatched for kind in summary.types if kind.first_dispatched]
    if not started:
        return 0.0
    ended = summary.job.finished_at or utc_now()
    return _records(summary) / max((ended - min(started)).total_seconds(), 1.0)


def seconds_of(kind: TypeSummary) -> float | None:
    """From the first dispatch of a record type to its last commit."""
    if kind.first_dispatched is None or kind.last_completed is None:
        return None
    return (kind.last_completed - kind.first_dispatched).total_seconds()


def _headline(summary: JobSummary) -> Text:
    job = summary.job
    done = sum(wave.completed + wave.failed for wave in summary.waves)
    text = Text.assemble(
        "Import of changes " if job.mode is ImportMode.INCREMENTAL else "Import ",
        (job.job_id, "bold"),
        ": ",
        _standing(job),
        f" · batches {done}/{summary.total_batches} · records {_records(summary):,}",
        f" · {records_per_second(summary):,.0f} records/s · {_elapsed(job.created_at, job.finished_at)}",
    )
    if job.failure_reason:
        text.append(f"\n{job.failure_reason}", "yellow")
    return text


def _standing(job: Job) -> tuple[str, str]:
    """The status of a job with its style; what a person asked for counts before it has taken effect."""
    if job.status in OPEN_JOBS and job.cancelled_at is not None:
        return f"{job.status.value}, being cancelled since {job.cancelled_at:%Y-%m-%d %H:%M} UTC", "yellow"
    if job.status in OPEN_JOBS and job.paused_at is not None:
        return f"{job.status.value}, paused since {job.paused_at:%Y-%m-%d %H:%M} UTC", "yellow"
    return job.status.value, _JOB_STYLES.get(job.status, "cyan")


def _wave_line(wave: WaveSummary) -> Text:
    mark, style = _WAVE_MARKS[wave.status]
    done = wave.completed + wave.failed
    percent = 100 * done // wave.total if wave.total else 100
    parts = [f"{wave.status.value}, {done}/{wave.total} batches, {percent} %"]
    counts = {"in flight": wave.in_flight, "failed": wave.failed, "retried": wave.retried, "to retry": wave.retrying}
    parts += [f"{count} {what}" for what, count in counts.items() if count]
    return Text.assemble((f"{mark} Wave {wave.number}", style), f" (level {wave.level}): {', '.join(parts)}")


def _shortfalls(summary: JobSummary) -> Iterator[Text]:
    for kind in summary.types:
        if kind.status is TypeStatus.UNAVAILABLE:
            yield Text(f"{kind.record_type} is unavailable: {kind.reason}", "yellow")
        elif kind.reason:
            yield Text(f"{kind.record_type}: {kind.reason}", "dim")
    for batch in summary.failed_batches:
        tried = f"after {batch.attempts} attempts ({batch.category})"
        yield Text(f"{batch.record_type} {batch.key} failed {tried}: {batch.reason}", "red")


def partial_lines(partial: Mapping[str, Collection[str]]) -> list[Text]:
    """One line for each record type whose dependencies are incomplete in the same import; `partial` says which."""
    return [Text(f"{name} is partial: {without_all_of(lacks)}", "yellow") for name, lacks in partial.items()]


def missing_lines(summary: JobSummary, missing: Mapping[str, int]) -> Iterator[Text]:
    """One line for each record type of the import that came without columns; `missing` counts them by record type."""
    for kind in summary.types:
        count = missing.get(kind.record_type, 0)
        if count and kind.status is not TypeStatus.UNAVAILABLE:
            columns = "1 column is" if count == 1 else f"{count} columns are"
            more = f"see `netsuite-pipeline record-types show {kind.record_type}`"
            yield Text(f"{kind.record_type}: {columns} missing in the account; {more}", "yellow")


def backfill_lines(backfills: Sequence[BackfillProgress]) -> list[Text]:
    """One line for each backfill that was launched in Dagster's UI and is not over."""
    lines = []
    for one in backfills:
        names = one.record_types[0] if len(one.record_types) == 1 else f"{len(one.record_types)} record types"
        done = one.completed + one.failed
        counts = {"in flight": one.in_flight, "failed": one.failed}
        parts = [f"{one.status}, {done}/{one.batches} batches"] + [f"{n} {what}" for what, n in counts.items() if n]
        lines.append(Text.assemble((f"▶ Backfill {one.backfill_id}", "cyan"), f" ({names}): {', '.join(parts)}"))
    return lines


def types_table(summary: JobSummary, rejected: Mapping[str, int]) -> Table:
    """One row per record type: NetSuite's count at planning, rows loaded and rejected by this import, batches, seconds.

    Of an incremental import the rows are those that it had to look at. `rejected` maps record types to the rejects of
    the import that are still open.
    """
    # No frame, so that it fits a terminal of 80 columns.
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("Record type", no_wrap=True)
    loaded = "Changed" if summary.job.mode is ImportMode.INCREMENTAL else "Loaded"
    for heading in ("NetSuite", loaded, "Rejected", "Batches", "Failed", "Retries", "Seconds"):
        table.add_column(heading, justify="right")
    for kind in summary.types:
        if kind.status is TypeStatus.UNAVAILABLE:
            table.add_row(kind.record_type, "unavailable", *[""] * 6, style="yellow")
            continue
        seconds = seconds_of(kind)
        table.add_row(
            kind.record_type,
            f"{kind.source_records or 0:,}",
            f"{kind.records - rejected.get(kind.record_type, 0):,}",
            f"{rejected.get(kind.record_type, 0):,}",
            str(kind.total_batches),
            str(kind.batches.get(BatchStatus.FAILED, 0)),
            str(kind.retries),
            "" if seconds is None else f"{seconds:.1f}",
        )
    return table


def _records(summary: JobSummary) -> int:
    return sum(kind.records for kind in summary.types)


def _elapsed(started: datetime, ended: datetime | None) -> str:
    seconds = int(((ended or utc_now()) - started).total_seconds())
    return f"{seconds // 60}:{seconds % 60:02} min"
