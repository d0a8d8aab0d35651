"""Work that is shared out to processes, each with a seed of its own: started, watched with a bar, summed up."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

REPOSITORY = Path(__file__).parents[1]
PAUSE_SECONDS = 2.0

#: The end of what a process said is what it met last.
END_CHARACTERS = 6000

console = Console()


class Share:
    """One process with its share of the work; it writes its tally (a mapping as JSON) as it goes on."""

    def __init__(
        self, command: Sequence[str], size: int, seed: int, folder: Path, variables: Mapping[str, str] | None = None
    ) -> None:
        self.size, self.seed = size, seed
        self._tally = tally_file(folder, seed)
        self._said = folder / f"{seed}.log"
        environment = {**os.environ, **(variables or {})}
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=said, stderr=said)

    def tally(self) -> dict[str, Any]:
        """What it has been through so far; nothing before it has written any."""
        try:
            found: dict[str, Any] = json.loads(self._tally.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return found

    def end_of_output(self) -> str:
        """What it said last."""
        return self._said.read_text(encoding="utf-8", errors="replace")[-END_CHARACTERS:]


def tally_file(folder: Path, seed: int) -> Path:
    """Where the process with this seed writes its tally."""
    return folder / f"{seed}.json"


def watch(shares: Sequence[Share], what: str, total: int) -> None:
    """A bar over all shares until every process has ended; ``what`` is counted in their tallies."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(what, total=total)
        while any(share.process.poll() is None for share in shares):
            time.sleep(PAUSE_SECONDS)
            progress.update(task, completed=min(total, sum(share.tally().get(what, 0) for share in shares)))


def show_counts(tallies: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> None:
    """For each named count of the tallies its kinds, the most frequent first, under a title with their sum."""
    for name, title in titles.items():
        counts: Counter[str] = Counter()
        for tally in tallies:
            counts.update(tally.get(name, {}))
        table = Table(box=None, show_header=False, padding=(0, 1, 0, 4))
        for kind, times in counts.most_common():
            table.add_row(kind, f"{times:,}")
        console.print(f"{title}: {counts.total():,}")
        console.print(table)


def parser_of(description: str | None, what: str) -> argparse.ArgumentParser:
    """``--WHAT``, ``--seed`` and ``--processes``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(f"--{what}", type=int, default=1000, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the first process's seed (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="default: %(default)s")
    return parser
