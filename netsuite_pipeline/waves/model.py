"""The vocabulary of coordination: jobs, waves, batches, dispatches, their statuses and which may follow
which.

Data only. Decisions are in `coordinator` and `planner`, what follows from a failure in `failure_policy`.
"""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.waves.errors import WaveError

_JOB_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class JobStatus(StrEnum):
    """Where an import stands."""

    PLANNING = "planning"
    RUNNING = "running"
    COMPLETED = "completed"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ImportMode(StrEnum):
    """How much an import reads: every record, or what changed since the last one."""

    FULL = "full"
    INCREMENTAL = "incremental"


class WaveStatus(StrEnum):
    """Where a wave stands. `failed`: everything is over and at least one batch was not imported."""

    PENDING = "pending"
    DISPATCHING = "dispatching"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class BatchStatus(StrEnum):
    """Where a batch stands. In flight are `dispatched` and `processing`; `retrying` waits for its next
    attempt.
    """

    PENDING = "pending"
    DISPATCHED = "dispatched"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    RETRYING = "retrying"


class TypeStatus(StrEnum):
    """What planning found out about a record type."""

    PLANNED = "planned"
    UNAVAILABLE = "unavailable"


OPEN_JOBS = frozenset({JobStatus.PLANNING, JobStatus.RUNNING})
IN_FLIGHT = frozenset({BatchStatus.DISPATCHED, BatchStatus.PROCESSING})
TERMINAL = frozenset({BatchStatus.COMPLETED, BatchStatus.FAILED})
UNFINISHED = frozenset(BatchStatus) - TERMINAL
OVER = frozenset({WaveStatus.COMPLETED, WaveStatus.FAILED})

# Every change of a status is in this table; the store guards its updates with it. One mapping per kind, because
# members of different enums are equal when their texts are.
TRANSITIONS: Mapping[type[StrEnum], Mapping[StrEnum, frozenset[StrEnum]]] = MappingProxyType(
    {
        JobStatus: {
            JobStatus.PLANNING: frozenset({JobStatus.RUNNING, JobStatus.FAILED, JobStatus.CANCELLED}),
            JobStatus.RUNNING: frozenset(
                {JobStatus.COMPLETED, JobStatus.PARTIAL, JobStatus.FAILED, JobStatus.CANCELLED}
            ),
            # What failed or was left is tried again when a person asks for it.
            JobStatus.PARTIAL: frozenset({JobStatus.RUNNING}),
            JobStatus.FAILED: frozenset({JobStatus.RUNNING}),
            JobStatus.CANCELLED: frozenset({JobStatus.RUNNING}),
        },
        # A wave may pass several stages between two looks of the dispatcher. Forward only, or an old look could not be
        # told from a new one; where a person had batches tried again, `wave_rows` writes what the batches say.
        WaveStatus: {
            WaveStatus.PENDING: frozenset(WaveStatus) - {WaveStatus.PENDING},
            WaveStatus.DISPATCHING: frozenset({WaveStatus.PROCESSING, WaveStatus.COMPLETED, WaveStatus.FAILED}),
            WaveStatus.PROCESSING: frozenset({WaveStatus.COMPLETED, WaveStatus.FAILED}),
        },
        # What is not in flight fails only when a person has a job tried again and its partition is gone.
        BatchStatus: {
            BatchStatus.PENDING: frozenset({BatchStatus.DISPATCHED, BatchStatus.FAILED}),
            BatchStatus.DISPATCHED: frozenset(
                {BatchStatus.PROCESSING, BatchStatus.RETRYING, BatchStatus.FAILED, BatchStatus.PENDING}
            ),
            BatchStatus.PROCESSING: frozenset(
                {BatchStatus.COMPLETED, BatchStatus.RETRYING, BatchStatus.FAILED, BatchStatus.PENDING}
            ),
            BatchStatus.RETRYING: frozenset({BatchStatus.DISPATCHED, BatchStatus.PENDING, BatchStatus.FAILED}),
            # Back to pending only when a person asks for it.
            BatchStatus.FAILED: frozenset({BatchStatus.PENDING}),
        },
    }
)


def predecessors(status: StrEnum) -> list[StrEnum]:
    """The statuses of the same kind from which `status` may be reached, sorted."""
    return sorted(before for before, after in TRANSITIONS[type(status)].items() if status in after)


def utc_now() -> dt.datetime:
    """The time as the wave tables hold it: naive, in UTC."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


def check_job_id(job_id: str) -> str:
    """The job id, or WaveError: run keys and tables take 1 to 64 letters, digits, dots, dashes and
    underscores.
    """
    if not _JOB_ID.fullmatch(job_id):
        raise WaveError(f"{job_id!r} is no job id: use 1 to 64 letters, digits, dots, dashes or underscores.")
    return job_id


@dataclass(frozen=True, kw_only=True)
class Job:
    """One import. `record_types` are those asked for; with dependencies, more may be planned. `declarations` is the
    digest of the catalog that it was planned with, `registry` names who keeps its batches. Times are naive UTC; `as_of`
    is NetSuite's when it was planned, None if it did not tell. `resumes` counts how often a person had batches of it
    tried again: what was decided before the last time is void.
    """

    job_id: str
    status: JobStatus
    record_types: tuple[str, ...]
    with_dependencies: bool
    trigger: str
    created_at: dt.datetime
    mode: ImportMode = ImportMode.FULL
    as_of: dt.datetime | None = None
    declarations: str | None = None
    registry: str | None = None
    planned_at: dt.datetime | None = None
    finished_at: dt.datetime | None = None
    failure_reason: str | None = None
    paused_at: dt.datetime | None = None
    cancelled_at: dt.datetime | None = None
    resumed_at: dt.datetime | None = None
    resumes: int = 0


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Whose batches are planned: a number that people gave their company, and the database's name."""

    integration_id: int | None = None
    database: str | None = None


# Where nobody asks.
NO_OWNER = Owner()


@dataclass(frozen=True, kw_only=True)
class RecordTypePlan:
    """What planning found for one record type: NetSuite's count, or the `reason` why the type is unavailable.

    In an incremental import an available type may have a `reason` why batches of it are read as a whole.
    """

    record_type: str
    level: int
    available: bool
    reason: str | None = None
    expected_records: int | None = None


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One batch of a job.

    `batch_number` is its position in the partition order of its record type: batches with consecutive numbers
    form one partition range. `changed_since` (account-local) is set if only what changed since is read; then
    `expected_records` counts that. `attempt` counts dispatches, 0 before the first; those beyond `max_retries` + 1 are
    not made. `finished_at` is when it completed or failed last, `changed_at` when its status changed last, `not_before`
    when a retry is due.
    """

    batch_id: str
    record_type: str
    record_type_id: int
    range: BatchRange
    batch_number: int
    expected_records: int = 0
    changed_since: dt.datetime | None = None
    is_dependency: bool = False
    status: BatchStatus = BatchStatus.PENDING
    attempt: int = 0
    not_before: dt.datetime | None = None
    finished_at: dt.datetime | None = None
    failure_category: FailureCategory | None = None
    max_retries: int = 0
    changed_at: dt.datetime | None = None


def batch_id(job_id: str, record_type_id: int, within: BatchRange) -> str:
    """The id of a batch, unique among all jobs and record types."""
    return f"{job_id}_{record_type_id}_{within.key}"


@dataclass(frozen=True, kw_only=True)
class Wave:
    """A wave and its batches, all of one level. The counters are those last stored.

    `unread` batches are left out: all of them when they are over, or when none was dispatched yet and it is not the
    wave's turn. Then status and counters are right as they are.
    """

    number: int
    level: int
    batches: tuple[Batch, ...]
    status: WaveStatus = WaveStatus.PENDING
    completed: int = 0
    failed: int = 0
    retried: int = 0
    unread: int = 0

    @property
    def is_over(self) -> bool:
        """Whether every batch completed or failed for good."""
        return self.status in OVER if self.unread else all(batch.status in TERMINAL for batch in self.batches)


@dataclass(frozen=True, kw_only=True)
class Dispatch:
    """Batches that one run takes: of one wave and record type, with consecutive numbers, all in the same
    attempt.
    """

    job_id: str
    wave_number: int
    record_type: str
    attempt: int
    batches: tuple[Batch, ...]

    @property
    def key(self) -> str:
        """The run key, at most 191 characters. The same decision always has the same key, a later attempt
        another.
        """
        first, last = self.batches[0].range.first, self.batches[-1].range.last
        return f"{self.job_id}:w{self.wave_number}:{self.record_type}:{first}..{last}:a{self.attempt}"
