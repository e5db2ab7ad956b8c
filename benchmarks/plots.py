"""One picture a table: bars, ours in colour, the limit dashed."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.measure import LIMIT, OURS, PEER, Result

_COLOURS = {OURS: "#0b6e4f", LIMIT: "#c0c4c8", PEER: "#7a8ca3"}
_HEIGHT, _MARGIN = 0.42, 1.3


def plot(result: Result, path: Path) -> None:
    """As SVG, with texts as texts and nothing that changes from run to run but the figures."""
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "bench", "font.size": 9})
    rows = [row for row in result.rows if result.plotted in row.figures][::-1]
    figure = Figure(figsize=(8, _MARGIN + _HEIGHT * len(rows)), layout="constrained")
    axes = figure.subplots()
    values = [row.figures[result.plotted] for row in rows]
    bars = axes.barh([row.name for row in rows], values, color=[_COLOURS[row.role] for row in rows])
    ratios = ["" if row.ratio is None else f"  ({row.ratio:.2f})" for row in rows]
    labels = [
        f" {value:,.1f}{ratio}" if value < 100 else f" {value:,.0f}{ratio}"
        for value, ratio in zip(values, ratios, strict=True)
    ]
    axes.bar_label(bars, labels)
    limits = [row.figures[result.plotted] for row in rows if row.role == LIMIT]
    if len(limits) == 1:
        axes.axvline(limits[0], color="#808488", linestyle="--", linewidth=1)
    axes.set_title(result.title, loc="left", fontweight="bold")
    axes.set_xlabel(result.plotted)
    axes.margins(x=0.18)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
