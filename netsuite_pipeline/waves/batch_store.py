"""What a run reports about its batches: started, completed, failed.

Every update is guarded by the dispatch key and the run that holds the batch, so a run that was given up by
the dispatcher, and lives after all, changes nothing any more.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, or_, select, update

from netsuite_pipeline.record_types.batch import BatchRange, Increment
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.waves.errors import LostLease
from netsuite_pipeline.waves.model import BatchStatus
from netsuite_pipeline.waves.sizing_store import SizingStore
from netsuite_pipeline.waves.tables import fit_reason, import_jobs, wave_batches
from netsuite_pipeline.waves.transactions import chunks

_ROW = wave_batches.c
_HELD = select(
    _ROW.batch_first,
    _ROW.batch_last,
    _ROW.attempt,
    _ROW.max_retries,
    _ROW.changed_since,
    _ROW.expected_records,
    import_jobs.c.as_of,
).join_from(wave_batches, import_jobs, import_jobs.c.job_id == _ROW.job_id)


@dataclass(frozen=True, kw_only=True)
class Started:
    """The batches that a run holds now, in the order asked for, and which attempt this is (from 1); `max_retries` says
    how often each may be tried again.

    Of those in `increments` only what changed is to be read. `as_of` is NetSuite's time (naive UTC) when their import
    was planned, None if it did not tell.
    """

    attempt: int
    ranges: tuple[BatchRange, ...]
    max_retries: Mapping[BatchRange, int]
    increments: Mapping[BatchRange, Increment]
    as_of: dt.datetime | None


class BatchStore(SizingStore):
    """A run's side of the wave tables."""

    def start_batches(
        self, dispatch_key: str, ranges: Sequence[BatchRange], *, run_id: str, now: dt.datetime
    ) -> Started:
        """Takes over the batches of a dispatch; those that are over or belong to another run by now are left
        out.

        Repeatable by the same run.
        """
        free = and_(_ROW.status == BatchStatus.DISPATCHED, or_(_ROW.run_id.is_(None), _ROW.run_id == run_id))
        mine = and_(_ROW.status == BatchStatus.PROCESSING, _ROW.run_id == run_id)

        def work(connection: Connection) -> dict[BatchRange, Row[Any]]:
            held: dict[BatchRange, Row[Any]] = {}
            for chunk in chunks(ranges):
                asked = and_(_ROW.dispatch_key == dispatch_key, _ROW.batch_first.in_([one.first for one in chunk]))
                connection.execute(
                    update(wave_batches)
                    .where(asked, or_(free, mine))
                    .values(status=BatchStatus.PROCESSING, run_id=run_id, updated_at=now)
                )
                for row in connection.execute(_HELD.where(asked, mine)):
                    held[BatchRange(row.batch_first, row.batch_last)] = row
            return held

        held = self._transactions.run(work)
        return Started(
            attempt=max((row.attempt for row in held.values()), default=0),
            ranges=tuple(batch for batch in ranges if batch in held),
            max_retries={batch: row.max_retries for batch, row in held.items()},
            increments={
                batch: Increment(since=row.changed_since, expected=row.expected_records)
                for batch, row in held.items()
                if row.changed_since is not None
            },
            as_of=next((row.as_of for row in held.values()), None),
        )

    def complete_batch(
        self,
        connection: Connection,
        *,
        dispatch_key: str,
        batch: BatchRange,
        run_id: str,
        records: int,
        now: dt.datetime,
    ) -> None:
        """Marks a batch completed in the transaction that holds its data; LostLease, to roll both back, if it
        is not ours.

        `records` is how many NetSuite sent, all of them accounted for.
        """
        statement = (
            update(wave_batches)
            .where(*_held(dispatch_key, batch, run_id))
            .values(
                status=BatchStatus.COMPLETED,
                records=records,
                completed_at=now,
                updated_at=now,
            )
        )
        if connection.execute(statement).rowcount != 1:
            raise LostLease(
                f"Batch {batch.key} of dispatch {dispatch_key} was taken from run {run_id}; its rows are not committed."
            )

    def give_back(self, dispatch_key: str, *, run_id: str, reason: str, now: dt.datetime) -> int:
        """Has every batch that the run still holds tried again when NetSuite answers, as often as before: the run asked
        for none of them. Returns their number.
        """
        statement = (
            update(wave_batches)
            .where(_ROW.dispatch_key == dispatch_key, _ROW.run_id == run_id, _ROW.status == BatchStatus.PROCESSING)
            .values(
                status=BatchStatus.RETRYING,
                not_before=now,
                # `attempt` never goes back, because dispatch keys contain it.
                max_retries=_ROW.max_retries + 1,
                failed_at=now,
                failure_category=FailureCategory.API_UNAVAILABLE,
                failure_reason=fit_reason(reason),
                updated_at=now,
            )
        )
        return self._transactions.run(lambda connection: connection.execute(statement).rowcount)

    def fail_batch(
        self,
        *,
        dispatch_key: str,
        batch: BatchRange,
        run_id: str,
        category: FailureCategory,
        reason: str,
        retry_at: dt.datetime | None,
        now: dt.datetime,
    ) -> bool:
        """Notes a failure: tried again at `retry_at` (see `failure_policy.retry_at`), or for good if that is
        None.

        False, and nothing changes, if the batch is not the run's any more.
        """
        statement = (
            update(wave_batches)
            .where(*_held(dispatch_key, batch, run_id))
            .values(
                status=BatchStatus.FAILED if retry_at is None else BatchStatus.RETRYING,
                not_before=retry_at,
                failed_at=now,
                failure_category=category,
                failure_reason=fit_reason(reason),
                updated_at=now,
            )
        )
        return self._transactions.run(lambda connection: connection.execute(statement).rowcount) == 1


def _held(dispatch_key: str, batch: BatchRange, run_id: str) -> tuple[ColumnElement[bool], ...]:
    return (
        _ROW.dispatch_key == dispatch_key,
        _ROW.batch_first == batch.first,
        _ROW.batch_last == batch.last,
        _ROW.run_id == run_id,
        _ROW.status == BatchStatus.PROCESSING,
    )
