"""Reading ahead of the consumer: as far as is allowed, in bounded memory, and ended with the stream."""

import threading
import time
import weakref
from contextlib import closing

from netsuite_pipeline.netsuite import stream as stream_module
from netsuite_pipeline.netsuite.errors import QueryCancelled
from netsuite_pipeline.netsuite.stream import stream_batches
from netsuite_pipeline.transform.batch import TransformedBatch
from netsuite_pipeline_tests.netsuite.sqlite_account import THING
from netsuite_pipeline_tests.netsuite.streams import batches, is_page, loaded, pages_of
from netsuite_pipeline_tests.waiting import wait_for


def test_reading_runs_ahead_of_the_consumer_by_the_number_of_workers_and_no_further(account_of):
    account = account_of(range(1000))
    with closing(stream_batches(account, THING, batches(0, 999, 10), workers=3)) as stream:
        for allowed in (4, 5, 6):
            next(stream)
            wait_for(lambda allowed=allowed: pages_of(account) >= allowed, what=f"{allowed} pages", every=0.01)
            # Whoever reads further does it now; on a machine too busy for that, this test is blind and not red.
            time.sleep(0.1)
            assert pages_of(account) == allowed


def test_no_more_batches_are_in_memory_than_workers_and_one(account_of, monkeypatch):
    made: list[weakref.ref[TransformedBatch]] = []

    def remembered(**values):
        batch = TransformedBatch(**values)
        made.append(weakref.ref(batch))
        return batch

    def in_memory() -> int:
        return sum(one() is not None for one in list(made))

    monkeypatch.setattr(stream_module, "TransformedBatch", remembered)
    ranges = batches(0, 1999, 10)
    with closing(stream_batches(account_of(range(2000)), THING, ranges, workers=3)) as stream:
        for taken in range(1, len(ranges) + 1):
            batch = next(stream)
            # A consumer that is slower than the reading: everything that may be read ahead is there.
            ahead = min(taken + 3, len(ranges))
            wait_for(lambda ahead=ahead: len(made) >= ahead, what=f"{ahead} batches", every=0.001)
            # A thread that the system has stopped may hold on to what it made for a moment longer.
            wait_for(lambda: in_memory() <= 4, seconds=20, what="no more than four batches in memory", every=0.001)
            assert loaded(batch).fetched == 10
            del batch
    assert len(made) == 200


def test_closing_early_ends_every_thread_and_asks_for_nothing_more(account_of):
    account = account_of(range(1000))
    stream = stream_batches(account, THING, batches(0, 999, 10), workers=3)
    next(stream)
    stream.close()
    assert not reading_threads()
    assert pages_of(account) <= 4


def test_closing_early_wakes_a_query_that_waits_for_its_next_attempt(account_of):
    account = account_of(range(100))
    waiting: list[str] = []
    woken: list[bool] = []

    class Patient:
        def query(self, sql, *, cancelled=None):
            if is_page(sql) and "BETWEEN 0 AND" not in sql:
                waiting.append(sql)
                woken.append(cancelled.wait(60))
                raise QueryCancelled("closed")
            return account.query(sql)

    stream = stream_batches(Patient(), THING, batches(0, 99, 10), workers=3)
    next(stream)
    wait_for(lambda: waiting, what="a query that waits", every=0.01)
    stream.close()
    assert woken
    assert all(woken)


def test_threads_end_when_the_stream_does(account_of):
    list(stream_batches(account_of(range(10)), THING, batches(0, 9, 5), workers=3))
    assert not reading_threads()


def reading_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("read thing")]
