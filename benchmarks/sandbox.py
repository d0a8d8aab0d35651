"""The Stripe sandbox of a run: that of the tests, without a limit of calls, forgetting between turns."""

from __future__ import annotations

import time

import requests

from fridge_pipeline.catalogue.meter import CATALOGUE
from fridge_pipeline.stripe.gateway import StripeGateway
from fridge_pipeline.stripe.retries import RateLimiter
from fridge_pipeline.stripe.rules.api_key import SANDBOX_KEY
from fridge_pipeline.stripe.writes import create_missing_meters
from tests.sandbox_process import SandboxProcess

METER_EVENTS = "/v1/billing/meter_events"

ANSWER_SECONDS_MAX = 30.0

#: More than any pusher reaches: what is measured is the pusher, not the pace it keeps to.
UNLIMITED = 1_000_000.0


def begin_anew(sandbox: SandboxProcess, service_seconds: float = 0) -> None:
    """An empty account with the catalogue's meters and no limit of calls, each at work for so long."""
    sandbox.reset()
    sandbox.settings(calls_per_second=None, service_seconds=service_seconds)
    create_missing_meters(gateway_to(sandbox.url), CATALOGUE)


def watched(sandbox: SandboxProcess) -> dict[str, int]:
    """Its process id, by the name under which its CPU seconds are reported."""
    return {"sandbox": sandbox.process.pid}


def last_receipt_at(url: str) -> float:
    """When the sandbox there got the last meter event that it accepted."""
    answer = requests.get(f"{url}/_sandbox/requests", timeout=ANSWER_SECONDS_MAX)
    return max(float(call["at"]) for call in answer.json()["data"] if call["path"] == METER_EVENTS)


def gateway_to(url: str) -> StripeGateway:
    """The pipeline's own gateway, which keeps to no rate limit."""
    return StripeGateway(SANDBOX_KEY, url, RateLimiter(UNLIMITED, time.monotonic, time.sleep))
