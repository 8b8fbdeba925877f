"""What tests of streams have in common: ranges, kinds of queries, results."""

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.transform.batch import FailedBatch, TransformedBatch
from netsuite_pipeline_tests.netsuite.sqlite_account import SqliteAccount


def batches(first: int, last: int, size: int) -> list[BatchRange]:
    return [BatchRange(start, min(start + size - 1, last)) for start in range(first, last + 1, size)]


def is_page(sql: str) -> bool:
    return "ORDER BY" in sql


def is_count(sql: str) -> bool:
    return "COUNT(CASE" in sql


def pages_of(account: SqliteAccount) -> int:
    """How many pages the account was asked for."""
    return sum(map(is_page, account.queries))


def loaded(result: TransformedBatch | FailedBatch) -> TransformedBatch:
    assert isinstance(result, TransformedBatch), result
    return result
