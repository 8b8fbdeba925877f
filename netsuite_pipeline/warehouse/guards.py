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


def guard_rejects(batch: TransformedBatch, *, percent: int) -> None:
    """RejectGuardTripped if over GUARD_MIN_ROWS rows, and over `percent` of those fetched, are rejected for one column.

    One bad record is NetSuite's; most of them bad in the same place is a declaration that does not fit the account.
    """
    if len(batch.rejections) <= GUARD_MIN_ROWS:
        return
    field, count = Counter(one.field for one in batch.rejections).most_common(1)[0]
    if count > GUARD_MIN_ROWS and count * 100 > percent * batch.fetched:
        example = next(one for one in batch.rejections if one.field == field)
        raise RejectGuardTripped(
            f"Batch {batch.range.key} of {batch.record_type.name}: {count} of {batch.fetched} rows were rejected for"
            f" {field} (e.g. {example.reason}: {example.detail}), more than REJECT_GUARD_PERCENT={percent} allows;"
            " nothing was written. If the rows are really bad, raise REJECT_GUARD_PERCENT and import the batch again;"
            " otherwise the declaration of the column does not fit this account."
        )
