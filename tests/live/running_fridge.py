"""A ``fridge`` command running as a person runs it, and what can be asked of the installation it runs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil
import psycopg
import requests

from fridge_pipeline.database.embedded.server import EmbeddedServer
from tests.own_environment import own_environment

FRIDGE = str(Path(sys.executable).parent / "fridge")

#: Generous: all test workers share the machine.
SECONDS_TO_START = 300.0
SECONDS_TO_HAPPEN = 180.0

#: Each look costs the installation work, most of all in its webserver: what takes long is looked at more seldom.
PAUSE_SECONDS = 0.2
PAUSE_SECONDS_MAX = 1.5
PAUSE_GROWTH = 1.2

T = TypeVar("T")


def wait_until(
    what: str,
    look: Callable[[], T | None],
    seconds: float = SECONDS_TO_HAPPEN,
    pause_max: float = PAUSE_SECONDS_MAX,
) -> T:
    """Waits for a condition; what ``look`` returned once it was true. Fails naming ``what`` when it never is."""
    deadline = time.monotonic() + seconds
    pause = PAUSE_SECONDS
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain until {what}"
        time.sleep(pause)
        pause = min(pause_max, pause * PAUSE_GROWTH)


def environment_for(home: Path) -> dict[str, str]:
    """A newcomer's environment: none of our variables but the home."""
    kept = {name: value for name, value in own_environment().items() if not name.startswith("PYTEST_")}
    return {**kept, "FRIDGE_HOME": str(home), "COLUMNS": "200"}


def run_fridge(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    command = [FRIDGE, *arguments]
    return subprocess.run(
        command, env=environment_for(home), capture_output=True, text=True, timeout=SECONDS_TO_START, check=False
    )


def processes_of(home: Path) -> list[psutil.Process]:
    """Every living process that names the home in its environment or on its command line, or works in it."""
    return [each for each in psutil.process_iter() if each.pid != os.getpid() and _names(each, str(home))]


def leaders_of(home: Path, words: str) -> list[psutil.Process]:
    """Of these, the leaders of a process group with the words on their command line: a service is one."""
    found = []
    for process in processes_of(home):
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            if words in " ".join(process.cmdline()) and os.getpgid(process.pid) == process.pid:
                found.append(process)
    return found


def _names(process: psutil.Process, home: str) -> bool:
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        if any(home in each for each in process.cmdline()):
            return True
        return process.cwd().startswith(home) or any(home in each for each in process.environ().values())
    return False


def describe(processes: list[psutil.Process]) -> list[str]:
    """Their command lines, for a failing assertion."""
    lines = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            lines.append(f"{process.pid}: {' '.join(process.cmdline())[:200]}")
    return lines


@dataclass
class RunningFridge:
    """``fridge up`` or ``fridge demo``, its UI answering."""

    home: Path
    process: subprocess.Popen[bytes]
    output: Path
    url: str

    def said(self) -> str:
        """Everything it has printed."""
        return self.output.read_text(encoding="utf-8")

    def end(self, how: signal.Signals) -> float:
        """Sends it a signal and waits until it has ended; the seconds that took."""
        begun = time.monotonic()
        self.process.send_signal(how)
        self.process.wait(60)
        return time.monotonic() - begun

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """What the UI's own interface answers."""
        response = requests.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=30)
        answer = response.json()
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """The rows of a query in the books."""
        with self.connection() as connection:
            return connection.execute(query.encode(), parameters).fetchall()

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """A connection to the books."""
        with EmbeddedServer(self.home / "postgres").hold() as address, psycopg.connect(address.dsn()) as connection:
            yield connection

    def service(self, name: str) -> psutil.Process | None:
        """The process of a service, ``None`` when it does not run: the leader of its group."""
        return next(iter(leaders_of(self.home, name)), None)

    def living_service(self, name: str) -> psutil.Process:
        """The process of a service that must run by now or soon."""
        return wait_until(f"{name} runs", lambda: self.service(name))


@contextmanager
def running_fridge(home: Path, *arguments: str, **variables: str) -> Iterator[RunningFridge]:
    """A ``fridge`` command that keeps a UI up, for the time of a ``with`` block; it is made to end with it.

    Its environment is a newcomer's with these variables.
    """
    home.parent.mkdir(parents=True, exist_ok=True)
    output = home.parent / f"{home.name}-{time.monotonic_ns()}.log"
    with output.open("wb") as log:
        process = subprocess.Popen(
            [FRIDGE, *arguments],
            env={**environment_for(home), **variables},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield RunningFridge(home, process, output, _await_url(process, output))
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _await_url(process: subprocess.Popen[bytes], output: Path) -> str:
    def look() -> str | None:
        said = output.read_text(encoding="utf-8")
        assert process.poll() is None, f"it ended with {process.returncode}:\n{said}"
        found = re.search(r"Dagster UI\s+(http://\S+)", said)
        return found.group(1) if found else None

    return wait_until("the UI's address is printed", look, SECONDS_TO_START)
