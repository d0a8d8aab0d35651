"""Compare a billing period's invoices with our usage of it: equal, or one cause why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from fridge_pipeline.invoices.rules.billing_periods import NOTHING, BillingPeriod, Part, Span, carried
from fridge_pipeline.invoices.rules.money import cost_of_change, packages, payable
from fridge_pipeline.stripe.rules.invoice import THRESHOLD, Price, SubscriptionItem

#: A draft appears minutes after its period; a day later none comes any more.
INVOICE_COMES_WITHIN = timedelta(days=1)


class InvoiceCause(StrEnum):
    """Why an invoice's quantity is not our usage of its period; ``difference_causes`` says what each means."""

    TWO_ITEMS = "two_items"
    VOIDED = "voided"
    IN_DRAFT = "in_draft"
    TRANSFORM = "transform"
    FREE_TRIAL = "free_trial"
    THRESHOLD_SO_FAR = "threshold_so_far"
    AFTER_FINALIZATION = "after_finalization"
    NOT_ACCEPTED = "not_accepted"
    BEFORE_BILLING_START = "before_billing_start"
    LATE_IN_GRACE_UNSURE = "late_in_grace_unsure"
    OTHER_SOURCE = "other_source"
    PRICE_CHANGE = "price_change"
    PERIOD_CUTS_HOUR = "period_cuts_hour"
    UNEXPLAINED_LINE = "unexplained_line"
    NO_PRICE = "no_price"
    NOT_ON_SUBSCRIPTION = "not_on_subscription"
    SUBSCRIPTION_ENDED = "subscription_ended"
    INVOICE_AWAITED = "invoice_awaited"
    NO_LINE = "no_line"
    BILLED_WITH_NEXT = "billed_with_next"


@dataclass(frozen=True, slots=True)
class Booked:
    """Our side of a period: what was used, and what of it Stripe has accepted, by the timestamps of meter events.

    ``by_final`` is what was accepted when the invoice became final, ``surely_by_final`` an hour before, since Stripe
    counts asynchronously; both are ``accepted`` while nothing is final. ``cut`` has, of each hour that the period's
    edges cut, what the invoice would show beyond ``by_final`` if the hour were on the edge's other side. ``settled`` is
    what people have settled of single hours: no invoice is to carry it. ``before_start`` is usage before our first
    hour. ``given`` was accepted, and is another name's of the meter. ``stripe`` is ``None`` unless every hour was read.
    """

    usage: int = 0
    accepted: int = 0
    settled: int = 0
    by_final: int = 0
    surely_by_final: int = 0
    cut: tuple[int, ...] = ()
    before_start: int = 0
    given: int = 0
    stripe: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """One invoice's share of one period; without an invoice, usage that none carries.

    ``difference`` is what is invoiced less our usage: below 0 too little is billed. ``amount`` is what the difference
    costs in minor units of ``currency``, the other way round: above 0 it is still to be invoiced, below 0 to be
    credited; ``None`` where no price says so.
    """

    invoice_id: str | None
    customer_id: str
    event_name: str
    span: Span
    usage: Decimal
    accepted: Decimal
    stripe: Decimal | None
    invoiced: Decimal
    cause: InvoiceCause | None
    amount: int | None = None
    currency: str | None = None
    price_id: str | None = None
    settled: Decimal = NOTHING

    @property
    def account(self) -> tuple[str, str]:
        """The customer and the meter."""
        return self.customer_id, self.event_name

    @property
    def difference(self) -> Decimal:
        """What is invoiced less our usage."""
        return self.invoiced - self.usage


def compare_period(
    period: BillingPeriod,
    booked: Booked,
    prices: Mapping[str, Price],
    items: Mapping[str, SubscriptionItem],
    now: datetime,
) -> list[Comparison]:
    """One comparison for each invoice of the period, in order.

    What earlier invoices carry is theirs; the newest that is not void has all the rest of the usage, so that the
    differences of a period add up to its own. ``items`` are Stripe's subscription items as far as they are known.
    """
    shares = carried(period, prices)
    newest = period.newest
    invoiced = sum(shares.values(), NOTHING)
    settled = to_carry_nowhere(booked, invoiced)
    cause = _cause(period, booked, invoiced, prices, items)
    if cause is InvoiceCause.THRESHOLD_SO_FAR and now >= _closed_at(period, items) + INVOICE_COMES_WITHIN:
        so_far = _by_the_books(booked, invoiced, _price(newest, prices)) if invoiced else None
        cause = so_far or InvoiceCause.NO_LINE
    # Of a price in several currencies we know the amounts of its own; of usage not which of two prices it was used at.
    is_priced = _price(newest, prices).currency == newest.invoice.currency
    is_priced = is_priced and (cause is InvoiceCause.TWO_ITEMS or not _has_several_prices(period, items))
    # Where a threshold's invoice is void, what the ones after it bill does not begin with the first tier.
    is_priced = is_priced and not (period.live and period.void_thresholds and _price(newest, prices).is_by_period)
    found = []
    for part in period.parts:
        share = shares[part.invoice.invoice_id]
        is_newest = part is newest
        rest = invoiced - share if is_newest else NOTHING
        price = _price(part, prices)
        amount = 0 if cause is InvoiceCause.FREE_TRIAL else _amount(period, booked, invoiced, settled, price)
        found.append(
            Comparison(
                invoice_id=part.invoice.invoice_id,
                customer_id=period.customer_id,
                event_name=period.event_name,
                span=period.span,
                usage=booked.usage - rest if is_newest else share,
                accepted=booked.accepted - rest if is_newest else share,
                stripe=booked.stripe,
                invoiced=share + _packed(period, booked, invoiced, cause, price) if is_newest else share,
                cause=cause if is_newest else _of_earlier(part),
                amount=amount if is_newest and cause and is_priced else None,
                currency=part.invoice.currency,
                price_id=price.price_id,
                settled=settled if is_newest else NOTHING,
            )
        )
    return found


def to_carry_nowhere(booked: Booked, invoiced: Decimal) -> Decimal:
    """Usage that no invoice is to carry by us: what people have settled, and before our start what others bill.

    What an invoice has beyond our own statements is the other system's, up to the usage before our start.
    """
    theirs = min(max(invoiced - booked.by_final, NOTHING), Decimal(booked.before_start))
    return booked.settled + booked.before_start - theirs


def _of_earlier(part: Part) -> InvoiceCause | None:
    """What an invoice carries that is not the period's newest needs no cause; that of a void one is on another."""
    return InvoiceCause.VOIDED if part.invoice.is_void else None


def _price(part: Part, prices: Mapping[str, Price]) -> Price:
    """The price of what is used now: that of the newest line that is of the subscription itself."""
    own = [line for line in part.lines if not line.is_invoice_item] or list(part.lines)
    return prices[own[-1].price_id or ""]


def _cause(
    period: BillingPeriod,
    booked: Booked,
    invoiced: Decimal,
    prices: Mapping[str, Price],
    items: Mapping[str, SubscriptionItem],
) -> InvoiceCause | None:
    """The first that holds. What bills twice comes first, because it looks like a settled invoice otherwise."""
    usage = Decimal(booked.usage)
    price = _price(period.newest, prices)
    if period.live and _bills_twice(period, is_more=invoiced > usage):
        return InvoiceCause.TWO_ITEMS
    if not period.live:
        return InvoiceCause.VOIDED
    if invoiced == usage:
        return None
    if period.newest.invoice.is_draft:
        return InvoiceCause.TRANSFORM if _shows(invoiced, usage, price) else InvoiceCause.IN_DRAFT
    if _shows(invoiced, usage, price):
        return InvoiceCause.TRANSFORM
    if not invoiced and period.was_on_trial(items):
        return InvoiceCause.FREE_TRIAL
    is_empty_beginning = not invoiced and period.newest.invoice.created_at < period.span.end
    if invoiced < usage and (period.newest.invoice.billing_reason == THRESHOLD or is_empty_beginning):
        return InvoiceCause.THRESHOLD_SO_FAR
    if period.void_thresholds and invoiced + period.void_thresholds in {usage, Decimal(booked.by_final)}:
        return InvoiceCause.VOIDED
    return _by_the_books(booked, invoiced, price) or _by_the_shape(period, booked, invoiced, items)


def _by_the_books(booked: Booked, invoiced: Decimal, price: Price) -> InvoiceCause | None:
    """What our own ledger and Stripe's summaries say about a final quantity."""
    by_final, sure = booked.by_final, booked.surely_by_final
    late = booked.accepted != by_final
    if _shows(invoiced, Decimal(by_final), price):
        return InvoiceCause.AFTER_FINALIZATION if late else _not_stated(booked, invoiced)
    if by_final != sure and min(by_final, sure) <= invoiced <= max(by_final, sure):
        return InvoiceCause.LATE_IN_GRACE_UNSURE
    if booked.before_start and by_final < invoiced <= by_final + booked.before_start:
        return InvoiceCause.AFTER_FINALIZATION if late else InvoiceCause.BEFORE_BILLING_START
    if booked.stripe is not None and booked.stripe != booked.accepted and _shows(invoiced, booked.stripe, price):
        return InvoiceCause.OTHER_SOURCE
    return None


def _not_stated(booked: Booked, invoiced: Decimal) -> InvoiceCause:
    """The invoice has all that was accepted, and usage is another number: it was not stated, or is not to be."""
    if booked.before_start and invoiced == booked.usage - booked.before_start:
        return InvoiceCause.BEFORE_BILLING_START
    return InvoiceCause.NOT_ACCEPTED


def _by_the_shape(
    period: BillingPeriod, booked: Booked, invoiced: Decimal, items: Mapping[str, SubscriptionItem]
) -> InvoiceCause:
    """What the lines themselves look like, when the numbers alone do not say it."""
    if _price_changed(period, items):
        return InvoiceCause.PRICE_CHANGE
    moved = {0}
    for hour in booked.cut:
        moved |= {each + hour for each in moved}
    if invoiced - booked.by_final in moved:  # an hour is one meter event, so it is moved whole or not at all
        return InvoiceCause.PERIOD_CUTS_HOUR
    return InvoiceCause.UNEXPLAINED_LINE


def _shows(invoiced: Decimal, quantity: Decimal, price: Price) -> bool:
    """Whether a line that bills ``quantity`` looks like this; Stripe says nowhere whether it shows packages."""
    return invoiced in {quantity, packages(quantity, price)}


def _packed(period: BillingPeriod, booked: Booked, invoiced: Decimal, cause: InvoiceCause | None, price: Price) -> int:
    """How much more usage the invoice bills than its line shows, where that shows packages of it."""
    if price.divide_by is None or len(period.live) != 1:
        return 0
    if _shows(invoiced, Decimal(booked.by_final), price):
        return booked.by_final - int(invoiced)
    return booked.usage - int(invoiced) if cause is InvoiceCause.TRANSFORM else 0


def _closed_at(period: BillingPeriod, items: Mapping[str, SubscriptionItem]) -> datetime:
    """When the period of a threshold's invoice is over, whose lines may end where the threshold was reached.

    Of an item its current period is known. That before it was as long, give or take the days of a month.
    """
    ends = {period.span.end}
    for item in (items[line.item_id] for line in period.newest.lines if line.item_id and line.item_id in items):
        over, length = item.period_end, item.period_end - item.period_start
        while length and over - length >= period.span.end:
            over -= length
        ends.add(min(item.ended_at or over, over))
    return max(ends)


def _bills_twice(period: BillingPeriod, *, is_more: bool) -> bool:
    """Events know only customer and meter, so each item that has them bills all of the usage."""
    items = {line.item_id for part in period.live for line in part.lines if line.item_id and not line.is_invoice_item}
    return (period.is_shared and any(part.quantity for part in period.live)) or (len(items) > 1 and is_more)


def _price_changed(period: BillingPeriod, items: Mapping[str, SubscriptionItem]) -> bool:
    """Whether an item of the period began in it, has another price now, or left a line behind when it changed."""
    lines = [line for part in period.live for line in part.lines]
    return _has_several_prices(period, items) or any(line.is_invoice_item or line.is_proration for line in lines)


def _has_several_prices(period: BillingPeriod, items: Mapping[str, SubscriptionItem]) -> bool:
    lines = [line for part in period.live for line in part.lines]
    known = [items[line.item_id] for line in lines if line.item_id and line.item_id in items]
    return len({line.price_id for line in lines}) > 1 or any(
        period.span.start < item.created_at < period.span.end for item in known
    )


def _amount(period: BillingPeriod, booked: Booked, invoiced: Decimal, settled: Decimal, price: Price) -> int | None:
    """What the usage costs beyond what the invoices bill; unknown where they show something else than usage.

    Stripe says nowhere whether a first tier's flat amount is charged for nothing: an invoice of nothing says it itself.
    """
    owed = booked.usage - settled
    if owed <= 0 and price.tiers and price.tiers[0].flat_amount:
        return None if invoiced else 0
    charged = 0 if invoiced else sum(line.amount for part in period.live for line in part.lines)
    if price.divide_by is not None:
        if not _shows(invoiced, Decimal(booked.by_final), price):
            return None
        invoiced = Decimal(booked.by_final)
    amount = cost_of_change(invoiced, owed, price)
    return None if amount is None else payable(amount - charged, price.currency)
