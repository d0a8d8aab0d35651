"""``make fuzz N=100000 SEED=1``: mutated landing files through the loader, on all processors; prints what they met.

Each process takes a share of the files and a seed of its own, SEED, SEED + 1, … A file that breaks a law is made
as small as it can be, kept in tests/fuzz/findings/, and loaded by the tests from then on.
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
PAUSE_SECONDS = 2.0

console = Console()


class Share:
    """One process with its share of the files."""

    def __init__(self, files: int, seed: int, folder: Path) -> None:
        self.files, self.seed = files, seed
        self._tally = folder / f"{seed}.json"
        self._said = folder / f"{seed}.log"
        numbers = ["--files", str(files), "--seed", str(seed)]
        places = ["--home", str(folder), "--tally", str(self._tally)]
        with self._said.open("wb") as said:
            command = [sys.executable, "-m", "tests.fuzz", *numbers, *places]
            self.process = subprocess.Popen(command, cwd=REPOSITORY, stdout=said, stderr=said)

    def tally(self) -> dict[str, Any]:
        """What it has been through so far."""
        try:
            found: dict[str, Any] = json.loads(self._tally.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {"files": 0, "violations": []}
        return found

    def end_of_output(self) -> str:
        """What it said last: where a load hung, or why the process died."""
        return self._said.read_text(encoding="utf-8", errors="replace")[-6000:]


def main() -> int:
    """Exit code 0 when no file broke a law, else 1."""
    asked = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        per_process = -(-asked.files // asked.processes)
        shares = [Share(per_process, asked.seed + number, Path(folder)) for number in range(asked.processes)]
        _watch(shares, asked.files)
        tallies = [share.tally() for share in shares]
        broken = [violation for tally in tallies for violation in tally["violations"]]
        broken += [
            f"seed {share.seed} died: {share.end_of_output()}"
            for share, tally in zip(shares, tallies, strict=True)
            if share.process.returncode and not tally["violations"]
        ]
    _show(tallies, broken)
    return 1 if broken else 0


def _watch(shares: list[Share], total: int) -> None:
    columns = (TextColumn("files"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("files", total=total)
        while any(share.process.poll() is None for share in shares):
            time.sleep(PAUSE_SECONDS)
            progress.update(task, completed=min(total, sum(share.tally()["files"] for share in shares)))


def _show(tallies: list[dict[str, Any]], broken: list[str]) -> None:
    console.print(f"files loaded: {sum(tally['files'] for tally in tallies):,}")
    titles = {"formats": "by format", "statuses": "became (with copies)", "reasons": "rows rejected"}
    for name, title in titles.items():
        counts: Counter[str] = Counter()
        for tally in tallies:
            counts.update(tally.get(name, {}))
        table = Table(box=None, show_header=False, padding=(0, 1, 0, 4))
        for kind, times in counts.most_common():
            table.add_row(kind, f"{times:,}")
        console.print(f"{title}: {counts.total():,}")
        console.print(table)
    for violation in broken:
        console.print(violation, highlight=False, markup=False)
    console.print(f"violations: {len(broken)}", style="red" if broken else "green")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1000, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the first process's seed (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="default: %(default)s")
    return parser


if __name__ == "__main__":
    sys.exit(main())
