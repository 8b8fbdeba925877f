"""When the circuit breaker opens, asks and closes."""

import datetime as dt

import pytest

from netsuite_pipeline.waves.circuit import CLOSED, Circuit

NOW = dt.datetime.fromisoformat("2026-11-23T02:00:00")


def after(probes: int) -> Circuit:
    """The circuit after so many probes in vain, each when it was due."""
    circuit, now = CLOSED, NOW
    for _ in range(probes):
        circuit = circuit.unanswered("HTTP 503", now)
        now = circuit.probe_at or now
    return circuit


def test_a_closed_circuit_waits_for_nothing() -> None:
    assert not CLOSED.is_open
    assert CLOSED.waiting_for is None
    assert not CLOSED.is_due(NOW)


@pytest.mark.parametrize(("probes", "pause"), [(1, 30), (2, 60), (3, 120), (4, 240), (5, 300), (500, 300)])
def test_pauses_double_up_to_five_minutes(probes: int, pause: int) -> None:
    before, circuit = after(probes - 1), after(probes)
    assert circuit.probe_at is not None
    assert circuit.probe_at - (before.probe_at or NOW) == dt.timedelta(seconds=pause)


def test_it_stays_open_since_the_first_probe_in_vain() -> None:
    assert after(3).opened_at == NOW


def test_a_probe_is_due_when_its_time_has_come_or_the_clock_was_put_back() -> None:
    circuit = after(1)
    assert not circuit.is_due(NOW)
    assert circuit.is_due(NOW + dt.timedelta(seconds=30))
    assert circuit.is_due(NOW - dt.timedelta(hours=2))


def test_any_answer_closes_it_and_old_failures_are_forgotten() -> None:
    later = NOW + dt.timedelta(minutes=7)
    circuit = after(3).answered(later)
    assert not circuit.is_open
    assert (circuit.looked_at, circuit.probes) == (later, 0)


def test_what_it_waits_for_is_a_sentence_with_a_reason_and_a_time() -> None:
    assert after(1).waiting_for == (
        "NetSuite has not answered since 2026-11-23 02:00 UTC (HTTP 503); nothing is dispatched until it does."
        " It is asked again at 02:00:30 UTC."
    )
