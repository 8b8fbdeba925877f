"""What passes from the source to the warehouse: typed rows of one batch, with what is known about them."""

import datetime as dt
from collections.abc import Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from netsuite_pipeline.record_types.batch import BatchRange, Increment, Key, Watermark
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.transform.rejection import Rejection


@dataclass(frozen=True, slots=True)
class Row:
    """A typed row. `values` follow `rows.columns_of(record_type)`; `hash` covers all of them (16 bytes)."""

    key: Key
    values: tuple[Any, ...]
    hash: bytes


@dataclass(frozen=True, kw_only=True)
class TransformedBatch:
    """All rows of one batch range, ready to load.

    `expected` is NetSuite's own count of the range, `fetched` the rows it sent; each is in `rows` or in
    `rejections`. `requests` and `retries` are those of reading it. Seconds are wall-clock seconds spent waiting
    for NetSuite (`api_seconds`) and converting. `read_at` is when reading began, naive UTC; `watermark` says up to
    when they are current, None if NetSuite was not asked for the time. With an `increment` only what it says was read,
    and `expected` counts that.
    """

    record_type: RecordType
    range: BatchRange
    expected: int
    fetched: int
    rows: list[Row]
    read_at: dt.datetime
    watermark: Watermark | None = None
    increment: Increment | None = None
    rejections: list[Rejection] = field(default_factory=list)
    requests: int = 0
    retries: int = 0
    api_seconds: float = 0.0
    transform_seconds: float = 0.0

    @property
    def may_reconcile(self) -> bool:
        """Whether target rows that NetSuite did not send can be called deleted.

        A rejected row without a key forbids it: nobody can tell which target row it is.
        """
        return all(rejection.key is not None for rejection in self.rejections)

    @cached_property
    def examined(self) -> Set[int] | None:
        """The ids of which everything was read, None for all of the range: of lines, those of their transactions."""
        if self.increment is None:
            return None
        sent = {row.key[0] for row in self.rows}
        rejected = {rejection.key[0] for rejection in self.rejections if rejection.key is not None}
        return sent | rejected | self.increment.noted


@dataclass(frozen=True, kw_only=True)
class FailedBatch:
    """A batch that could not be read from the source, and why, in one sentence."""

    record_type: RecordType
    range: BatchRange
    category: FailureCategory
    reason: str
