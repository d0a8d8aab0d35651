"""``make fuzz N=100000 SEED=1``: mutated landing files through the loader, on all processors; prints what they met.

Each process takes a share of the files and a seed of its own, SEED, SEED + 1, … A file that breaks a law is made
as small as it can be, kept in tests/fuzz/findings/, and loaded by the tests from then on.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from shares import Share, console, parser_of, show_counts, tally_file, watch

TITLES = {"formats": "by format", "statuses": "became (with copies)", "reasons": "rows rejected"}


def main() -> int:
    """Exit code 0 when no file broke a law, else 1."""
    asked = parser_of(__doc__, "files").parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        per_process = -(-asked.files // asked.processes)
        shares = [_share(per_process, asked.seed + number, Path(folder)) for number in range(asked.processes)]
        watch(shares, "files", asked.files)
        tallies = [share.tally() for share in shares]
        broken = [violation for tally in tallies for violation in tally.get("violations", [])]
        broken += [
            f"seed {share.seed} died: {share.end_of_output()}"
            for share, tally in zip(shares, tallies, strict=True)
            if share.process.returncode and not tally.get("violations")
        ]
    _show(tallies, broken)
    return 1 if broken else 0


def _share(files: int, seed: int, folder: Path) -> Share:
    numbers = ["--files", str(files), "--seed", str(seed)]
    places = ["--home", str(folder), "--tally", str(tally_file(folder, seed))]
    return Share([sys.executable, "-m", "tests.fuzz", *numbers, *places], files, seed, folder)


def _show(tallies: list[dict[str, Any]], broken: list[str]) -> None:
    console.print(f"files loaded: {sum(tally.get('files', 0) for tally in tallies):,}")
    show_counts(tallies, TITLES)
    memory = max(tally.get("memory_bytes", 0) for tally in tallies)
    console.print(f"most memory that the loads of a process took: {memory / 2**20:,.0f} MiB")
    for violation in broken:
        console.print(violation, highlight=False, markup=False)
    console.print(f"violations: {len(broken)}", style="red" if broken else "green")


if __name__ == "__main__":
    sys.exit(main())
