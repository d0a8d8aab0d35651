"""The picture: every ratio on one line, with the target it is to reach."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.measuring.row import Row

COLOURS = {True: "#2e7d32", False: "#c62828", None: "#78909c"}
WORDS_WIDTH = 90
INCHES_PER_ROW = 0.52


def draw(path: Path, rows: Sequence[Row], title: str) -> None:
    """Bars from 1 (as good as the alternative) on a scale where twice and half are equally far."""
    mpl.use("Agg")
    figure, axes = plt.subplots(figsize=(15, 1.5 + INCHES_PER_ROW * len(rows)))
    for line, row in enumerate(rows):
        ratios = [row.ratio, *row.ratios_of_turns]
        axes.barh(line, row.ratio - 1, left=1, color=COLOURS[row.holds], height=0.55)
        axes.plot([min(ratios), max(ratios)], [line, line], color="black", linewidth=1)
        for bound in (row.target.at_least, row.target.at_most) if row.target else ():
            if bound is not None:
                axes.plot([bound, bound], [line - 0.38, line + 0.38], color="black", linewidth=2.5)
        axes.annotate(f" {row.ratio:.3g}", (max(*ratios, 1.0), line), va="center", fontsize=8)
    labels = [textwrap.fill(row.words, WORDS_WIDTH) for row in rows]
    axes.set_yticks(range(len(rows)), labels, fontsize=6.5)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlabel("ours ÷ the alternative; thick line: target; thin line: from the lowest to the highest turn")
    axes.set_title(title)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)
