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
    """Every row with its verdict: the work, then ours and below it the alternative, each with what it took."""
    table = Table(title="Ours, and below it the alternative", title_justify="left")
    table.add_column("what is compared", ratio=1)
    for name in ("median", "ratio", "target", "holds", "CPU s", "others' CPU s", "peak MiB"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(f"[bold]{row.subject}: {row.work}[/]", row.unit)
        verdict = (f"{row.ratio:.3g}", str(row.target or ""), VERDICTS[row.holds])
        table.add_row(row.ours.name, number(row.ours.value), *verdict, *_spent(row.ours))
        spread = (_between(row.ratios_of_turns), "", "")
        table.add_row(
            f"against {row.rival.name}", number(row.rival.value), *spread, *_spent(row.rival), end_section=True
        )
    console.print(table)


def number(value: float) -> str:
    """Three digits that matter, whatever the size."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 # three digits


def _between(ratios: Iterable[float]) -> str:
    each = sorted(ratios)
    return f"({each[0]:.3g}-{each[-1]:.3g})" if len(each) > 1 else ""


def _spent(side: Side) -> tuple[str, str, str]:
    return (
        _median(side, lambda sample: sample.cpu),
        _median(side, lambda sample: sum(sample.watched_cpu.values())),
        _median(side, lambda sample: sample.peak_memory / 2**20),
    )


def _median(side: Side, figure: Figure) -> str:
    value = side.median_of(figure)
    return "" if value is None else number(value)
