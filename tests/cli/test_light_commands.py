"""What a command imports: nobody waits for libraries that it does not use. Modules are counted, no clock is read."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

MODULES = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
from fridge_pipeline.cli.start import main
sys.argv = ["fridge", *sys.argv[1:]]
main()
"""

#: Each of them takes longer than all that the help needs.
HEAVY = {"dagster", "polars", "pyarrow", "alembic", "sqlalchemy", "stripe", "pydantic", "psycopg", "rich", "asyncio"}


def modules_of(*arguments: str, **environment: str) -> set[str]:
    """What a process of its own has imported once it has run this command."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MODULES, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [("--help",), ("--version",)])
def test_help_and_version_import_no_command_and_no_library_but_click(arguments: tuple[str, ...]) -> None:
    loaded = modules_of(*arguments)
    assert loaded & HEAVY == set()
    assert {each for each in loaded if each.startswith("fridge_pipeline.cli.")} == {
        f"fridge_pipeline.cli.{name}"
        for name in ("command_groups", "command_table", "echo", "interruption", "main", "start")
    }
    assert len(loaded) < 250


def test_completing_the_name_of_a_command_imports_none() -> None:
    loaded = modules_of(
        _FRIDGE_COMPLETE="bash_complete",
        COMP_WORDS="fridge ex",
        COMP_CWORD="1",
    )
    assert loaded & HEAVY == set()
    assert len(loaded) < 250


NEVER = {"dagster", "alembic", "sqlalchemy", "pyarrow"}

#: Commands that print lines draw no progress, read no file of the landing zone, and find the SQL models made.
LINES = NEVER | {"polars", "stripe", "requests", "rich", "yaml", "obstore"}


@pytest.mark.parametrize(
    ("arguments", "none_of"),
    [
        (("tenants", "import"), LINES),
        (("exceptions",), LINES),
        (("hours",), LINES),
        (("people", "add"), LINES),
        (("up",), NEVER | {"polars", "stripe", "requests"}),  # what it starts has them
        (("serve", "code"), NEVER | {"polars", "stripe", "requests"}),
        (("explain",), LINES),
        (("bill",), NEVER | {"polars", "stripe", "requests"}),  # until there is anything to run
        (("close",), NEVER),
    ],
)
def test_a_command_of_the_books_brings_neither_dagster_nor_frames_nor_stripe(
    arguments: tuple[str, ...], none_of: set[str]
) -> None:
    loaded = modules_of(*arguments, "--help")
    assert loaded & none_of == set()
    assert len(loaded) < 1100
