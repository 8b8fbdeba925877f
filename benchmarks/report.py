"""Makes docs/benchmarks.md and its picture of saved results: `python -m benchmarks.report`.

Only arithmetic and text. What is said about fairness is said here, next to the figures; measuring is in `load_table`,
`whole_chain` and `memory`.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import load_table, memory, whole_chain
from benchmarks.chain_steps import Step
from benchmarks.load_table import TECHNIQUES, Measurement
from benchmarks.memory import Memory
from benchmarks.picture import draw
from benchmarks.targets import Target, chain_targets, load_targets, memory_targets
from benchmarks.technique import BAD, CHANGED, FIRST, MANY_BAD, ONE_BAD, UNCHANGED, Scenario
from benchmarks.whole_chain import CHAINS, Passage

_SCENARIOS = (FIRST, CHANGED, UNCHANGED, BAD)
_OURS = ("ours", "ours_two_writers")

_INTRODUCTION = """# Benchmarks

`make bench` measures all of this on a private MariaDB server that it starts, and writes this page; nothing in it is
written by hand. Rows per second move with the machine, ratios hardly do: the techniques take turns, and every figure
is the median of {repeat} runs. How an import through Dagster behaves is in [performance.md](performance.md).

{conditions}

The server keeps its log unsynced (`innodb_flush_method=nosync`, `innodb_flush_log_at_trx_commit=2`), which helps those
most that commit most often: row by row, then all others.
"""

_LOADING = """## Loading typed rows

{rows:,} rows of mixed kinds, a third of the values NULL, in batches of 1,000 with a transaction each. "All rows
changed" changes every third column of every row. Of the slow techniques a part of the rows says as much: {slow}.

![Rows per second of each technique]({picture})

netsuite-pipeline compares every batch with the table, counts what became of each row in a ledger and quarantines what
the database refuses; no other technique here does. Its table has four columns of bookkeeping more than those of the
others. The hashes by which it finds unchanged rows are computed when rows are transformed and not here; they are part
of the whole chain below.

`LOAD DATA INFILE` is the limit rather than a rival: its files lie on the server before the clock starts, in the
server's own format, so that no client encodes anything and nothing crosses a socket. After every run the content of
the table is compared with what it has to be, by a checksum over all values.
"""

_CHAIN = """## From the account into the table

{rows:,} rows of {columns} columns in pages of 1,000, over HTTP with gzip from a page server in a process of its own,
without latency, on the same cores as client and database.

{table}

The second chain is the product's but for the last step: it reads, types and hashes as ours does and sends every row.
The script does nothing but the necessary: it parses, converts with the constructors of the standard library, and
neither checks values nor compares.

Where the time of a batch goes, one step after the other, first load:

{steps}
"""

_MEMORY = """## Memory of a worker

First loads of {columns} columns by a fresh process each, in MiB; at most {in_flight},000 records are in flight. The
baseline is the process once its modules are imported, without Dagster.

{table}
"""


def main() -> None:
    """Writes the page and the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("docs/benchmarks"), help="the folder of the results")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="where the page and pictures/ are")
    arguments = parser.parse_args()
    results = {
        name: json.loads(path.read_text())
        for name in (load_table.RESULTS, whole_chain.RESULTS, memory.RESULTS)
        if (path := arguments.results / name).exists()
    }
    if not results:
        raise SystemExit(f"There are no results in {arguments.results}: run `make bench`.")
    picture = Path("pictures") / "benchmarks.svg"
    if load_table.RESULTS in results:
        (arguments.docs / picture.parent).mkdir(parents=True, exist_ok=True)
        draw(_measurements(results[load_table.RESULTS]), arguments.docs / picture)
    (arguments.docs / "benchmarks.md").write_text(page(results, picture=str(picture)))


def page(results: Mapping[str, Mapping[str, Any]], *, picture: str) -> str:
    """The page, of the results by file name; `picture` is its address."""
    first = next(iter(results.values()))
    parts = [
        _INTRODUCTION.format(
            repeat=first.get("repeat", 1),
            conditions=_table(("", "measured on"), first["conditions"].items()),
        )
    ]
    targets: list[Target] = []
    if found := results.get(load_table.RESULTS):
        measured = _measurements(found)
        targets += load_targets(measured)
        parts += _loading(found, measured, picture)
    if found := results.get(whole_chain.RESULTS):
        passages = [Passage(**passage) for passage in found["passages"]]
        targets += chain_targets(passages)
        parts.append(_chain(found, passages))
    if found := results.get(memory.RESULTS):
        measures = [Memory(**entry) for entry in found["memory"]]
        targets += memory_targets(measures)
        parts.append(_memory(found, measures))
    parts.insert(1, _targets(targets))
    return "\n".join(parts)


def _measurements(results: Mapping[str, Any]) -> list[Measurement]:
    return [Measurement(**measurement) for measurement in results["measurements"]]


def _targets(targets: Sequence[Target]) -> str:
    rows = ((target.title, target.wanted, target.measured, "yes" if target.met else "**no**") for target in targets)
    return "## What it is held to\n\n" + _table(("ratios within this run", "wanted", "measured", "met"), rows)


def _loading(results: Mapping[str, Any], measured: Sequence[Measurement], picture: str) -> Iterator[str]:
    slow = (f"{one.title} 1/{round(1 / one.share)}" for one in TECHNIQUES.values() if one.share < 1)
    yield _LOADING.format(rows=results["rows"], picture=picture, slow="; ".join(slow))
    known = {(one.shape, one.scenario, one.technique): one for one in measured}
    titles = [scenario.title for scenario in _SCENARIOS]
    for shape in dict.fromkeys(one.shape for one in measured):
        names = [name for name in TECHNIQUES if any(key[0] == shape and key[2] == name for key in known)]
        title = f"### {shape.replace('_', ' ').capitalize()}, {load_table.SHAPES[shape]} columns\n"
        head = ("rows per second (lowest to highest)", *titles)
        yield title + "\n" + _table(head, (_rates(known, shape, name) for name in names))
        head = ("how often as fast netsuite-pipeline is, with one writer / with two", *titles)
        yield _table(head, (_ratios(known, shape, name) for name in names if name not in _OURS))
    yield from _rejects(known)


_Known = Mapping[tuple[str, str, str], Measurement]


def _rates(known: _Known, shape: str, name: str) -> Iterator[str]:
    yield TECHNIQUES[name].title
    for scenario in _SCENARIOS:
        one = known.get((shape, scenario.name, name))
        yield "" if one is None else _rate(one)


def _rate(one: Measurement) -> str:
    if not one.faithful and one.stored < one.rows - one.bad:
        return "refuses all" if one.stored == 0 else f"stores {one.stored:,} of {one.rows:,}"
    lowest, highest = one.rows / max(one.seconds), one.rows / min(one.seconds)
    rate = f"{_rounded(one.rows_per_second)} ({_rounded(lowest)} to {_rounded(highest)})"
    return rate if one.faithful else f"{rate} **changes values**"


def _ratios(known: _Known, shape: str, name: str) -> Iterator[str]:
    yield TECHNIQUES[name].title
    for scenario in _SCENARIOS:
        other = known.get((shape, scenario.name, name))
        ours = [one for mine in _OURS if (one := known.get((shape, scenario.name, mine)))]
        comparable = ours if other and other.faithful else []
        yield " / ".join(_ratio(one.rows_per_second / other.rows_per_second) for one in comparable if other)


def _rejects(known: _Known) -> Iterator[str]:
    rows = []
    for scenario in (ONE_BAD, BAD, MANY_BAD):
        for name in (*_OURS, "row_by_row"):
            one = known.get(("wide", scenario.name, name))
            clean = known.get(("wide", FIRST.name, name))
            if one and clean:
                rows.append(_reject_row(scenario, one, clean))
    if rows:
        head = (
            "bad rows, wide",
            "technique",
            "rows per second",
            "extra statements per batch",
            "good loaded",
            "bad kept",
        )
        yield (
            "### Bad rows\n\nA value too long for its column, scattered over the batch. Kept means: in `import_rejects`"
            " with reason and payload; row by row they are only counted.\n\n" + _table(head, rows)
        )


def _reject_row(scenario: Scenario, one: Measurement, clean: Measurement) -> tuple[str, ...]:
    batches = one.rows / load_table.BATCH_ROWS
    good = one.rows - one.bad
    return (
        scenario.title,
        TECHNIQUES[one.technique].title,
        _rounded(one.rows_per_second),
        f"{(one.statements - clean.statements) / batches:.0f}",
        f"{one.stored:,} of {good:,}",
        f"{one.quarantined or 0:,} of {one.bad:,}",
    )


def _chain(results: Mapping[str, Any], passages: Sequence[Passage]) -> str:
    by_key = {(one.scenario, one.chain): one for one in passages}
    scenarios = [scenario for scenario in _SCENARIOS if (scenario.name, "ours") in by_key]
    rows = []
    for name, chain in CHAINS.items():
        cells = [by_key[scenario.name, name] for scenario in scenarios]
        rows.append(
            (
                chain.title,
                *(_rounded(one.rows_per_second) + ("" if one.faithful else " **changes values**") for one in cells),
                f"{cells[0].cpu_per_row:.0f} µs",
            )
        )
    head = ("rows per second", *(scenario.title for scenario in scenarios), "client's CPU per row, first load")
    steps = [Step(**step) for step in results["steps"]]
    total = sum(step.milliseconds for step in steps)
    shares = ((step.title, f"{step.milliseconds:.1f}", f"{step.milliseconds / total:.0%}") for step in steps)
    return _CHAIN.format(
        rows=results["rows"],
        columns=load_table.SHAPES["wide"],
        table=_table(head, rows),
        steps=_table(("step", "ms per 1,000 rows", "share"), shares),
    )


def _memory(results: Mapping[str, Any], measures: Sequence[Memory]) -> str:
    rows = (
        (
            f"{one.records:,}",
            str(one.writers),
            f"{one.baseline:.0f}",
            f"{one.peak:.0f}",
            f"{one.per_thousand_in_flight:.1f}",
        )
        for one in measures
    )
    head = ("records", "writers", "baseline", "peak", "above the baseline, per 1,000 records in flight")
    return _MEMORY.format(columns=load_table.SHAPES["wide"], in_flight=results["in_flight"], table=_table(head, rows))


def _table(head: Sequence[str], rows: Any) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _ratio(number: float) -> str:
    return f"{number:.2f}" if number < 1 else f"{number:.1f}"


def _rounded(number: float) -> str:
    """Three digits: more is noise, and would change with every run."""
    digits = 3 - len(f"{number:.0f}")
    return f"{round(number, min(digits, 0)):,.0f}"


if __name__ == "__main__":
    main()
