"""Totals, rates, shares and the rating of imports; the advice is in `test_advice`."""

import datetime as dt

import pytest

from netsuite_pipeline.observability.performance import Rating, performance
from netsuite_pipeline_tests.observability.ledgers import MIB, START, ledger, ledgers


def test_totals_are_sums_and_memory_is_the_largest() -> None:
    done = performance(
        [
            ledger(0, inserted=900, rejected=100, requests=3, repaired=7, peak_memory=100 * MIB),
            ledger(1, inserted=10, updated=20, unchanged=970, deleted=5, statements=8, peak_memory=120 * MIB),
        ]
    )
    assert (done.batches, done.runs, done.expected, done.fetched) == (2, 1, 2000, 2000)
    assert (done.inserted, done.updated, done.unchanged, done.deleted, done.rejected) == (910, 20, 970, 5, 100)
    assert (done.requests, done.statements, done.repaired, done.peak_memory) == (4, 20, 7, 120 * MIB)
    assert (done.written, done.reject_share) == (935, 0.05)


def test_shares_are_of_the_work() -> None:
    done = performance([ledger(api_seconds=6.0, transform_seconds=1.0, database_seconds=3.0)])
    assert (done.api_share, done.transform_share, done.database_share) == (0.6, 0.1, 0.3)


def test_a_run_lasts_from_its_first_read_to_the_end_of_its_last_commit() -> None:
    # Read at 0 and 2 s, written from 2 to 3 s and from 4 to 5 s.
    done = performance(ledgers(2))
    assert (done.run_seconds, done.records_per_second, done.database_busy) == (5.0, 400.0, 0.4)


def test_a_run_that_writes_two_batches_at_once_is_busy_for_the_time_that_both_take_together() -> None:
    # Written from 1 to 3 s, from 2 to 5 s and from 4 to 5 s.
    done = performance([ledger(database_seconds=2.0), ledger(1, database_seconds=3.0), ledger(1)])
    assert (done.run_seconds, done.writing_seconds) == (5.0, 4.0)
    assert done.database_busy == 0.8


def test_runs_are_timed_apart_however_long_the_pause_between_them() -> None:
    later = START + dt.timedelta(days=1)
    again = ledger(run="other", read_at=later, committed_at=later + dt.timedelta(seconds=3))
    done = performance([ledger(), again])
    assert (done.runs, done.run_seconds) == (2, 6.0)


def test_no_rate_is_made_up_for_batches_whose_begin_nobody_noted() -> None:
    done = performance([ledger(), ledger(1, run="old", read_at=None)])
    assert (done.run_seconds, done.records_per_second) == (0.0, 0.0)


def test_figures_that_an_older_version_did_not_note_count_as_none() -> None:
    done = performance([ledger(statements=None, fallback_rows=None, repaired=None, peak_memory=None)])
    assert (done.statements, done.fallback_rows, done.repaired, done.peak_memory) == (0, 0, 0, 0)


def test_nothing_imported_has_no_rates_and_no_division_by_zero() -> None:
    done = performance([])
    rates = (done.records_per_second, done.api_share, done.fallback_share, done.statements_per_1000_written)
    assert (done.batches, *rates) == (0, 0.0, 0.0, 0.0, 0.0)
    assert done.rating is Rating.UNRATED


def test_statements_are_for_each_1000_written_rows() -> None:
    assert performance(ledgers(2)).statements_per_1000_written == 12.0
    assert performance(ledgers(2, inserted=0, unchanged=1000)).statements_per_1000_written == 0.0


def test_repeated_requests_and_transactions_are_told_apart() -> None:
    done = performance(ledgers(10, requests=4, retries=3, database_retries=1))
    assert (done.request_retries, done.request_retry_share, done.database_retry_share) == (20, 0.5, 1.0)


def test_the_job_is_known_if_there_is_one() -> None:
    assert performance(ledgers(2)).job_id == "job"
    assert performance([ledger(), ledger(1, job="other")]).job_id is None


def test_the_smallest_batch_is_only_the_rest() -> None:
    done = performance([ledger(0), ledger(1), ledger(2, fetched=10)])
    assert done.batch_records == 1000
    assert performance([ledger(fetched=10)]).batch_records == 0


@pytest.mark.parametrize(
    ("repeated", "rating"),
    [(0, Rating.EXCELLENT), (1, Rating.EXCELLENT), (3, Rating.GOOD), (20, Rating.FAIR), (21, Rating.POOR)],
)
def test_what_is_done_twice_decides_the_rating(repeated: int, rating: Rating) -> None:
    others = ledgers(99, requests=1)
    requests = [ledger(99, retries=repeated), *others]
    assert performance(requests).rating is rating
    transactions = [ledger(99, retries=repeated, database_retries=repeated), *others]
    assert performance(transactions).rating is rating
    rows = [ledger(99, fallback_rows=repeated * 1000), *others]
    assert performance(rows).rating is rating


def test_small_batches_are_fair_at_best() -> None:
    assert performance(ledgers(20, fetched=249)).rating is Rating.FAIR
    assert performance(ledgers(20, fetched=250)).rating is Rating.EXCELLENT
    assert performance(ledgers(20, fetched=249, retries=1)).rating is Rating.POOR


def test_little_is_not_rated() -> None:
    assert performance([ledger(fetched=999, retries=1)]).rating is Rating.UNRATED


def test_a_slow_machine_does_not_change_the_rating() -> None:
    slow = {"api_seconds": 100.0, "transform_seconds": 40.0, "database_seconds": 100.0}
    assert performance(ledgers(20, **slow)).rating is performance(ledgers(20)).rating is Rating.EXCELLENT
