"""More rows than a query of NetSuite's can be paged to, in both ways in which it may end there: neither is met.

The ceiling is lowered; everything asks as it does in an account.
"""

import datetime as dt
from collections.abc import Iterator
from functools import partial

import pytest

from netsuite_pipeline.netsuite.census import (
    census_by_bucket,
    changed_ids,
    deleted_ids,
    existing_ids,
    take_census,
)
from netsuite_pipeline.netsuite.client import NetSuiteClient
from netsuite_pipeline.netsuite.histogram import measure
from netsuite_pipeline.netsuite.reading import key_pages
from netsuite_pipeline.netsuite.stream import stream_batches
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.batch import BatchRange, Increment
from netsuite_pipeline.sandbox import engine
from netsuite_pipeline.sandbox.engine import PastCeiling
from netsuite_pipeline.sandbox.errors import NetSuiteFault
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline_tests.netsuite.streams import loaded

CUSTOMER = CATALOG.get("customer")
# After everything that the sandbox generates.
SINCE = dt.datetime.fromisoformat("2026-03-01 12:00:00")
CEILING, COUNT = 2000, 6500
WHOLE = BatchRange(1, COUNT)
IDS = list(range(1, COUNT + 1))


@pytest.fixture(scope="module")
def account() -> Iterator[SandboxServer]:
    """Customers that all changed since, and as many deleted records."""
    with SandboxServer(records=20, seed=2) as server:
        connection = server.dataset.connection()
        for table in ("customer", "vendor", "employee", "job"):
            connection.execute(f'DELETE FROM "{table}"')
        server.dataset.put("customer", [{"id": id_, "lastmodifieddate": f"{SINCE}"} for id_ in IDS])
        connection.executemany(
            "INSERT INTO deletedrecord (recordid, recordtypeid, scriptid, deleteddate) VALUES (?, 1, 'X', ?)",
            [(-id_, f"{SINCE}") for id_ in IDS],
        )
        server.dataset.version += 1
        yield server


@pytest.fixture(params=["silent", "error"])
def sandbox(account: SandboxServer, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> SandboxServer:
    past: PastCeiling = request.param
    monkeypatch.setattr(engine, "MAX_ROWS", CEILING)
    monkeypatch.setattr(account.account.engine, "past_ceiling", past)
    return account


@pytest.fixture
def client(sandbox: SandboxServer) -> Iterator[NetSuiteClient]:
    known = sandbox.credentials
    settings = Settings(
        netsuite_account_id=known.account,
        netsuite_base_url=sandbox.base_url,
        netsuite_auth="tba",
        netsuite_consumer_key=known.consumer_key,
        netsuite_consumer_secret=known.consumer_secret,
        netsuite_token_id=known.token_id,
        netsuite_token_secret=known.token_secret,
    )
    with NetSuiteClient.connect(settings, sleep=lambda _: None) as client:
        yield client
        assert client.stats.retries == 0


def test_whoever_pages_by_offset_meets_it(sandbox: SandboxServer) -> None:
    account = sandbox.account.engine
    asked = partial(account.query, "SELECT id FROM customer ORDER BY id", limit=1000)
    assert asked(offset=CEILING - 1000).items
    if account.past_ceiling == "error":
        with pytest.raises(NetSuiteFault):
            asked(offset=CEILING)
    else:
        assert asked(offset=CEILING).items == []


def test_all_ids_that_changed_are_found(client: NetSuiteClient) -> None:
    assert changed_ids(client, CUSTOMER, SINCE) == IDS


def test_all_deletions_are_found(client: NetSuiteClient) -> None:
    assert deleted_ids(client, SINCE) == [-id_ for id_ in reversed(IDS)]


def test_of_all_ids_it_is_known_whether_they_exist(client: NetSuiteClient) -> None:
    assert existing_ids(client, CUSTOMER, [*IDS, -1, COUNT + 1]) == set(IDS)


def test_all_changes_are_counted_however_many_buckets_there_are(client: NetSuiteClient) -> None:
    _, census = take_census(client, CUSTOMER, SINCE)
    buckets = list(census_by_bucket(client, CUSTOMER, SINCE, span=WHOLE, width=1))
    assert census.changed == sum(bucket.changed for bucket in buckets) == len(buckets) == COUNT


def test_a_histogram_has_all_records_however_many_buckets_there_are(client: NetSuiteClient) -> None:
    histogram = measure(client, CUSTOMER, batch_size=5)
    assert histogram.total == COUNT
    assert len(histogram.buckets) > CEILING


def test_all_keys_are_walked(client: NetSuiteClient) -> None:
    assert [key for page in key_pages(client, CUSTOMER, WHOLE) for key in page] == [(id_,) for id_ in IDS]


@pytest.mark.parametrize("batches", [[WHOLE], [BatchRange(1, 100), BatchRange(101, COUNT)]], ids=["one", "two"])
@pytest.mark.parametrize("changed", [False, True], ids=["whole", "changes"])
def test_batches_are_read_to_their_end(client: NetSuiteClient, batches: list[BatchRange], changed: bool) -> None:
    # Far more changed than the census said.
    increments = {batch: Increment(since=SINCE, expected=10) for batch in batches} if changed else {}
    results = [loaded(batch) for batch in stream_batches(client, CUSTOMER, batches, workers=2, increments=increments)]
    assert [row.key for batch in results for row in batch.rows] == [(id_,) for id_ in IDS]
