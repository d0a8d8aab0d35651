"""The tutorial followed as it stands: every command typed, every promised output compared."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.docs.forked_commands import forked_commands
from tests.docs.page import Step, says, steps_of
from tests.pipeline import Pipeline

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"

#: Of the terminal; what is printed is broken into lines of that width.
WIDTH = "100"

#: Printed behind the output of a step, with its exit code.
MARK = "-- end of step --"


class Shell:
    """A shell in which one step is typed after another."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def type(self, commands: str) -> tuple[str, int]:
        """What they print, on both streams, and the exit code of the last one."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{commands}\nprintf '\\n%s %s\\n' '{MARK}' $?\n")
        self._process.stdin.flush()
        printed: list[str] = []
        for line in self._process.stdout:
            if line.startswith(MARK):
                return "".join(printed), int(line.removeprefix(MARK))
            printed.append(line)
        return "".join(printed), self._process.wait()  # it has left


@contextmanager
def reader_of(folder: Path, pipeline: Pipeline, administrator: psycopg.Connection) -> Iterator[Shell]:
    """Somebody at a terminal in a checkout: ours, with the test's PostgreSQL and sandbox instead of own ones.

    The embedded server would make logins for people by itself; of another one the DSN is that of an administrator.
    """
    at = administrator.info
    bin_folder = folder / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    (folder / ".venv" / "lib").symlink_to(Path(sys.prefix) / "lib")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "COLUMNS": WIDTH,
        "LANG": "C.UTF-8",
        "FRIDGE_DATABASE_URL": f"postgresql://{at.user}:{at.password}@{at.host}:{at.port}/{at.dbname}",
        "STRIPE_API_BASE": pipeline.sandbox.url,
        "SANDBOX": pipeline.sandbox.url,
        "PGOPTIONS": "-c synchronous_commit=off",  # what a power cut would do is not what this is about
        "PYTHONPATH": str(TUTORIAL.parents[1]),
    }
    with (
        forked_commands(bin_folder, ("fridge", "dagster"), environment),
        subprocess.Popen(
            ["bash", "--norc", "+O", "checkwinsize"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
            env=environment,
        ) as process,
    ):
        yield Shell(process)
        assert process.stdin is not None
        process.stdin.close()


def test_whoever_follows_the_tutorial_word_by_word_sees_what_it_promises(
    pipeline: Pipeline, as_superuser: psycopg.Connection, tmp_path: Path
) -> None:
    steps = [step for step in steps_of(TUTORIAL.read_text(encoding="utf-8")) if not step.by_hand]
    assert len(steps) > 20
    with reader_of(tmp_path, pipeline, as_superuser) as shell:
        for step in steps:
            _follow(shell, step)


def _follow(shell: Shell, step: Step) -> None:
    printed, code = shell.type(step.commands)
    where = f"docs/tutorial.md:{step.line}: {step.commands}"
    assert code == 0, f"{where}\nended with {code}:\n{printed}"
    if step.promised is not None and not says(printed, step.promised):
        pytest.fail(f"{where}\nprinted:\n{printed}\npromised:\n{step.promised}", pytrace=False)


@pytest.mark.parametrize(
    ("printed", "promised", "holds"),
    [
        ("run 7f at noon: 5 rows\n", "run … at …: 5 rows\n", True),
        ("run 7f at noon: 6 rows\n", "run … at …: 5 rows\n", False),
        ("a\nb\nc\nend\n", "a\n…\nend\n", True),
        ("a\nb\nend\nmore\n", "a\n…\nend\n", False),
        ("  5 |\n\n", "5 |\n", True),
        ("5\n6\n", "5 …\n", False),
    ],
)
def test_an_ellipsis_stands_for_what_differs_each_time_and_for_nothing_else(
    printed: str,
    promised: str,
    holds: bool,  # noqa: FBT001 # a table of cases
) -> None:
    assert says(printed, promised) is holds
