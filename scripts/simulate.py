"""``make simulate N=10000 SEED=1``: as many random schedules as you like, on all processors; prints what they met.

Every fifty schedules have a seed of their own, SEED, SEED + 1, …, whichever process takes them. A schedule that breaks
a law is shrunk to its shortest form and printed with its seed, which finds it again in seconds. Every twelfth schedule
or so is invoiced; with INVOICED=1 each is.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from shares import Share, console, parser_of, show_counts, tally_file, watch

TESTS = "tests/simulation/test_schedules.py"
TITLES = {
    "steps": "steps taken",
    "faults": "faults that struck a call",
    "crashes": "deaths at a failpoint",
    "excepted": "differences that are among the exceptions",
    "invoices": "what became of invoices",
}


def main() -> int:
    """Exit code 0 when no schedule broke a law, else 1."""
    asked = parser_of(__doc__, "schedules").parse_args()
    with tempfile.TemporaryDirectory(prefix="simulate-") as folder:
        per_process = -(-asked.schedules // asked.processes)
        shares = [
            _share(per_process, asked.seed + number, asked.processes, Path(folder)) for number in range(asked.processes)
        ]
        watch(shares, "schedules", asked.schedules)
        broken = [share for share in shares if share.process.returncode]
        _show([share.tally() for share in shares], len(broken))
        for share in broken:
            console.print(share.end_of_output(), highlight=False, markup=False)
    return 1 if broken else 0


def _share(schedules: int, seed: int, every: int, folder: Path) -> Share:
    command = [sys.executable, "-m", "pytest", TESTS, "-n", "0", "-q", "--tb=short"]
    variables = {
        "SIMULATE_N": str(schedules),
        "SIMULATE_SEED": str(seed),
        "SIMULATE_EVERY": str(every),
        "SIMULATE_TALLY": str(tally_file(folder, seed)),
        "POLARS_MAX_THREADS": "1",  # frames of a few rows; the processors are busy with other schedules
    }
    return Share(command, schedules, seed, folder, variables)


def _show(tallies: list[dict[str, Any]], broken: int) -> None:
    console.print(f"schedules run: {sum(tally.get('schedules', 0) for tally in tallies):,}")
    console.print(f"tenant-meter-hours delivered: {sum(tally.get('delivered', 0) for tally in tallies):,}")
    show_counts(tallies, TITLES)
    console.print(f"violations: {broken}", style="red" if broken else "green")


if __name__ == "__main__":
    sys.exit(main())
