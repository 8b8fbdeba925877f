"""Which batches an incremental import reads, in whole or only what changed. Pure: counts in, decisions out.

NetSuite's census is compared with the table's, bucket by bucket: dates of modification tell what changed, and counts
and sums what no date told. Who counts is behind the protocols of `change_planning`.
"""

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from decimal import Decimal

from netsuite_pipeline.record_types.batch import BatchRange, Increment

# A batch that has not been imported for longer than the youngest one is read as a whole, so that one batch that always
# fails does not make every import look for all that changed since.
_OLDEST = dt.timedelta(days=7)
# A batch that has nothing to read costs a run some 25 ms (measured), another run about 3 s.
_BRIDGED = 50
# Rows of a small table that are no mass deletion.
_FEW = 5
# What sums of the same numbers may differ by where one of them was computed in binary; cents are far above.
_SAME_AMOUNT, _SAME_SHARE = Decimal("1e-6"), Decimal("1e-12")


@dataclass(frozen=True, kw_only=True)
class Count:
    """NetSuite's and the table's counts of the ids from `first` to `last`.

    `changed`, `undated` and `strays` are as in NetSuite's census. `unchanged` and `sums` are of the others, and `rows`
    and `table_sums` of the rows that should be the same: those that the table has or has rejected, less those of
    records that changed or are said to be deleted. `comparable` says whether the sums can be compared.
    """

    first: int
    last: int
    changed: int = 0
    undated: int = 0
    strays: int = 0
    unchanged: int = 0
    rows: int = 0
    sums: tuple[Decimal, ...] = ()
    table_sums: tuple[Decimal, ...] = ()
    comparable: bool = True

    @property
    def has_drifted(self) -> bool:
        """Whether the table differs from NetSuite in what no date says has changed."""
        if self.unchanged != self.rows:
            return True
        return self.comparable and not _alike(self.sums, self.table_sums)


@dataclass(frozen=True, kw_only=True)
class Portion:
    """A batch to read: what its `increment` says, or all of it, and then why."""

    range: BatchRange
    number: int
    expected: int
    increment: Increment | None = None
    reason: str = ""


def starting_point(batches: Sequence[BatchRange], watermarks: Mapping[BatchRange, dt.datetime]) -> dt.datetime | None:
    """Since when changes have to be looked for: the oldest watermark that is young enough. None if there is none."""
    known = [watermarks[batch] for batch in batches if batch in watermarks]
    return min((mark for mark in known if max(known) - mark <= _OLDEST), default=None)


def portions(
    batches: Sequence[BatchRange],
    *,
    watermarks: Mapping[BatchRange, dt.datetime],
    since: dt.datetime,
    local_since: dt.datetime,
    counts: Sequence[Count],
    noted: Sequence[int],
) -> list[Portion]:
    """What to read of which batches, in the order of their numbers, which is that of `batches`.

    `since` is the starting point and `local_since` the account-local time it stands for. `counts` ascend and cover all
    ids of NetSuite's and of the table's. A batch without a watermark, or with one before `since`, is read as a whole.
    """
    numbers = {batch: number for number, batch in enumerate(batches)}
    chosen = {}
    for batch in batches:
        portion = _portion(
            batch,
            number=numbers[batch],
            is_known=batch in watermarks and watermarks[batch] >= since,
            local_since=local_since,
            counts=_overlapped(counts, batch),
            noted=frozenset(noted[bisect_left(noted, batch.first) : bisect_right(noted, batch.last)]),
        )
        if portion is not None:
            chosen[portion.number] = portion
    return _bridged(batches, chosen, local_since=local_since)


def _portion(
    batch: BatchRange,
    *,
    number: int,
    is_known: bool,
    local_since: dt.datetime,
    counts: Sequence[Count],
    noted: Set[int],
) -> Portion | None:
    whole = Portion(
        range=batch, number=number, expected=sum(count.changed + count.undated + count.unchanged for count in counts)
    )
    if not is_known:
        return replace(whole, reason="not imported lately as declared now")
    if any(count.undated for count in counts):
        return replace(whole, reason="records without a date of modification")
    if any(count.strays for count in counts):
        return replace(whole, reason="lines changed without their transaction")
    if any(count.has_drifted for count in counts):
        return replace(whole, reason="other counts or sums than NetSuite's")
    changed = sum(count.changed for count in counts)
    if not changed and not noted:
        return None
    increment = Increment(since=local_since, expected=changed, noted=frozenset(noted))
    return replace(whole, expected=changed + len(noted), increment=increment)


def _bridged(
    batches: Sequence[BatchRange], chosen: Mapping[int, Portion], *, local_since: dt.datetime
) -> list[Portion]:
    """The chosen batches, and those in short gaps between two of which only changes are read: one run takes all."""
    bridged: list[Portion] = []
    for number in sorted(chosen):
        before = bridged[-1] if bridged else None
        if before and before.increment and chosen[number].increment and number - before.number <= _BRIDGED:
            bridged += [
                Portion(range=batches[between], number=between, expected=0, increment=Increment(since=local_since))
                for between in range(before.number + 1, number)
            ]
        bridged.append(chosen[number])
    return bridged


def _overlapped(counts: Sequence[Count], batch: BatchRange) -> Sequence[Count]:
    start = bisect_left(counts, batch.first, key=lambda count: count.last)
    end = bisect_right(counts, batch.last, key=lambda count: count.first)
    return counts[start:end]


def _alike(sums: Sequence[Decimal], others: Sequence[Decimal]) -> bool:
    return all(
        abs(one - other) <= _SAME_AMOUNT + _SAME_SHARE * max(abs(one), abs(other))
        for one, other in zip(sums, others, strict=True)
    )


def mass_deletion(record_type: str, *, records: int, rows: int, noted: int, percent: int) -> str | None:
    """Why an import of the type needs a person: over `percent` of its live `rows` are gone from NetSuite, or all are.

    None if it does not. Five rows and fewer may go, the last ones only if NetSuite is known (`noted`) to have deleted
    them.
    """
    lost = rows - records
    vanished = not records and lost > noted and percent < 100
    if not vanished and (lost <= _FEW or lost * 100 <= percent * rows):
        return None
    return (
        f"held back: NetSuite has {records:,} records of {record_type} and the table {rows:,}, so {lost:,} would be"
        f" deleted, more than DELETE_GUARD_PERCENT={percent} allows. Look whether the role lost a permission; if they"
        " are really gone, import the type once with DELETE_GUARD_PERCENT=100, set for the daemon as well"
    )
