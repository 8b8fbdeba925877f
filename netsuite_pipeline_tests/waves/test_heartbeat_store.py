"""Who is alive, by the database's clock."""

import datetime as dt

import pytest

from netsuite_pipeline.waves import heartbeat_store
from netsuite_pipeline.waves.store import WaveStore

MINUTE = dt.timedelta(minutes=1)
# Longer than two statements take on any machine, shorter than what the tests set apart.
A_MOMENT = dt.timedelta(seconds=50)


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
