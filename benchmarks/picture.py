"""The picture of `load_table`'s results: rows per second, a panel for each shape, on a logarithmic axis.

matplotlib is imported when a picture is drawn: only `make bench` installs it. Equal results give an equal file.
"""

from collections.abc import Sequence
from math import floor, log10
from pathlib import Path
from typing import Any

from benchmarks.load_table import SHAPES, TECHNIQUES, Measurement
from benchmarks.technique import CHANGED, FIRST, UNCHANGED

_SCENARIOS = {FIRST: "#1f5a8a", CHANGED: "#6fa8d6", UNCHANGED: "#f0a840"}
_OURS = ("ours", "ours_two_writers")
_BAR = 0.27
_DIGITS = 2


def draw(measured: Sequence[Measurement], path: Path) -> None:
    """Draws the first load, all rows changed and unchanged of each technique."""
    import matplotlib as mpl

    mpl.use("svg")
    import matplotlib.pyplot as plt

    shapes = [shape for shape in SHAPES if any(one.shape == shape for one in measured)]
    drawn = [one for one in measured if one.scenario in {scenario.name for scenario in _SCENARIOS}]
    names = [name for name in TECHNIQUES if any(one.technique == name for one in drawn)]
    size = (2.0 + 2.9 * len(shapes), 0.9 + 0.42 * len(names))
    style = {"svg.hashsalt": "benchmarks", "svg.fonttype": "none", "font.size": 8, "font.family": "sans-serif"}
    with plt.rc_context(style):
        figure, panels = plt.subplots(1, len(shapes), sharex=True, sharey=True, squeeze=False, figsize=size)
        for panel, shape in zip(panels[0], shapes, strict=True):
            _panel(panel, [one for one in drawn if one.shape == shape], names)
            panel.set_title(f"{shape.replace('_', ' ')}, {SHAPES[shape]} columns", fontsize=9)
        panels[0][0].set_xlim(left=10 ** floor(log10(min(one.rows_per_second for one in drawn))))
        panels[0][0].xaxis.set_major_formatter("{x:,.0f}")
        _label(panels[0][0], names)
        handles, labels = panels[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="lower center", ncols=len(labels), frameon=False)
        figure.supxlabel("rows per second, logarithmic", fontsize=8, y=0.075)
        figure.tight_layout(rect=(0, 0.08, 1, 1))
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
        plt.close(figure)


def _panel(panel: Any, measured: Sequence[Measurement], names: Sequence[str]) -> None:
    for place, (scenario, colour) in enumerate(_SCENARIOS.items()):
        found = {one.technique: one for one in measured if one.scenario == scenario.name}
        rows = [number for number, name in enumerate(names) if name in found]
        rates = [float(f"{found[names[row]].rows_per_second:.{_DIGITS}g}") for row in rows]
        heights = [row + (place - 1) * _BAR for row in rows]
        panel.barh(heights, rates, height=_BAR, color=colour, label=scenario.title)
    panel.set_xscale("log")
    panel.grid(axis="x", linewidth=0.4, alpha=0.6)
    panel.set_axisbelow(True)
    for side in ("top", "right", "left"):
        panel.spines[side].set_visible(False)
    panel.tick_params(axis="y", length=0)


def _label(panel: Any, names: Sequence[str]) -> None:
    panel.set_yticks(range(len(names)), [TECHNIQUES[name].title for name in names])
    panel.invert_yaxis()
    for name, label in zip(names, panel.get_yticklabels(), strict=True):
        label.set_fontweight("bold" if name in _OURS else "normal")
