"""Settle the batches of one record type: ask how many records there are, keep, lengthen and add batches.

Where counts come from and where batches are registered is behind two protocols, so that neither NetSuite nor
Dagster is known here. Which ranges follow from the counts is decided in `planner`, what changed in `change_planning`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.waves.change_planning import (
    ChangeFinder,
    Comparison,
    Unavailable,
    Undatable,
    compared,
    note_deletions,
    settle_changes,
)
from netsuite_pipeline.waves.errors import NotAnswered, PlanError
from netsuite_pipeline.waves.increments import Portion
from netsuite_pipeline.waves.model import ImportMode
from netsuite_pipeline.waves.planner import Bucket, RangePlan, plan_ranges, tail_origin, with_exact_tail


@dataclass(frozen=True, kw_only=True)
class Measured:
    """NetSuite's answer: how many records there are, and where, in ascending buckets."""

    records: int
    buckets: Sequence[Bucket]


class BatchSource(Protocol):
    """Whoever can count the records of a type."""

    def measure(self, record_type: str, from_id: int | None) -> Measured | Unavailable:
        """Counts all records, or those with an id of at least `from_id`. Raises what it cannot answer."""


class BatchRegistry(Protocol):
    """Whoever keeps the batches of each record type (in Dagster: its dynamic partitions)."""

    @property
    def identity(self) -> str | None:
        """Tells it from every other one, in at most 64 characters. None if it cannot be told."""

    def existing(self, record_type: str) -> list[BatchRange]:
        """The batches in partition order, which is the order of adding."""

    def in_use(self, record_type: str) -> bool:
        """Whether someone outside the waves may be importing batches of the type at this moment."""

    def apply(self, record_type: str, *, add: Sequence[BatchRange], remove: Iterable[BatchRange]) -> None:
        """Removes and adds batches, the added ones at the end. Repeatable."""


class InFlight(Protocol):
    """Whoever knows which batches are being imported."""

    def in_flight_ranges(self, record_type: str) -> set[BatchRange]:
        """The batches that an import under way has not finished."""


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What is to be read of a record type of which NetSuite has so many `records`; `plan` says what batches it has.

    An available type may have a `reason` why batches are read as a whole though only changes were asked for.
    """

    records: int
    plan: RangePlan
    portions: tuple[Portion, ...]
    reason: str | None = None


class Settler:
    """Settles one record type after the other."""

    def __init__(self, *, source: BatchSource, registry: BatchRegistry, store: InFlight, batch_size: int) -> None:
        self._source = source
        self._registry = registry
        self._store = store
        self._batch_size = batch_size

    def settle(self, record_type: str, finder: ChangeFinder | None = None) -> Settled | Unavailable:
        """All batches, as a whole; held back if `finder` says that too many rows would be deleted.

        A partition that someone broke by hand costs this type, not the others.
        """
        try:
            answer = self._measure(record_type, whole=True)
            if isinstance(answer, Unavailable):
                return answer
            held = finder and finder.hold(record_type, records=answer.records, rows=finder.rows(record_type))
            return held or self._whole(record_type, answer)
        except PlanError as error:
            return Unavailable(reason=str(error))

    def prepare(self, record_types: Sequence[str], finder: ChangeFinder) -> None:
        """Has `finder` note what was deleted of these types, before each is settled."""
        batches = {}
        for name in record_types:
            # A partition that someone broke by hand is that type's business, when it is settled.
            with suppress(PlanError):
                batches[name] = self._registry.existing(name)
        note_deletions(finder, batches)

    def settle_changes(self, record_type: str, finder: ChangeFinder) -> Settled | Unavailable:
        """What changed, and as a whole what is not known to be imported; everything if nobody can tell what changed."""
        try:
            return self._settle_changes(record_type, finder)
        except (PlanError, NotAnswered) as error:
            return Unavailable(reason=str(error))

    def _settle_changes(self, record_type: str, finder: ChangeFinder) -> Settled | Unavailable:
        comparison = compared(finder, record_type, self._registry.existing(record_type))
        match comparison:
            case Unavailable():
                return comparison
            case Undatable(reason=reason):
                answer = self.settle(record_type, finder)
                if isinstance(answer, Unavailable) or not answer.portions:
                    return answer
                return replace(answer, reason=f"read as a whole: {reason}")
        held = finder.hold(record_type, records=comparison.records, rows=finder.rows(record_type))
        grown = held or self._grow(record_type, comparison)
        if isinstance(grown, Unavailable):
            return grown
        changes = settle_changes(finder, record_type, self._registry.existing(record_type), comparison)
        return Settled(records=changes.records, plan=grown, portions=changes.portions, reason=changes.reason)

    def discover(self, record_type: str) -> RangePlan | Unavailable:
        """Brings the batches up to date with what has grown at the end.

        While the last batch is in flight nothing is asked and nothing added: it will have grown when it is over.
        """
        existing = self._registry.existing(record_type)
        if existing and max(existing) in self._in_flight(record_type):
            # Every look would add another small batch beyond the last one, which cannot be lengthened now.
            return _kept(existing)
        answer = self._measure(record_type, whole=False)
        return answer if isinstance(answer, Unavailable) else self._applied(record_type, answer)

    def _whole(self, record_type: str, answer: Measured) -> Settled:
        plan = self._applied(record_type, answer)
        ordered = self._registry.existing(record_type)
        portions = (
            Portion(range=batch, number=number, expected=plan.expected.get(batch, 0))
            for number, batch in enumerate(ordered)
        )
        return Settled(records=answer.records, plan=plan, portions=tuple(portions))

    def _grow(self, record_type: str, comparison: Comparison) -> RangePlan | Unavailable:
        """Batches for ids that have none yet: beyond the others, or where a partition was removed."""
        existing = sorted(self._registry.existing(record_type))
        if comparison.bounds is None:
            return _kept(existing)
        lowest, highest = comparison.bounds
        whole = lowest < existing[0].first or any(after.first != one.last + 1 for one, after in pairwise(existing))
        if not whole and highest <= existing[-1].last:
            return _kept(existing)
        answer = self._measure(record_type, whole=whole)
        return answer if isinstance(answer, Unavailable) else self._applied(record_type, answer)

    def _applied(self, record_type: str, answer: Measured) -> RangePlan:
        existing = self._registry.existing(record_type)
        plan = plan_ranges(
            answer.buckets,
            batch_size=self._batch_size,
            existing=existing,
            in_flight=self._in_flight(record_type),
        )
        if plan.add or plan.remove:
            self._registry.apply(record_type, add=plan.add, remove=plan.remove)
        return plan

    def _in_flight(self, record_type: str) -> set[BatchRange]:
        if self._registry.in_use(record_type):
            return set(self._registry.existing(record_type))
        return self._store.in_flight_ranges(record_type)

    def _measure(self, record_type: str, *, whole: bool) -> Measured | Unavailable:
        existing = self._registry.existing(record_type)
        origin = tail_origin(existing)
        answer = self._source.measure(record_type, None if whole else origin)
        if isinstance(answer, Unavailable) or origin is None or not whole:
            return answer
        if not answer.buckets or answer.buckets[-1].last <= max(existing).last:
            return answer
        # Ids have grown. Buckets of the whole span are wider and do not begin where the last batch does; to fill
        # it up without guessing, its records are counted from its first id on.
        tail = self._source.measure(record_type, origin)
        if isinstance(tail, Unavailable):
            return tail
        return Measured(records=answer.records, buckets=with_exact_tail(answer.buckets, tail.buckets, origin=origin))


def settle_all(
    record_types: Sequence[str], settler: Settler, finder: ChangeFinder | None, *, mode: ImportMode
) -> Iterator[tuple[str, Settled | Unavailable]]:
    """Settles the types in their order. Without a `finder` all is read, whatever the mode, and nothing held back."""
    incremental = finder if mode is ImportMode.INCREMENTAL else None
    if incremental:
        settler.prepare(record_types, incremental)
    for name in record_types:
        yield name, settler.settle_changes(name, incremental) if incremental else settler.settle(name, finder)


def _kept(existing: Sequence[BatchRange]) -> RangePlan:
    expected: Mapping[BatchRange, int] = {}
    return RangePlan(keep=tuple(sorted(existing)), add=(), remove=(), expected=expected)
