"""Performance of imports, from their ledgers: totals, rates, shares and a rating. What to change is in `advice`.

Arithmetic only. Everything rated is a ratio, so a slow machine is not a bad import.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from netsuite_pipeline.netsuite.page import PAGE_SIZE
from netsuite_pipeline.warehouse.ledger import Ledger

# Fewer records cannot be rated: one repeated request among three says nothing.
_RATED_RECORDS = 1_000


class Rating(StrEnum):
    """How much of the work was done twice or for little; see `Performance.rating`."""

    EXCELLENT = "excellent"
    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"
    UNRATED = "too little to rate"


# The largest share of wasted work for each rating.
_LIMITS = ((0.01, Rating.EXCELLENT), (0.05, Rating.GOOD), (0.20, Rating.FAIR))

_SUMMED = (
    "expected",
    "fetched",
    "inserted",
    "updated",
    "unchanged",
    "deleted",
    "rejected",
    "requests",
    "retries",
    "database_retries",
    "statements",
    "fallback_rows",
    "repaired",
    "api_seconds",
    "transform_seconds",
    "database_seconds",
)


@dataclass(frozen=True, kw_only=True)
class Performance:
    """Figures of some committed batches. Seconds are sums over batches, and batches are read side by side;
    `run_seconds` are wall-clock seconds, from the first read to the last commit of each run, and `writing_seconds`
    those of them in which at least one batch was being written. `peak_memory` is in bytes, the largest of the runs'
    processes. What was not noted by the version that imported counts as none.
    """

    batches: int
    runs: int
    expected: int
    fetched: int
    inserted: int
    updated: int
    unchanged: int
    deleted: int
    rejected: int
    requests: int
    retries: int
    database_retries: int
    statements: int
    fallback_rows: int
    repaired: int
    api_seconds: float
    transform_seconds: float
    database_seconds: float
    run_seconds: float
    writing_seconds: float
    peak_memory: int
    # Records of an average batch when the smallest one is left out, which is only the rest; 0 if there is one batch.
    batch_records: float
    # The one import that all of it belongs to, if it is one.
    job_id: str | None

    @property
    def records_per_second(self) -> float:
        """Fetched records per second of a run; 0.0 if it is not known how long the runs took."""
        return _ratio(self.fetched, self.run_seconds)

    @property
    def written(self) -> int:
        """Rows that were changed in any way."""
        return self.inserted + self.updated + self.deleted

    @property
    def work_seconds(self) -> float:
        """Seconds in NetSuite, conversion and database together."""
        return self.api_seconds + self.transform_seconds + self.database_seconds

    @property
    def api_share(self) -> float:
        """Of the work, 0 to 1."""
        return _ratio(self.api_seconds, self.work_seconds)

    @property
    def transform_share(self) -> float:
        """Of the work, 0 to 1."""
        return _ratio(self.transform_seconds, self.work_seconds)

    @property
    def database_share(self) -> float:
        """Of the work, 0 to 1."""
        return _ratio(self.database_seconds, self.work_seconds)

    @property
    def database_busy(self) -> float:
        """Of the runs' time, 0 to 1, that in which a batch was being written; a run may write several at once."""
        return _ratio(self.writing_seconds, self.run_seconds)

    @property
    def request_retries(self) -> int:
        """Requests that were repeated."""
        return self.retries - self.database_retries

    @property
    def request_retry_share(self) -> float:
        """Repeated requests among all requests."""
        return _ratio(self.request_retries, self.requests)

    @property
    def database_retry_share(self) -> float:
        """Repeated transactions for each batch."""
        return _ratio(self.database_retries, self.batches)

    @property
    def fallback_share(self) -> float:
        """Rows that were sent again, for each row that was written."""
        return _ratio(self.fallback_rows, self.inserted + self.updated)

    @property
    def reject_share(self) -> float:
        """Rejected records among the fetched."""
        return _ratio(self.rejected, self.fetched)

    @property
    def statements_per_1000_written(self) -> float:
        """SQL statements for each 1,000 rows that were changed; 0.0 if none was."""
        return _ratio(self.statements * 1000, self.written)

    @property
    def rating(self) -> Rating:
        """The worst of three shares: requests repeated, transactions repeated, rows sent again.

        Up to 1 % is excellent, 5 % good, 20 % fair. Batches that fill less than a quarter of a page of NetSuite's are
        fair at best, as each costs a request and a transaction. Below 1,000 records nothing is rated.
        """
        if self.fetched < _RATED_RECORDS:
            return Rating.UNRATED
        wasted = max(self.request_retry_share, self.database_retry_share, self.fallback_share)
        rating = next((rating for limit, rating in _LIMITS if wasted <= limit), Rating.POOR)
        if self.small_batches and rating is not Rating.POOR:
            return Rating.FAIR
        return rating

    @property
    def small_batches(self) -> bool:
        """Whether batches fill less than a quarter of a page, the smallest one left out."""
        return 0 < self.batch_records < PAGE_SIZE / 4


def performance(ledgers: Iterable[Ledger]) -> Performance:
    """The performance of a run, a record type or an import: of whatever batches the ledgers are."""
    found = sorted(ledgers, key=lambda ledger: ledger.run_id or "")
    sizes = sorted(ledger.fetched for ledger in found)[1:]
    runs = [list(group) for _, group in groupby(found, key=lambda ledger: ledger.run_id or "")]
    seconds = [_run_seconds(run) for run in runs]
    jobs = {ledger.job_id for ledger in found}
    return Performance(
        batches=len(found),
        runs=len(runs),
        **{name: sum(getattr(ledger, name) or 0 for ledger in found) for name in _SUMMED},
        run_seconds=sum(seconds) if all(seconds) else 0.0,
        writing_seconds=sum(map(_writing_seconds, runs)),
        peak_memory=max((ledger.peak_memory or 0 for ledger in found), default=0),
        batch_records=_ratio(sum(sizes), len(sizes)),
        job_id=jobs.pop() if len(jobs) == 1 else None,
    )


def _run_seconds(ledgers: Sequence[Ledger]) -> float:
    """0.0 if it is not known when one of the batches was read."""
    begun = [ledger.read_at for ledger in ledgers if ledger.read_at]
    if len(begun) < len(ledgers):
        return 0.0
    return (max(ledger.committed_at for ledger in ledgers) - min(begun)).total_seconds()


def _writing_seconds(ledgers: Sequence[Ledger]) -> float:
    """The seconds in which at least one of the batches was being written."""
    spans = sorted((one.committed_at - dt.timedelta(seconds=one.database_seconds), one.committed_at) for one in ledgers)
    total, until = 0.0, spans[0][0]
    for begin, end in spans:
        total += max((end - max(begin, until)).total_seconds(), 0.0)
        until = max(until, end)
    return total


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
