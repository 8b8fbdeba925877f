"""How rows of the wave tables become jobs, record type plans, waves and batches. No statements here."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.waves.model import (
    Batch,
    BatchStatus,
    ImportMode,
    Job,
    JobStatus,
    RecordTypePlan,
    TypeStatus,
    Wave,
    WaveStatus,
)


def job_of(row: Row[Any]) -> Job:
    """The job in a row of import_jobs."""
    return Job(
        job_id=row.job_id,
        status=JobStatus(row.status),
        record_types=tuple(json.loads(row.record_types)),
        with_dependencies=row.with_dependencies,
        trigger=row.trigger,
        created_at=row.created_at,
        mode=ImportMode(row.mode or ImportMode.FULL),
        as_of=row.as_of,
        declarations=row.declarations,
        registry=row.registry,
        planned_at=row.planned_at,
        finished_at=row.finished_at,
        failure_reason=row.failure_reason,
        paused_at=row.paused_at,
        cancelled_at=row.cancelled_at,
        resumed_at=row.resumed_at,
        resumes=row.resumes or 0,
    )


def type_plan_of(row: Row[Any]) -> RecordTypePlan:
    """The plan in a row of import_job_types."""
    return RecordTypePlan(
        record_type=row.record_type,
        level=row.level,
        available=row.status == TypeStatus.PLANNED,
        reason=row.reason,
        expected_records=row.source_records,
    )


def wave_of(row: Row[Any], batches: Sequence[Batch]) -> Wave:
    """The wave in a row of wave_coordination, with its batches in dispatch order; none if they were not read."""
    return Wave(
        number=row.wave_number,
        level=row.dependency_level,
        batches=tuple(sorted(batches, key=lambda batch: (batch.record_type_id, batch.batch_number))),
        status=WaveStatus(row.status),
        completed=row.completed_batches,
        failed=row.failed_batches,
        retried=row.retried_batches,
        unread=row.total_batches - len(batches),
    )


def batch_of(row: Row[Any]) -> Batch:
    """The batch in a row of wave_batches."""
    return Batch(
        batch_id=row.batch_id,
        record_type=row.record_type,
        record_type_id=row.record_type_id,
        range=BatchRange(row.batch_first, row.batch_last),
        batch_number=row.batch_number,
        expected_records=row.expected_records,
        changed_since=row.changed_since,
        is_dependency=row.is_dependency,
        status=BatchStatus(row.status),
        attempt=row.attempt,
        not_before=row.not_before,
        finished_at=row.completed_at or row.failed_at,
        failure_category=None if row.failure_category is None else FailureCategory(row.failure_category),
        max_retries=row.max_retries,
        changed_at=row.updated_at,
    )
