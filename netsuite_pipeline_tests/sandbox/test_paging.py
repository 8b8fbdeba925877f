"""Pages of a query: limits, offsets, links, totals, the 100,000-row rule, and the lack of an order."""

from typing import Any

import pytest

from netsuite_pipeline.sandbox.dataset import Dataset
from netsuite_pipeline.sandbox.engine import Engine
from netsuite_pipeline.sandbox.errors import NetSuiteFault
from netsuite_pipeline.sandbox.generation.rows import Rows

ORDERED = "SELECT id FROM customer ORDER BY id"


def test_the_envelope_links_pages_and_counts_the_whole_query(reader: Any) -> None:
    total = int(reader.value("SELECT COUNT(*) FROM customer"))
    first = reader.post(ORDERED, limit=100).json()
    assert (first["count"], first["hasMore"], first["offset"], first["totalResults"]) == (100, True, 0, total)
    assert first["items"][0]["links"] == []
    assert {link["rel"] for link in first["links"]} == {"self", "next", "last"}
    last = reader.post(ORDERED, limit=100, offset=total // 100 * 100).json()
    assert (last["hasMore"], last["count"]) == (False, total % 100)
    assert {link["rel"] for link in last["links"]} == {"self", "first", "prev"}


def test_following_next_links_reads_every_row_once(reader: Any) -> None:
    seen: list[str] = []
    offset = 0
    while True:
        page = reader.post(ORDERED, limit=50, offset=offset).json()
        seen += [row["id"] for row in page["items"]]
        following = [link["href"] for link in page["links"] if link["rel"] == "next"]
        if not following:
            break
        offset = int(following[0].rpartition("offset=")[2])
    assert len(seen) == len(set(seen)) == page["totalResults"]


def test_without_a_limit_a_page_has_a_thousand_rows(make_caller: Any) -> None:
    caller = make_caller(records=10, customers=1001)
    page = caller.post(ORDERED).json()
    assert (page["count"], page["totalResults"], page["hasMore"]) == (1000, 1001, True)


@pytest.mark.parametrize(
    ("paging", "parameter"),
    [
        ({"limit": 1001}, "limit"),
        ({"limit": 0}, "limit"),
        ({"limit": -1}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"limit": 10, "offset": 15}, "offset"),
        ({"offset": 500}, "offset"),
    ],
)
def test_a_wrong_limit_or_offset_is_refused(reader: Any, paging: dict[str, Any], parameter: str) -> None:
    answer = reader.post(ORDERED, **paging)
    (detail,) = answer.json()["o:errorDetails"]
    assert (answer.status_code, detail["o:errorCode"]) == (400, "INVALID_PARAMETER")
    assert detail["o:errorQueryParam"] == parameter


def test_unordered_rows_come_in_another_order_every_time(reader: Any) -> None:
    sql = "SELECT id FROM customer"
    pages = [[row["id"] for row in reader.rows(sql)] for _ in range(3)]
    assert pages[0] != pages[1] != pages[2]
    assert sorted(pages[0]) == sorted(pages[1])


def test_unordered_paging_repeats_and_skips_rows(reader: Any) -> None:
    seen = [
        row["id"]
        for offset in range(0, 400, 50)
        for row in reader.rows("SELECT id FROM customer", limit=50, offset=offset)
    ]
    assert len(set(seen)) < len(seen)


def test_the_total_follows_a_change_of_the_data(caller: Any) -> None:
    before = caller.post(ORDERED, limit=1).json()["totalResults"]
    caller.sandbox.dataset.put("customer", [{"id": 999_999, "altname": "New"}])
    assert caller.post(ORDERED, limit=1).json()["totalResults"] == before + 1


@pytest.fixture(scope="module")
def many() -> Any:
    with Dataset() as dataset:
        dataset.load(Rows("customer", ("id",), ((identifier,) for identifier in range(100_500))))
        yield dataset


def test_rows_past_100000_are_silently_out_of_reach_by_default(many: Dataset) -> None:
    engine = Engine(many)
    last = engine.query(ORDERED, limit=1000, offset=99_000)
    assert (len(last.items), last.has_more, last.total) == (1000, False, 100_500)
    beyond = engine.query(ORDERED, limit=1000, offset=100_000)
    assert (beyond.items, beyond.has_more, beyond.total) == ([], False, 100_500)


def test_rows_past_100000_can_be_an_error_instead(many: Dataset) -> None:
    engine = Engine(many, past_ceiling="error")
    assert engine.query(ORDERED, limit=1000, offset=99_000).has_more
    with pytest.raises(NetSuiteFault) as refusal:
        engine.query(ORDERED, limit=1000, offset=100_000)
    assert refusal.value.status == 400


def test_a_smaller_limit_lowers_the_reachable_total_to_a_thousand_pages(many: Dataset) -> None:
    page = Engine(many).query(ORDERED, limit=10, offset=10_000)
    assert (page.items, page.has_more) == ([], False)


def test_a_keyset_reaches_every_row(many: Dataset) -> None:
    engine, last, read = Engine(many), -1, 0
    while page := engine.query(f"SELECT id FROM customer WHERE id > {last} ORDER BY id", limit=1000, offset=0).items:
        read += len(page)
        last = int(str(page[-1]["id"]))
    assert read == 100_500
