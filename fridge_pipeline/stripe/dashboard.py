"""Where a person looks at what was stated: pages of Stripe's dashboard."""

from __future__ import annotations

from fridge_pipeline.stripe.gateway import STRIPE_API, StripeGateway
from fridge_pipeline.stripe.rules.api_key import KeyMode

#: Stripe's own guides link to .../meters and, for test mode, .../test/meters
#: (docs.stripe.com/billing/subscriptions/usage-based/recording-usage); a meter's page has its id behind it.
PAGES = {
    KeyMode.LIVE: "https://dashboard.stripe.com/meters",
    KeyMode.TEST: "https://dashboard.stripe.com/test/meters",
}


def dashboard_of_meters(gateway: StripeGateway) -> dict[str, str]:
    """The page of each meter that the gateway has read, by event name; none for a sandbox. Calls nobody."""
    page = PAGES.get(gateway.mode)
    if page is None or gateway.base != STRIPE_API:
        return {}
    return {name: f"{page}/{meter.meter_id}" for name, meter in sorted(gateway.meters_read.items())}
