"""Loads a batch in one transaction: diff, upsert, reconcile, rejects, ledger.

After `BatchLoader.load` the table's rows of the batch equal NetSuite's, or nothing changed. The steps
themselves are in `reconcile`, `upsert`, `rejects` and `ledger`; this module orders them and repeats them when
it helps.
"""

import datetime as dt
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.record_types.batch import Key
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.transform.batch import Row, TransformedBatch
from netsuite_pipeline.transform.rejection import Rejection, RejectReason
from netsuite_pipeline.transform.rows import columns_of
from netsuite_pipeline.warehouse.errors import warehouse_error
from netsuite_pipeline.warehouse.guards import RejectGuard, guard_deletes
from netsuite_pipeline.warehouse.ledger import Ledger, check_still_latest, is_stored, store_ledger
from netsuite_pipeline.warehouse.live_rows import live_rows
from netsuite_pipeline.warehouse.measures import StatementCount, peak_memory
from netsuite_pipeline.warehouse.reconcile import Difference, difference, remove_deleted
from netsuite_pipeline.warehouse.rejects import RejectContext, store_rejects
from netsuite_pipeline.warehouse.repairs import StoredRepair, store_repairs, stored_repairs
from netsuite_pipeline.warehouse.repeating import ATTEMPTS, repeat_transient
from netsuite_pipeline.warehouse.tables import utc_now
from netsuite_pipeline.warehouse.targets import target_of
from netsuite_pipeline.warehouse.turns import await_turn, take_turn
from netsuite_pipeline.warehouse.upsert import RefusedRow
from netsuite_pipeline.warehouse.watermarks import store_watermark
from netsuite_pipeline.warehouse.writers import Writer, Written, writer_of

OnCommit = Callable[[sa.Connection, Ledger], None]


@dataclass
class _Load:
    """One call of `load`: what is to be loaded, and what its attempts left behind."""

    batch: TransformedBatch
    rows: list[Row]
    rejections: list[Rejection]
    job_id: str | None
    run_id: str | None
    on_commit: OnCommit | None
    started: float = field(default_factory=time.perf_counter)
    attempts: int = 0
    statements: StatementCount = field(default_factory=StatementCount)
    # The ledger of an attempt that reached COMMIT without hearing the answer.
    unanswered: Ledger | None = None


class BatchLoader:
    """Loads batches through one engine. Safe to use from several threads.

    `metadata` holds the target tables and the import tables (`tables.target_metadata`,
    `tables.import_tables`). `delete_guard_percent` is the largest share of a batch's rows that may be flagged
    as deleted at once, `reject_guard_percent` the largest that may be rejected for the same column. With
    `remove_deleted` rows that NetSuite no longer has are removed instead. A transient
    error repeats the transaction up to `attempts` times in all; `sleep` takes the seconds to wait in between.
    """

    def __init__(
        self,
        engine: sa.Engine,
        metadata: sa.MetaData,
        *,
        delete_guard_percent: int,
        reject_guard_percent: int,
        remove_deleted: bool = False,
        attempts: int = ATTEMPTS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._engine = engine
        self._metadata = metadata
        self._delete_guard_percent = delete_guard_percent
        self._reject_guard_percent = reject_guard_percent
        self._remove_deleted = remove_deleted
        self._attempts = attempts
        self._sleep = sleep
        self._writers: dict[tuple[str, ...], Writer] = {}

    def load(
        self,
        batch: TransformedBatch,
        *,
        job_id: str | None,
        run_id: str | None,
        on_commit: OnCommit | None = None,
    ) -> Ledger:
        """Makes the rows of the batch's range equal to the batch, and returns the committed ledger.

        Of an increment, those rows that it has or has asked for; the others stay as they are.
        `on_commit` runs in the same transaction right before the commit; whatever it raises rolls everything
        back and is passed on. Raises LedgerMismatch, StaleRead, DeleteGuardTripped, RejectGuardTripped or
        WarehouseError, after which nothing was written.
        """
        rows, copies = _without_copies(batch)
        load = _Load(batch, rows, [*batch.rejections, *copies], job_id, run_id, on_commit)
        self._guard(load)
        try:
            return repeat_transient(partial(self._attempt, load), attempts=self._attempts, sleep=self._sleep)
        except DBAPIError as error:
            tried = f" (attempt {load.attempts} of {self._attempts})" if load.attempts > 1 else ""
            doing = f"Loading batch {batch.range.key} of {batch.record_type.name}{tried}"
            raise warehouse_error(error, doing=doing) from None

    def _attempt(self, load: _Load) -> Ledger:
        load.attempts += 1
        with self._engine.connect() as connection:
            load.statements.watch(connection)
            seen = await_turn(connection, self._metadata, load.batch.record_type.name)
            with connection.begin() as transaction:
                # The connection may have been lost during COMMIT, after the server had done it.
                if load.unanswered and is_stored(connection, self._metadata, load.unanswered):
                    return load.unanswered
                ledger = self._write(connection, load, seen=seen)
                load.unanswered = ledger
                transaction.commit()
                return ledger

    def _write(self, connection: sa.Connection, load: _Load, *, seen: int) -> Ledger:
        batch, now = load.batch, utc_now()
        name, target = batch.record_type.name, target_of(self._metadata, batch.record_type)
        rejected = {rejection.key for rejection in load.rejections if rejection.key is not None}
        writer = self._writer(connection, batch.record_type)
        repairs = stored_repairs(connection, self._metadata, record_type=name, batch=batch.range)
        change = difference(
            connection,
            target,
            batch.range,
            record_type=name,
            rows=load.rows,
            rejected=rejected,
            outdated=_outdated(connection, writer, repairs),
        )
        gone = change.gone if batch.may_reconcile else []
        latest = partial(
            check_still_latest,
            connection,
            self._metadata,
            record_type=name,
            batch=batch.range,
            read_at=batch.read_at,
            seen=seen,
        )
        if batch.examined is not None:
            gone = [key for key in gone if key[0] in batch.examined]
        if gone:
            # What another import has inserted since this one read is not gone.
            latest()
            if batch.increment is None:
                # Of an increment each was asked for by its id, and the whole type was counted when it was planned.
                guard_deletes(change, record_type=name, batch=batch.range, percent=self._delete_guard_percent)
        guard = self._guard(load)
        written = writer.write(
            connection,
            change,
            imported_at=now,
            on_refused=lambda row: guard.count(field=row.field, reason=row.reason, detail=row.message),
        )
        if self._remove_deleted:
            remove_deleted(connection, target, gone, record_type=name)
        else:
            writer.flag_deleted(connection, gone, now=now)
        rejections = [*load.rejections, *(_refusal(batch, row) for row in written.refused)]
        self._remember(connection, load, change, written, former=repairs, rejections=rejections, now=now)
        live = len(load.rows)
        if rejections or batch.increment or not batch.may_reconcile:
            # A row that is rejected, not asked for, or not known to be gone, stays as it was.
            live = live_rows(connection, target, record_type=name, span=batch.range)
        # Only now: before, another import could commit rows of the batch between this look and our writes. From here on
        # its commit waits for ours, and `committed_at` is later than whatever it has looked at.
        take_turn(connection, self._metadata, name)
        latest()
        ledger = _ledger(load, change, written, rejected=len(rejections), deleted=len(gone), live=live)
        ledger.check()
        store_ledger(connection, self._metadata, ledger)
        store_watermark(connection, self._metadata, batch)
        if load.on_commit:
            load.on_commit(connection, ledger)
        return ledger

    def _remember(
        self,
        connection: sa.Connection,
        load: _Load,
        change: Difference,
        written: Written,
        *,
        former: Mapping[Key, object],
        rejections: list[Rejection],
        now: dt.datetime,
    ) -> None:
        """What was not stored, and what was stored otherwise than it was sent."""
        name, span = load.batch.record_type.name, load.batch.range
        context = RejectContext(
            record_type=name,
            range=span,
            job_id=load.job_id,
            run_id=load.run_id,
            now=now,
            examined=load.batch.examined,
        )
        store_rejects(connection, self._metadata, rejections, context)
        store_repairs(
            connection,
            self._metadata,
            written.repairs,
            record_type=name,
            former=former,
            written={row.key for row in change.pending} - {row.row.key for row in written.refused},
            run_id=load.run_id,
            now=now,
        )

    def _guard(self, load: _Load) -> RejectGuard:
        """A guard that knows what was rejected before the database had a say."""
        guard = RejectGuard(load.batch, percent=self._reject_guard_percent)
        for rejection in load.rejections:
            guard.count(field=rejection.field, reason=rejection.reason, detail=rejection.detail)
        return guard

    def _writer(self, connection: sa.Connection, record_type: RecordType) -> Writer:
        known = (record_type.name, *record_type.absent)
        writer = self._writers.get(known)
        if writer is None:
            target = target_of(self._metadata, record_type)
            writer = self._writers[known] = writer_of(connection, record_type, target)
        return writer


def _outdated(
    connection: sa.Connection, writer: Writer, repairs: Mapping[Key, Sequence[StoredRepair]]
) -> frozenset[Key]:
    """The rows to write again though NetSuite did not change them: the table takes their values now."""
    if not repairs:
        return frozenset()
    constraints = writer.constraints(connection)
    return frozenset(key for key, some in repairs.items() if any(repair.is_outdated(constraints) for repair in some))


def _ledger(
    load: _Load,
    change: Difference,
    written: Written,
    *,
    rejected: int,
    deleted: int,
    live: int,
) -> Ledger:
    batch = load.batch
    refused = written.refused
    refused_new = sum(row.row.key in change.new for row in refused)
    return Ledger(
        record_type=batch.record_type.name,
        range=batch.range,
        job_id=load.job_id,
        run_id=load.run_id,
        expected=batch.expected,
        fetched=batch.fetched,
        inserted=len(change.new) - refused_new,
        updated=len(change.pending) - len(change.new) - (len(refused) - refused_new),
        unchanged=change.unchanged,
        deleted=deleted,
        rejected=rejected,
        requests=batch.requests,
        retries=batch.retries + load.attempts - 1,
        api_seconds=batch.api_seconds,
        transform_seconds=batch.transform_seconds,
        database_seconds=time.perf_counter() - load.started,
        committed_at=utc_now(),
        read_at=batch.read_at,
        live_before=change.live,
        live_after=live,
        database_retries=load.attempts - 1,
        statements=load.statements.sent,
        fallback_rows=written.fallback_rows,
        repaired=len(written.repairs),
        peak_memory=peak_memory(),
        changed_since=batch.increment.since if batch.increment else None,
    )


def _without_copies(batch: TransformedBatch) -> tuple[list[Row], list[Rejection]]:
    """The rows whose key came once, and rejections of the others: which is right cannot be known."""
    keys = Counter(row.key for row in batch.rows)
    if len(keys) == len(batch.rows) and not batch.rejections:
        return batch.rows, []
    keys.update(rejection.key for rejection in batch.rejections if rejection.key is not None)
    names = columns_of(batch.record_type)
    copies = [
        Rejection(
            reason=RejectReason.DUPLICATE_KEY,
            detail=f"NetSuite sent {keys[row.key]} rows with this key",
            payload=dict(zip(names, row.values, strict=True)),
            key=row.key,
        )
        for row in batch.rows
        if keys[row.key] > 1
    ]
    return [row for row in batch.rows if keys[row.key] == 1], copies


def _refusal(batch: TransformedBatch, refused: RefusedRow) -> Rejection:
    return Rejection(
        reason=refused.reason,
        detail=refused.message,
        field=refused.field,
        payload=dict(zip(columns_of(batch.record_type), refused.row.values, strict=True)),
        key=refused.row.key,
        error_code=refused.code,
    )
