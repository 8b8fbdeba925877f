"""Decide which batches a record type has, and which batch goes in which wave. Pure: counts in, plans out.

Asking NetSuite for the counts and storing the result is `planning`'s business.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.waves.errors import PlanError
from netsuite_pipeline.waves.model import Batch, Wave


class Bucket(Protocol):
    """How many records have an id from `first` to `last`, both included."""

    @property
    def first(self) -> int:
        """The smallest id the bucket covers; of the first bucket, the smallest there is."""

    @property
    def last(self) -> int:
        """The greatest id the bucket covers; of the last bucket, the greatest there is."""

    @property
    def records(self) -> int:
        """How many records NetSuite counted."""


@dataclass(frozen=True)
class _Span:
    """A bucket, or the part of one that is left when existing batches cover the rest."""

    first: int
    last: int
    records: int


@dataclass(frozen=True, kw_only=True)
class RangePlan:
    """What is to become of the batches of a record type.

    `keep` and `add` together, without `remove`, are all batches; each tuple ascends. `expected` estimates the
    records of every kept and added batch, exact where a batch begins and ends with buckets.
    """

    keep: tuple[BatchRange, ...]
    add: tuple[BatchRange, ...]
    remove: tuple[BatchRange, ...]
    expected: Mapping[BatchRange, int]


def tail_origin(existing: Collection[BatchRange]) -> int | None:
    """The id from which to measure when only growth matters: where the last batch begins. None without
    batches.
    """
    return max(existing).first if existing else None


def with_exact_tail(buckets: Iterable[Bucket], tail: Iterable[Bucket], *, origin: int) -> list[Bucket]:
    """The buckets below `origin`, followed by those that were measured from `origin` on."""
    below = [_clip(bucket, last=origin - 1) for bucket in buckets if bucket.first < origin]
    return [*below, *tail]


def plan_ranges(
    buckets: Iterable[Bucket],
    *,
    batch_size: int,
    existing: Sequence[BatchRange] = (),
    in_flight: Collection[BatchRange] = (),
) -> RangePlan:
    """Covers all ids of `buckets` with batches of at most `batch_size` records, and keeps the existing ones.

    A bucket that alone is heavier stands alone. A range ends right before the next begins, the last one at
    the greatest id. Only the last existing batch may be replaced, by a longer one, and only while not in
    flight. Ids outside the existing batches, also in gaps between them, get new batches. Planning again with
    the same buckets changes nothing. PlanError if existing batches overlap or the buckets are not in
    ascending order.
    """
    spans = _checked_spans(buckets)
    known = sorted(existing)
    _check_apart(known)
    if not known:
        add = _cover(spans, batch_size=batch_size)
        return _plan(keep=[], add=add, remove=[], spans=spans)
    last = known[-1]
    longer = None if last in in_flight else _grown(last, spans, batch_size=batch_size)
    keep, remove = (known[:-1], [last]) if longer else (known, [])
    covered = [*keep, longer] if longer else keep
    add = [longer] if longer else []
    add += _cover(_below(spans, covered[0].first), batch_size=batch_size, until=covered[0].first - 1)
    for before, after in pairwise(covered):
        gap = _between(spans, before.last + 1, after.first - 1)
        add += _cover(gap, batch_size=batch_size, since=before.last + 1, until=after.first - 1)
    beyond = covered[-1].last + 1
    add += _cover(_above(spans, beyond), batch_size=batch_size, since=beyond)
    return _plan(keep=keep, add=sorted(add), remove=remove, spans=spans)


def plan_waves(batches_by_level: Mapping[int, Sequence[Batch]], *, wave_size: int) -> list[Wave]:
    """Cuts the batches of each level into waves of at most `wave_size`, from 1 on, lower levels first."""
    waves: list[Wave] = []
    for level in sorted(batches_by_level):
        batches = batches_by_level[level]
        for start in range(0, len(batches), wave_size):
            chunk = tuple(batches[start : start + wave_size])
            waves.append(Wave(number=len(waves) + 1, level=level, batches=chunk))
    return waves


def _checked_spans(buckets: Iterable[Bucket]) -> list[_Span]:
    spans = [_Span(bucket.first, bucket.last, bucket.records) for bucket in buckets if bucket.records > 0]
    for before, after in pairwise(spans):
        if after.first <= before.last:
            raise PlanError(
                f"Ids cannot be planned: bucket {after.first}..{after.last} does not come after "
                f"{before.first}..{before.last}; a histogram has to ascend without overlap."
            )
    return spans


def _check_apart(known: Sequence[BatchRange]) -> None:
    for before, after in pairwise(known):
        if after.first <= before.last:
            raise PlanError(
                f"Batches {before.key} and {after.key} overlap, so their records would be imported twice: "
                "delete one of the two partitions and plan again."
            )


def _grown(last: BatchRange, spans: Sequence[_Span], *, batch_size: int) -> BatchRange | None:
    """A longer batch in place of the last one, if there is room for whole buckets beyond it."""
    groups = _coalesce(_above(spans, last.first), batch_size=batch_size)
    if not groups or groups[0][-1].last <= last.last:
        return None
    end = groups[1][0].first - 1 if len(groups) > 1 else groups[0][-1].last
    return BatchRange(last.first, end)


def _cover(
    spans: Sequence[_Span], *, batch_size: int, since: int | None = None, until: int | None = None
) -> list[BatchRange]:
    """Contiguous ranges over all spans; the outer ends stretch to `since` and `until` where given."""
    groups = _coalesce(spans, batch_size=batch_size)
    if not groups:
        return []
    starts = [group[0].first for group in groups]
    end = groups[-1][-1].last
    if since is not None:
        starts[0] = since
    ends = [start - 1 for start in starts[1:]] + [end if until is None else until]
    return [BatchRange(first, last) for first, last in zip(starts, ends, strict=True)]


def _coalesce(spans: Sequence[_Span], *, batch_size: int) -> list[list[_Span]]:
    groups: list[list[_Span]] = []
    records = 0
    for span in spans:
        if groups and records + span.records <= batch_size:
            groups[-1].append(span)
            records += span.records
        else:
            groups.append([span])
            records = span.records
    return groups


def _clip(bucket: Bucket, *, first: int | None = None, last: int | None = None) -> _Span:
    """The part of a bucket inside the bounds; its records are taken to be spread evenly."""
    start = bucket.first if first is None else max(first, bucket.first)
    end = bucket.last if last is None else min(last, bucket.last)
    return _Span(start, end, _records_up_to(bucket, end) - _records_up_to(bucket, start - 1))


def _records_up_to(bucket: Bucket, last: int) -> int:
    # Rounding the running total makes the parts of a bucket add up to the whole.
    return bucket.records * (last - bucket.first + 1) // (bucket.last - bucket.first + 1)


def _above(spans: Sequence[_Span], first: int) -> list[_Span]:
    return [_clip(span, first=first) for span in spans if span.last >= first]


def _below(spans: Sequence[_Span], first: int) -> list[_Span]:
    return [_clip(span, last=first - 1) for span in spans if span.first < first]


def _between(spans: Sequence[_Span], first: int, last: int) -> list[_Span]:
    if first > last:
        return []
    start = bisect_left(spans, first, key=lambda span: span.last)
    stop = bisect_left(spans, last + 1, key=lambda span: span.first)
    return [_clip(span, first=first, last=last) for span in spans[start:stop]]


def _plan(
    *,
    keep: Sequence[BatchRange],
    add: Sequence[BatchRange],
    remove: Sequence[BatchRange],
    spans: Sequence[_Span],
) -> RangePlan:
    expected = {
        batch: sum(span.records for span in _between(spans, batch.first, batch.last)) for batch in (*keep, *add)
    }
    return RangePlan(keep=tuple(keep), add=tuple(add), remove=tuple(remove), expected=expected)
