"""Advice from the figures of `performance`: which setting to change, and why.

Each rule speaks only where the figures show it: shares need enough batches, and times need enough seconds. Where
nothing is worth changing there is no advice.
"""

from collections.abc import Callable

from netsuite_pipeline.netsuite.page import PAGE_SIZE
from netsuite_pipeline.observability.performance import Performance

# Below these, what a share shows may be chance, and start-up weighs more than the work.
_BATCHES = 5
_SECONDS = 10.0
_MANY = 5
_OFTEN = 0.05
_MOST = 0.70
# This busy with writing, a run is made faster by little else.
_BUSY = 0.80
_IDLE = 0.40
_FEW_BATCHES_PER_RUN = 2


def advice(performance: Performance) -> tuple[str, ...]:
    """What is worth changing, as sentences; empty if nothing is."""
    return tuple(sentence for rule in _RULES if (sentence := rule(performance)))


def _waits_for_netsuite(done: Performance) -> str | None:
    waits = done.api_share >= _MOST and done.database_busy <= _IDLE
    if not (_is_timed(done) and waits) or done.request_retries or done.small_batches:
        return None
    return (
        f"NetSuite took {done.api_share:.0%} of the work, the database was busy {done.database_busy:.0%} of the time,"
        " and no request had to be repeated: raise NETSUITE_CONCURRENCY as far as the account's limit allows."
    )


def _repeats_requests(done: Performance) -> str | None:
    if done.request_retries < _MANY or done.request_retry_share < _OFTEN:
        return None
    return (
        f"{done.request_retries:,} of {done.requests:,} requests were repeats: if NetSuite refused them for their"
        " number, lower NETSUITE_CONCURRENCY, or run the import when other integrations are quiet; if they took too"
        " long, lower BATCH_SIZE or raise NETSUITE_TIMEOUT."
    )


def _repeats_transactions(done: Performance) -> str | None:
    if done.database_retries < _MANY or done.database_retry_share < _OFTEN:
        return None
    return (
        f"{done.database_retries:,} transactions were repeats, for {done.batches:,} batches: deadlocks, lock waits or"
        " lost connections. Let fewer runs write at once (the pool's limit in dagster.yaml), and look for other writers"
        " of the table."
    )


def _sends_rows_again(done: Performance) -> str | None:
    if done.fallback_rows < _MANY or done.fallback_share < _OFTEN:
        return None
    return (
        f"{done.fallback_rows:,} rows were sent again, beside {done.inserted + done.updated:,} that were written,"
        " because the database refused rows among them: `netsuite-pipeline rejects list` names them and the reason;"
        " correct the records in NetSuite, or let the column take such values."
    )


def _has_small_batches(done: Performance) -> str | None:
    if done.batches < _BATCHES or not done.small_batches:
        return None
    return (
        f"A batch holds {done.batch_records:,.0f} records, and a request could bring {PAGE_SIZE:,}: plan with a larger"
        f" BATCH_SIZE ({PAGE_SIZE:,} is the default). Batches that exist keep their ranges until their partitions are"
        " deleted and planned anew."
    )


def _has_small_runs(done: Performance) -> str | None:
    # Of one import only: the last imports of a type's batches may come from a hundred runs that repaired one each.
    few = done.runs >= _BATCHES and done.batches <= done.runs * _FEW_BATCHES_PER_RUN
    if done.job_id is None or not few:
        return None
    return (
        f"{done.runs:,} runs imported {done.batches:,} batches, and each takes seconds to start: raise RUN_BATCHES, and"
        " WAVE_SIZE with it, because a run takes no more than a half of it by the runs at once."
    )


def _waits_for_database(done: Performance) -> str | None:
    if not _is_timed(done) or done.database_busy < _BUSY:
        return None
    busy = f"The database was busy {done.database_busy:.0%} of the time"
    if done.inserted + done.updated > done.unchanged:
        return (
            f"{busy}, mostly writing: drop indexes of the table that nobody needs, give the server more memory"
            " (innodb_buffer_pool_size) or a faster disk."
        )
    return f"{busy}, mostly comparing rows that had not changed: give it more memory (innodb_buffer_pool_size)."


def _waits_for_conversion(done: Performance) -> str | None:
    if not _is_timed(done) or done.transform_share < _MOST or done.database_busy >= _BUSY:
        return None
    return (
        f"Converting took {done.transform_share:.0%} of the work, which one process does on one core: let more runs"
        " import at once (the pool's limit in dagster.yaml), or leave out columns that nobody reads."
    )


def _is_timed(done: Performance) -> bool:
    return done.batches >= _BATCHES and done.run_seconds >= _SECONDS


_RULES: tuple[Callable[[Performance], str | None], ...] = (
    _waits_for_netsuite,
    _repeats_requests,
    _repeats_transactions,
    _sends_rows_again,
    _has_small_batches,
    _has_small_runs,
    _waits_for_database,
    _waits_for_conversion,
)
