"""What stops a batch that would do too much: flag or reject most of what it holds.

Both are rather a lost permission or a wrong declaration than what became of the records, and a person has to look.
"""

from collections import Counter

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.transform.batch import TransformedBatch
from netsuite_pipeline.warehouse.errors import DeleteGuardTripped, RejectGuardTripped
from netsuite_pipeline.warehouse.reconcile import Difference

# Below this many rows a large share means little: 15 of 20 records deleted in NetSuite is a tidy-up.
GUARD_MIN_ROWS = 20


def guard_deletes(change: Difference, *, record_type: str, batch: BatchRange, percent: int) -> None:
    """DeleteGuardTripped if over GUARD_MIN_ROWS rows and over `percent` of the live ones are gone."""
    gone = len(change.gone)
    if gone > GUARD_MIN_ROWS and gone * 100 > percent * change.live:
        raise DeleteGuardTripped(
            f"Batch {batch.key} of {record_type} would flag {gone} of {change.live} rows as deleted, more"
            f" than DELETE_GUARD_PERCENT={percent} allows; nothing was written. If they are really gone from"
            " NetSuite (no permission was lost), raise DELETE_GUARD_PERCENT and import the batch again."
        )


class RejectGuard:
    """Stops a batch of which too much is rejected for one column: over GUARD_MIN_ROWS rows and over `percent` of all.

    One bad record is NetSuite's; most of them bad in the same place is a declaration that does not fit the account, or
    a table that does not fit the declaration.
    """

    def __init__(self, batch: TransformedBatch, *, percent: int) -> None:
        self._batch = batch
        self._percent = percent
        self._counts: Counter[str] = Counter()

    def count(self, *, field: str | None, reason: str, detail: str) -> None:
        """Counts one rejected row; RejectGuardTripped if it is one too many."""
        # What a database refuses without naming a column is counted by its reason.
        self._counts[field or reason] += 1
        count, batch = self._counts[field or reason], self._batch
        if count > GUARD_MIN_ROWS and count * 100 > self._percent * batch.fetched:
            raise RejectGuardTripped(
                f"Batch {batch.range.key} of {batch.record_type.name}: at least {count} of {batch.fetched} rows were"
                f" rejected for {field or reason} (e.g. {reason}: {detail}), more than"
                f" REJECT_GUARD_PERCENT={self._percent} allows; nothing was written. If the rows are really bad, raise"
                " REJECT_GUARD_PERCENT and import the batch again; otherwise the declaration of the column, or the"
                " column of the table, does not fit this account."
            )
