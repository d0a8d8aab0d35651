"""The demo's customers in the local sandbox: subscribed a month ago, so that their month ends within the demo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import requests

from fridge_pipeline.stripe.gateway import StripeGateway

#: The sandbox keeps drafts open for so long: the demo's hours are billed before it ends them itself.
GRACE = timedelta(hours=72)
STRIPES_OWN_GRACE = timedelta(hours=1)


def subscribe_demo(
    gateway: StripeGateway, customer_ids: Sequence[str], cents: Mapping[str, Decimal], start: datetime, end: datetime
) -> None:
    """Subscribes customers of the sandbox to a monthly price of each meter, as if at ``start``, on a clock set back.

    Their first period ends at ``end``, a month later. ``cents`` are those of a unit, by event name. Raises
    ``StripeCallError`` and ``MeterMissingError``.
    """
    _tell_sandbox(gateway, "settings", {"finalization_grace_seconds": int(GRACE.total_seconds())})
    _tell_sandbox(gateway, "clock", {"now": int(start.timestamp())})
    try:
        with gateway.reading("making the demo's prices") as client:
            product = client.v1.products.create({"name": "Fridge monitoring"})
            prices = [
                client.v1.prices.create(
                    {
                        "currency": "usd",
                        "product": product.id,
                        "unit_amount_decimal": amount,
                        "recurring": {
                            "interval": "month",
                            "usage_type": "metered",
                            "meter": gateway.known_meter(event_name).meter_id,
                        },
                    }
                )
                for event_name, amount in cents.items()
            ]
            for customer_id in customer_ids:
                client.v1.subscriptions.create(
                    {
                        "customer": customer_id,
                        "items": [{"price": price.id} for price in prices],
                        "billing_cycle_anchor": int(end.timestamp()),
                    }
                )
    finally:
        _tell_sandbox(gateway, "clock", {"reset": True})
        _tell_sandbox(gateway, "settings", {"finalization_grace_seconds": int(STRIPES_OWN_GRACE.total_seconds())})


def finalize_demo(gateway: StripeGateway) -> int:
    """Makes every draft of the sandbox final, as Stripe does at the end of the grace; says how many there were."""
    with gateway.reading("making the demo's invoices final") as client:
        found = client.v1.invoices.list({"status": "draft", "limit": 100}).data
        for each in found:
            client.v1.invoices.finalize_invoice(each.id)
    return len(found)


def _tell_sandbox(gateway: StripeGateway, what: str, wish: Mapping[str, object]) -> None:
    """The sandbox's own endpoints, which Stripe does not have."""
    with requests.Session() as session:
        session.trust_env = False  # no proxy stands between us and ourselves
        session.post(f"{gateway.base}/_sandbox/{what}", json=wish, timeout=10).raise_for_status()
