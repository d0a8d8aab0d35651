"""The installation that ``make chaos`` torments: billing processes, PostgreSQL and a Stripe sandbox, all real."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import psutil
import psycopg
import requests

from fridge_pipeline.database.embedded import postmaster
from fridge_pipeline.database.embedded.layout import Layout
from fridge_pipeline.database.embedded.server import EmbeddedServer
from tests.own_environment import own_environment

FRIDGE = str(Path(sys.executable).parent / "fridge")
SANDBOX = (sys.executable, "-m", "stripe_sandbox")

#: How long a call is at work in the sandbox: delivery shall take a while, so that it can be struck.
SERVICE_SECONDS = 0.1
#: Nothing that is let run may take longer: an hour that never settles would wait here.
PATIENCE_SECONDS = 300.0
PAUSE_SECONDS = 0.05


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

    def speaks_to(self, port: int) -> bool:
        """Whether it has a connection to a port."""
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


class World:
    """One FRIDGE_HOME with everything in it. ``close`` leaves no process behind."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.landing = home / "landing"
        self.using_postgres = home / "postgres" / "holders.lock"
        self._server = EmbeddedServer(home / "postgres")
        self._holding = ExitStack()
        self._dsn = ""
        self._sandbox: subprocess.Popen[bytes] | None = None
        self.sandbox_port = 0
        self._commands: list[Process] = []

    def open(self, first_hour: str) -> None:
        """Starts PostgreSQL and the sandbox."""
        self.landing.mkdir(parents=True)
        self.restore_stripe()
        self.await_stripe()
        self._environment = {
            **own_environment(),
            "FRIDGE_HOME": str(self.home),
            "FRIDGE_PARTITIONS_START": first_hour,
            "STRIPE_API_BASE": f"http://127.0.0.1:{self.sandbox_port}",
            "COLUMNS": "200",
        }
        self.ask_stripe("POST", "settings", {"service_seconds": SERVICE_SECONDS})
        self.hold_postgres()

    def close(self) -> None:
        """Ends everything, also what others started for this home."""
        for process in self._commands:
            process.kill()
        self.cut_stripe()
        self._holding.close()
        self._server.stop()
        for left in psutil.process_iter():
            with suppress(psutil.Error):
                if str(self.home) in " ".join(left.cmdline()):
                    left.kill()

    def launch(self, *arguments: str) -> Process:
        """Starts a ``fridge`` command."""
        process = Process(arguments, self._environment, self.home / f"said-{len(self._commands):04}.txt")
        self._commands.append(process)
        return process

    def hold_postgres(self) -> None:
        """Keeps PostgreSQL up (starting it if need be), as ``fridge up`` would."""
        held, self._holding = self._holding, ExitStack()
        self._dsn = self._holding.enter_context(self._server.hold()).dsn()
        held.close()  # only now: whoever leaves last stops it

    def let_go_of_postgres(self) -> None:
        """From now on the last billing process to leave stops it."""
        self._holding.close()

    def fell_postgres(self, how: Literal["kill", "stop"]) -> bool:
        """Ends it in the middle of whatever it does, with SIGKILL or as an administrator would; whether it ran."""
        if how == "stop":
            return self._server.stop()
        process = postmaster.find(Layout(self.home / "postgres").data)
        if process is not None:
            process.kill()
        return process is not None

    def rows(self, query: bytes, **parameters: object) -> list[tuple[Any, ...]] | None:
        """Rows of the books; ``None`` while PostgreSQL is down."""
        try:
            with psycopg.connect(self._dsn, connect_timeout=3) as connection:
                return connection.execute(query, parameters).fetchall()
        except psycopg.OperationalError:
            return None

    def cut_stripe(self) -> bool:
        """SIGKILL for the sandbox; whether it ran."""
        if self._sandbox is None:
            return False
        self._sandbox.kill()
        return self._sandbox.wait() == -signal.SIGKILL

    def restore_stripe(self) -> None:
        """Starts the sandbox with the books it had, at the address it had; it answers a little later."""
        address = self.home / "sandbox-address.json"
        address.unlink(missing_ok=True)
        port = (str(self.sandbox_port), "--exact-port") if self.sandbox_port else ("0",)
        files = ("--state", str(self.home / "sandbox.sqlite"), "--address-file", str(address))
        with (self.home / "sandbox.log").open("ab") as log:
            self._sandbox = subprocess.Popen(
                [*SANDBOX, *files, "--port", *port], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def await_stripe(self) -> None:
        """Waits until the sandbox answers."""
        address = self.home / "sandbox-address.json"
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not address.exists():
            if time.monotonic() > deadline or self._sandbox is None or self._sandbox.poll() is not None:
                log = (self.home / "sandbox.log").read_text(encoding="utf-8", errors="replace")
                raise RuntimeError(f"the sandbox did not start: {log[-1000:]}")
            time.sleep(PAUSE_SECONDS)
        self.sandbox_port = int(json.loads(address.read_text(encoding="utf-8"))["url"].rpartition(":")[2])

    def ask_stripe(self, method: str, what: str, told: object = None) -> dict[str, Any]:
        """The sandbox's own interface; an empty answer while it is cut off."""
        try:
            answer = requests.request(
                method, f"http://127.0.0.1:{self.sandbox_port}/_sandbox/{what}", json=told, timeout=30
            )
        except requests.RequestException:
            return {}
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found
