"""How heavy a record type is: its score, and what is worth changing. Arithmetic on what `type_state` has found.

Complexity = 1 point for every ten columns, 1 for each reference to a record type, 2 for each long text, 2 for each
column that NetSuite computes (an expression or a joined table) and 2 for each rule. Up to 5 is simple, up to 15 usual.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from netsuite_pipeline.cli.type_state import Stored
from netsuite_pipeline.record_types.model import Kind, RecordType

_SIMPLE, _USUAL = 5, 15
# A batch is held in memory a few times over, for each of the requests in flight.
_BATCH_BYTES = 8 * 1024 * 1024
_WIDE = 5
_LEAST_FILL = 4


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What `record-types profile` shows."""

    name: str
    rows: int
    batches: int
    row_bytes: int
    batch_size: int
    complexity: int
    verdict: str
    advice: tuple[str, ...]


def profile_of(record_type: RecordType, stored: Stored, *, batch_size: int) -> Profile:
    """The profile of a record type with what is stored of it; `batch_size` is the setting."""
    score = complexity(record_type)
    return Profile(
        name=record_type.name,
        rows=stored.rows,
        batches=stored.batches,
        row_bytes=stored.row_bytes,
        batch_size=batch_size,
        complexity=score,
        verdict="simple" if score <= _SIMPLE else "usual" if score <= _USUAL else "heavy",
        advice=tuple(_advice(record_type, stored, batch_size)),
    )


def complexity(record_type: RecordType) -> int:
    """The score of the declaration alone; see above."""
    fields = record_type.source_fields
    references = sum(field.references is not None for field in fields)
    joined = len(record_type.source.lookups) + (record_type.source.join is not None)
    computed = sum(field.is_expression for field in fields) + joined
    return len(fields) // 10 + references + 2 * (len(_long_texts(record_type)) + computed + len(record_type.rules))


def _advice(record_type: RecordType, stored: Stored, batch_size: int) -> Iterator[str]:
    if not stored.rows:
        yield f"Nothing is stored yet: netsuite-pipeline import start --types {record_type.name}"
    if stored.row_bytes * batch_size > _BATCH_BYTES:
        fitting = max(1, _BATCH_BYTES // stored.row_bytes // 50 * 50)
        yield f"Rows are wide: BATCH_SIZE={fitting} keeps a batch below 8 MiB."
    if stored.batches > 1 and stored.rows / stored.batches < batch_size / _LEAST_FILL:
        yield f"Batches hold {stored.rows / stored.batches:.0f} rows on average: many records were deleted or moved."
    if record_type.source.modified is None:
        yield "NetSuite keeps no time of change for it: it is read completely every time."
    if stored.rows and _long_texts(record_type) and stored.row_bytes > _WIDE * 1024:
        yield f"Long texts take most of a row ({', '.join(_long_texts(record_type))}): leave out what nobody reads."
    if stored.empty_columns:
        yield (
            f"{len(stored.empty_columns)} of {len(record_type.source_fields)} columns are NULL in all of"
            f" {stored.sampled:,} rows: {', '.join(stored.empty_columns)}."
        )


def _long_texts(record_type: RecordType) -> tuple[str, ...]:
    fields = record_type.source_fields
    return tuple(field.name for field in fields if field.stored and field.kind is Kind.TEXT and field.length is None)
