"""Ledgers with the figures that a test is about; the rest is an ordinary, good batch of 1,000 records."""

import datetime as dt
from typing import Any

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.warehouse.ledger import Ledger

START = dt.datetime(2026, 1, 31, 2)  # noqa: DTZ001 - naive UTC
MIB = 1024 * 1024


def ledger(number: int = 0, *, run: str = "run", job: str | None = "job", **figures: Any) -> Ledger:
    """The batch that was read `number` times two seconds after the run's begin, and committed three seconds later."""
    begun = START + dt.timedelta(seconds=2 * number)
    first = 1 + number * 1000
    ordinary: dict[str, Any] = {
        "expected": 1000,
        "fetched": 1000,
        "inserted": 1000,
        "updated": 0,
        "unchanged": 0,
        "deleted": 0,
        "rejected": 0,
        "requests": 1,
        "retries": 0,
        "database_retries": 0,
        "api_seconds": 1.0,
        "transform_seconds": 0.4,
        "database_seconds": 1.0,
        "statements": 12,
        "fallback_rows": 0,
        "repaired": 0,
        "peak_memory": 150 * MIB,
        "read_at": begun,
        "committed_at": begun + dt.timedelta(seconds=3),
        "live_before": 0,
        "live_after": 1000,
    }
    return Ledger(
        record_type="customer",
        range=BatchRange(first, first + 999),
        job_id=job,
        run_id=run,
        **ordinary | figures,
    )


def ledgers(count: int = 20, **figures: Any) -> list[Ledger]:
    """The batches of one run, one after the other."""
    return [ledger(number, **figures) for number in range(count)]
