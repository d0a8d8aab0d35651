"""The table for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rich.console import Console
from rich.table import Table

from benchmarks.measuring.row import Row, Side
from benchmarks.measuring.sample import Sample

#: Reads one thing that was measured.
Figure = Callable[[Sample], float]

VERDICTS = {True: "yes", False: "NO", None: ""}


def show(rows: Iterable[Row], console: Console) -> None:
    """Every row with its verdict; CPU and memory of both sides below one another."""
    table = Table(
        title="Ours (upper figure) against the alternative (lower figure)", title_justify="left", show_lines=True
    )
    table.add_column("what is compared", ratio=1)
    for name in ("median", "ratio", "target", "holds", "CPU s", "others' CPU s", "peak MiB"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            f"[bold]{row.subject}[/]: {row.work}\n{row.ours.name}\n[dim]against[/] {row.rival.name}",
            f"{row.unit}\n{number(row.ours.value)}\n{number(row.rival.value)}",
            f"\n{row.ratio:.3g}\n{_between(row.ratios_of_turns)}",
            f"\n{row.target or ''}",
            f"\n{VERDICTS[row.holds]}",
            _both(row, lambda sample: sample.cpu),
            _both(row, lambda sample: sum(sample.watched_cpu.values())),
            _both(row, lambda sample: sample.peak_memory / 2**20),
        )
    console.print(table)


def number(value: float) -> str:
    """Three digits that matter, whatever the size."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 # three digits


def _between(ratios: Iterable[float]) -> str:
    each = sorted(ratios)
    return f"({each[0]:.3g}-{each[-1]:.3g})" if len(each) > 1 else ""


def _both(row: Row, figure: Figure) -> str:
    return f"\n{_median(row.ours, figure)}\n{_median(row.rival, figure)}"


def _median(side: Side, figure: Figure) -> str:
    value = side.median_of(figure)
    return "" if value is None else number(value)
