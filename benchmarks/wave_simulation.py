"""Coordination alone, in virtual time: `python -m benchmarks.wave_simulation`.

Coordinator and stores are real, on SQLite; Dagster's queue, its runs and NetSuite are played (`simulated_tenants`). It
is reported how close the whole comes to the ideal schedule, how fair it is, what one company's outage costs the others,
and how long a night's changes wait. Nothing is saved.
"""

import argparse
import datetime as dt
import itertools
import logging
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from benchmarks.simulated_queue import RunQueue
from benchmarks.simulated_tenants import Rule, SimulatedJob, Simulation, Tenant, open_store
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.waves.lanes import NIGHTLY_PRIORITY, run_priority
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import ImportMode

# As in the shipped dagster.yaml.
_POOL = 2
_AWAY = (100.0, 500.0)
# Longer than a run asks in vain, so that there are runs that begin when it is known.
_HANGING = (100.0, 1300.0)
_NIGHTLY_AT, _NIGHTLY_BATCHES = 150.0, 100


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What is played. `full` limits the runs of each full import by a tag; `night` and `away` say whether there are
    nightly imports, and an outage of the first tenant's NetSuite; `hangs`, that it is a long one without any answer.
    """

    batches: int
    tenants: int
    runs: int
    failing: float
    seed: int
    rule: Rule = run_priority
    reserve: int | None = None
    full: int | None = None
    night: bool = False
    away: bool = False
    hangs: bool = False


def first_come(mode: ImportMode, *, ahead: int, now: dt.datetime) -> int:  # noqa: ARG001
    """No run goes before another."""
    return 0


def nightly_first(mode: ImportMode, *, ahead: int, now: dt.datetime) -> int:  # noqa: ARG001
    """The rule where one company has the queue to itself."""
    return NIGHTLY_PRIORITY if mode is ImportMode.INCREMENTAL else 0


def simulate(chosen: Scenario) -> Simulation:
    """Plays it to the end; AssertionError if a law is broken."""
    limits = Limits.of(Settings.load())
    reserve = limits.nightly_reserve if chosen.reserve is None else chosen.reserve
    limits = replace(limits, nightly_reserve=reserve, runs_at_once=_POOL)
    queue = RunQueue(runs=chosen.runs, pool=_POOL, full=chosen.full)
    simulation = Simulation(queue=queue, limits=limits, rule=chosen.rule, failing=chosen.failing, seed=chosen.seed)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(chosen.tenants):
            tenant = Tenant(name=f"tenant-{number}", store=open_store(Path(folder) / f"{number}.db"))
            simulation.tenants.append(tenant)
            simulation.add(tenant, chosen.batches // chosen.tenants)
            if chosen.night:
                simulation.add_later(tenant, _NIGHTLY_BATCHES, at=_NIGHTLY_AT, mode=ImportMode.INCREMENTAL)
        if chosen.away or chosen.hangs:
            simulation.tenants[0].away = _HANGING if chosen.hangs else _AWAY
            simulation.tenants[0].hangs = chosen.hangs
        simulation.run()
        for tenant in simulation.tenants:
            tenant.store.engine.dispose()
    return simulation


def fairness(usual: Scenario) -> None:
    """Prints how the tenants share Dagster's runs, with the product's priorities and without."""
    print(f"{usual.tenants} tenants, {usual.runs} runs at once, {usual.failing:.0%} of the attempts fail:")
    for name, rule in (("first come, first served", first_come), ("by expected turn", run_priority)):
        started = time.perf_counter()
        simulation = simulate(replace(usual, rule=rule))
        jobs, looks = simulation.jobs, sorted(simulation.look_seconds)
        longest, ideal = max(_finished(job) for job in jobs), simulation.work / usual.runs
        attempts, share = sum(len(job.attempts) for job in jobs), simulation.at_first_end
        print(f"  {name}: {sum(len(job.levels) for job in jobs):,} batches, {attempts:,} attempts, no law broken")
        print(f"    {longest:,.0f} s, ideal {ideal:,.0f} s (work of batches / runs): {longest / ideal:.2f} times")
        print(f"    done when the first ended: fairness {_jain(share):.3f} (Jain), least {min(share):.2f}")
        print(f"    most in flight in one job: {max(job.most for job in jobs)} of {simulation.limits.wave_size}")
        print(f"    a look: median {1000 * median(looks):.0f} ms, worst {1000 * looks[-1]:.0f} ms")
        print(f"    {time.perf_counter() - started:.0f} s of real time")


def outage(usual: Scenario) -> None:
    """Prints what an outage of one tenant's NetSuite does to it and to the others."""
    print("NetSuite of one tenant refuses everything for a while, or hangs for longer:")
    outages = {
        "all answer": usual,
        f"one refuses from {_AWAY[0]:.0f} s to {_AWAY[1]:.0f} s": replace(usual, away=True),
        f"one hangs from {_HANGING[0]:.0f} s to {_HANGING[1]:.0f} s": replace(usual, hangs=True),
    }
    for runs, (what, scenario) in itertools.product((usual.runs, usual.tenants * _POOL), outages.items()):
        one, *others = simulate(replace(scenario, runs=runs)).jobs
        ends = sorted(_finished(job) for job in others)
        name = f"{runs} runs at once, {what}"
        print(f"  {name}: the others end after {median(ends):,.0f} s (median) and {ends[-1]:,.0f} s (last),", end=" ")
        print(f"the one after {_finished(one):,.0f} s, all of it done: {one.done == len(one.levels)}")


def lanes(usual: Scenario) -> None:
    """Prints how long a night's changes wait beside full imports, when the pools and not Dagster's runs are short."""
    enough = replace(usual, night=True, runs=usual.tenants * _POOL)
    print(f"An import of changes of each tenant, {_NIGHTLY_BATCHES} batches, asked for after {_NIGHTLY_AT:.0f} s:")
    for name, scenario in (
        ("first come, first served", replace(enough, rule=first_come, reserve=0)),
        ("priority", replace(enough, rule=nightly_first, reserve=0)),
        ("priority and reserve (the default)", replace(enough, rule=nightly_first)),
        ("priority and a slot always kept free", replace(enough, rule=nightly_first, reserve=0, full=_POOL - 1)),
    ):
        jobs = simulate(scenario).jobs
        nights = [job for job in jobs if job.mode is ImportMode.INCREMENTAL]
        waits = sorted((job.began or 0.0) - job.asked for job in nights)
        takes = sorted(_finished(job) - job.asked for job in nights)
        full = [_finished(job) for job in jobs if job.mode is ImportMode.FULL]
        print(f"  {name}: begins after {median(waits):.0f} s (median), {waits[-1]:.0f} s (worst),", end=" ")
        print(f"ends after {median(takes):.0f} s, {takes[-1]:.0f} s; full imports take {median(full):.0f} s")


_PARTS = {"fairness": fairness, "outage": outage, "lanes": lanes}


def _finished(job: SimulatedJob) -> float:
    assert job.finished is not None
    return job.finished


def _jain(shares: Sequence[float]) -> float:
    """Jain's fairness index: 1 if all are equal, 1/n if one has everything."""
    return sum(shares) ** 2 / (len(shares) * sum(share * share for share in shares))


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=10_000, help="of all tenants together")
    parser.add_argument("--tenants", type=int, default=20)
    parser.add_argument("--runs", type=int, default=10, help="at work at once, of all tenants")
    parser.add_argument("--failing", type=float, default=0.05, help="share of attempts that fail")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parts", nargs="*", choices=_PARTS, default=list(_PARTS))
    chosen = vars(parser.parse_args(arguments))
    # What the circuit breaker tells the daemon's log.
    logging.getLogger("netsuite_pipeline").setLevel(logging.ERROR)
    parts = chosen.pop("parts")
    usual = Scenario(**chosen)
    for part in parts:
        _PARTS[part](usual)


if __name__ == "__main__":
    main()
