"""The source against the sandbox: both schemes, every declared type, and faults on a real wire."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from netsuite_pipeline.netsuite.client import NetSuiteClient
from netsuite_pipeline.netsuite.errors import AuthenticationFailed, RecordTypeUnavailable
from netsuite_pipeline.netsuite.histogram import Histogram, measure
from netsuite_pipeline.netsuite.reading import count_ranges
from netsuite_pipeline.netsuite.stream import stream_batches
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.custom import extended_catalog
from netsuite_pipeline.sandbox.faults import Fault, FaultKind
from netsuite_pipeline.sandbox.keys import KeyPair, create_key_pair
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.transform.batch import FailedBatch, TransformedBatch
from netsuite_pipeline.transform.rejection import RejectReason
from netsuite_pipeline.transform.rows import columns_of
from netsuite_pipeline.waves.planner import plan_ranges

CUSTOMER = CATALOG.get("customer")
CONCURRENCY = 4


@pytest.fixture(scope="module")
def key_pair(tmp_path_factory: pytest.TempPathFactory) -> KeyPair:
    return create_key_pair(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def running(key_pair: KeyPair) -> Iterator[SandboxServer]:
    with SandboxServer(records=1500, seed=7, m2m_certificate=key_pair.certificate) as server:
        yield server


@pytest.fixture
def sandbox(running: SandboxServer) -> Iterator[SandboxServer]:
    running.stats.reset()
    yield running
    running.faults.clear()


def settings_for(server: SandboxServer, scheme: str, private_key: Path, **changes) -> Settings:
    accepted = server.credentials
    values = {
        "netsuite_account_id": accepted.account,
        "netsuite_base_url": server.base_url,
        "netsuite_auth": scheme,
        "netsuite_concurrency": CONCURRENCY,
        "netsuite_consumer_key": accepted.consumer_key,
        "netsuite_consumer_secret": accepted.consumer_secret,
        "netsuite_token_id": accepted.token_id,
        "netsuite_token_secret": accepted.token_secret,
        "netsuite_client_id": accepted.client_id,
        "netsuite_certificate_id": accepted.certificate_id,
        "netsuite_private_key_file": private_key,
        **changes,
    }
    return Settings(**values)


@pytest.fixture
def connect(sandbox: SandboxServer, key_pair: KeyPair) -> Iterator[Callable[..., NetSuiteClient]]:
    """Clients whose waiting takes no time; keyword arguments change their settings."""
    with ExitStack() as stack:

        def start(scheme: str, **changes) -> NetSuiteClient:
            settings = settings_for(sandbox, scheme, key_pair.private_key, **changes)
            return stack.enter_context(NetSuiteClient.connect(settings, sleep=lambda _: None))

        yield start


@pytest.fixture(params=["tba", "m2m"])
def client(request: pytest.FixtureRequest, connect: Callable[..., NetSuiteClient]) -> NetSuiteClient:
    return connect(request.param)


@pytest.fixture
def tba_client(connect: Callable[..., NetSuiteClient]) -> NetSuiteClient:
    return connect("tba")


def planned(histogram: Histogram, *, batch_size: int) -> Sequence[BatchRange]:
    return plan_ranges(histogram.buckets, batch_size=batch_size).add


def read(client: NetSuiteClient, record_type, ranges) -> list[TransformedBatch]:
    results = list(stream_batches(client, record_type, ranges, workers=CONCURRENCY))
    assert not [result for result in results if isinstance(result, FailedBatch)]
    return [result for result in results if isinstance(result, TransformedBatch)]


@pytest.mark.parametrize("record_type", CATALOG, ids=lambda record_type: record_type.name)
def test_every_record_of_every_type_is_loaded_or_rejected(client, record_type):
    histogram = measure(client, record_type, batch_size=200)
    batches = read(client, record_type, planned(histogram, batch_size=200))
    keys = [row.key for batch in batches for row in batch.rows]
    rejected = sum(len(batch.rejections) for batch in batches)
    assert len(keys) + rejected == sum(batch.expected for batch in batches) == histogram.total > 0
    assert keys == sorted(set(keys))
    assert rejected <= histogram.total // 100


def test_what_is_looked_up_is_what_the_sandbox_holds(sandbox, tba_client):
    fulfillment = CATALOG.get("item_fulfillment")
    batches = read(tba_client, fulfillment, planned(measure(tba_client, fulfillment, batch_size=200), batch_size=200))
    wanted = [columns_of(fulfillment).index(name) for name in ("shipping_addr1", "shipping_city", "tracking_numbers")]
    found = {row.key[0]: tuple(row.values[index] for index in wanted) for batch in batches for row in batch.rows}
    connection = sandbox.account.engine.dataset.connection()
    held = (
        connection.execute(
            'SELECT t.id, a.addr1, a.city FROM "transaction" t'
            " LEFT JOIN transactionshippingaddress a ON a.nkey = t.shippingaddress WHERE t.type = 'ItemShip'"
        )
    ).fetchall()
    numbers: dict[int, list[str]] = {}
    for identifier, number in connection.execute(
        'SELECT m."transaction", n.trackingnumber FROM trackingnumbermap m'
        " JOIN trackingnumber n ON n.id = m.trackingnumber ORDER BY n.id"
    ):
        numbers.setdefault(identifier, []).append(number)
    expected = {
        identifier: (line, city, ", ".join(numbers.get(identifier, [])) or None) for identifier, line, city in held
    }
    assert found == {identifier: expected[identifier] for identifier in found}
    assert len(found) > 30


def test_charge_types_are_read_from_a_table_of_the_account_where_the_user_says_so(sandbox, tba_client, tmp_path):
    file = tmp_path / "types.yaml"
    flags = "applytocustomer: {kind: boolean}, applytoproject: {kind: boolean}, isinactive: {kind: boolean}"
    file.write_text(f"extend: {{charge_type: {{source: chargetype, columns: {{{flags}}}}}}}\n")
    charge_type = extended_catalog(CATALOG, file).get("charge_type")
    sandbox.availability.set_table("chargetype", available=True)
    try:
        histogram = measure(tba_client, charge_type, batch_size=200)
        rows = [
            row for batch in read(tba_client, charge_type, planned(histogram, batch_size=200)) for row in batch.rows
        ]
    finally:
        sandbox.availability.set_table("chargetype", available=False)
    values = {row.key[0]: dict(zip(columns_of(charge_type), row.values, strict=True)) for row in rows}
    # No charge is of this type, so that the view does not have it.
    assert (values[11]["name"], values[11]["isinactive"]) == ("Unused", True)
    assert (values[-19]["applytocustomer"], values[-19]["applytoproject"]) == (False, True)


def test_counts_agree_with_the_histogram(client):
    histogram = measure(client, CUSTOMER, batch_size=200)
    plan = plan_ranges(histogram.buckets, batch_size=50)
    assert count_ranges(client, CUSTOMER, plan.add) == [plan.expected[batch] for batch in plan.add]


def test_the_sandbox_never_sees_more_requests_than_the_concurrency(sandbox, tba_client):
    read(tba_client, CUSTOMER, planned(measure(tba_client, CUSTOMER, batch_size=50), batch_size=50))
    assert sandbox.stats.peak_in_flight <= CONCURRENCY
    assert tba_client.stats.retries == 0


@pytest.mark.parametrize(
    "kind",
    ["429", "401", "500", "502", "503", "504", "hang", "reset", "reset_midway", "empty", "empty_body", "truncated"],
)
def test_passing_faults_cost_no_record(sandbox, connect, kind):
    # An impatient client takes a busy machine for a fault, so there is one only where patience would never end.
    client = connect("tba", **({"netsuite_timeout": 1.0} if kind == "hang" else {}))
    histogram = measure(client, CUSTOMER, batch_size=200)
    # A second 401 could meet the request that is signed anew after the first; that is the end, by rule.
    for skip in (0,) if kind == "401" else (0, 2):
        sandbox.faults.add(Fault(FaultKind(kind), skip=skip, seconds=600))
    batches = read(client, CUSTOMER, planned(histogram, batch_size=200))
    assert sum(batch.fetched for batch in batches) == histogram.total
    assert sandbox.faults.waiting == 0


def test_a_row_sent_twice_fails_its_batch_and_no_other(sandbox, tba_client):
    ranges = planned(measure(tba_client, CUSTOMER, batch_size=200), batch_size=200)
    sandbox.faults.add(Fault(FaultKind.DUPLICATE_ROW, match="order by", row=3))
    results = list(stream_batches(tba_client, CUSTOMER, ranges, workers=1))
    failed = [result for result in results if isinstance(result, FailedBatch)]
    assert [result.range for result in failed] == [ranges[0]]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(FaultKind.DROP_KEY, match="order by", row=2, column="refid"), RejectReason.MISSING_KEY),
        (Fault(FaultKind.EXTRA_COLUMN, match="order by", row=2, column="new", value="1"), RejectReason.UNKNOWN_COLUMN),
        (
            Fault(FaultKind.REPLACE, match="order by", row=2, column="datecreated", value="2026-02-30 00:00:00"),
            RejectReason.INVALID_DATE,
        ),
        (
            Fault(FaultKind.REPLACE, match="order by", row=2, column="creditlimit", value="much"),
            RejectReason.INVALID_NUMBER,
        ),
    ],
    ids=["key dropped", "extra column", "impossible date", "no number"],
)
def test_a_spoilt_row_is_rejected_with_its_reason_and_the_others_go_on(sandbox, tba_client, fault, reason):
    histogram = measure(tba_client, CUSTOMER, batch_size=10_000)
    before = {
        rejection.reason
        for batch in read(tba_client, CUSTOMER, planned(histogram, batch_size=10_000))
        for rejection in batch.rejections
    }
    sandbox.faults.add(fault)
    batches = read(tba_client, CUSTOMER, planned(histogram, batch_size=10_000))
    rejections = [rejection for batch in batches for rejection in batch.rejections]
    assert sum(batch.fetched for batch in batches) == histogram.total
    assert reason in {rejection.reason for rejection in rejections} - before


@pytest.mark.parametrize("scheme", ["tba", "m2m"])
def test_wrong_credentials_cost_two_attempts(sandbox, key_pair, tmp_path, scheme):
    other = create_key_pair(tmp_path)
    wrong = {"netsuite_token_secret": "wrong-8d2e"}
    settings = settings_for(sandbox, scheme, other.private_key, **wrong)
    with NetSuiteClient.connect(settings) as client:
        results = list(stream_batches(client, CUSTOMER, [BatchRange(n, n) for n in range(30)], workers=CONCURRENCY))
        with pytest.raises(AuthenticationFailed, match=f"{sandbox.credentials.account} with NETSUITE_AUTH={scheme}"):
            measure(client, CUSTOMER, batch_size=1000)
        assert client.stats.requests == 2
    reasons = {result.reason for result in results if isinstance(result, FailedBatch)}
    assert len(results) == 30
    assert len(reasons) == 1
    assert "wrong-8d2e" not in reasons.pop()


def test_a_table_that_the_account_lacks_is_unavailable_with_netsuites_reason(sandbox, tba_client):
    sandbox.availability.set_table("subsidiary", available=False)
    try:
        with pytest.raises(RecordTypeUnavailable, match="Record 'subsidiary' was not found"):
            measure(tba_client, CATALOG.get("subsidiary"), batch_size=1000)
        assert measure(tba_client, CUSTOMER, batch_size=1000).total
    finally:
        sandbox.availability.set_table("subsidiary", available=True)
