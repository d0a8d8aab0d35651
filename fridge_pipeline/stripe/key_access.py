"""Access: what a key may read, and what time it is for Stripe. A few reads, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from fridge_pipeline.stripe.error_reports import ERROR_REPORT_TRIGGERED
from fridge_pipeline.stripe.gateway import StripeCallError, StripeGateway

#: No customer of anybody: a key that may read summaries is told so, one that may not is refused before.
NOBODY = "cus_nobody"

#: A date of HTTP has whole seconds: on average it is half of one behind.
HALF_SECOND = timedelta(milliseconds=500)


def stripe_clock(gateway: StripeGateway) -> datetime | None:
    """The date of an answer; ``None`` where there is none, as behind some proxies. Raises ``StripeCallError``."""
    with gateway.reading("reading the time") as client:
        answer = client.raw_request("get", "/v1/billing/meters", limit=1)
    told = (answer.headers or {}).get("date")
    return parsedate_to_datetime(told) + HALF_SECOND if told else None


def require_answer(gateway: StripeGateway) -> None:
    """One small read that is not tried again. Raises ``StripeCallError`` when Stripe does not answer, or refuses."""
    with gateway.reading("asking whether it answers") as client:
        client.raw_request("get", "/v1/billing/meters", limit=1, max_network_retries=0)


def refused_reads(gateway: StripeGateway, event_names: list[str]) -> Iterator[str]:
    """The permissions that the key lacks, of those that can be tried without writing. Raises ``StripeCallError``."""
    tries: dict[str, Callable[[], None]] = {
        "Billing meters: read": lambda: _read_summaries(gateway, event_names),
        "Events: read": lambda: _read_events(gateway),
    }
    for permission, attempt in tries.items():
        try:
            attempt()
        except StripeCallError as error:
            if error.is_key_refused:
                yield permission
            elif not error.reached:
                raise


def _read_summaries(gateway: StripeGateway, event_names: list[str]) -> None:
    known = gateway.meters()
    for meter in (known[name] for name in event_names[:1] if name in known):
        with gateway.reading("trying to read summaries") as client:
            client.v1.billing.meters.event_summaries.list(
                meter.meter_id, {"customer": NOBODY, "start_time": 0, "end_time": 3600, "limit": 1}
            )


def _read_events(gateway: StripeGateway) -> None:
    with gateway.reading("trying to read events") as client:
        client.v2.core.events.list({"types": [ERROR_REPORT_TRIGGERED], "limit": 1})
