"""Every advice has an example, and counterexamples in which one figure does not support it."""

from typing import Any

import pytest

from netsuite_pipeline.observability.advice import advice
from netsuite_pipeline.observability.performance import performance
from netsuite_pipeline.warehouse.ledger import Ledger
from netsuite_pipeline_tests.observability.ledgers import ledger, ledgers

# In `ledgers`, a batch takes two seconds of its run.
WAITS = {"api_seconds": 8.0, "transform_seconds": 0.1, "database_seconds": 0.5}
WRITES = {"database_seconds": 1.9}
CONVERTS = {"api_seconds": 0.1, "transform_seconds": 5.0, "database_seconds": 0.5}


def _advised(some: list[Ledger]) -> str:
    return " | ".join(advice(performance(some)))


def test_there_is_nothing_to_say_about_a_good_import() -> None:
    assert advice(performance(ledgers(20))) == ()


def test_there_is_nothing_to_say_about_no_import() -> None:
    assert advice(performance([])) == ()


def test_an_import_that_waits_for_netsuite_may_ask_more_at_once() -> None:
    advised = _advised(ledgers(20, **WAITS))
    assert advised.startswith("NetSuite took 93% of the work, the database was busy 24% of the time")
    assert "raise NETSUITE_CONCURRENCY" in advised


@pytest.mark.parametrize(
    "figures",
    [
        pytest.param({"retries": 1}, id="NetSuite is at its limit"),
        pytest.param({"database_seconds": 1.5}, id="the database is busy, too"),
        pytest.param({"transform_seconds": 8.0}, id="converting takes as long"),
        pytest.param({"read_at": None}, id="it is not known how long the run took"),
        pytest.param({"fetched": 100}, id="larger batches help first"),
    ],
)
def test_otherwise_nobody_is_told_to_ask_netsuite_more(figures: dict[str, Any]) -> None:
    assert "raise NETSUITE_CONCURRENCY" not in _advised(ledgers(20, **WAITS | figures))


def test_a_few_batches_or_seconds_prove_nothing_about_time() -> None:
    assert advice(performance(ledgers(4, **WAITS))) == ()
    assert advice(performance(ledgers(4, **WRITES))) == ()
    assert advice(performance(ledgers(4, **CONVERTS))) == ()


def test_many_repeated_requests_ask_for_less_concurrency() -> None:
    advised = _advised(ledgers(20, requests=4, retries=1))
    assert advised.startswith("20 of 80 requests were repeats")
    assert "lower NETSUITE_CONCURRENCY" in advised


@pytest.mark.parametrize("figures", [{"requests": 100}, {"database_retries": 1}])
def test_few_repeats_or_those_of_the_database_do_not(figures: dict[str, Any]) -> None:
    assert "NETSUITE_CONCURRENCY" not in _advised(ledgers(20, **{"requests": 4, "retries": 1} | figures))
    assert "NETSUITE_CONCURRENCY" not in _advised([ledger(0, requests=4, retries=4), *ledgers(3)])


def test_many_repeated_transactions_ask_for_fewer_writers() -> None:
    assert "20 transactions were repeats, for 20 batches" in _advised(ledgers(20, retries=1, database_retries=1))
    once = [ledger(20, retries=4, database_retries=4), *ledgers(20)]
    assert "transactions" not in _advised(once)
    rare = [ledger(200, retries=9, database_retries=9), *ledgers(200)]
    assert "transactions" not in _advised(rare)


def test_rows_that_are_sent_again_lead_to_the_rejects() -> None:
    assert "10,000 rows were sent again, beside 20,000 that were written" in _advised(ledgers(20, fallback_rows=500))
    assert advice(performance(ledgers(20, fallback_rows=40))) == ()
    assert advice(performance([ledger(inserted=1, unchanged=999, fallback_rows=4)])) == ()


def test_small_batches_ask_for_a_larger_batch_size() -> None:
    advised = _advised(ledgers(20, fetched=48))
    assert advised.startswith("A batch holds 48 records, and a request could bring 1,000")
    assert "BATCH_SIZE" in advised


@pytest.mark.parametrize(
    "some",
    [
        pytest.param(ledgers(20, fetched=250), id="large enough"),
        pytest.param(ledgers(4, fetched=48), id="a small type"),
        pytest.param([ledger(20, fetched=1), *ledgers(5)], id="only the last one is small"),
    ],
)
def test_otherwise_the_batch_size_is_right(some: list[Ledger]) -> None:
    assert "BATCH_SIZE" not in _advised(some)


def test_runs_of_one_or_two_batches_ask_for_more_batches_per_run() -> None:
    small = [ledger(number, run=f"run {number // 2}") for number in range(10)]
    assert "5 runs imported 10 batches, and each takes seconds to start: raise RUN_BATCHES" in _advised(small)


@pytest.mark.parametrize(
    "some",
    [
        pytest.param([ledger(number, run=f"run {number // 3}") for number in range(15)], id="larger runs"),
        pytest.param([ledger(number, run=f"run {number}") for number in range(4)], id="a small import"),
        pytest.param([ledger(n, run=f"run {n}", job=f"job {n}") for n in range(9)], id="repairs of many nights"),
        pytest.param([ledger(n, run=f"run {n}", job=None) for n in range(9)], id="by hand, one by one"),
    ],
)
def test_otherwise_runs_are_large_enough(some: list[Ledger]) -> None:
    assert "RUN_BATCHES" not in _advised(some)


def test_a_busy_database_is_told_what_it_was_busy_with() -> None:
    writing = _advised(ledgers(20, **WRITES))
    assert writing.startswith("The database was busy 93% of the time, mostly writing: drop indexes")
    comparing = _advised(ledgers(20, **WRITES, inserted=0, unchanged=1000))
    assert comparing.startswith("The database was busy 93% of the time, mostly comparing rows that had not changed")
    assert "innodb_buffer_pool_size" not in _advised(ledgers(20, database_seconds=1.5))


def test_conversion_that_takes_most_asks_for_more_processes() -> None:
    assert _advised(ledgers(20, **CONVERTS)).startswith("Converting took 89% of the work")
    assert "Converting" not in _advised(ledgers(20, **CONVERTS | {"api_seconds": 3.0}))
    assert "Converting" not in _advised(ledgers(20, **CONVERTS | {"database_seconds": 1.9}))
