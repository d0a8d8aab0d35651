"""The billing processes of ``make chaos``: each a ``fridge`` command, as a person or a timer starts it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil

from tests.world import World

FRIDGE = str(Path(sys.executable).parent / "fridge")

#: Nothing that is let run may take longer: an hour that never settles would wait here.
PATIENCE_SECONDS = 300.0


class Process:
    """A ``fridge`` command under way; what it says goes to a file."""

    def __init__(self, arguments: Sequence[str], environment: dict[str, str], said: Path) -> None:
        self.arguments = tuple(arguments)
        self.launched_at = datetime.now(UTC)
        self._said = said
        with said.open("wb") as output:
            self._process = subprocess.Popen(
                [FRIDGE, *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._watched = psutil.Process(self._process.pid)

    @property
    def exit_code(self) -> int | None:
        """``None`` while it runs."""
        return self._process.poll()

    def holds(self, path: Path) -> bool:
        """Whether it has a file open, such as the lock of those who use PostgreSQL: then its work has begun."""
        with suppress(psutil.Error):
            return any(each.path == str(path) for each in self._watched.open_files())
        return False

    def speaks_to(self, url: str) -> bool:
        """Whether it has a connection to an address of this machine."""
        port = int(url.rpartition(":")[2])
        with suppress(psutil.Error):
            return any(each.raddr and each.raddr.port == port for each in self._watched.net_connections("tcp4"))
        return False

    def kill(self) -> bool:
        """SIGKILL; whether that was what ended it."""
        self._process.kill()
        return self._process.wait() == -signal.SIGKILL

    def wait(self) -> int:
        """Its exit code, once it has ended by itself."""
        return self._process.wait(PATIENCE_SECONDS)

    def said(self) -> str:
        """Everything it printed."""
        return self._said.read_text(encoding="utf-8", errors="replace")


class Commands:
    """All that were started in a world. ``end`` leaves none behind, nor what they started."""

    def __init__(self, world: World, first_hour: str) -> None:
        self._world = world
        self._environment = world.environment(FRIDGE_PARTITIONS_START=first_hour, COLUMNS="200")
        self._started: list[Process] = []

    def launch(self, *arguments: str) -> Process:
        """Starts one."""
        process = Process(arguments, self._environment, self._world.home / f"said-{len(self._started):04}.txt")
        self._started.append(process)
        return process

    def end(self) -> None:
        """Ends everything that names the world's folder."""
        for process in self._started:
            process.kill()
        self._world.server.stop()
        for left in psutil.process_iter():
            with suppress(psutil.Error):
                if str(self._world.home) in " ".join(left.cmdline()):
                    left.kill()
