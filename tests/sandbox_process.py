"""A Stripe sandbox as a process of its own, for any test that needs Stripe."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
import stripe
from requests import Response

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SECONDS_TO_START = 30.0  # generous: all test workers share the machine
READY = "Stripe sandbox on "


@dataclass
class SandboxProcess:
    """A running sandbox. ``stop`` ends it politely, ``kill`` as a power cut would."""

    url: str
    process: subprocess.Popen[str]

    def client(self, key: str = "sk_test_sandbox") -> stripe.StripeClient:
        """The real SDK, pointed at this sandbox; it never retries on its own."""
        stripe.enable_telemetry = False
        http = stripe.RequestsClient(timeout=(3, 20))
        return stripe.StripeClient(key, base_addresses={"api": self.url}, max_network_retries=0, http_client=http)

    def usage(self, **filters: str) -> dict[str, Any]:
        """The sandbox's own tally, as ``GET /_sandbox/usage`` answers."""
        return self._json(requests.get(f"{self.url}/_sandbox/usage", params=filters, timeout=20))

    def health(self) -> dict[str, Any]:
        """What ``GET /_sandbox/health`` answers."""
        return self._json(requests.get(f"{self.url}/_sandbox/health", timeout=20))

    def set_clock(self, **wish: float | bool) -> float:
        """Move the sandbox's clock (``now=``, ``advance_seconds=``, ``frozen=``, ``reset=``); its new time."""
        answer = self._json(requests.post(f"{self.url}/_sandbox/clock", json=wish, timeout=20))
        return float(answer["now"])

    def reset(self) -> None:
        """Start over with an empty account in real time."""
        requests.post(f"{self.url}/_sandbox/reset", timeout=20).raise_for_status()

    def settings(self, **wish: Any) -> dict[str, Any]:
        """Change the settings that are named (none: only look); all of them."""
        return self._json(requests.post(f"{self.url}/_sandbox/settings", json=wish, timeout=20))

    def faults(self, *faults: dict[str, Any]) -> list[dict[str, Any]]:
        """Add faults (none: only look); all that wait, with how often each ``fired``."""
        answer = self._json(requests.post(f"{self.url}/_sandbox/faults", json=list(faults), timeout=20))
        waiting: list[dict[str, Any]] = answer["data"]
        return waiting

    def clear_faults(self) -> None:
        """Take all faults back."""
        requests.delete(f"{self.url}/_sandbox/faults", timeout=20).raise_for_status()

    def requests(self, limit: int = 1_000) -> list[dict[str, Any]]:
        """The last Stripe requests that it saw, oldest first."""
        answer = self._json(requests.get(f"{self.url}/_sandbox/requests", params={"limit": limit}, timeout=20))
        seen: list[dict[str, Any]] = answer["data"]
        return seen

    def stop(self) -> int:
        """End it with SIGTERM; its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """End it with SIGKILL."""
        return self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(timeout=20)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    @staticmethod
    def _json(response: Response) -> dict[str, Any]:
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer


def start_sandbox(
    state_file: Path | None = None, *arguments: str, port: int = 0, prefix: Sequence[str] = ()
) -> SandboxProcess:
    """Start a sandbox on a free port and wait until it answers.

    ``arguments`` go to its command line; ``prefix`` is put in front of it. Raises ``RuntimeError`` when it
    ends, or says nothing in time, before it is ready.
    """
    command = [*prefix, sys.executable, "-m", "stripe_sandbox", "--port", str(port), *arguments]
    if state_file is not None:
        command += ["--state", str(state_file)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    watchdog = threading.Timer(SECONDS_TO_START, process.kill)
    watchdog.start()
    try:
        line = process.stdout.readline() if process.stdout is not None else ""
    finally:
        watchdog.cancel()
    if not line.startswith(READY):
        process.kill()
        raise RuntimeError(f"the sandbox did not start: it said {line!r} and ended with {process.wait()}")
    return SandboxProcess(line.removeprefix(READY).strip(), process)


@contextmanager
def running_sandbox(state_file: Path | None = None, *arguments: str) -> Iterator[SandboxProcess]:
    """A sandbox for the length of a ``with`` block."""
    sandbox = start_sandbox(state_file, *arguments)
    try:
        yield sandbox
    finally:
        sandbox.stop()


def fresh_name(what: str) -> str:
    """A name nobody else uses, so that tests can share one sandbox."""
    return f"{what}_{uuid.uuid4().hex[:16]}"
