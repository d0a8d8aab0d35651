"""The Stripe sandbox of a run: a process of its own, without a limit of calls, forgetting between turns."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from fridge_pipeline.catalogue.meter import CATALOGUE
from fridge_pipeline.stripe.gateway import StripeGateway
from fridge_pipeline.stripe.retries import RateLimiter
from fridge_pipeline.stripe.rules.api_key import SANDBOX_KEY
from fridge_pipeline.stripe.writes import create_missing_meters

#: The name under which its CPU seconds are reported.
SANDBOX = "sandbox"

METER_EVENTS = "/v1/billing/meter_events"

START_SECONDS_MAX = 30.0
PAUSE_SECONDS = 0.05
ANSWER_SECONDS_MAX = 30.0

#: More than any pusher reaches: what is measured is the pusher, not the pace it keeps to.
UNLIMITED = 1_000_000.0


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Where it answers, and its process id."""

    url: str
    pid: int

    def begin_anew(self, service_seconds: float = 0) -> None:
        """An empty account with the catalogue's meters and no limit of calls, each at work for so long."""
        self._post("reset", {})
        self._post("settings", {"calls_per_second": None, "service_seconds": service_seconds})
        create_missing_meters(gateway_to(self.url), CATALOGUE)

    def last_receipt_at(self) -> float:
        """When it got the last meter event that it accepted."""
        answer = requests.get(f"{self.url}/_sandbox/requests", timeout=ANSWER_SECONDS_MAX)
        return max(float(call["at"]) for call in answer.json()["data"] if call["path"] == METER_EVENTS)

    def _post(self, what: str, wish: dict[str, object]) -> None:
        requests.post(f"{self.url}/_sandbox/{what}", json=wish, timeout=ANSWER_SECONDS_MAX).raise_for_status()


def gateway_to(url: str) -> StripeGateway:
    """The pipeline's own gateway, which keeps to no rate limit."""
    return StripeGateway(SANDBOX_KEY, url, RateLimiter(UNLIMITED, time.monotonic, time.sleep))


@contextmanager
def open_sandbox(folder: Path) -> Iterator[Sandbox]:
    """A sandbox for the length of a ``with`` block; it keeps its books in memory, so the disk is the database's."""
    address = folder / "sandbox.json"
    address.unlink(missing_ok=True)
    command = [sys.executable, "-m", "stripe_sandbox", "--port", "0", "--address-file", str(address)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + START_SECONDS_MAX
            while not address.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the Stripe sandbox did not start")
                time.sleep(PAUSE_SECONDS)
            yield Sandbox(json.loads(address.read_text(encoding="utf-8"))["url"], process.pid)
        finally:
            process.terminate()
