"""Settle what an incremental import reads of one record type: ask what changed, look at what was noted, choose batches.

Whoever asks NetSuite and the table is behind a protocol. Which batches follow from the counts is decided in
`increments`; full imports, and the rest of a plan, are in `planning`.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.waves.errors import NotAnswered
from netsuite_pipeline.waves.increments import Count, Portion, portions, starting_point


@dataclass(frozen=True, kw_only=True)
class Unavailable:
    """The account does not offer the record type, or a person has to look first, with the reason."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Undatable:
    """Nobody can ask the account what changed of this type, with the reason: it is read as a whole."""

    reason: str


class Comparison(Protocol):
    """NetSuite's census of a record type and the table's."""

    @property
    def since(self) -> dt.datetime:
        """Since when changes are looked for, by NetSuite's clock, naive UTC."""

    @property
    def records(self) -> int:
        """How many NetSuite has."""

    @property
    def bounds(self) -> tuple[int, int] | None:
        """NetSuite's lowest and highest id; None without records."""

    @property
    def is_calm(self) -> bool:
        """Whether nothing has changed, by any date, count or sum, and nothing is noted."""

    def counts(self) -> Sequence[Count]:
        """Both by buckets, ascending, over all ids of NetSuite's and of the table's."""


class ChangeFinder(Protocol):
    """Whoever knows up to when batches are imported, and can ask NetSuite what changed since."""

    @property
    def as_of(self) -> dt.datetime | None:
        """NetSuite's time (naive UTC) before anything was asked; None if it did not tell."""

    def watermarks(self, record_type: str) -> Mapping[BatchRange, dt.datetime]:
        """Up to when each range is imported as the type is declared now, and no later than `as_of`."""

    def local(self, moment: dt.datetime) -> dt.datetime:
        """From which account-local time on a change since `moment` may be dated."""

    def compare(self, record_type: str, since: dt.datetime) -> Comparison | Unavailable | Undatable:
        """Counts on both sides, `since` being naive UTC. NotAnswered for what costs this type only."""

    def rows(self, record_type: str) -> int:
        """The live rows of the table."""

    def hold(self, record_type: str, *, records: int, rows: int) -> Unavailable | None:
        """Why a person has to look before the type is imported: too many rows would be deleted."""

    def note_deletions(self, record_types: Collection[str], since: dt.datetime) -> None:
        """Notes which rows are of records that NetSuite has deleted since (naive UTC) and has not any more."""

    def noted(self, record_type: str) -> Sequence[int]:
        """The ids of live rows that are noted and not settled, ascending."""

    def advance(self, record_type: str, *, batches: Sequence[BatchRange], unchanged: Sequence[BatchRange]) -> None:
        """Moves the watermarks of the unchanged batches on to `as_of`, and forgets those of ranges not in `batches`."""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What is to be read of a record type of which NetSuite has so many records, and why some batches as a whole."""

    records: int
    portions: tuple[Portion, ...]
    reason: str | None


def note_deletions(finder: ChangeFinder, batches: Mapping[str, Sequence[BatchRange]]) -> None:
    """Notes what was deleted since the least recent import of the record types, whose batches are given."""
    starts = {}
    for name, known in batches.items():
        # It is told when the type is settled.
        with suppress(NotAnswered):
            if start := starting_point(known, finder.watermarks(name)):
                starts[name] = start
    if starts and finder.as_of:
        finder.note_deletions(starts.keys(), min(starts.values()))


def compared(
    finder: ChangeFinder, record_type: str, batches: Sequence[BatchRange]
) -> Comparison | Unavailable | Undatable:
    """How NetSuite and the table compare since the type was imported."""
    if finder.as_of is None:
        return Undatable(reason="NetSuite did not tell the time")
    if not batches:
        return Undatable(reason="it was not imported before")
    since = starting_point(batches, finder.watermarks(record_type))
    if since is None:
        return Undatable(reason="it was not imported before, or not as it is declared now")
    return finder.compare(record_type, since)


def settle_changes(
    finder: ChangeFinder, record_type: str, batches: Sequence[BatchRange], comparison: Comparison
) -> Changes:
    """Chooses what to read of the batches (in partition order), and moves on those in which nothing happened."""
    watermarks = finder.watermarks(record_type)
    chosen = portions(
        batches,
        watermarks=watermarks,
        since=comparison.since,
        local_since=finder.local(comparison.since),
        counts=() if comparison.is_calm else comparison.counts(),
        noted=finder.noted(record_type),
    )
    read = {portion.range for portion in chosen}
    finder.advance(record_type, batches=batches, unchanged=[batch for batch in batches if batch not in read])
    return Changes(records=comparison.records, portions=tuple(chosen), reason=_reason(chosen, len(batches)))


def _reason(chosen: Sequence[Portion], batches: int) -> str | None:
    whole: dict[str, int] = {}
    for portion in chosen:
        if portion.increment is None:
            whole[portion.reason] = whole.get(portion.reason, 0) + 1
    if not whole:
        return None
    named = "; ".join(f"{count} for {reason}" for reason, count in whole.items())
    return f"read as a whole: {sum(whole.values())} of {batches} batches ({named})"
