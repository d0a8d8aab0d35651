"""What a change of usage costs: the billing period that its hours lie in, before and after, at the period's price."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from fridge_pipeline.billing.rules.staging import ChangedHour
from fridge_pipeline.catalogue.meter import Formula
from fridge_pipeline.invoices.rules.billing_periods import Span
from fridge_pipeline.invoices.rules.money import cost, cost_of_change, money
from fridge_pipeline.stripe.rules.invoice import InvoiceStatus, Price

#: A meter event is stamped within its hour, so the hour belongs to the period that its middle lies in.
HALF_PAST = timedelta(minutes=30)

NO_PERIOD = "no subscription or invoice that was read bills it"
SEVERAL_PRICES = "several prices bill the same time"
NO_AMOUNT = "Stripe gives no amount for it"
ON_TRIAL = "the subscription is on trial"
OTHER_CURRENCY = "it is billed in another currency than the price's own"


@dataclass(frozen=True, slots=True)
class BilledTime:
    """A time for which a customer is billed for a meter; without an invoice it is a subscription's current period.

    ``item_ids`` are the items that bill it, in ``currency``.
    """

    customer_id: str
    event_name: str
    span: Span
    price_ids: tuple[str, ...]
    invoice_id: str | None = None
    status: InvoiceStatus | None = None
    item_ids: frozenset[str | None] = frozenset()
    currency: str | None = None
    is_trial: bool = False

    def says(self, now: datetime) -> str:
        """On which invoice a change comes; empty where it is the next one, as it should be."""
        if self.invoice_id is None:
            return "" if now < self.span.end else "the period is over, and its invoice was not read yet"
        if self.status is InvoiceStatus.DRAFT:
            return f"on the draft {self.invoice_id}"
        return f"{self.invoice_id} is final, so only a correction bills it"


@dataclass(frozen=True, slots=True)
class ChangedPeriod:
    """The hours of a tenant and meter that change within one billed time; ``None`` where none is known."""

    time: BilledTime | None
    hours: tuple[ChangedHour, ...]

    @property
    def last(self) -> ChangedHour:
        """The last hour that changes."""
        return max(self.hours, key=lambda each: each.hour.start)


@dataclass(frozen=True, slots=True)
class PricedChange:
    """What a billing period's quantity and money change from and to; money is in minor units of ``currency``.

    ``before`` is what Stripe has accepted in the period. ``cost_before`` and ``cost_after`` are not rounded; ``amount``
    is their difference, rounded once. They are ``None`` where the price is not known, and ``says`` why. Without a
    period the quantities are those of the hours that change.
    """

    tenant_id: str
    event_name: str
    span: Span | None
    before: Decimal
    after: Decimal
    says: str
    price_id: str | None = None
    cost_before: Decimal | None = None
    cost_after: Decimal | None = None
    amount: int | None = None
    currency: str | None = None


def changed_periods(hours: Iterable[ChangedHour], times: Sequence[BilledTime]) -> list[ChangedPeriod]:
    """Hours by tenant, meter and the time that bills them, in this order.

    Of several times the open period of a subscription comes first: a threshold's invoice has the same. Where several
    items bill an hour each bills all of it, at a price of its own.
    """
    found: dict[tuple[str, str, datetime | None, str], list[ChangedHour]] = {}
    known: dict[tuple[str, str, datetime | None, str], BilledTime | None] = {}
    by_account: dict[tuple[str, str], list[BilledTime]] = {}
    for one in times:
        by_account.setdefault((one.customer_id, one.event_name), []).append(one)
    for each in hours:
        middle = each.hour.start + HALF_PAST
        of_account = by_account.get((each.customer_id or "", each.meter.event_name), [])
        there = [one for one in of_account if one.span.start <= middle < one.span.end]
        time = min(there, key=lambda one: one.invoice_id or "", default=None)
        if time and len(frozenset().union(*(one.item_ids for one in there))) > 1:
            time = replace(time, price_ids=tuple(price_id for one in there for price_id in one.price_ids))
        start, invoice = (time.span.start, time.invoice_id or "") if time else (None, "")
        key = (each.tenant_id, each.meter.event_name, start, invoice)
        found.setdefault(key, []).append(each)
        before = known.setdefault(key, time)
        if time and before and len(time.price_ids) > len(before.price_ids):
            known[key] = time
    ordered = sorted(found, key=lambda key: (key[0], key[1], key[2] is not None, key[2], key[3]))
    return [ChangedPeriod(known[key], tuple(found[key])) for key in ordered]


def price_change(
    changed: ChangedPeriod, accepted: int, accepted_later: int, prices: Mapping[str, Price], now: datetime
) -> PricedChange:
    """What the change costs: ``cost(new) - cost(old)`` of the period's quantity, so that tiers are the right ones.

    ``accepted`` is what Stripe has of the period, ``accepted_later`` what it has of it after the last hour that
    changes: of a meter that goes by its last event, only that hour or a later one decides.
    """
    last, time = changed.last, changed.time
    if time is None:
        before, after = sum(each.before for each in changed.hours), sum(each.after for each in changed.hours)
        return PricedChange(last.tenant_id, last.meter.event_name, None, Decimal(before), Decimal(after), NO_PERIOD)
    before = accepted
    if last.meter.formula is Formula.LAST:
        after = accepted if accepted_later else last.after
    else:
        after = accepted + sum(each.after - each.before for each in changed.hours)
    old, new, says = Decimal(before), Decimal(after), time.says(now)
    head = (last.tenant_id, last.meter.event_name, time.span, old, new)
    price = prices.get(time.price_ids[0])
    amount = cost_of_change(old, new, price) if price else None
    why = _why_unpriced(time, price, amount)
    if price is None or why:
        return PricedChange(*head, f"{why}; {says}" if says else why)
    return PricedChange(*head, says, price.price_id, cost(old, price), cost(new, price), amount, price.currency)


def _why_unpriced(time: BilledTime, price: Price | None, amount: int | None) -> str:
    """Why it has no money; empty where it has."""
    if len(time.price_ids) > 1:
        return SEVERAL_PRICES
    if price is None or amount is None:
        return NO_AMOUNT
    if time.is_trial:
        return ON_TRIAL
    return "" if time.currency in {None, price.currency} else OTHER_CURRENCY


def in_words(each: PricedChange) -> str:
    """Period, quantity and money of a change, for people."""
    period = f"{each.span.start:%Y-%m-%d %H:%M} to {each.span.end:%Y-%m-%d %H:%M}" if each.span else "no billing period"
    numbers = f"{period}: {each.before:f} -> {each.after:f}"
    says = f"; {each.says}" if each.says else ""
    if each.amount is None or each.cost_before is None or each.cost_after is None or each.currency is None:
        return f"{numbers}, price not known: {each.says}"
    return (
        f"{numbers}, {money(each.cost_before, each.currency)} -> {money(each.cost_after, each.currency)} "
        f"({money(each.amount, each.currency, '+')}){says}"
    )


def plain(number: Decimal) -> str:
    """Without an exponent and without zeros at its end."""
    return f"{number.normalize():f}"


def as_mapping(each: PricedChange) -> dict[str, object]:
    """For scripts; money and quantities as texts, for a JSON number may be read as a float."""
    return {
        "tenant_id": each.tenant_id,
        "meter": each.event_name,
        "period_start": each.span.start.isoformat() if each.span else None,
        "period_end": each.span.end.isoformat() if each.span else None,
        "before": plain(each.before),
        "after": plain(each.after),
        "price_id": each.price_id,
        "cost_before": None if each.cost_before is None else plain(each.cost_before),
        "cost_after": None if each.cost_after is None else plain(each.cost_after),
        "amount": each.amount,
        "currency": each.currency,
        "says": each.says,
    }
