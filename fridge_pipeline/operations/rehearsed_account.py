"""What of a Stripe account a rehearsal needs to know before it makes anything: permissions, meters, prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from fridge_pipeline.billing.meters_at_stripe import wrong_meters
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.operations.rules.health_check import Grade, HealthCheck
from fridge_pipeline.operations.rules.rehearsal import only_price
from fridge_pipeline.stripe.gateway import StripeGateway
from fridge_pipeline.stripe.invoice_reads import one_price, prices_of_meter, refused_invoice_reads
from fridge_pipeline.stripe.reads import refused_reads
from fridge_pipeline.stripe.rules.invoice import Price
from fridge_pipeline.stripe.test_clocks import SubscriptionShape, subscription_shapes

#: Where nobody's subscription is copied: periods that begin on the full hour.
MIDNIGHT = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Account:
    """An account as it was read; ``checks`` are of all tenants, ``wanted`` the prices that were asked for."""

    gateway: StripeGateway
    event_names: tuple[str, ...]
    checks: list[HealthCheck]
    prices: dict[str, Price]
    wanted: tuple[str, ...]

    def shapes_of(self, customer_id: str | None) -> tuple[list[SubscriptionShape], dict[str, Price]]:
        """The subscriptions to rehearse, of our meters' items only, and every price of theirs.

        Raises ``StripeCallError``.
        """
        found = subscription_shapes(self.gateway, customer_id) if customer_id and not self.wanted else []
        prices = dict(self.prices)
        for price_id in [each for shape in found for each in shape.price_ids if each not in prices]:
            prices[price_id] = one_price(self.gateway, price_id, _uncounted)  # made inline, so it is in no list
        shapes = [
            replace(shape, price_ids=own)
            for shape in found
            if (own := tuple(each for each in shape.price_ids if prices[each].event_name in self.event_names))
        ]
        if shapes:
            return shapes, prices
        listed = list(self.prices.values())
        chosen = self.wanted or tuple(filter(None, (only_price(name, listed) for name in self.event_names)))
        return ([SubscriptionShape(chosen, MIDNIGHT)] if chosen else []), prices


def read_account(gateway: StripeGateway, catalogue: tuple[Meter, ...], wanted: Sequence[str]) -> Account:
    """What the key may read, Stripe's meters, and their prices. Raises ``StripeCallError``."""
    names = tuple(meter.event_name for meter in catalogue)
    lacking = [*refused_reads(gateway, list(names)), *refused_invoice_reads(gateway)]
    if lacking:
        do = "give the restricted key these permissions in Stripe (docs/security.md, The Stripe key)"
        checks = [HealthCheck("permissions", Grade.WRONG, f"the key lacks {', '.join(lacking)}", do)]
        return Account(gateway, names, checks, {}, tuple(wanted))
    text = "the key may read meters, summaries, events, invoices, prices and subscriptions"
    checks = [HealthCheck("permissions", Grade.OK, text)]
    wrong = wrong_meters(gateway, catalogue)
    checks += [
        HealthCheck("meter", Grade.WRONG, f"{name}: {why}", "fridge stripe check") for name, why in wrong.items()
    ]
    found: dict[str, Price] = {}
    for name in names:
        if name not in wrong:
            found |= {each.price_id: each for each in prices_of_meter(gateway, name, _uncounted)}
    for price_id in wanted:
        if price_id not in found:
            found[price_id] = one_price(gateway, price_id, _uncounted)
    return Account(gateway, names, checks, found, tuple(wanted))


def _uncounted() -> None:
    """A rehearsal's reads are not the installation's."""
