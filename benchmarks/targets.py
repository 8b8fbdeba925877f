"""What the loader is held to, as ratios within one run, and whether a run met it.

The thresholds are here and nowhere else. Measuring is in `load_table`, `whole_chain` and `memory`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.load_table import BATCH_ROWS, Measurement
from benchmarks.memory import Memory
from benchmarks.technique import BAD, CHANGED, FIRST, MANY_BAD, ONE_BAD, UNCHANGED
from benchmarks.whole_chain import Passage

_OURS = ("ours", "ours_two_writers")
# Of what memory may differ by and still be called flat: allocators round and threads meet at different moments.
_FLAT = 1.25


@dataclass(frozen=True, kw_only=True)
class Target:
    """One requirement: `wanted` and `measured` as people read them."""

    title: str
    wanted: str
    measured: str
    met: bool


def load_targets(measured: Sequence[Measurement]) -> list[Target]:
    """Those about loading typed rows into the wide table, with one writer and with two."""
    rates = {(one.scenario, one.technique): one for one in measured if one.shape == "wide"}
    targets = []
    for ours, suffix in zip(_OURS, (", one writer", ", two writers"), strict=True):
        for title, mine, theirs, factor in (
            ("first load / LOAD DATA", (FIRST.name, ours), (FIRST.name, "load_data"), 0.35),
            ("first load / row by row", (FIRST.name, ours), (FIRST.name, "row_by_row"), 12),
            ("first load / SQLAlchemy executemany", (FIRST.name, ours), (FIRST.name, "executemany"), 2),
            ("first load / dlt", (FIRST.name, ours), (FIRST.name, "dlt"), 5),
            ("all rows changed / LOAD DATA REPLACE", (CHANGED.name, ours), (CHANGED.name, "load_data"), 0.45),
            ("all rows changed / dlt", (CHANGED.name, ours), (CHANGED.name, "dlt"), 5),
            ("unchanged / first load", (UNCHANGED.name, ours), (FIRST.name, ours), 6.5),
            ("100 bad in 1,000 / row by row", (MANY_BAD.name, ours), (MANY_BAD.name, "row_by_row"), 1),
        ):
            if mine in rates and theirs in rates:
                ratio = rates[mine].rows_per_second / rates[theirs].rows_per_second
                targets.append(_at_least(title + suffix, ratio, factor))
    return targets + _reject_targets([one for one in measured if one.shape == "wide"])


def _reject_targets(measured: Sequence[Measurement]) -> list[Target]:
    ours = {one.scenario: one for one in measured if one.technique == "ours"}
    targets = []
    if ONE_BAD.name in ours and FIRST.name in ours:
        one = ours[ONE_BAD.name]
        extra = (one.statements - ours[FIRST.name].statements) / (one.rows / BATCH_ROWS)
        targets.append(
            Target(
                title="1 bad row in 1,000: extra statements per batch",
                wanted="at most 25",
                measured=f"{extra:.1f}",
                met=extra <= 25,
            )
        )
    for scenario in (BAD, ONE_BAD, MANY_BAD):
        if one := ours.get(scenario.name):
            lost = one.rows - one.bad - one.stored
            targets.append(
                Target(
                    title=f"{scenario.title}: each good one loaded, each bad one kept",
                    wanted="all",
                    measured=f"{lost} lost, {one.bad - (one.quarantined or 0)} not kept",
                    met=one.faithful and one.quarantined == one.bad,
                )
            )
    return targets


def chain_targets(passages: Sequence[Passage]) -> list[Target]:
    """That about the whole way, first load."""
    rates = {one.chain: one.rows_per_second for one in passages if one.scenario == FIRST.name}
    return [
        _at_least(f"account to table / the same with executemany{suffix}", rates[ours] / rates["executemany"], 2.3)
        for ours, suffix in zip(_OURS, (", one writer", ", two writers"), strict=True)
    ]


def memory_targets(measures: Sequence[Memory]) -> list[Target]:
    """Those about a worker's memory."""
    most = max(one.per_thousand_in_flight for one in measures)
    least, greatest = min(measures, key=lambda one: one.records), max(measures, key=lambda one: one.records)
    growth = (greatest.peak - greatest.baseline) / (least.peak - least.baseline)
    return [
        Target(
            title="memory above the baseline, per 1,000 records in flight",
            wanted="under 100 MiB",
            measured=f"{most:.0f} MiB",
            met=most < 100,
        ),
        Target(
            title=f"memory above the baseline, {greatest.records:,} records / {least.records:,} records",
            wanted=f"flat (at most {_FLAT})",
            measured=f"{growth:.2f}",
            met=growth <= _FLAT,
        ),
    ]


def _at_least(title: str, ratio: float, factor: float) -> Target:
    return Target(title=title, wanted=f"at least {factor:g}", measured=f"{ratio:.2f}", met=ratio >= factor)
