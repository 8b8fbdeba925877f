"""Probing: which columns an account lacks is found out with few queries, and what a type needs is never left out."""

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest

from netsuite_pipeline.netsuite.client import NetSuiteClient
from netsuite_pipeline.netsuite.columns import WatchedQueries, probe_columns
from netsuite_pipeline.netsuite.errors import (
    ColumnLost,
    QueryRejected,
    RecordTypeUnavailable,
    RequiredColumnMissing,
    Unavailable,
)
from netsuite_pipeline.netsuite.stream import stream_batches
from netsuite_pipeline.netsuite.suiteql import page_query
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.record_types.model import RecordType, Source, date, text
from netsuite_pipeline.sandbox.availability import Availability
from netsuite_pipeline.sandbox.faults import Fault, FaultKind
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.transform.batch import FailedBatch

CUSTOMER, PROJECT, ORDER, LINE, FULFILLMENT = (
    CATALOG.get(name) for name in ("customer", "project", "sales_order", "transaction_line", "item_fulfillment")
)


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxServer]:
    with SandboxServer(records=300, seed=7) as server:
        yield server


@pytest.fixture
def sandbox(running: SandboxServer) -> Iterator[SandboxServer]:
    """That sandbox as an account that lacks nothing; what a test switches off comes back."""
    running.account.engine.availability = Availability.lacking()
    running.stats.reset()
    yield running
    running.faults.clear()


@pytest.fixture
def client(sandbox: SandboxServer) -> Iterator[NetSuiteClient]:
    accepted = sandbox.credentials
    settings = Settings(
        netsuite_account_id=accepted.account,
        netsuite_base_url=sandbox.base_url,
        netsuite_auth="tba",
        netsuite_consumer_key=accepted.consumer_key,
        netsuite_consumer_secret=accepted.consumer_secret,
        netsuite_token_id=accepted.token_id,
        netsuite_token_secret=accepted.token_secret,
    )
    with NetSuiteClient.connect(settings, sleep=lambda _: None) as client:
        yield client


def lack(sandbox: SandboxServer, *names: str) -> None:
    for name in names:
        table, _, column = name.partition(".")
        if column:
            sandbox.availability.set_column(table, column, available=False)
        else:
            sandbox.availability.set_table(table, available=False)


def names(absences) -> set[str]:
    return {absence.field.name for absence in absences}


@pytest.mark.parametrize("record_type", CATALOG, ids=lambda record_type: record_type.name)
def test_an_account_that_lacks_nothing_is_asked_once(sandbox, client, record_type):
    assert probe_columns(client, record_type) == ()
    assert client.stats.requests == 1
    (query,) = sandbox.stats.queries
    assert client.query(query).items == []


def test_ten_missing_columns_take_eleven_queries(sandbox, client):
    # Those with a name of their own: no address, nothing that an address is looked up by.
    named = {field.source for field in CUSTOMER.fields if field.source.isalpha() and "address" not in field.source}
    missing = {source for source in named if "ship" in source}
    missing |= {"altphone", "fax", "creditlimit", "datecreated", "salesrep", "isinactive", "comments", "email"}
    missing = set(sorted(missing)[:10])
    lack(sandbox, *(f"customer.{column}" for column in missing))
    absences = probe_columns(client, CUSTOMER)
    assert {absence.field.source for absence in absences} == missing
    assert client.stats.requests == 11


def test_a_type_may_lack_every_column_but_its_key(sandbox, client):
    columns = {field.source for field in CATALOG.get("price_level").fields}
    lack(sandbox, *(f"pricelevel.{column}" for column in columns))
    assert len(probe_columns(client, CATALOG.get("price_level"))) == len(columns)
    assert client.stats.requests == len(columns) + 1


def test_the_reason_is_what_netsuite_says_without_our_query(sandbox, client):
    lack(sandbox, "customer.altphone")
    (absence,) = probe_columns(client, CUSTOMER)
    assert "Unknown identifier 'altphone'" in absence.reason
    assert "SELECT" not in absence.reason


def test_every_field_that_reads_a_missing_column_is_missing(sandbox, client):
    lack(sandbox, "job.entitystatus")
    assert names(probe_columns(client, PROJECT)) == {"status", "entitystatus_id"}


def test_a_column_of_the_line_is_not_one_of_the_header_with_the_same_name(sandbox, client):
    order = RecordType(
        name="order",
        id=-9001,
        table="orders",
        source=ORDER.source,
        fields=(text("memo", 4000), text("line_memo", 4000, "mainline.memo")),
    )
    lack(sandbox, "transactionline.memo")
    assert names(probe_columns(client, order)) == {"line_memo"}
    lack(sandbox, "transaction.memo")
    assert names(probe_columns(client, order)) == {"memo", "line_memo"}


def test_the_table_of_a_sub_select_that_is_missing_costs_its_column_alone(sandbox, client):
    sandbox.availability.set_table("customersubsidiaryrelationship", available=False)
    (absence,) = probe_columns(client, CUSTOMER)
    assert absence.field.name == "subsidiary_id"
    assert "Record 'customersubsidiaryrelationship' was not found" in absence.reason


def test_a_column_inside_a_sub_select_costs_its_column_alone(sandbox, client):
    lack(sandbox, "customersubsidiaryrelationship.isprimarysub")
    assert names(probe_columns(client, CUSTOMER)) == {"subsidiary_id"}


@pytest.mark.parametrize(
    ("record_type", "column"),
    [
        (CUSTOMER, "customer.id"),
        (LINE, "transactionline.id"),
        (LINE, "transactionline.transaction"),
        (LINE, "transaction.type"),
        (LINE, "transaction.id"),
        (ORDER, "transaction.type"),
        (CATALOG.get("service_item"), "item.itemtype"),
        (CATALOG.get("charge_type"), "charge.chargetype"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_column_of_key_filter_or_join_is_an_error_in_one_sentence(sandbox, client, record_type, column):
    lack(sandbox, column)
    with pytest.raises(RequiredColumnMissing) as caught:
        probe_columns(client, record_type)
    name = column.partition(".")[2]
    assert f"{record_type.label} cannot be imported without the column '{name}'" in str(caught.value)
    assert caught.value.category is FailureCategory.PERMANENT_ERROR
    assert client.stats.requests <= 2


def test_a_needed_column_is_found_behind_others_that_are_not(sandbox, client):
    lack(sandbox, "transaction.memo", "transaction.type", "transaction.tranid")
    with pytest.raises(RequiredColumnMissing, match="'type'"):
        probe_columns(client, ORDER)


def test_a_column_that_is_selected_and_shares_its_name_with_the_joins_is_left_out(sandbox, client):
    # `mainline.transaction` is part of another type's join, `charge.transaction` is no more than a column.
    charge = CATALOG.get("charge")
    lack(sandbox, "charge.transaction")
    assert names(probe_columns(client, charge)) == {"transaction_id"}


def test_the_types_own_table_is_unavailable_and_no_column(sandbox, client):
    sandbox.availability.set_table("job", available=False)
    with pytest.raises(RecordTypeUnavailable, match="Record 'job' was not found"):
        probe_columns(client, PROJECT)


def test_a_table_that_is_read_for_another_makes_the_type_unavailable_where_it_is_missing(sandbox, client):
    charge_type = CATALOG.get("charge_type")
    real = replace(charge_type, source=replace(charge_type.source, view="chargetype"))
    with pytest.raises(RecordTypeUnavailable, match="Invalid search type: chargetype"):
        probe_columns(client, real)
    sandbox.availability.set_table("chargetype", available=True)
    assert probe_columns(client, real) == ()


def test_a_joined_table_that_is_missing_makes_the_type_unavailable(sandbox, client):
    sandbox.availability.set_table("transaction", available=False)
    with pytest.raises(RecordTypeUnavailable, match="Record 'transaction' was not found"):
        probe_columns(client, LINE)


DERIVED_OF_ADDRESSES = ("lines", "country_code", "postal_code")


def users(record_type: RecordType, alias: str) -> set[str]:
    return {field.name for field in record_type.fields if f"{alias}." in field.source}


@pytest.mark.parametrize("missing", ["transactionline", "transactionline.mainline", "transactionline.transaction"])
def test_a_lookup_that_is_missing_costs_the_columns_that_use_it_and_no_others(sandbox, client, missing):
    lack(sandbox, missing)
    assert names(probe_columns(client, ORDER)) == users(ORDER, "mainline") != set()
    assert client.stats.requests <= 5


def test_a_column_of_a_looked_up_table_costs_that_column_alone(sandbox, client):
    lack(sandbox, "transactionline.subsidiary")
    assert names(probe_columns(client, ORDER)) == {"subsidiary_id"}
    assert client.stats.requests == 2


@pytest.mark.parametrize("missing", ["entityaddress", "entityaddress.nkey"])
def test_an_account_without_addresses_costs_them_and_what_is_made_of_them(sandbox, client, missing):
    lack(sandbox, missing)
    lost = names(probe_columns(client, CUSTOMER))
    assert lost == users(CUSTOMER, "billing") | users(CUSTOMER, "shipping")
    assert client.stats.requests <= 4
    gone = set(CUSTOMER.without(lost).absent) - lost
    assert gone == {f"{use}_{column}" for use in ("billing", "shipping") for column in DERIVED_OF_ADDRESSES}


def test_the_key_of_one_address_costs_that_address_and_the_column_of_the_key(sandbox, client):
    lack(sandbox, "customer.defaultbillingaddress")
    assert names(probe_columns(client, CUSTOMER)) == users(CUSTOMER, "billing") | {"defaultbillingaddress_id"}


def test_one_table_of_addresses_may_be_missing_where_the_other_is_there(sandbox, client):
    lack(sandbox, "transactionbillingaddress")
    assert names(probe_columns(client, ORDER)) == users(ORDER, "billing")


def test_a_line_of_addresses_that_is_missing_is_missing_in_each_of_them(sandbox, client):
    lack(sandbox, "entityaddress.addr3")
    assert names(probe_columns(client, CUSTOMER)) == {"billing_addr3", "shipping_addr3"}


@pytest.mark.parametrize("missing", ["trackingnumber", "trackingnumbermap", "trackingnumbermap.transaction"])
def test_an_account_without_tracking_numbers_lacks_them_and_their_count_alone(sandbox, client, missing):
    lack(sandbox, missing)
    assert names(probe_columns(client, FULFILLMENT)) == {"tracking_numbers", "tracking_number_count"}


def test_an_account_that_hides_tracking_numbers_can_count_them_still(sandbox, client):
    lack(sandbox, "trackingnumber.trackingnumber")
    assert names(probe_columns(client, FULFILLMENT)) == {"tracking_numbers"}


class Refusing:
    """An account that refuses what `refuses` says of a query's text, and names no column; it counts the queries."""

    def __init__(self, client, refuses, *, status=400):
        self.client, self.refuses, self.status, self.queries = client, refuses, status, 0

    def query(self, sql, *, cancelled=None):
        self.queries += 1
        if self.refuses(sql):
            raise QueryRejected(f"Invalid or unsupported search, {len(sql)} characters", status=self.status)
        return self.client.query(sql, cancelled=cancelled)


def test_an_account_that_refuses_to_join_texts_lacks_tracking_numbers_alone(sandbox, client):
    refusing = Refusing(client, lambda sql: "LISTAGG" in sql)
    assert names(probe_columns(refusing, FULFILLMENT)) == {"tracking_numbers"}


@pytest.mark.parametrize("place", [0, len(CUSTOMER.fields) // 2, len(CUSTOMER.fields)])
def test_a_text_that_is_declared_as_a_date_is_found_in_few_queries(sandbox, client, place):
    fields = (*CUSTOMER.fields[:place], date("wrong", "customer.altphone"), *CUSTOMER.fields[place:])
    wrong = replace(CUSTOMER, fields=fields)
    refusing = Refusing(client, lambda sql: "TO_CHAR(customer.altphone" in sql)
    (absence,) = probe_columns(refusing, wrong)
    assert absence.field.name == "wrong"
    assert absence.reason.startswith("Invalid or unsupported search")
    assert refusing.queries <= 5 + 2 * math.ceil(math.log2(len(wrong.fields)))


@pytest.mark.parametrize("passing", [1, 2, 3])
def test_a_refusal_without_a_name_that_passes_costs_no_column(sandbox, client, passing):
    narrow = replace(CUSTOMER, fields=CUSTOMER.fields[:2], rules=())
    refusing = Refusing(client, lambda sql: refusing.queries in {1, 1 + passing})
    with pytest.raises(QueryRejected):
        probe_columns(refusing, narrow)


def test_a_refusal_of_a_gateway_is_about_no_column(sandbox, client):
    refusing = Refusing(client, lambda sql: "customer.fax" in sql, status=404)
    with pytest.raises(QueryRejected):
        probe_columns(refusing, CUSTOMER)
    assert refusing.queries == 1


def test_each_column_that_is_refused_without_a_name_is_left_out_with_its_own_reason(sandbox, client):
    refused = {"customer.fax", "customer.email", "customer.comments"}
    refusing = Refusing(client, lambda sql: any(f"{column} " in sql for column in refused))
    absences = probe_columns(refusing, CUSTOMER)
    assert names(absences) == {"fax", "email", "comments"}
    assert len({absence.reason for absence in absences}) == 3


def test_columns_that_are_named_are_found_among_those_that_are_not(sandbox, client):
    lack(sandbox, "customer.fax", "entityaddress")
    refusing = Refusing(client, lambda sql: "customer.comments" in sql)
    expected = {"fax", "comments"} | users(CUSTOMER, "billing") | users(CUSTOMER, "shipping")
    assert names(probe_columns(refusing, CUSTOMER)) == expected


@pytest.mark.parametrize(
    ("refuses", "queries"),
    [
        (lambda sql: "customer.email" in sql and "customer.comments" in sql, 20),
        (lambda sql: len(sql) > 400, 20),
        (lambda sql: True, 2),
        (lambda sql: " AS " in sql.replace(" AS refid", ""), 120),
    ],
    ids=["two columns together", "a long query", "every query", "every column"],
)
def test_what_is_no_single_columns_fault_ends_the_search(sandbox, client, refuses, queries):
    refusing = Refusing(client, refuses)
    many = replace(CUSTOMER, fields=CUSTOMER.fields + tuple(text(f"more{n}", 9, "customer.fax") for n in range(50)))
    with pytest.raises(QueryRejected, match="Invalid or unsupported search"):
        probe_columns(refusing, many)
    assert refusing.queries <= queries


def test_a_lookup_that_the_filter_uses_is_needed(sandbox, client):
    order = replace(ORDER, source=replace(ORDER.source, where="mainline.createdfrom IS NULL"))
    lack(sandbox, "transactionline.mainline")
    with pytest.raises(RequiredColumnMissing, match="'mainline'"):
        probe_columns(client, order)


def test_a_function_that_the_account_does_not_run_costs_its_column_alone(sandbox, client):
    named, odd = text("name", 50, "UPPER(customer.altname)"), text("odd", 9, "NO_SUCH_FUNCTION(customer.altname)")
    customer = replace(CUSTOMER, fields=(*CUSTOMER.fields, named, odd))
    (absence,) = probe_columns(client, customer)
    assert absence.field.name == "odd"
    assert "NO_SUCH_FUNCTION is not supported" in absence.reason


def test_a_refusal_that_names_no_column_is_passed_on(sandbox, client):
    sandbox.faults.add(Fault(FaultKind.BAD_REQUEST))
    with pytest.raises(QueryRejected) as caught:
        probe_columns(client, CUSTOMER)
    assert caught.value.column is None


def test_a_column_that_is_none_of_ours_ends_the_search():
    class Odd:
        queries = 0

        def query(self, sql, *, cancelled=None):
            self.queries += 1
            error = QueryRejected("no such thing", status=400)
            error.column = "elsewhere"
            raise error

    odd = Odd()
    with pytest.raises(QueryRejected, match="none of them is 'elsewhere'"):
        probe_columns(odd, CUSTOMER)
    assert odd.queries == 1


def test_passing_faults_are_no_missing_columns(sandbox, client):
    lack(sandbox, "customer.fax")
    sandbox.faults.add(Fault(FaultKind("503"), skip=1))
    assert names(probe_columns(client, CUSTOMER)) == {"fax"}


@pytest.mark.parametrize("failing", [{"fax"}, {"email", "comments"}], ids=["one", "two"])
def test_a_column_that_makes_netsuite_fail_is_left_out_with_what_it_says(sandbox, client, failing):
    for column in failing:
        sandbox.faults.add(Fault(FaultKind.INTERNAL_ERROR, match=f"customer.{column} ", times=None))
    absences = probe_columns(client, CUSTOMER)
    assert names(absences) == failing
    assert all("UNEXPECTED_ERROR" in absence.reason for absence in absences)
    # Of each level one half is accepted at once, and the other fails five times.
    levels = math.ceil(math.log2(len(CUSTOMER.fields)))
    assert client.stats.requests <= 12 + len(failing) * (6 * levels + 6)


@pytest.mark.parametrize(
    ("kind", "match", "requests"),
    [
        (FaultKind.INTERNAL_ERROR, None, 10),
        (FaultKind.INTERNAL_ERROR, " as ", 10),
        (FaultKind.BAD_GATEWAY, "customer.fax ", 5),
        (FaultKind.UNAVAILABLE, "customer.fax ", 5),
        (FaultKind.GATEWAY_TIMEOUT, "customer.fax ", 5),
    ],
    ids=["down", "every column", "502", "503", "504"],
)
def test_an_account_that_is_down_loses_no_column(sandbox, client, kind, match, requests):
    sandbox.faults.add(Fault(kind, match=match, times=None))
    with pytest.raises(Unavailable):
        probe_columns(client, CUSTOMER)
    assert client.stats.requests <= requests


def test_an_account_that_fails_for_a_while_loses_no_column(sandbox, client):
    for passing in range(5, 100, 5):
        sandbox.faults.clear()
        sandbox.faults.add(Fault(FaultKind.INTERNAL_ERROR, match="customer.", times=passing))
        with suppress(Unavailable):
            assert probe_columns(client, CUSTOMER) == ()


def test_where_most_columns_make_netsuite_fail_the_search_ends(sandbox, client):
    for field in CUSTOMER.fields:
        sandbox.faults.add(Fault(FaultKind.INTERNAL_ERROR, match=f" as {field.name}", times=None))
    with pytest.raises(Unavailable):
        probe_columns(client, CUSTOMER)
    assert client.stats.requests <= 220


@pytest.mark.parametrize(("kind", "told"), [(FaultKind.INTERNAL_ERROR, [True]), (FaultKind.UNAVAILABLE, [])])
def test_after_a_failure_that_lasts_the_next_run_looks_which_columns_there_are(sandbox, client, kind, told):
    sandbox.faults.add(Fault(kind, times=None))
    found: list[bool] = []
    queries = WatchedQueries(client=client, record_type=CUSTOMER, on_lost=lambda: found.append(True))
    with pytest.raises(Unavailable):
        queries.query("SELECT id FROM customer")
    assert found == told


def test_what_is_left_is_what_netsuite_accepts(sandbox, client):
    lack(sandbox, "customer.fax", "customer.isperson", "customer.lastmodifieddate")
    reduced = CUSTOMER.without(names(probe_columns(client, CUSTOMER)))
    assert client.query(page_query(reduced, BatchRange(1, 10**9), None)).items


def lost(client, record_type):
    told: list[bool] = []
    queries = WatchedQueries(client=client, record_type=record_type, on_lost=lambda: told.append(True))
    results = list(stream_batches(queries, record_type, [BatchRange(n, n) for n in range(1, 31)], workers=2))
    return told, results


def test_a_column_that_is_lost_fails_the_rest_of_the_run_and_is_told(sandbox, client):
    lack(sandbox, "customer.fax")
    told, results = lost(client, CUSTOMER)
    assert told
    assert {type(result) for result in results} == {FailedBatch}
    assert {result.category for result in results} == {FailureCategory.UNKNOWN}
    assert all("Unknown identifier 'fax'" in result.reason for result in results)
    assert client.stats.requests <= 5


def test_a_table_that_only_a_sub_select_reads_is_lost_as_a_column_is(sandbox, client):
    sandbox.availability.set_table("customersubsidiaryrelationship", available=False)
    told, results = lost(client, CUSTOMER)
    assert told
    assert {result.category for result in results} == {FailureCategory.UNKNOWN}


def test_a_table_that_only_a_lookup_reads_is_lost_as_a_column_is(sandbox, client):
    lack(sandbox, "transactionline")
    told, results = lost(client, ORDER)
    assert told
    assert {result.category for result in results} == {FailureCategory.UNKNOWN}


def test_the_types_own_table_is_unavailable_in_mid_run_too(sandbox, client):
    sandbox.availability.set_table("customer", available=False)
    told, results = lost(client, CUSTOMER)
    assert not told
    assert {result.category for result in results} == {FailureCategory.PERMANENT_ERROR}


def test_other_refusals_are_nobodys_column(sandbox, client):
    gateway = Refusing(client, lambda sql: True, status=404)
    queries = WatchedQueries(client=gateway, record_type=CUSTOMER, on_lost=lambda: pytest.fail("told"))
    with pytest.raises(QueryRejected):
        queries.query("SELECT id FROM customer")
    with pytest.raises(ColumnLost):
        WatchedQueries(client=client, record_type=CUSTOMER, on_lost=lambda: None).query("SELECT odd FROM customer")


def test_after_a_refusal_without_a_name_the_next_run_looks_which_columns_there_are(sandbox, client):
    told: list[bool] = []
    queries = WatchedQueries(client=client, record_type=CUSTOMER, on_lost=lambda: told.append(True))
    with pytest.raises(QueryRejected):
        queries.query("SELEKT")
    assert told == [True]


@pytest.mark.parametrize("source", ["TO_CHAR(thing.name, 'X')", "BUILTIN.DF(thing.name)", "NVL(NAME, 0)", "thing.name"])
def test_a_named_column_is_recognised_in_expressions(source):
    class Picky:
        def query(self, sql, *, cancelled=None):
            if source in sql:
                error = QueryRejected("Unknown identifier", status=400)
                error.column = "thing.name"
                raise error

    kept = text("surname", 9, "thing.surname")
    thing = RecordType(
        name="thing", id=-1, table="things", source=Source(table="thing"), fields=(text("x", 9, source), kept)
    )
    assert names(probe_columns(Picky(), thing)) == {"x"}
