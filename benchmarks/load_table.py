"""Loads the same rows with every technique, in turns, on a private MariaDB: `python -m benchmarks.load_table`.

Measures and saves; `benchmarks.report` makes the tables and the picture of what was saved. Figures move with the
machine: compare within a run.
"""

import argparse
import gc
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.content import Content, expected
from benchmarks.database import Database, private_database
from benchmarks.dlt_merge import DltMerge
from benchmarks.load_data import LoadData, LoadDataIgnore, LoadDataWhole
from benchmarks.machine import conditions
from benchmarks.ours import OneWriter, TwoWriters
from benchmarks.rivals import ExecuteMany, RowByRow, RowByRowAutocommit, ToSQL
from benchmarks.tables import BATCH_ROWS, SHAPES, Batch, Table
from benchmarks.technique import COMMON, SCENARIOS, Scenario, Technique

TECHNIQUES: dict[str, type[Technique]] = {
    technique.name: technique
    for technique in (
        OneWriter,
        TwoWriters,
        LoadData,
        LoadDataWhole,
        LoadDataIgnore,
        ExecuteMany,
        ToSQL,
        RowByRow,
        RowByRowAutocommit,
        DltMerge,
    )
}
RESULTS = "load_table.json"
# What few techniques do is measured on one shape.
_REJECTS_SHAPE = "wide"


@dataclass
class Measurement:
    """One technique in one scenario on one shape: the seconds of each repeat, and what was in the table afterwards.

    `rows` were sent; of the bad ones, `quarantined` were recorded (None: the technique records none). `statements`
    are those of the last repeat, all clients' together. `faithful` is whether exactly the good rows were there, as
    they are; otherwise `stored` says how many were, changed or not.
    """

    shape: str
    scenario: str
    technique: str
    rows: int
    bad: int
    seconds: list[float] = field(default_factory=list)
    statements: int = 0
    refused_batches: int = 0
    stored: int = 0
    faithful: bool = True
    quarantined: int | None = None

    @property
    def rows_per_second(self) -> float:
        """The median's."""
        return self.rows / median(self.seconds)


def main() -> None:
    """Measures what the command line asks for, prints each figure and saves all."""
    arguments = _arguments()
    with private_database() as database:
        measured = [
            measurement
            for shape in arguments.shapes
            for measurement in measure(
                database,
                shape,
                batches=arguments.rows // BATCH_ROWS,
                repeat=arguments.repeat,
                names=arguments.techniques,
            )
        ]
        results = {
            "conditions": conditions(database.version),
            "rows": arguments.rows,
            "repeat": arguments.repeat,
            "measurements": [asdict(measurement) for measurement in measured],
        }
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / RESULTS).write_text(json.dumps(results, indent=1) + "\n")


def measure(database: Database, shape: str, *, batches: int, repeat: int, names: Sequence[str]) -> list[Measurement]:
    """Every scenario of a shape with the named techniques, `repeat` times.

    The techniques take turns within each scenario, each repeat beginning with another one, so that a machine that
    grows slower does so for all.
    """
    table = Table.of(shape)
    rows = _Rows(table, batches)
    techniques = [TECHNIQUES[name](database, table) for name in names]
    measured: dict[tuple[str, str], Measurement] = {}
    try:
        for turn in range(repeat):
            for scenario in _scenarios(shape):
                for technique in _rotated(techniques, turn):
                    if scenario not in technique.scenarios:
                        continue
                    part = rows.of(scenario, technique.share)
                    if scenario.after is None:
                        technique.create()
                    known = measured.setdefault(
                        (scenario.name, technique.name),
                        Measurement(
                            shape=shape,
                            scenario=scenario.name,
                            technique=technique.name,
                            rows=sum(len(batch.rows) for batch in part),
                            bad=sum(len(batch.bad) for batch in part),
                        ),
                    )
                    _time(database, technique, scenario, part, known)
                    _check(known, technique, rows.expected(scenario, technique.share))
                    _print(known)
    finally:
        for technique in techniques:
            technique.close()
    return list(measured.values())


class _Rows:
    """The batches of each scenario and what they have to become, made once."""

    def __init__(self, table: Table, batches: int) -> None:
        self._table = table
        self._versions = [table.batches(batches, version=version) for version in (0, 1)]
        self._made: dict[str, list[Batch]] = {}
        self._expected: dict[tuple[str, int], Content] = {}

    def of(self, scenario: Scenario, share: float) -> list[Batch]:
        """A share of the scenario's batches, at least one."""
        batches = self._made.get(scenario.name)
        if batches is None:
            batches = self._versions[scenario.version]
            if scenario.bad:
                batches = self._table.spoiled(batches, scenario.bad)
            self._made[scenario.name] = batches
        return batches[: max(1, round(share * len(batches)))]

    def expected(self, scenario: Scenario, share: float) -> Content:
        """What the table has to hold afterwards."""
        batches = self.of(scenario, share)
        key = (scenario.name, len(batches))
        if key not in self._expected:
            self._expected[key] = expected(self._table, batches)
        return self._expected[key]


def _scenarios(shape: str) -> Iterator[Scenario]:
    return (scenario for scenario in SCENARIOS if scenario in COMMON or shape == _REJECTS_SHAPE)


def _rotated(techniques: list[Technique], turn: int) -> list[Technique]:
    start = turn % len(techniques)
    return techniques[start:] + techniques[:start]


def _time(
    database: Database, technique: Technique, scenario: Scenario, batches: list[Batch], measurement: Measurement
) -> None:
    prepared = technique.prepare(batches, scenario)
    database.settle()
    # An import holds a few thousand rows and not all of them: the collector must not walk ours again and again.
    gc.collect()
    gc.freeze()
    before = database.statements()
    started = time.perf_counter()
    measurement.refused_batches = technique.load(prepared)
    measurement.seconds.append(time.perf_counter() - started)
    measurement.statements = database.statements() - before
    gc.unfreeze()


def _check(measurement: Measurement, technique: Technique, wanted: Content) -> None:
    found = technique.content()
    measurement.stored = found.rows
    measurement.faithful = measurement.faithful and found == wanted
    measurement.quarantined = technique.quarantined()


def _print(measurement: Measurement) -> None:
    rate = measurement.rows / measurement.seconds[-1]
    flaw = "" if measurement.faithful else f"  ({measurement.stored:,} rows stored, not as sent)"
    name = f"{measurement.shape:10} {measurement.scenario:10} {measurement.technique:22}"
    print(f"{name} {rate:>9,.0f} rows/s {measurement.statements:>7,} statements{flaw}", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=30_000, help=f"rows per table, in batches of {BATCH_ROWS}")
    parser.add_argument("--repeat", type=int, default=3, help="how often; the report has medians")
    parser.add_argument("--shapes", type=_names(SHAPES), default=list(SHAPES), help=",".join(SHAPES))
    parser.add_argument("--techniques", type=_names(TECHNIQUES), default=list(TECHNIQUES), help=",".join(TECHNIQUES))
    parser.add_argument("--output", type=Path, default=Path("docs/benchmarks"), help="the folder to save results in")
    return parser.parse_args()


def _names(known: Sequence[str] | dict[str, object]):
    def names(text: str) -> list[str]:
        chosen = text.split(",")
        unknown = sorted(set(chosen) - set(known))
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known are {', '.join(known)}")
        return chosen

    return names


if __name__ == "__main__":
    main()
