"""What a correction comes to: how much is owed or given back, and by which document. No clock, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from fridge_pipeline.difference_causes import INVOICE_CAUSES
from fridge_pipeline.invoices.rules.billing_periods import NOTHING, Span
from fridge_pipeline.invoices.rules.corrected import Corrected, Place
from fridge_pipeline.invoices.rules.money import money, payable
from fridge_pipeline.stripe.rules.correction import DocumentKind
from fridge_pipeline.stripe.rules.invoice import InvoiceStatus

#: Here the invoice has all of the usage of its period but what missed it, at one price: the next units cost what the
#: tiers say. Of other causes a person has to find out first what is owed.
CORRECTED_CAUSES = frozenset(
    {
        "after_finalization",
        "late_in_grace_unsure",
        "voided",
        "no_line",
        "transform",
        "not_on_subscription",
        "subscription_ended",
    }
)


class NotProposedError(ValueError):
    """A difference that no document is proposed for; the text says why, and what to do instead."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the invoice that bills the meter; ``amount`` is in minor units, less what was credited of it."""

    line_id: str
    price_id: str
    amount: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A compared period with what a document needs to know; see ``invoice_comparisons``.

    ``amount`` is what the whole difference costs, ``cost(to_invoice) - cost(invoiced)``, rounded once. ``settled`` is
    what of the usage people have settled hour by hour. ``is_subscribed``: the customer has a subscription of the same
    currency that goes on, whose next invoice takes an invoice item. ``lines`` are those of the invoice that bill the
    meter, in its order. ``is_discounted``: a discount lowers what is paid for the meter. ``has_own_tax``: an invoice
    item by amount is taxed otherwise. ``unexplained_next``: of usage on no invoice the invoice after it, if nobody
    knows what that bills. ``creditable`` is what of the invoice's total no credit note has taken off yet.
    """

    invoice_id: str | None
    status: InvoiceStatus | None
    customer_id: str
    tenant_id: str | None
    event_name: str
    period_start: datetime
    period_end: datetime
    usage: Decimal
    accepted: Decimal
    invoiced: Decimal
    cause: str | None
    amount: int | None
    currency: str | None
    price_id: str | None
    is_subscribed: bool
    lines: tuple[Line, ...] = ()
    settled: Decimal = NOTHING
    is_discounted: bool = False
    has_own_tax: bool = False
    unexplained_next: str | None = None
    creditable: int | None = None

    @property
    def difference(self) -> Decimal:
        """What is invoiced less our usage."""
        return self.invoiced - self.usage

    @property
    def owed(self) -> int | None:
        """What the whole difference costs; ``None`` where no price says so."""
        return self.amount if self.difference else 0

    @property
    def to_invoice(self) -> Decimal:
        """Our usage less what people have settled of single hours: so much invoices and corrections are to carry."""
        return self.usage - self.settled

    @property
    def unsettled(self) -> Decimal:
        """What is invoiced less what is to be."""
        return self.invoiced - self.to_invoice


@dataclass(frozen=True, slots=True)
class Proposed:
    """A document that makes good for ``new - old``; ``amount`` is below 0 when it gives back."""

    invoice_id: str | None
    customer_id: str
    tenant_id: str | None
    event_name: str
    period_start: datetime
    period_end: datetime
    old_quantity: Decimal
    new_quantity: Decimal
    price_id: str
    amount: int
    currency: str
    kind: DocumentKind
    cause: str | None
    lines: dict[str, int] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        """Whose usage of which time on which invoice it is about."""
        return Place(self.customer_id, self.event_name, self.invoice_id, Span(self.period_start, self.period_end))

    @property
    def delta(self) -> Decimal:
        """New less old; nothing where only the money of an earlier document is not what it was."""
        return self.new_quantity - self.old_quantity

    @property
    def is_owed(self) -> bool:
        """Whether too little was billed, in quantity, or where that is right in money."""
        return self.delta > 0 or (not self.delta and self.amount > 0)


def propose(found: Difference, done: Corrected) -> Proposed:
    """The document for what is left of a difference beside the corrections before it. Raises ``NotProposedError``.

    All corrections of a period together come to the cost of its whole difference, rounded once: what earlier ones
    billed is taken off the money as it is off the quantity. At a volume price more usage may cost less, so the money
    and not the quantity says which document it is.
    """
    amount, currency, price_id = _money(found, done)
    kind = DocumentKind.INVOICE_ITEM if amount > 0 else DocumentKind.CREDIT_NOTE
    if kind is DocumentKind.INVOICE_ITEM and not found.is_subscribed:
        raise NotProposedError(
            f"no subscription of {found.customer_id} goes on whose next invoice would take "
            f"{money(amount, currency)}: unless an invoice item of the customer waits in Stripe with it, make an "
            "invoice of its own there"
        )
    if kind is DocumentKind.INVOICE_ITEM and found.has_own_tax:
        raise NotProposedError(
            "the subscription's item has tax rates of its own, or a price that includes tax, and an item by amount has "
            f"neither: make one of {money(amount, currency)} with the same tax by hand in Stripe, then settle by it"
        )
    return Proposed(
        invoice_id=found.invoice_id,
        customer_id=found.customer_id,
        tenant_id=found.tenant_id,
        event_name=found.event_name,
        period_start=found.period_start,
        period_end=found.period_end,
        old_quantity=found.to_invoice + done.rest(found.unsettled),
        new_quantity=found.to_invoice,
        price_id=price_id,
        amount=amount,
        currency=currency,
        kind=kind,
        cause=found.cause,
        lines=_credited_lines(found, -amount, currency) if kind is DocumentKind.CREDIT_NOTE else {},
    )


def _money(found: Difference, done: Corrected) -> tuple[int, str, str]:
    """Amount, currency and price, once it is sure that the tiers say what is owed."""
    _require_known(found, done)
    owed = found.owed
    if found.price_id is None:
        raise NotProposedError("no price says what it costs: create one in Stripe, or correct it by hand")
    if owed is None or found.currency is None:
        raise NotProposedError(
            f"{found.price_id} alone does not say what it costs, as tiers do not of a part of a billing period, nor a "
            "price of another currency: correct it by hand"
        )
    if any(line.price_id != found.price_id for line in found.lines):
        raise NotProposedError("the invoice bills the meter at several prices: correct it by hand")
    if any(each.currency != found.currency for each in done.corrections):
        raise NotProposedError(
            f"it was corrected in another currency than {found.currency}, or at no known price{done.in_words()}"
        )
    amount = payable(done.money_rest(owed), found.currency)
    if amount == 0:
        raise NotProposedError("it costs nothing at this price, so there is nothing to invoice or to credit")
    if found.is_discounted:
        raise NotProposedError(discounted(amount, found.currency))
    return amount, found.currency, found.price_id


def discounted(amount: int, currency: str) -> str:
    """Why what a customer with a discount owes, or gets back, is a person's to correct."""
    return (
        f"the customer has a discount, and {money(amount, currency, '+')} is without it: Stripe alone says what it "
        "comes to. Correct it by hand in Stripe less the discount, then settle by that document"
    )


def _require_known(found: Difference, done: Corrected) -> None:
    """Raises ``NotProposedError`` unless it is sure which quantity is owed."""
    if not done.is_sure:
        raise NotProposedError(f"another period or invoice of the same time was corrected{done.in_words()}")
    if found.cause is not None and found.cause not in CORRECTED_CAUSES and found.difference:
        raise NotProposedError(INVOICE_CAUSES[found.cause].do)
    if found.status is InvoiceStatus.DRAFT:
        raise NotProposedError(f"the invoice {found.invoice_id} is not final yet: it may still take the usage")
    if found.unexplained_next is not None:
        raise NotProposedError(
            f"the invoice {found.unexplained_next} of the time after it has an unexplained quantity, and may bill it: "
            "find out what that has first"
        )
    if found.accepted != found.to_invoice:
        raise NotProposedError(
            f"Stripe has accepted {found.accepted:f} of {found.to_invoice:f}: end the exceptions of the period's hours "
            "first"
        )
    if found.difference != found.difference.to_integral_value():
        raise NotProposedError("the invoice has a fraction of a unit, which we never send: find out who sent it")


def _credited_lines(found: Difference, amount: int, currency: str) -> dict[str, int]:
    """Which lines give the amount back: the last ones first, since the last units lie in the last tiers."""
    if found.status is InvoiceStatus.UNCOLLECTIBLE:
        raise NotProposedError(
            f"{money(amount, currency)} are too much, and nobody has paid {found.invoice_id}, which is uncollectible: "
            "give nothing back; settle it by what you have agreed with the customer"
        )
    if found.invoice_id is None or found.status not in {InvoiceStatus.OPEN, InvoiceStatus.PAID}:
        raise NotProposedError(
            f"{money(amount, currency)} are to be credited, and only an open or paid invoice takes a credit note: give "
            "them to the customer's balance in Stripe"
        )
    if found.creditable is not None and amount > found.creditable:
        raise NotProposedError(
            f"{money(amount, currency)} are to be credited, and of the invoice {found.invoice_id} no more than "
            f"{money(max(found.creditable, 0), currency)} is left to credit: give them to the customer's balance in "
            "Stripe, then settle by that"
        )
    left, credited = amount, {}
    for line in reversed(found.lines):
        part = min(left, max(line.amount, 0))
        if part:
            credited[line.line_id] = part
            left -= part
    if left:
        raise NotProposedError(
            f"the lines of {found.invoice_id} come to {money(amount - left, currency)}, less than the "
            f"{money(amount, currency)} to credit"
        )
    return credited


def in_words(what: Proposed) -> str:
    """Its numbers, for whoever must see why it fits no more."""
    return (
        f"{what.old_quantity:f} to {what.new_quantity:f}, {money(what.amount, what.currency)} by {what.kind} "
        f"at {what.price_id}"
    )


#: What else a proposal is about, that its numbers do not say, in words.
_BASIS = {
    "tenant_id": "the tenant",
    "invoice_id": "the invoice",
    "period_end": "the end of its period",
    "cause": "the cause",
    "lines": "what of each line is credited",
}


def in_words_now(now: Proposed, before: Proposed) -> str:
    """Its numbers, and whatever else is not as it was when it was proposed."""
    other = [
        f"{words} was {getattr(before, name) or 'none'} and is {getattr(now, name) or 'none'}"
        for name, words in _BASIS.items()
        if getattr(now, name) != getattr(before, name)
    ]
    return "; ".join([in_words(now), *other])
