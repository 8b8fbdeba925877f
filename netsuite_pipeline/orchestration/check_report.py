"""How the finding of the completeness check is shown in the UI: one sentence, numbers that it plots, and tables.

What is found is decided in `warehouse.completeness` and `observability`.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from netsuite_pipeline.observability.advice import advice
from netsuite_pipeline.observability.performance import Performance
from netsuite_pipeline.warehouse.completeness import Completeness, Disagreement
from netsuite_pipeline.waves.dependents import without_all_of

_SHOWN = 10
_MIB = 1024 * 1024
_COUNTS = ("expected", "fetched", "inserted", "updated", "unchanged", "deleted", "written", "rejected", "repaired")
_EFFORTS = ("requests", "retries", "statements", "fallback_rows")

Figures = dict[str, int | float | str | dg.MetadataValue[str] | dg.MarkdownMetadataValue]


def described(found: Completeness, *, lacks: Sequence[str], of_run: bool) -> str:
    """What is wrong or left to do, worst first; what was verified if nothing is. It begins with what was looked at, and
    ends with what the import `lacks` of that which the type depends on.
    """
    scope = _counted(found.batches, "batch", "batches")
    looked_at = f"This run's {scope}:" if of_run else f"All of the type ({scope}):"
    partial = f" It was {without_all_of(lacks)}." if lacks else ""
    return f"{looked_at} {_finding(found)}{partial}"


def _finding(found: Completeness) -> str:
    if problems := list(_problems(found)):
        return " ".join(problems)
    if not found.batches:
        return "No batch is planned: the type was not imported yet, is unavailable, or NetSuite has no record of it."
    return f"{_counted(found.live, 'row is', 'rows are')} there, as the ledgers say."


def figures(found: Completeness, done: Performance) -> Figures:
    """The metadata of the check's event. Integers and floats are plotted by the UI over time."""
    shown: Figures = {"batches": found.batches, "live rows": found.live, "open rejects": found.rejects}
    if found.up_to is not None:
        shown["imported up to"] = f"{found.up_to:%Y-%m-%d %H:%M:%S} UTC, by NetSuite's clock"
    shown |= {name.replace("_", " "): getattr(done, name) for name in (*_COUNTS, *_EFFORTS)}
    shown |= {
        "records per second": round(done.records_per_second, 1),
        "api seconds": round(done.api_seconds, 3),
        "transform seconds": round(done.transform_seconds, 3),
        "database seconds": round(done.database_seconds, 3),
        "api share": round(done.api_share, 4),
        "transform share": round(done.transform_share, 4),
        "database share": round(done.database_share, 4),
        "fallback share": round(done.fallback_share, 4),
        "statements per 1,000 written rows": round(done.statements_per_1000_written, 1),
        "peak memory MiB": round(done.peak_memory / _MIB, 1),
        "rating": str(done.rating),
        "summary": dg.MetadataValue.md(_summary(done)),
    }
    sentences = advice(done)
    if sentences:
        shown["advice"] = dg.MetadataValue.md("\n".join(f"- {sentence}" for sentence in sentences))
    if found.disagreements:
        shown["disagreements"] = dg.MetadataValue.md(_table_of(found.disagreements))
    return shown


def _problems(found: Completeness) -> Iterator[str]:
    if found.unbalanced:
        keys = [ledger.range.key for ledger in found.unbalanced]
        yield f"{_counted(len(keys), 'ledger does', 'ledgers do')} not add up: {_named(keys)}."
    wrong = [one for one in found.disagreements if not one.explained]
    if wrong:
        yield (
            f"{_counted(len(wrong), 'batch holds', 'batches hold')} other rows than the ledgers say:"
            f" {_named_counts(wrong)}. Import them again."
        )
    moved = [one for one in found.disagreements if one.explained]
    if moved:
        yield (
            f"{_counted(len(moved), 'batch holds', 'batches hold')} fewer rows than the ledgers say, and those may have"
            f" moved to another type of the table: {_named_counts(moved)}. Import them again to be sure."
        )
    if found.rejects:
        yield f"{_counted(found.rejects, 'row is', 'rows are')} rejected: `rejects list` says why."
    if found.missing:
        keys = [batch.key for batch in found.missing]
        yield f"{_counted(len(keys), 'batch was', 'batches were')} never loaded: {_named(keys)}."
    if found.uncounted:
        keys = [batch.key for batch in found.uncounted]
        yield (
            f"{_counted(len(keys), 'batch', 'batches')} cannot be compared with the table, because the ledgers do not"
            f" tell how many rows there should be: {_named(keys)}. Import them again."
        )


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _named_counts(found: Sequence[Disagreement]) -> str:
    return _named([f"{one.range.key} ({one.counted:,}, not {one.expected:,})" for one in found])


def _table_of(found: Sequence[Disagreement]) -> str:
    rows = [
        "| Batch | Rows by the ledgers | Rows in the table | Written by other types since |",
        "|---|---:|---:|---:|",
        *(f"| {one.range.key} | {one.expected:,} | {one.counted:,} | {one.moved:,} |" for one in found[:_SHOWN]),
    ]
    return "\n".join(rows)


def _summary(done: Performance) -> str:
    batches, runs = _counted(done.batches, "batch", "batches"), _counted(done.runs, "run", "runs")
    rows = {
        "Records": f"{done.fetched:,} fetched in {batches}, {done.written:,} written",
        "Time": f"{done.run_seconds:,.1f} s in {runs}: {done.records_per_second:,.0f} records/s",
        "API": f"{done.api_seconds:,.1f} s ({done.api_share:.0%})",
        "Transform": f"{done.transform_seconds:,.1f} s ({done.transform_share:.0%})",
        "Database": f"{done.database_seconds:,.1f} s ({done.database_share:.0%})",
        "Requests": f"{done.requests:,}, {done.request_retries:,} repeated",
        "Statements": f"{done.statements:,}, transactions repeated: {done.database_retries:,}",
        "Rows sent again": f"{done.fallback_rows:,} ({done.fallback_share:.1%})",
        "Peak memory": f"{done.peak_memory / _MIB:,.0f} MiB",
        "Rating": str(done.rating),
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])
