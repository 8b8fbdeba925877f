"""How looks of the dispatcher follow each other within one evaluation of its sensor, on a clock moved by hand."""

import dagster as dg
import pytest
from sqlalchemy.exc import OperationalError

from netsuite_pipeline.orchestration.dispatch_watch import Answers, watch
from netsuite_pipeline.waves.dispatch_store import JobPulse, Pulse
from netsuite_pipeline.waves.model import JobStatus

REQUEST = dg.RunRequest(run_key="key")
WAITING = dg.SkipReason("Waiting.")


def job(dispatches: int, status: JobStatus = JobStatus.RUNNING, *, paused: bool = False) -> JobPulse:
    return JobPulse(job_id="job", status=status, paused=paused, dispatches=dispatches)


class Import:
    """An import whose pulse changes at set times; a look finds a run to launch from `ready` on."""

    def __init__(self, pulses: dict[float, Pulse], *, ready: float = 99.0) -> None:
        self._pulses = pulses
        self._ready = ready
        self.now = 0.0
        self.looks: list[float] = []

    def pulse(self) -> Pulse:
        return self._pulses[max(moment for moment in self._pulses if moment <= self.now)]

    def look(self) -> list[dg.RunRequest | dg.SkipReason]:
        self.looks.append(self.now)
        return [REQUEST if self.now >= self._ready else WAITING]

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def watched(self) -> Answers:
        return watch(self.look, self.pulse, clock=lambda: self.now, sleep=self.sleep)


def test_what_can_be_launched_is_launched_at_once() -> None:
    under_way = Import({0: (job(2),)}, ready=0)
    assert under_way.watched() == (REQUEST,)
    assert (under_way.looks, under_way.now) == ([0], 0)


def test_without_an_import_under_way_nobody_waits() -> None:
    idle = Import({0: ()})
    assert idle.watched() == (WAITING,)
    assert (idle.looks, idle.now) == ([0], 0)


def test_the_end_of_a_dispatch_lets_the_next_run_start_within_half_a_second() -> None:
    under_way = Import({0: (job(2),), 1.7: (job(1),)}, ready=1.7)
    assert under_way.watched() == (REQUEST,)
    assert under_way.looks == [0, 2.0]


def test_a_plan_that_is_ready_is_begun_within_half_a_second() -> None:
    planning = Import({0: (job(0, JobStatus.PLANNING),), 3.1: (job(0),)}, ready=3.1)
    assert planning.watched() == (REQUEST,)
    assert planning.looks == [0, 3.5]


@pytest.mark.parametrize(
    "pulse",
    [(job(2),), (job(0, JobStatus.PLANNING),), (job(0, paused=True),)],
    ids=["in flight", "planning", "paused"],
)
def test_what_does_not_change_is_not_looked_at_again_before_the_next_evaluation(pulse: Pulse) -> None:
    under_way = Import({0: pulse})
    assert under_way.watched() == (WAITING,)
    assert under_way.looks == [0]
    assert under_way.now < 4


def test_an_import_with_nothing_in_flight_is_looked_at_every_second() -> None:
    under_way = Import({0: (job(0),)})
    assert under_way.watched() == (WAITING,)
    assert under_way.looks == [0, 1, 2, 3]
    assert under_way.now < 4


def test_a_database_that_goes_away_meanwhile_does_not_take_back_what_the_look_said() -> None:
    under_way = Import({0: (job(2),)})

    def pulse() -> Pulse:
        if under_way.now:
            raise OperationalError("SELECT", {}, Exception("gone"))
        return under_way.pulse()

    assert watch(under_way.look, pulse, clock=lambda: under_way.now, sleep=under_way.sleep) == (WAITING,)


def test_a_slow_look_is_not_followed_by_another_once_the_time_is_over() -> None:
    under_way = Import({0: (job(0),)})

    def slow() -> list[dg.RunRequest | dg.SkipReason]:
        under_way.now += 10
        return under_way.look()

    assert watch(slow, under_way.pulse, clock=lambda: under_way.now, sleep=under_way.sleep) == (WAITING,)
    assert under_way.looks == [10]
