"""Homes that are cleaned up, and holders: other processes that hold the same server."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pytest

from fridge_pipeline.database.embedded.server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

HOLD = """
import json, sys
from pathlib import Path
from fridge_pipeline.database.embedded.server import EmbeddedServer
home = Path(sys.argv[1])
with EmbeddedServer(home).hold() as address:
    pid = int((home / "data" / "postmaster.pid").read_text().splitlines()[0])
    print(json.dumps({"port": address.port, "postmaster": pid}), flush=True)
    sys.stdin.readline()
"""


@dataclass(frozen=True)
class Holder:
    """Another process that holds the server of a home."""

    process: subprocess.Popen[str]

    def answer(self) -> dict[str, int]:
        """Port and pid of the server it holds, as soon as it holds it."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the holder ended with exit code {self.process.wait()}"
        answer: dict[str, int] = json.loads(line)
        return answer

    def leave(self) -> None:
        """End it in an orderly way."""
        self.process.communicate("\n", timeout=60)
        assert self.process.returncode == 0


class StartHolder(Protocol):
    def __call__(self, home: Path) -> AbstractContextManager[Holder]: ...


@contextmanager
def _start_holder(home: Path) -> Iterator[Holder]:
    command = [sys.executable, "-c", HOLD, str(home)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a stopped process goes on when the last that could continue its group has ended
    )
    with process:
        try:
            yield Holder(process)
        finally:
            process.kill()


@pytest.fixture
def start_holder() -> StartHolder:
    return _start_holder


@contextmanager
def _cleaned_home(home: Path) -> Iterator[Path]:
    try:
        yield home
    finally:
        EmbeddedServer(home).stop()
        shutil.rmtree(home, ignore_errors=not home.exists())


@pytest.fixture
def new_home(tmp_path: Path) -> Iterator[Path]:
    """A home that is not there yet."""
    with _cleaned_home(tmp_path / "postgres") as path:
        yield path


@pytest.fixture(scope="session")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("closed")
    folder.chmod(0o700)  # as root, then, the user of the server cannot walk down to it
    with _cleaned_home(folder / "postgres") as path:
        with EmbeddedServer(path).hold():
            pass
        yield path


@pytest.fixture
def home(made_home: Path) -> Iterator[Path]:
    """A home below a closed folder that has served before, its server stopped.

    Making a data directory writes a thousand files, so the tests of one process share this one and leave it
    as they found it, but for its port, its log and their tables.
    """
    assert not EmbeddedServer(made_home).is_running()
    yield made_home
    EmbeddedServer(made_home).stop()


@pytest.fixture
def remote_home(tmp_path: Path) -> Iterator[Path]:
    """A home with spaces and letters beyond ASCII, further down than a unix socket could lie."""
    folder = tmp_path / "Kühlschrank Nº 7 ❄" / ("deep" * 20) / ("down" * 20) / 'it\'s a "home" $HOME'
    assert len(bytes(folder)) > 150
    with _cleaned_home(folder / "postgres") as path:
        yield path
