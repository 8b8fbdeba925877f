"""The quarantine read back: groups, rows, one row, pages; forgetting rows of it; and the ranges that a replay reads."""

import datetime as dt
from collections.abc import Iterator, Sequence

import pytest
import sqlalchemy as sa

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.transform.rejection import Rejection
from netsuite_pipeline.warehouse import quarantine
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.quarantine import (
    Reject,
    RejectFilter,
    every_reject,
    find_rejects,
    forget_rejects,
    open_reasons,
    reject_groups,
    reject_pages,
    reject_rows,
)
from netsuite_pipeline.warehouse.rejects import RejectContext, store_rejects
from netsuite_pipeline.warehouse.replay_ranges import plan_replays
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline.warehouse.tables import import_tables

OPEN, RESOLVED = RejectFilter(), RejectFilter(resolved=True)
MOMENT = dt.datetime(2026, 1, 2, 3, 4, 5, 678901)  # noqa: DTZ001 - naive UTC


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[sa.Engine]:
    """A warehouse with the tables of imports alone, on SQLite and on MariaDB."""
    engine = connect(warehouse_url)
    ensure_tables(engine, import_tables(sa.MetaData()))
    yield engine
    engine.dispose()


def rejected(*key: int, reason: str = "too_long", field: str | None = "phone", code: int | None = None) -> Rejection:
    detail = f"detail of {key}"
    return Rejection(reason=reason, detail=detail, field=field, payload={"key": key}, key=key or None, error_code=code)


def store(
    engine: sa.Engine,
    record_type: str,
    rejections: Sequence[Rejection],
    *,
    first: int = 1,
    last: int = 1000,
    days: int = 0,
    job: str | None = None,
) -> None:
    """Makes these the open rejects of the range; the others of it are resolved."""
    context = RejectContext(
        record_type=record_type,
        range=BatchRange(first, last),
        job_id=job,
        run_id="run",
        now=MOMENT + dt.timedelta(days=days),
    )
    with engine.begin() as connection:
        store_rejects(connection, import_tables(sa.MetaData()), rejections, context)


def keys(rejects: Sequence[Reject]) -> list[tuple[str, str]]:
    return [(reject.record_type, reject.row_key) for reject in rejects]


def test_groups_count_what_is_alike_with_its_span_and_the_newest_example(engine: sa.Engine) -> None:
    store(engine, "customer", [rejected(1), rejected(2), rejected(3, reason="database", field=None, code=1062)])
    store(engine, "customer", [rejected(2001)], first=2001, last=3000, days=5)
    store(engine, "vendor", [rejected(7)], days=1)

    groups = reject_groups(engine, OPEN, limit=2)
    assert groups.total == 3
    largest, newest = groups.items
    assert (largest.record_type, largest.reason, largest.field, largest.count) == ("customer", "too_long", "phone", 3)
    assert (largest.first_seen, largest.last_seen) == (MOMENT, MOMENT + dt.timedelta(days=5))
    assert (largest.example_key, largest.example) == ("2001", "detail of (2001,)")
    assert (newest.record_type, newest.count) == ("vendor", 1)
    (refused,) = reject_groups(engine, RejectFilter(reason="database"), limit=9).items
    assert (refused.field, refused.error_code) == (None, 1062)


def test_rows_are_those_seen_last_and_the_number_of_all(engine: sa.Engine) -> None:
    store(engine, "customer", [rejected(1), rejected(2)], job="night")
    store(engine, "vendor", [rejected(7)], days=1)
    rows = reject_rows(engine, OPEN, limit=2)
    assert (rows.total, keys(rows.items)) == (3, [("vendor", "7"), ("customer", "2")])
    assert keys(reject_rows(engine, RejectFilter(job="night"), limit=9).items) == [
        ("customer", "2"),
        ("customer", "1"),
    ]


def test_resolved_rejects_are_listed_only_when_they_are_asked_for(engine: sa.Engine) -> None:
    store(engine, "customer", [rejected(1), rejected(2)])
    store(engine, "customer", [rejected(2)])
    assert keys(reject_rows(engine, OPEN, limit=9).items) == [("customer", "2")]
    assert keys(reject_rows(engine, RESOLVED, limit=9).items) == [("customer", "1")]


def test_a_reject_is_found_by_its_key_or_by_the_beginning_of_a_digest(engine: sa.Engine) -> None:
    store(engine, "transaction_line", [rejected(12, 3), rejected(reason="missing_key")])
    (line,) = find_rejects(engine, "transaction_line", "12:3")
    assert line.payload == '{"key":[12,3]}'
    (nameless,) = [reject for reject in every_reject(engine, OPEN) if reject.row_key.startswith("sha256:")]
    assert find_rejects(engine, "transaction_line", nameless.row_key[:15]) == [nameless]
    assert find_rejects(engine, "transaction_line", "12") == []
    assert find_rejects(engine, "transaction_line", "sha256:%") == []
    assert find_rejects(engine, "customer", "12:3") == []


@pytest.mark.parametrize("resolved", [False, True], ids=["open", "resolved"])
def test_pages_hold_every_reject_once_in_order_of_type_and_id(engine: sa.Engine, resolved: bool) -> None:
    numbers = [(1, 1), (1, 2), (1, 3), (2, 1), (9, 1), (9, 2), (10, 1)]
    for record_type in ("a", "b"):
        store(engine, record_type, [rejected(*key) for key in reversed(numbers)])
        if resolved:
            store(engine, record_type, [])
    pages = list(reject_pages(engine, RejectFilter(resolved=resolved), ["record_type", "key_first", "id"], size=2))
    assert max(map(len, pages)) == 2
    found = [(row["record_type"], row["key_first"]) for page in pages for row in page]
    assert found == [(record_type, key[0]) for record_type in ("a", "b") for key in numbers]
    assert len({row["id"] for page in pages for row in page}) == len(found)


def test_a_type_that_is_named_in_another_case_is_another_type(engine: sa.Engine) -> None:
    store(engine, "customer", [rejected(1)])
    assert reject_groups(engine, RejectFilter(types=("Customer",)), limit=9).total == 0


def test_the_rejects_of_a_range_are_known_by_key_and_reason(engine: sa.Engine) -> None:
    store(engine, "customer", [rejected(1), rejected(5, reason="invalid_date"), rejected(900)])
    customers = RejectFilter(types=("customer",))
    assert sorted(open_reasons(engine, customers, BatchRange(1, 10)).values()) == [
        ("1", "too_long"),
        ("5", "invalid_date"),
    ]


def test_forgetting_takes_what_is_chosen_in_several_transactions_and_nothing_else(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "_FORGOTTEN_AT_ONCE", 2)
    store(engine, "customer", [rejected(number) for number in range(1, 6)])
    store(engine, "vendor", [rejected(7), rejected(8)])
    store(engine, "vendor", [rejected(8)])
    commits: list[sa.Connection] = []
    sa.event.listen(engine, "commit", commits.append)
    assert forget_rejects(engine, RejectFilter(types=("customer",))) == 5
    assert len(commits) == 3
    assert forget_rejects(engine, RESOLVED) == 1
    assert keys(list(every_reject(engine, OPEN))) == [("vendor", "8")]


def test_what_opens_again_while_resolved_rejects_are_forgotten_stays(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(engine, "customer", [rejected(1), rejected(2)])
    store(engine, "customer", [])
    pages = list(reject_pages(engine, RESOLVED, ["id"]))
    store(engine, "customer", [rejected(2)])
    with monkeypatch.context() as patched:
        patched.setattr(quarantine, "reject_pages", lambda *arguments, **names: iter(pages))
        assert forget_rejects(engine, RESOLVED) == 1
    assert keys(list(every_reject(engine, OPEN))) == [("customer", "2")]


def test_a_replay_reads_the_ids_of_the_chosen_open_rejects(engine: sa.Engine) -> None:
    far = [rejected(5), rejected(205), rejected(700, reason="database")]
    store(engine, "customer", far)
    store(engine, "transaction_line", [rejected(12, 1), rejected(12, 3)])
    plans = {plan.record_type: plan for plan in plan_replays(engine, OPEN)}
    assert [batch.key for batch in plans["customer"].ranges] == ["5..205", "700..700"]
    assert [batch.key for batch in plans["transaction_line"].ranges] == ["12..12"]
    assert {name: plan.rejects for name, plan in plans.items()} == {"customer": 3, "transaction_line": 2}
    (only,) = plan_replays(engine, RejectFilter(reason="database"))
    assert [batch.key for batch in only.ranges] == ["700..700"]


@pytest.mark.parametrize("odd", [rejected(reason="missing_key"), rejected(4711, reason="outside_batch")])
def test_a_reject_without_a_key_of_its_range_needs_all_of_the_range(engine: sa.Engine, odd: Rejection) -> None:
    store(engine, "customer", [odd, rejected(1005)], first=1001, last=2000)
    (plan,) = plan_replays(engine, RejectFilter(reason=odd.reason))
    assert plan.ranges == (BatchRange(1001, 2000),)
    # The other one is read alone, for the first one is not filed under it.
    assert [one.ranges for one in plan_replays(engine, RejectFilter(reason="too_long"))] == [(BatchRange(1005, 1005),)]


def test_a_reject_that_shares_its_id_with_one_that_has_none_is_read_with_all_of_the_range(engine: sa.Engine) -> None:
    store(engine, "customer", [rejected(reason="missing_key"), rejected(1001)], first=1001, last=2000)
    (plan,) = plan_replays(engine, RejectFilter(reason="too_long"))
    assert plan.ranges == (BatchRange(1001, 2000),)
