"""Dagster's run queue as the simulation plays it: priorities, the limit of all runs, pools, and a limit by tag.

A test holds it against Dagster's own.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, eq=False)
class QueuedRun:
    """A run of one tenant. `work` is what it does, as the seconds between its steps."""

    tenant: str
    priority: int
    is_full: bool
    work: Iterator[float]


class RunQueue:
    """At most `runs` at once, `pool` of each tenant, `full` of a tenant's full imports (None: as many as the pool)."""

    def __init__(self, *, runs: int, pool: int, full: int | None = None) -> None:
        self.runs, self.pool, self.full = runs, pool, full
        self.at_work: list[QueuedRun] = []
        self._waiting: list[QueuedRun] = []

    def put(self, run: QueuedRun) -> None:
        """Last of its priority."""
        self._waiting.append(run)

    def over(self, run: QueuedRun) -> None:
        """Ends it."""
        self.at_work.remove(run)

    def take(self) -> list[QueuedRun]:
        """The runs that start now."""
        tagged = Counter(run.tenant for run in self.at_work if run.is_full)
        pooled = Counter(run.tenant for run in self.at_work)
        taken: list[QueuedRun] = []
        for run in sorted(self._waiting, key=lambda one: -one.priority):
            if len(self.at_work) + len(taken) >= self.runs:
                break
            if run.is_full and self.full is not None and tagged[run.tenant] >= self.full:
                continue
            if pooled[run.tenant] >= self.pool:
                continue
            tagged[run.tenant] += run.is_full
            pooled[run.tenant] += 1
            taken.append(run)
        self._waiting = [run for run in self._waiting if run not in taken]
        self.at_work += taken
        return taken
