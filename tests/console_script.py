"""The console script as a test runs it: a process of its own, with an environment and a folder of its own.

It is forked from a process that has imported what every command imports, and has done nothing else. That is what a
command takes most of its time for, and there are hundreds of them. The script as it is installed is run by tests/live.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from tempfile import TemporaryDirectory

from fridge_pipeline.cli.command_table import COMMANDS
from tests.forked import become
from tests.people import PASSWORD
from tests.pipeline import Pipeline

Run = Callable[..., subprocess.CompletedProcess[str]]

IMPORTED_BEFORE = [
    "fridge_pipeline.cli.main",
    *sorted({f"fridge_pipeline.cli.{entry.target.split(':')[0]}" for section in COMMANDS for entry in section.entries}),
    "fridge_pipeline.orchestration.headless",
    "tests.dagsters_database",
]
SECONDS_MAX = 180


def console_script(pipeline: Pipeline, folder: Path) -> Run:
    """Runs ``fridge`` in a folder of its own, on the test's installation; named variables change it."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "FRIDGE_HOME": str(folder / "home of fridge"),
        "FRIDGE_DATABASE_URL": pipeline.database.dsn,
        "FRIDGE_LANDING_URI": str(pipeline.landing),
        "STRIPE_API_BASE": pipeline.sandbox.url,
        "FRIDGE_PERSON_PASSWORD_FILE": str(password_file(folder)),
    }

    def run_fridge(*arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        return run_forked(arguments, {**environment, **changed}, folder)

    return run_fridge


def password_file(folder: Path) -> Path:
    """All people of the tests have one password."""
    file = folder / "password of a person"
    file.touch(mode=0o600)
    file.write_text(PASSWORD)
    return file


def run_forked(
    arguments: Sequence[str], environment: Mapping[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """One command to its end. Raises ``subprocess.TimeoutExpired``, with the process killed."""
    with TemporaryDirectory() as outputs:
        out, err = Path(outputs) / "out", Path(outputs) / "err"
        process = start_forked(arguments, environment, folder, out, err)
        process.join(SECONDS_MAX)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(["fridge", *arguments], SECONDS_MAX, out.read_bytes(), err.read_bytes())
        texts = out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8")
        return subprocess.CompletedProcess(["fridge", *arguments], process.exitcode, *texts)


def start_forked(
    arguments: Sequence[str], environment: Mapping[str, str], folder: Path, out: Path, err: Path
) -> ForkServerProcess:
    """One command that has just begun; what it says goes to these files, which may be one."""
    process = forking_server().Process(
        target=_command, args=(arguments, dict(environment), str(folder), str(out), str(err))
    )
    process.start()
    return process


def forking_server() -> ForkServerContext:
    """The process to fork from; it is started with the first command and ends with the tests' process."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED_BEFORE)
    return context


def _command(arguments: Sequence[str], environment: Mapping[str, str], folder: str, out: str, err: str) -> None:
    """What happens in the new process: everything as if a shell had started it."""
    outputs = [os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND) for name in (out, err)]
    become(["fridge", *arguments], folder, environment, [os.open(os.devnull, os.O_RDONLY), *outputs])
    from fridge_pipeline.cli.main import main  # noqa: PLC0415 # in the new process only
    from fridge_pipeline.database.connection import Database  # noqa: PLC0415
    from tests.dagsters_database import copied_beside  # noqa: PLC0415

    Database.create_beside = copied_beside  # type: ignore[method-assign, assignment] # tests/live has the real one
    try:
        main()
    finally:
        atexit._run_exitfuncs()  # a forked process leaves them out
