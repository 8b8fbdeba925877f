"""What the `waves` commands print with `--json`: one document each, whose keys stay as they are. For programs.

Moments are ISO 8601 in UTC, with a Z. The figures come from `waves.progress` and `waves.statistics`.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import orjson
import typer

from netsuite_pipeline.orchestration.backfills import BackfillProgress
from netsuite_pipeline.waves.circuit import Circuit
from netsuite_pipeline.waves.model import OPEN_JOBS, Job
from netsuite_pipeline.waves.progress import JobSummary, TypeSummary, WaveSummary
from netsuite_pipeline.waves.set_back_store import SetBack
from netsuite_pipeline.waves.statistics import JobStatistics
from netsuite_pipeline.waves.stuck import StuckWave

# Bookkeeping between processes, of no use outside.
_INTERNAL = {"declarations", "registry", "resumes"}


def print_document(document: Mapping[str, Any]) -> None:
    """Prints it on stdout as it is, whatever the width of the terminal."""
    text = orjson.dumps(_plain(document), option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode()
    typer.echo(text)


def status_document(
    summary: JobSummary,
    *,
    partial: Mapping[str, Collection[str]],
    circuit: Circuit,
    room: str | None,
    stuck: Sequence[StuckWave],
    backfills: Sequence[BackfillProgress],
) -> dict[str, Any]:
    """An import with its waves, record types and failed batches (a sample), what holds it up, and the UI's backfills
    beside it. `partial` is what record types lack.
    """
    return {
        "job": job_document(summary.job),
        "waves": [_wave(wave) for wave in summary.waves],
        "record_types": [_record_type(kind, partial.get(kind.record_type, ())) for kind in summary.types],
        "failed_batches": [asdict(batch) for batch in summary.failed_batches],
        # Nobody asks while no import is open.
        "netsuite_away": circuit.waiting_for if summary.job.status in OPEN_JOBS else None,
        "makes_room": room,
        "stuck_waves": [{"number": wave.number, "since": wave.since, "advice": wave.sentence} for wave in stuck],
        "backfills": [asdict(backfill) for backfill in backfills],
    }


def statistics_document(statistics: JobStatistics) -> dict[str, Any]:
    """The numbers of an import."""
    found = {field.name: getattr(statistics, field.name) for field in fields(statistics) if field.name != "job"}
    plain = {
        name: asdict(value) if name in {"current_wave", "pace"} and value else value for name, value in found.items()
    }
    failures = {category: asdict(counts) for category, counts in statistics.failures.items()}
    return {"job": job_document(statistics.job), **plain, "failures": failures}


def set_back_document(result: SetBack) -> dict[str, Any]:
    """What a retry or a reset did: batches by the status they had, and those whose partition is gone by type."""
    return {"job": job_document(result.job), "batches": dict(result.batches), "gone": dict(result.gone)}


def job_document(job: Job) -> dict[str, Any]:
    """The import itself."""
    return {name: value for name, value in asdict(job).items() if name not in _INTERNAL}


def _wave(wave: WaveSummary) -> dict[str, Any]:
    return {**asdict(wave), "pending": wave.pending}


def _record_type(kind: TypeSummary, lacks: Collection[str]) -> dict[str, Any]:
    counted = {"batches": dict(kind.batches), "total_batches": kind.total_batches}
    return {**asdict(kind), **counted, "without_all_of": list(lacks)}


def _plain(value: Any) -> Any:
    match value:
        case dt.datetime():
            return f"{value.isoformat(timespec='seconds')}Z"
        case Mapping():
            return {str(key): _plain(one) for key, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case _:
            return value
