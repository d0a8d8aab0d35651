"""``make simulate N=10000 SEED=1``: as many random schedules as you like, on all processors; prints what they met.

Each process takes a share of the schedules and a seed of its own, SEED, SEED + 1, …; a schedule that breaks a law is
shrunk to its shortest form and printed, and the same seed finds it again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

REPOSITORY = Path(__file__).parents[1]
TESTS = "tests/simulation/test_schedules.py"
PAUSE_SECONDS = 2.0

console = Console()


class Share:
    """One process with its share of the schedules."""

    def __init__(self, schedules: int, seed: int, folder: Path) -> None:
        self.schedules, self.seed = schedules, seed
        self._tally = folder / f"{seed}.json"
        self._said = folder / f"{seed}.log"
        variables = {**os.environ, "SIMULATE_N": str(schedules), "SIMULATE_TALLY": str(self._tally)}
        command = [sys.executable, "-m", "pytest", TESTS, "-n", "0", "-q", f"--hypothesis-seed={seed}"]
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(command, cwd=REPOSITORY, env=variables, stdout=said, stderr=said)

    def tally(self) -> dict[str, Any]:
        """What it has been through so far."""
        try:
            found: dict[str, Any] = json.loads(self._tally.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {"schedules": 0, "delivered": 0}
        return found

    def end_of_output(self) -> str:
        """What it said last: the shortest schedule that breaks a law."""
        return self._said.read_text(encoding="utf-8", errors="replace")[-6000:]


def main() -> int:
    """Exit code 0 when no schedule broke a law, else 1."""
    asked = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="simulate-") as folder:
        per_process = -(-asked.schedules // asked.processes)
        shares = [Share(per_process, asked.seed + number, Path(folder)) for number in range(asked.processes)]
        _watch(shares, asked.schedules)
        broken = [share for share in shares if share.process.returncode]
        _show([share.tally() for share in shares], len(broken))
        for share in broken:
            console.print(f"[red]seed {share.seed}[/] breaks a law; to see it again:", highlight=False)
            console.print(f"  make simulate N={share.schedules} SEED={share.seed} PROCESSES=1\n", highlight=False)
            console.print(share.end_of_output(), highlight=False, markup=False)
    return 1 if broken else 0


def _watch(shares: list[Share], total: int) -> None:
    columns = (TextColumn("schedules"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("schedules", total=total)
        while any(share.process.poll() is None for share in shares):
            time.sleep(PAUSE_SECONDS)
            progress.update(task, completed=min(total, sum(share.tally()["schedules"] for share in shares)))


def _show(tallies: list[dict[str, Any]], broken: int) -> None:
    console.print(f"schedules run: {sum(tally['schedules'] for tally in tallies):,}")
    console.print(f"tenant-meter-hours delivered: {sum(tally['delivered'] for tally in tallies):,}")
    titles = {
        "steps": "steps taken",
        "faults": "faults that struck a call",
        "crashes": "deaths after an effect",
        "excepted": "differences that stand in the exceptions",
    }
    for name, title in titles.items():
        counts: Counter[str] = Counter()
        for tally in tallies:
            counts.update(tally.get(name, {}))
        table = Table(box=None, show_header=False, padding=(0, 1, 0, 4))
        for kind, times in counts.most_common():
            table.add_row(kind, f"{times:,}")
        console.print(f"{title}: {counts.total():,}")
        console.print(table)
    console.print(f"violations: {broken}", style="red" if broken else "green")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schedules", type=int, default=1000, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the first process's seed (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="default: %(default)s")
    return parser


if __name__ == "__main__":
    sys.exit(main())
