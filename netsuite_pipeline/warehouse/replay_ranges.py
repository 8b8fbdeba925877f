"""Which ids a replay reads again: the open rejects of a record type as few small ranges, none of them beyond a batch.

Only the choice; reading and loading them is `orchestration.replay`'s business.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import sqlalchemy as sa

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.warehouse.quarantine import RejectFilter, reject_pages

# Two rejects that are not further apart are read together: a request costs more than the rows in between.
JOINED_GAP = 200
# A batch in more pieces is read from its first reject to its last, which costs no more than the batch.
PIECES = 4

_COLUMNS = ("record_type", "row_key", "key_first", "batch_first", "batch_last")


@dataclass(frozen=True, kw_only=True)
class TypeReplay:
    """What is to be read again of one record type, in ascending ranges that do not overlap, for `rejects` rejects."""

    record_type: str
    rejects: int
    ranges: tuple[BatchRange, ...]


@dataclass(frozen=True)
class Place:
    """Where a reject is: the id it was filed under, and the range that was read; `whole` if only all of it will do."""

    first: int
    batch: BatchRange
    whole: bool


def plan_replays(engine: sa.Engine, chosen: RejectFilter) -> list[TypeReplay]:
    """What is to be read for the chosen open rejects, by record type. WarehouseError."""
    found = _places(engine, replace(chosen, resolved=False))
    plans = []
    for record_type, places in groupby(found, key=lambda one: one[0]):
        counted = _Counted(place for _, place in places)
        pieces = list(pieces_of(counted))
        # Not only the chosen ones: see `ranges_of`.
        every = RejectFilter(types=(record_type,))
        whole = {place.batch for _, place in _places(engine, every) if place.whole}
        plans.append(
            TypeReplay(record_type=record_type, rejects=counted.number, ranges=ranges_of(pieces, sorted(whole)))
        )
    return plans


def pieces_of(places: Iterable[Place]) -> Iterator[BatchRange]:
    """The ranges that hold all the places, which come in ascending order; no more than PIECES to a batch."""
    for batch, of_batch in groupby(places, key=lambda place: place.batch):
        together = list(of_batch)
        if any(place.whole for place in together):
            yield batch
            continue
        pieces = [BatchRange(first, first) for first in dict.fromkeys(place.first for place in together)]
        joined = _joined(pieces, gap=JOINED_GAP)
        yield from joined if len(joined) <= PIECES else [BatchRange(joined[0].first, joined[-1].last)]


def ranges_of(pieces: Iterable[BatchRange], whole: Sequence[BatchRange]) -> tuple[BatchRange, ...]:
    """The pieces in order and without overlaps, each as wide as it has to be.

    `whole` are the ranges, in ascending order, that rows without a usable key came from. Such a reject is filed under
    the first id of its range, and an import of that id resolves it if the row does not come again: it has to read all
    of the range, or the reject would be resolved unread.
    """
    ranges: list[BatchRange] = []
    waiting = list(whole)
    for piece in sorted(pieces):
        if ranges and piece.first <= ranges[-1].last:
            piece = BatchRange(ranges[-1].first, max(piece.last, ranges.pop().last))
        while waiting and waiting[0].first <= piece.last:
            needed = waiting.pop(0)
            if needed.first >= piece.first:
                piece = BatchRange(piece.first, max(piece.last, needed.last))
        ranges.append(piece)
    return tuple(ranges)


class _Counted:
    """Passes places on and counts them, so that they need not be kept."""

    def __init__(self, places: Iterable[Place]) -> None:
        self._places = places
        self.number = 0

    def __iter__(self) -> Iterator[Place]:
        for place in self._places:
            self.number += 1
            yield place


def _places(engine: sa.Engine, chosen: RejectFilter) -> Iterator[tuple[str, Place]]:
    for page in reject_pages(engine, chosen, _COLUMNS):
        for row in page:
            first = row["key_first"]
            # Filed under another id than its own: the row came in a range that it does not belong to.
            own = row["row_key"].partition(":")[0] == str(first)
            yield row["record_type"], Place(first, BatchRange(row["batch_first"], row["batch_last"]), not own)


def _joined(pieces: Iterable[BatchRange], *, gap: int) -> list[BatchRange]:
    joined: list[BatchRange] = []
    for piece in pieces:
        if joined and piece.first - joined[-1].last <= gap:
            piece = BatchRange(joined.pop().first, piece.last)
        joined.append(piece)
    return joined
