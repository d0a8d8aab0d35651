"""``python -m benchmarks``: measures, prints the table, writes the record and the picture; see docs/performance.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks.bench import Bench, prepare
from benchmarks.measuring.row import Row
from benchmarks.measuring.sample import Sample
from benchmarks.report import record, table
from benchmarks.report.picture import draw
from benchmarks.sizes import SCALES
from benchmarks.subjects import backfill, growth, idle, load, memory, month, push, sensor, small_hours, sources, usage
from benchmarks.subjects import console as pages
from tests.world import PREPARED, World

RESULTS = Path(__file__).parent / "results"

SUBJECTS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "load": load.rows,
    "sources": sources.rows,
    "growth": growth.rows,
    "memory": memory.rows,
    "small_hours": small_hours.rows,
    "usage": usage.rows,
    "push": push.rows,
    "dagster": backfill.rows,
    "sensor": sensor.rows,
    "idle": idle.rows,
    "month": month.rows,
    "console": pages.rows,
}

#: For progress; the table goes to standard output.
console = Console(stderr=True, highlight=False)

#: The end of an error's text says what it was.
FAILURE_CHARACTERS = 1_500

#: Wide enough for the table where the output is no terminal.
TABLE_WIDTH = 170


def main() -> int:
    """Exit code 0 when everything was measured, whatever came out; 1 when a subject failed."""
    asked = _parser().parse_args()
    begun, started = datetime.now(UTC), time.monotonic()
    rows: list[Row] = []
    failures: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="fridge-bench-") as folder, World(Path(folder)) as world:
        world.template(PREPARED, prepare)
        bench = Bench(world, SCALES[asked.scale], asked.seed, _tell)
        for name in asked.only or SUBJECTS:
            console.print(f"[bold]{name}")
            try:
                rows.extend(SUBJECTS[name](bench))  # one by one: what came before a failure stays
            except Exception as error:  # noqa: BLE001 # one subject that fails must not cost the others their result
                failures[name] = f"{type(error).__name__}: {error}"[-FAILURE_CHARACTERS:]
                console.print(f"{name} failed: {failures[name]}", style="red", markup=False)
    took = time.monotonic() - started
    _show(rows)
    run = {"begun": begun.isoformat(), "scale": asked.scale, "seed": asked.seed, "seconds": took}
    path = asked.output or RESULTS / f"{begun:%Y-%m-%d}{'' if asked.scale == 'default' else '-' + asked.scale}.json"
    record.write(path, rows, failures, run)
    draw(path.with_suffix(".png"), rows, f"make bench SCALE={asked.scale}, {begun:%Y-%m-%d}")
    held = sum(row.holds is True for row in rows)
    targets = sum(row.target is not None for row in rows)
    console.print(f"{held} of {targets} targets hold; {took / 60:.1f} minutes; {path}")
    return 1 if failures else 0


def _tell(name: str, turn: int, sample: Sample) -> None:
    console.print(f"  {name}, turn {turn + 1}: {sample.wall:.2f} s, CPU {sample.cpu:.2f} s")


def _show(rows: list[Row]) -> None:
    out = Console(highlight=False)
    table.show(rows, out if out.is_terminal else Console(width=TABLE_WIDTH, highlight=False))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Every speed as a ratio.")
    parser.add_argument("--scale", choices=SCALES, default="default", help="how much of everything")
    parser.add_argument("--seed", type=int, default=1, help="of the generated data")
    parser.add_argument("--only", type=_subjects, help=f"some of {','.join(SUBJECTS)}, with commas between")
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="instead of benchmarks/results/<date>.json")
    return parser


def _subjects(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in SUBJECTS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no subject {', '.join(unknown)}; there are {', '.join(SUBJECTS)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
