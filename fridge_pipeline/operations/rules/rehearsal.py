"""What a rehearsal finds: what of subscriptions, prices, grace and comparisons would go wrong. No clock, no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from fridge_pipeline.difference_causes import INVOICE_CAUSES, invoice_cause_in_words
from fridge_pipeline.invoices.rules.hold_draft import SETTLED_AFTER, InvoiceMode
from fridge_pipeline.invoices.rules.money import money
from fridge_pipeline.operations.rules.health_check import Grade, HealthCheck
from fridge_pipeline.stripe.rules.invoice import Invoice, Price

#: The sweep that states a closed hour comes once an hour.
SWEEP_WITHIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a meter's usage came to on the rehearsal's invoice; without an invoice, usage that none carries."""

    tenant_id: str
    invoice_id: str | None
    event_name: str
    usage: Decimal
    invoiced: Decimal
    cause: str | None


def judge_prices(
    who: str, event_names: Iterable[str], price_ids: Iterable[str], prices: Mapping[str, Price]
) -> list[HealthCheck]:
    """Whether every meter has one item that bills it. ``price_ids`` are those of the subscriptions, one for each item.

    Every item of a meter bills all of its usage, so two of them bill it twice, also on two subscriptions.
    """
    items: Counter[str] = Counter()
    for price_id in price_ids:
        event_name = prices[price_id].event_name if price_id in prices else None
        if event_name is not None:
            items[event_name] += 1
    found = []
    for event_name in event_names:
        if items[event_name] == 1:
            found.append(HealthCheck(f"{who}, price", Grade.OK, f"one item bills {event_name}"))
        elif items[event_name] == 0:
            text = f"no item bills {event_name}: its usage is on no invoice"
            do = "add a price of this meter to the subscription in Stripe"
            found.append(HealthCheck(f"{who}, price", Grade.WRONG, text, do))
        else:
            text = f"{items[event_name]} items bill {event_name}, and each of them bills all of its usage"
            do = "leave one of them on the customer's subscriptions"
            found.append(HealthCheck(f"{who}, items", Grade.WRONG, text, do))
    return found


def judge_anchor(who: str, anchored_at: datetime) -> HealthCheck:
    """Whether billing periods begin on the full hour, as usage does."""
    if (anchored_at.minute, anchored_at.second) == (0, 0):
        return HealthCheck(f"{who}, anchor", Grade.OK, f"billing periods begin at {anchored_at:%H:%M:%S} UTC")
    text = f"billing periods begin at {anchored_at:%H:%M:%S} UTC and cut an hour, whose usage is in one of both"
    do = "create the subscription with billing_cycle_anchor_config of minute 0 and second 0"
    return HealthCheck(f"{who}, anchor", Grade.WRONG, text, do)


def judge_grace(who: str, grace: timedelta | None, close_after: timedelta, mode: InvoiceMode) -> HealthCheck:
    """Whether the last hour of a period is stated, and counted by Stripe, before the invoice is final.

    ``grace`` is how long after its period the draft would have been final by itself; ``None`` when Stripe did not say.
    """
    needed = close_after + SWEEP_WITHIN + SETTLED_AFTER
    check = f"{who}, grace"
    if grace is None:
        return HealthCheck(check, Grade.WARN, "Stripe did not say when the draft becomes final", "look in its settings")
    text = f"a draft becomes final {_hours(grace)} after its period, and the last hour needs {_hours(needed)}"
    if grace >= needed:
        return HealthCheck(check, Grade.OK, text)
    if mode is InvoiceMode.HOLD:
        return HealthCheck(check, Grade.OK, f"{text}; FRIDGE_INVOICES=hold keeps it open")
    do = "set the grace to 24 hours or more in Stripe (Billing, Invoices), or FRIDGE_INVOICES=hold"
    return HealthCheck(check, Grade.WRONG, text, do)


def judge_outcome(outcome: Outcome) -> HealthCheck:
    """Whether the invoice carries what was used."""
    where = f"on {outcome.invoice_id}" if outcome.invoice_id else "on no invoice"
    text = f"{outcome.event_name}: usage {outcome.usage:f}, {outcome.invoiced:f} {where}"
    if outcome.cause is None:
        return HealthCheck(f"{outcome.tenant_id}, invoice", Grade.OK, text)
    words = f"{text}: {invoice_cause_in_words(outcome.cause)}"
    return HealthCheck(f"{outcome.tenant_id}, invoice", Grade.WRONG, words, INVOICE_CAUSES[outcome.cause].do)


def judge_invoice(who: str, invoice: Invoice) -> HealthCheck:
    """Whether it became final, and what became of it: the rehearsal's customer has no way to pay."""
    text = f"{invoice.invoice_id} of {money(invoice.total, invoice.currency)} is {invoice.status.value}"
    if invoice.is_draft:
        return HealthCheck(
            f"{who}, payment", Grade.WRONG, f"{text} still", "finalize it by hand, and see why in Stripe"
        )
    return HealthCheck(f"{who}, payment", Grade.OK, text)


def only_price(event_name: str, prices: Sequence[Price]) -> str | None:
    """The price of a meter where an account has just one; ``None`` where nobody can know which."""
    found = [each.price_id for each in prices if each.event_name == event_name]
    return found[0] if len(found) == 1 else None


def _hours(time: timedelta) -> str:
    minutes = round(time.total_seconds() / 60)
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")
