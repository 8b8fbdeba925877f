"""Who is alive, by the database's clock."""

import datetime as dt
import threading

import pytest

from netsuite_pipeline.waves import heartbeat_store
from netsuite_pipeline.waves.store import WaveStore

MINUTE = dt.timedelta(minutes=1)
# Longer than two statements take on any machine, shorter than what the tests set apart.
A_MOMENT = dt.timedelta(seconds=50)
SECOND = dt.timedelta(seconds=1)
LOOK, DEAF_FROM, DEAF_UNTIL = "listener: look", "listener: deaf from", "listener: deaf until"


def test_the_silence_of_a_run_counts_from_its_latest_heartbeat(store: WaveStore) -> None:
    store.beat("run-1", age=10 * MINUTE)
    store.beat("run-2", age=5 * MINUTE)
    store.beat("run-1", age=MINUTE)
    silences = store.silences()
    assert silences.keys() == {"run-1", "run-2"}
    assert MINUTE <= silences["run-1"] < MINUTE + A_MOMENT
    assert 5 * MINUTE <= silences["run-2"] < 5 * MINUTE + A_MOMENT


def test_a_run_that_is_forgotten_has_no_silence(store: WaveStore) -> None:
    for run_id in ("run-1", "run-2"):
        store.beat(run_id)
    store.forget({"run-1", "never heard of"})
    store.forget(set())
    assert store.silences().keys() == {"run-2"}


def test_on_a_server_the_clock_of_this_machine_does_not_matter(
    store: WaveStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    if store.engine.dialect.name != "sqlite":
        monkeypatch.setattr(heartbeat_store, "utc_now", lambda: pytest.fail("the machine's clock was asked"))
    store.beat("run-1")
    assert store.silences()["run-1"] < A_MOMENT


def test_the_time_in_which_nobody_listened_is_no_silence(store: WaveStore) -> None:
    store.beat("run-1", age=10 * MINUTE)
    store.beat("run-2", age=MINUTE)
    store.beat(LOOK, age=9 * MINUTE)
    for _ in range(2):
        silences = store.silences()
        assert MINUTE <= silences["run-1"] < MINUTE + A_MOMENT
        assert silences["run-2"] < A_MOMENT
        assert store.audible(10 * MINUTE) < MINUTE + A_MOMENT
        store.listen()


def test_silence_goes_on_after_a_time_in_which_nobody_listened(store: WaveStore) -> None:
    for name, age in {"run-1": 10 * MINUTE, DEAF_FROM: 9 * MINUTE, DEAF_UNTIL: 4 * MINUTE}.items():
        store.beat(name, age=age)
    store.listen()
    assert 5 * MINUTE <= store.silences()["run-1"] < 5 * MINUTE + A_MOMENT


def test_a_listener_that_looks_every_few_seconds_hears_all_of_a_silence(store: WaveStore) -> None:
    store.beat("run-1", age=10 * MINUTE)
    store.beat(LOOK, age=10 * SECOND)
    store.listen()
    assert store.silences()["run-1"] >= 10 * MINUTE


def test_a_listener_that_always_looks_late_still_hears_a_silence(store: WaveStore) -> None:
    for name, age in {"run-1": 300 * SECOND, DEAF_FROM: 120 * SECOND, DEAF_UNTIL: 60 * SECOND}.items():
        store.beat(name, age=age)
    store.beat(LOOK, age=60 * SECOND)
    assert 180 * SECOND <= store.silences()["run-1"] < 180 * SECOND + A_MOMENT


def test_two_times_in_which_nobody_listened_with_a_moment_between_them_are_one(store: WaveStore) -> None:
    for name, age in {"run-1": 92 * SECOND, DEAF_FROM: 90 * SECOND, DEAF_UNTIL: 30 * SECOND, LOOK: 26 * SECOND}.items():
        store.beat(name, age=age)
    store.listen()
    assert store.silences()["run-1"] < 2 * SECOND + A_MOMENT


def test_times_in_which_nobody_listened_do_not_grow_together_for_ever(store: WaveStore) -> None:
    for name, age in {"run-1": 700 * SECOND, DEAF_FROM: 660 * SECOND, DEAF_UNTIL: 30 * SECOND}.items():
        store.beat(name, age=age)
    store.beat(LOOK, age=30 * SECOND)
    store.listen()
    assert store.silences()["run-1"] >= 600 * SECOND


def test_a_listener_is_no_run(store: WaveStore) -> None:
    store.beat(LOOK, age=MINUTE)
    store.listen()
    assert store.silences() == {}


def test_several_may_listen_for_the_first_time_at_once(store: WaveStore) -> None:
    ready, failed = threading.Barrier(4, timeout=30), []

    def listen() -> None:
        ready.wait()
        try:
            store.listen()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test names it
            failed.append(error)

    threads = [threading.Thread(target=listen) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
