"""The local Stripe sandbox as a process of its own: started on demand, shared by all, stopped by the last."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from fridge_pipeline.database import process_lock

MODULE = "stripe_sandbox"
START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 10.0
PAUSE_SECONDS = 0.05

#: What the sandbox gets of our environment: nothing in it is a secret, and it reads none of our settings.
NEEDED = ("PATH", "PYTHON", "LANG", "LC_", "TZ", "TMPDIR")


class SandboxStartError(RuntimeError):
    """The sandbox did not come up; the text shows the end of its log."""


class LocalSandbox:
    """The sandbox of one home (``FRIDGE_HOME/sandbox``); making the object opens nothing."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._address = home / "address.json"
        self._log = home / "sandbox.log"

    @property
    def state_file(self) -> Path:
        """Where the sandbox keeps its books across restarts."""
        return self._home / "books.sqlite"

    @contextmanager
    def hold(self) -> Iterator[str]:
        """Keeps the sandbox up for the time of a ``with`` block and yields its URL; the last to leave stops it."""
        self._home.mkdir(parents=True, exist_ok=True)
        with process_lock.shared(self._home / "holders.lock") as holders:
            try:
                yield self.ensure_running()
            finally:
                if process_lock.is_alone(holders):
                    self.stop()

    def ensure_running(self) -> str:
        """The URL it answers at; started again if it has died. For a supervisor's loop, inside ``hold``."""
        with process_lock.exclusive(self._home / "start.lock"):
            return self.running_url() or self._start()

    def running_url(self) -> str | None:
        """Where it answers now; ``None`` when it does not."""
        process = self._process()
        if process is None:
            return None
        url: str = json.loads(self._address.read_text(encoding="utf-8"))["url"]
        return url if _answers(url) else None

    def process_id(self) -> int | None:
        """Of the process that lives now."""
        process = self._process()
        return None if process is None else process.pid

    def stop(self) -> None:
        """Ends it and waits until it has ended."""
        process = self._process()
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS_MAX)
            except psutil.TimeoutExpired:
                process.kill()
        self._address.unlink(missing_ok=True)

    def _process(self) -> psutil.Process | None:
        try:
            pid = json.loads(self._address.read_text(encoding="utf-8"))["pid"]
            process = psutil.Process(pid)
            # By the end of the name: one that was started before an update has it as fridge_pipeline.stripe_sandbox.
            is_sandbox = any(word.rpartition(".")[2] == MODULE for word in process.cmdline())
            alive = process.status() != psutil.STATUS_ZOMBIE and is_sandbox
        except (FileNotFoundError, psutil.NoSuchProcess):
            return None
        return process if alive else None

    def _last_port(self) -> list[str]:
        """Back to the port it had before it died: processes that run now know it by that address."""
        try:
            url: str = json.loads(self._address.read_text(encoding="utf-8"))["url"]
        except FileNotFoundError:
            return []
        return ["--port", url.rpartition(":")[2]]

    def _start(self) -> str:
        command = [sys.executable, "-m", MODULE, "--state", str(self.state_file), "--address-file", str(self._address)]
        command += self._last_port()
        self._address.unlink(missing_ok=True)
        with self._log.open("ab") as log:
            started = subprocess.Popen(
                command,
                env={name: value for name, value in os.environ.items() if name.startswith(NEEDED)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=os.sep,
            )
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and started.poll() is None:
            url = self.running_url()
            if url is not None:
                return url
            time.sleep(PAUSE_SECONDS)
        started.kill()
        end_of_log = self._log.read_text(encoding="utf-8", errors="replace")[-1000:]
        raise SandboxStartError(f"the Stripe sandbox did not start; the end of {self._log}: {end_of_log}")


def _answers(url: str) -> bool:
    import requests  # noqa: PLC0415 # every command can start a sandbox, and hardly any does

    with requests.Session() as session:
        session.trust_env = False  # no proxy stands between us and ourselves
        try:
            return session.get(f"{url}/_sandbox/health", timeout=2).ok
        except requests.RequestException:
            return False
