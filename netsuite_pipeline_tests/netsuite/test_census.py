"""Counting what changed, against a sandbox whose rows the tests date."""

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from netsuite_pipeline.netsuite import census as module
from netsuite_pipeline.netsuite.census import (
    bucket_width,
    census_by_bucket,
    changed_ids,
    deleted_ids,
    existing_ids,
    take_census,
)
from netsuite_pipeline.netsuite.client import NetSuiteClient
from netsuite_pipeline.netsuite.errors import IncompleteRead, QueryRejected, RecordTypeUnavailable
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline_tests.netsuite.sqlite_account import THING, SqliteAccount

CUSTOMER, LINE = CATALOG.get("customer"), CATALOG.get("transaction_line")
# After everything that the sandbox generates.
SINCE = dt.datetime.fromisoformat("2026-03-01 12:00:00")
_DELETED = "INSERT INTO deletedrecord (recordid, recordtypeid, scriptid, deleteddate) VALUES (?, ?, 'X', ?)"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    """Customers 1 to 2,400, of which every second was changed, one is undated; and the lines of two orders."""
    with SandboxServer(records=60, seed=2) as server:
        dataset = server.dataset
        connection = dataset.connection()
        for table in ("customer", "vendor", "employee", "job", "transaction", "transactionline"):
            connection.execute(f'DELETE FROM "{table}"')
        dates = {0: "2026-03-01 12:00:00", 1: "2026-03-01 11:59:59"}
        dataset.put("customer", [{"id": n, "lastmodifieddate": dates[n % 2]} for n in range(1, 2401)])
        dataset.put("customer", [{"id": 7, "lastmodifieddate": ""}])
        for order, changed in ((10, dates[1]), (20, dates[0])):
            dataset.put("transaction", [{"id": order, "type": "SalesOrd", "lastmodifieddate": changed}])
        lines = [(10, 1, "-1.5", dates[1]), (10, 2, ".25", dates[0]), (20, 1, "-9", dates[0])]
        for order, line, quantity, changed in lines:
            row = {"transaction": order, "id": line, "quantity": quantity, "linelastmodifieddate": changed}
            dataset.put("transactionline", [row])
        for number, id_ in enumerate((5, -3, 5, 900)):
            connection.execute(_DELETED, (id_, number, "2026-03-01 12:00:00"))
        connection.execute(_DELETED, (77, 1, "2026-03-01 11:59:59"))
        dataset.version += 1
        yield server


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
    sandbox.availability.set_column("transactionline", "quantity", available=True)
    sandbox.availability.set_column("customer", "lastmodifieddate", available=True)
    sandbox.availability.set_table("deletedrecord", available=True)


def test_a_census_counts_changed_unchanged_and_undated_records(client: NetSuiteClient) -> None:
    _, census = take_census(client, CUSTOMER, SINCE)
    assert (census.first, census.last, census.records) == (1, 2400, 2400)
    assert (census.changed, census.unchanged, census.undated, census.strays) == (1200, 1199, 1, 0)


def test_lines_change_with_their_transaction_and_strays_by_their_own_date(client: NetSuiteClient) -> None:
    _, census = take_census(client, LINE, SINCE)
    assert (census.records, census.changed, census.unchanged, census.strays) == (3, 1, 2, 1)
    # Of the unchanged transaction, without signs: -1.5 and .25; the other sums have no value.
    assert census.sums == (Decimal("1.75"), 0, 0, 0)


def test_a_summed_column_that_the_account_lacks_is_left_out(client: NetSuiteClient, sandbox: SandboxServer) -> None:
    sandbox.availability.set_column("transactionline", "quantity", available=False)
    asked, census = take_census(client, LINE, SINCE)
    assert asked.source.summed == ("rate", "netamount", "foreignamount")
    assert len(census.sums) == 3


def test_a_missing_date_of_modification_is_named(client: NetSuiteClient, sandbox: SandboxServer) -> None:
    sandbox.availability.set_column("customer", "lastmodifieddate", available=False)
    with pytest.raises(QueryRejected) as refused:
        take_census(client, CUSTOMER, SINCE)
    assert refused.value.column == "lastmodifieddate"


def test_buckets_add_up_to_the_whole(client: NetSuiteClient, sandbox: SandboxServer) -> None:
    sandbox.stats.reset()
    buckets = list(census_by_bucket(client, CUSTOMER, SINCE, span=BatchRange(1, 2400), width=2))
    assert sandbox.stats.total_queries == 2
    assert (len(buckets), buckets[0].first, buckets[-1].last) == (1200, 1, 2400)
    assert (sum(b.changed for b in buckets), sum(b.unchanged for b in buckets)) == (1200, 1199)


@pytest.mark.parametrize(("span", "width"), [(100_000, 250), (10_000_000, 3449), (1, 250)])
def test_a_span_takes_three_requests_at_most(span: int, width: int) -> None:
    assert bucket_width(BatchRange(1, span), batch_size=1000) == width
    assert span / width <= 2900


def test_changed_ids_come_in_pages_of_a_thousand(client: NetSuiteClient, sandbox: SandboxServer) -> None:
    sandbox.stats.reset()
    assert changed_ids(client, CUSTOMER, SINCE) == list(range(2, 2401, 2))
    assert sandbox.stats.total_queries == 2
    assert changed_ids(client, LINE, SINCE) == [20]


def test_a_page_that_was_cut_short_is_not_taken_for_the_last_one(account_of: Callable[..., SqliteAccount]) -> None:
    account = account_of(range(1, 1501))
    account.run("UPDATE thing SET lastmodifieddate = ?", (f"{SINCE}",))
    account.tamper = lambda _, rows: rows[:400]
    assert changed_ids(account, THING, SINCE)[-1] > 1000


def test_ids_that_exist_are_told_from_those_that_do_not(client: NetSuiteClient) -> None:
    assert existing_ids(client, CUSTOMER, [-5, 0, 1, *range(2000, 3100)]) == {1, *range(2000, 2401)}
    assert existing_ids(client, LINE, [10, 11]) == {10}


def test_deletions_are_ids_of_any_type_each_once(client: NetSuiteClient) -> None:
    assert deleted_ids(client, SINCE) == [-3, 5, 900]


def test_deletions_that_the_role_may_not_see_are_an_error(client: NetSuiteClient, sandbox: SandboxServer) -> None:
    sandbox.availability.set_table("deletedrecord", available=False)
    with pytest.raises(RecordTypeUnavailable):
        deleted_ids(client, SINCE)


def test_too_many_deletions_are_an_error(client: NetSuiteClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_DELETIONS", 2)
    with pytest.raises(IncompleteRead, match="more than 2 since 2026-03-01 12:00"):
        deleted_ids(client, SINCE)


def test_ids_that_do_not_ascend_are_an_error(client: NetSuiteClient, monkeypatch: pytest.MonkeyPatch) -> None:
    # A page that ignores where it is to begin would be asked for again for ever.
    monkeypatch.setattr(module, "PAGE_SIZE", 2)
    monkeypatch.setattr(
        module, "deletions_query", lambda since, after: "SELECT id AS recordid FROM customer WHERE id < 3 ORDER BY id"
    )
    with pytest.raises(IncompleteRead, match="Read ids: 1 came after 2"):
        deleted_ids(client, SINCE)
