"""The tables of coordination: jobs, their record types, their waves, their batches, and who works on them.

Columns and indexes follow the wave coordination design (version 3), with an id range, expected records and
changed-since in place of offset and limit. Statements on these tables are in the stores only.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.waves.model import BatchStatus, JobStatus, TypeStatus, WaveStatus

_SERVERS = ("mysql", "mariadb")
# SQLite numbers rows by itself only in a column that is declared exactly INTEGER.
_ROW_ID = BigInteger().with_variant(Integer(), "sqlite")
# Without fsp MySQL rounds to whole seconds, and order within a second is lost.
_MOMENT = DateTime().with_variant(mysql.DATETIME(fsp=6), *_SERVERS)
_OPTIONS: dict[str, Any] = {
    f"{server}_{option}": value
    for server in _SERVERS
    for option, value in {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_unicode_ci"}.items()
}


def _identifier(length: int) -> TypeEngine[str]:
    """Text that has to compare byte by byte, as it does in Dagster and on SQLite."""
    return String(length).with_variant(mysql.VARCHAR(length, charset="ascii", collation="ascii_bin"), *_SERVERS)


def _one_of(column: str, allowed: Iterable[StrEnum], *, table: str) -> CheckConstraint:
    values = ", ".join(f"'{value}'" for value in allowed)
    return CheckConstraint(f"{column} IN ({values})", name=f"ck_{table}_{column}")


_REASON_CHARS = 4000


def fit_reason(reason: str) -> str:
    """A failure reason as the TEXT columns hold it on every database: whole characters, at most 4,000."""
    return reason[:_REASON_CHARS].encode("utf-8", "replace").decode("utf-8")


# Copied into the caller's metadata by `wave_metadata`; statements may use these directly.
_METADATA = MetaData()

import_jobs = Table(
    "import_jobs",
    _METADATA,
    Column("job_id", _identifier(64), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("record_types", Text, nullable=False),
    Column("with_dependencies", Boolean, nullable=False),
    # A reserved word on MySQL, hence always quoted.
    Column("trigger", String(64), nullable=False, quote=True),
    Column("created_at", _MOMENT, nullable=False),
    # NULL in the rows of versions that knew full imports only.
    Column("mode", String(16)),
    Column("as_of", _MOMENT),
    Column("declarations", String(32)),
    Column("registry", String(64)),
    Column("planned_at", _MOMENT),
    Column("finished_at", _MOMENT),
    Column("failure_reason", Text),
    Column("paused_at", _MOMENT),
    Column("cancelled_at", _MOMENT),
    Column("resumed_at", _MOMENT),
    # NULL, as 0: nobody ever had batches of it tried again.
    Column("resumes", Integer),
    _one_of("status", JobStatus, table="import_jobs"),
    Index("idx_import_jobs_status", "status"),
    Index("idx_import_jobs_created_at", "created_at"),
    **_OPTIONS,
)

import_job_types = Table(
    "import_job_types",
    _METADATA,
    Column("job_id", _identifier(64), primary_key=True),
    Column("record_type", _identifier(64), primary_key=True),
    Column("level", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("reason", Text),
    Column("source_records", BigInteger),
    _one_of("status", TypeStatus, table="import_job_types"),
    **_OPTIONS,
)

wave_coordination = Table(
    "wave_coordination",
    _METADATA,
    Column("id", _ROW_ID, primary_key=True, autoincrement=True),
    Column("job_id", _identifier(64), nullable=False),
    Column("wave_number", Integer, nullable=False),
    Column("dependency_level", Integer, nullable=False),
    Column("total_batches", Integer, nullable=False),
    Column("completed_batches", Integer, nullable=False, default=0),
    Column("failed_batches", Integer, nullable=False, default=0),
    Column("retried_batches", Integer, nullable=False, default=0),
    Column("status", String(16), nullable=False),
    Column("dispatched_at", _MOMENT),
    Column("completed_at", _MOMENT),
    Column("failure_reason", Text),
    Column("created_at", _MOMENT, nullable=False),
    Column("updated_at", _MOMENT, nullable=False),
    _one_of("status", WaveStatus, table="wave_coordination"),
    UniqueConstraint("job_id", "wave_number", name="unique_job_wave"),
    Index("idx_wave_coordination_status", "status"),
    **_OPTIONS,
)

wave_batches = Table(
    "wave_batches",
    _METADATA,
    Column("id", _ROW_ID, primary_key=True, autoincrement=True),
    Column("job_id", _identifier(64), nullable=False),
    Column("wave_number", Integer, nullable=False),
    Column("batch_id", _identifier(128), nullable=False),
    Column("record_type", _identifier(64), nullable=False),
    Column("record_type_id", BigInteger, nullable=False),
    Column("batch_number", Integer, nullable=False),
    Column("batch_first", BigInteger, nullable=False),
    Column("batch_last", BigInteger, nullable=False),
    Column("expected_records", BigInteger, nullable=False),
    # By the account's own wall clock.
    Column("changed_since", _MOMENT),
    Column("is_dependency", Boolean, nullable=False),
    Column("integration_id", BigInteger),
    Column("tenant_database", String(255)),
    Column("status", String(16), nullable=False),
    Column("dispatch_key", _identifier(191)),
    Column("run_id", _identifier(64)),
    Column("attempt", Integer, nullable=False),
    Column("retry_count", Integer, nullable=False),
    Column("max_retries", Integer, nullable=False),
    Column("not_before", _MOMENT),
    Column("failure_category", String(32)),
    Column("failure_reason", Text),
    Column("records", BigInteger),
    Column("dispatched_at", _MOMENT),
    Column("completed_at", _MOMENT),
    Column("failed_at", _MOMENT),
    # When Dagster was known to have the event of a completed batch.
    Column("reported_at", _MOMENT),
    Column("created_at", _MOMENT, nullable=False),
    Column("updated_at", _MOMENT, nullable=False),
    _one_of("status", BatchStatus, table="wave_batches"),
    _one_of("failure_category", FailureCategory, table="wave_batches"),
    UniqueConstraint("job_id", "batch_id", name="unique_job_batch"),
    Index("idx_wave_batches_wave", "job_id", "wave_number"),
    # Also for the completed ones that Dagster has to be told of, without reading those it knows.
    Index("idx_wave_batches_job_status", "job_id", "status", "reported_at"),
    Index("idx_wave_batches_batch_id", "batch_id"),
    Index("idx_wave_batches_status", "status"),
    # A batch event finds its row with one look: the lock on it touches no other batch of the run.
    Index("idx_wave_batches_dispatch", "dispatch_key", "batch_first"),
    Index("idx_wave_batches_run", "run_id"),
    **_OPTIONS,
)

# One row per NetSuite account whose answers were once in doubt.
source_circuits = Table(
    "source_circuits",
    _METADATA,
    Column("account", String(64), primary_key=True),
    Column("opened_at", _MOMENT),
    Column("probe_at", _MOMENT),
    Column("probes", Integer, nullable=False),
    Column("reason", Text),
    Column("looked_at", _MOMENT),
    **_OPTIONS,
)

# Every decision of dynamic sizing; the latest one of a job holds.
wave_sizings = Table(
    "wave_sizings",
    _METADATA,
    Column("job_id", _identifier(64), primary_key=True),
    Column("decided_at", _MOMENT, primary_key=True),
    Column("wave_size", Integer, nullable=False),
    Column("batches_per_minute", Double, nullable=False),
    Column("reason", Text, nullable=False),
    **_OPTIONS,
)

run_heartbeats = Table(
    "run_heartbeats",
    _METADATA,
    Column("run_id", _identifier(64), primary_key=True),
    Column("heartbeat_at", _MOMENT, nullable=False),
    **_OPTIONS,
)


def wave_metadata(metadata: MetaData) -> None:
    """Adds the seven tables to `metadata`, so that they are created and verified with the rest of the
    warehouse.
    """
    for table in _METADATA.sorted_tables:
        table.to_metadata(metadata)
