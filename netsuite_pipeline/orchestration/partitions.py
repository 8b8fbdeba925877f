"""Batches as Dagster partitions: one dynamic definition per record type, and the registry over an instance.

Which batches there should be is decided by `waves.planner`.
"""

from collections.abc import Iterable, Sequence

import dagster as dg
from dagster._core.storage.runs import SqlRunStorage

from netsuite_pipeline.orchestration.backfills import backfills_under_way
from netsuite_pipeline.orchestration.names import asset_key, import_job_name, partitions_name
from netsuite_pipeline.record_types.batch import BatchKeyError, BatchRange
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.waves.errors import PlanError

# SQLite refuses statements with too many variables; 36,000 keys at once failed (dagster issue 16260).
_KEYS_PER_CALL = 1000
# A run in one of these may still come to read its batches.
ALIVE = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def partitions_for(record_type: RecordType) -> dg.DynamicPartitionsDefinition:
    """The partitions definition of a record type: its keys are batch ranges such as `1001..5233`."""
    return dg.DynamicPartitionsDefinition(name=partitions_name(record_type.name))


def ranges_of(keys: Iterable[str]) -> tuple[BatchRange, ...]:
    """The batches of partition keys; dg.Failure for a key that someone added by hand and that is no range."""
    try:
        return tuple(BatchRange.parse(key) for key in keys)
    except BatchKeyError as error:
        raise dg.Failure(
            f"{error} Delete this partition; batches are planned by themselves.", allow_retries=False
        ) from None


class PartitionRegistry:
    """The batches that a Dagster instance knows, for `waves.planning`."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance

    @property
    def identity(self) -> str | None:
        """The id of the instance's storage of runs, which Dagster makes with its tables."""
        storage = self._instance.run_storage
        if not isinstance(storage, SqlRunStorage):
            return None
        # When two processes ask at the same time for the first time, each stores one; then the first one counts.
        storage.get_run_storage_id()
        return storage.get_run_storage_id()

    def existing(self, record_type: str) -> list[BatchRange]:
        """The batches in the order in which Dagster keeps them, which is the order of adding.

        PlanError if someone added a key by hand that is not a range.
        """
        keys = self._instance.get_dynamic_partitions(partitions_name(record_type))
        try:
            return [BatchRange.parse(key) for key in keys]
        except BatchKeyError as error:
            raise PlanError(f"Batches of {record_type} cannot be planned: {error} Delete this partition.") from None

    def in_use(self, record_type: str) -> bool:
        """Whether a run or a backfill that people launched may hold a batch of the type at this moment.

        Such runs are in no wave table. A key that one of them was given must not be taken away from under it, so this
        is asked anew for each type: planning many of them takes minutes, in which another may be launched.
        """
        key, job = asset_key(record_type), import_job_name(record_type)
        # All of them: those of other tenants may be many, and stand before ours.
        runs = self._instance.get_runs(filters=dg.RunsFilter(statuses=ALIVE))
        if any(run.job_name == job or key in (run.asset_selection or ()) for run in runs):
            return True
        return any(key in (backfill.asset_selection or ()) for backfill in backfills_under_way(self._instance))

    def apply(self, record_type: str, *, add: Sequence[BatchRange], remove: Iterable[BatchRange]) -> None:
        """Removes first and adds after: interrupted, it leaves a gap, which the next plan fills. Repeatable."""
        name = partitions_name(record_type)
        for batch in remove:
            self._instance.delete_dynamic_partition(name, batch.key)
        for start in range(0, len(add), _KEYS_PER_CALL):
            keys = [batch.key for batch in add[start : start + _KEYS_PER_CALL]]
            self._instance.add_dynamic_partitions(name, keys)
