"""Backfills that people launched in Dagster's UI, counted in batches, for those who ask how imports are getting on.

They pass through no wave: Dagster orders them by lineage, and pool and RUN_BATCHES limit them. Dagster itself counts
them every half minute.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import dagster as dg

# Dagster exports neither; without the filter it reads every backfill there ever was, with all its data.
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus, PartitionBackfill

from netsuite_pipeline.orchestration.names import record_type_of

# One in any of these may still launch runs, or has some.
_OPEN = BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING])


@dataclass(frozen=True, kw_only=True)
class BackfillProgress:
    """A backfill of record types. `failed` batches failed or wait for one that did; `in_flight` ones are queued or
    running. `status` is Dagster's, in lower case. Times are naive UTC.
    """

    backfill_id: str
    status: str
    started_at: dt.datetime
    record_types: tuple[str, ...]
    batches: int
    in_flight: int
    completed: int
    failed: int


def backfills_under_way(instance: dg.DagsterInstance) -> Sequence[PartitionBackfill]:
    """All backfills of the instance that are not over, newest first; those that are cost nothing, however many."""
    return instance.get_backfills(filters=_OPEN)


def open_backfills(instance: dg.DagsterInstance, record_types: Collection[str]) -> Sequence[BackfillProgress]:
    """The backfills of these record types that are not over, newest first."""
    found = []
    for backfill in backfills_under_way(instance):
        selected = [name for key in backfill.asset_selection or () if (name := record_type_of(key))]
        data = backfill.asset_backfill_data
        if data is None or not set(selected) & set(record_types):
            continue
        completed = data.materialized_subset.num_partitions_and_non_partitioned_assets
        failed = data.failed_and_downstream_subset.num_partitions_and_non_partitioned_assets
        in_flight = data.requested_subset - data.materialized_subset - data.failed_and_downstream_subset
        found.append(
            BackfillProgress(
                backfill_id=backfill.backfill_id,
                status=backfill.status.value.lower(),
                started_at=dt.datetime.fromtimestamp(backfill.backfill_timestamp, dt.UTC).replace(tzinfo=None),
                record_types=tuple(sorted(set(selected))),
                batches=data.target_subset.num_partitions_and_non_partitioned_assets,
                in_flight=in_flight.num_partitions_and_non_partitioned_assets,
                completed=completed,
                failed=failed,
            )
        )
    return found
