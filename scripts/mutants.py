"""``make mutants``: switches off one guarantee at a time, in a copy, and shows which test notices."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

REPOSITORY = Path(__file__).parents[1]
TABLE = Path(__file__).with_suffix(".toml")
COPIED = (
    *("fridge_pipeline", "stripe_sandbox", "dbt_like_sql", "tests", "docs", "scripts"),
    *("pyproject.toml", "dagster.yaml", "workspace.yaml"),
)

console = Console(soft_wrap=True)


@dataclass(frozen=True)
class Edit:
    """Text that stands exactly once in a file, and what takes its place."""

    path: str
    before: str
    after: str


@dataclass(frozen=True)
class Mutant:
    """A guarantee, the edits that switch it off, and where the tests are that may notice."""

    guarantee: str
    edits: Sequence[Edit]
    tests: Sequence[str]


def read_mutants() -> list[Mutant]:
    """The table beside this file."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return [
        Mutant(row["guarantee"], [Edit(**edit) for edit in row["edits"]], row.get("tests", table["tests"]))
        for row in table["mutant"]
    ]


def misfits(mutants: Sequence[Mutant]) -> Iterator[str]:
    """What of the table no longer fits the code: edits without their one place, tests that are gone."""
    for mutant in mutants:
        for edit in mutant.edits:
            if (REPOSITORY / edit.path).read_text(encoding="utf-8").count(edit.before) != 1:
                yield f"{edit.path} does not hold exactly once: {edit.before!r}"
        for test in mutant.tests:
            place, _, name = test.partition("::")
            path = REPOSITORY / place
            if not path.exists() or (name and f"def {name}(" not in path.read_text(encoding="utf-8")):
                yield f"there is no {test}"


def main(chosen: Sequence[str]) -> int:
    """Exit code 0 when every mutant is noticed, else 1; of those whose guarantee holds one of the words, if any."""
    mutants = read_mutants()
    if found := list(misfits(mutants)):
        raise SystemExit("\n".join(["bring scripts/mutants.toml up to date:", *found]))
    mutants = [each for each in mutants if not chosen or any(word in each.guarantee for word in chosen)]
    survivors = 0
    for mutant in mutants:
        with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
            noticed = first_failure(mutant, Path(folder))
        survivors += noticed is None
        console.print(f"[bold]{mutant.guarantee}[/]\n  {noticed or '[red]NOT NOTICED by any test'}", highlight=False)
    console.print(f"{len(mutants) - survivors} of {len(mutants)} noticed", style="red" if survivors else "green")
    return 1 if survivors else 0


def first_failure(mutant: Mutant, folder: Path) -> str | None:
    """The first test that fails with the mutant in place; ``None`` when all pass."""
    for name in COPIED:
        source = REPOSITORY / name
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, folder / name)
    for edit in mutant.edits:
        path = folder / edit.path
        path.write_text(path.read_text(encoding="utf-8").replace(edit.before, edit.after), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "2", "-p", "no:cacheprovider", *mutant.tests]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    found = re.search(r"^(?:FAILED|ERROR) (\S+::\S+)", done.stdout, re.MULTILINE)
    if done.returncode and found is None:  # no test has failed: one could not be found or imported
        raise SystemExit(f"{mutant.guarantee}: pytest ended with {done.returncode}\n{done.stdout[-2000:]}")
    return found.group(1) if found else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
