"""Drafts: how one is made, how its lines follow the usage, and who is told."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from stripe_sandbox.billing.happenings import Happening
from stripe_sandbox.billing.invoice_items import InvoiceItem
from stripe_sandbox.billing.invoices import Invoice
from stripe_sandbox.billing.lines import Line, Metered, lines_of
from stripe_sandbox.billing.subscriptions import Item, Subscription
from stripe_sandbox.books import ALWAYS
from stripe_sandbox.cycle.usage import charges_of
from stripe_sandbox.sandbox import Sandbox

AT_ONCE = None  # instead of a grace in seconds
WEBHOOK_PATIENCE = 72 * 3_600  # seconds for which failing webhooks hold a draft back


def new_id(prefix: str) -> str:
    """A fresh id such as ``in_…``."""
    return f"{prefix}_{secrets.token_hex(12)}"


@dataclass(frozen=True)
class Bill:
    """What an invoice of a subscription is to hold, and why and when it comes; ``grace`` in seconds, or at once.

    ``start`` and ``end`` are the invoice's own period, which is not that of its lines.
    """

    reason: str
    now: int
    start: int
    end: int
    grace: int | None
    metered: tuple[Metered, ...] = ()
    lines: tuple[Line, ...] = ()
    with_pending: bool = True


def stretch(subscription: Subscription, item: Item, end: int, *, whole: bool = False, free: bool = False) -> Metered:
    """The usage of an item from where its current period counts until ``end``.

    ``whole`` makes its lines show the item's whole period also where usage counts from later on.
    """
    return Metered(
        id=secrets.token_hex(10),
        item=item.id,
        subscription=subscription.id,
        price=item.price,
        start=item.period_start if whole else max(item.period_start, item.usage_from),
        end=end,
        usage_start=item.usage_from,
        usage_end=end,
        before=item.billed,
        first=item.first,
        settled=item.swapped,
        free=free,
    )


def prepared(
    sandbox: Sandbox, subscription: Subscription, bill: Bill, as_of: float = ALWAYS
) -> tuple[Invoice, list[InvoiceItem]]:
    """The draft that this bill makes and the pending invoice items that go on it; nothing is recorded yet."""
    billing, settings = sandbox.books.billing, sandbox.settings
    items = [each for each in billing.pending_items(subscription.customer) if bill.with_pending]
    items = [each for each in items if each.subscription in {None, subscription.id}]
    items = [each for each in items if each.currency == subscription.currency]
    pause = subscription.pause_at(bill.now)
    keeps = pause == "keep_as_draft"
    grace = 0 if bill.grace is AT_ONCE else bill.grace
    patience = WEBHOOK_PATIENCE if settings.webhooks_failing and bill.grace is not AT_ONCE else 0
    draft = Invoice(
        id=new_id("in"),
        number=f"{subscription.id[-8:].upper()}-{len(billing.invoices) + 1:04d}",
        customer=subscription.customer,
        currency=subscription.currency,
        created=bill.now,
        reason=bill.reason,
        period_start=bill.start,
        period_end=bill.end,
        subscription=subscription.id,
        collection_method=subscription.collection_method,
        auto_advance=not keeps,
        finalizes_at=None if keeps else bill.now + max(grace, patience),
        lines=(*bill.lines, *(item.as_line() for item in items)),
        metered=bill.metered,
        subscription_metadata=subscription.metadata,
        days_until_due=subscription.days_until_due,
        outcome=pause,
        percent_off=settings.percent_off,
        test_clock=subscription.test_clock,
    )
    return computed(sandbox, draft, as_of, anew=True), items


def open_draft(sandbox: Sandbox, subscription: Subscription, bill: Bill) -> Invoice | None:
    """Make the draft of a bill and tell about it; nothing when it would hold no line."""
    draft, items = prepared(sandbox, subscription, bill)
    if not draft.lines:
        return None
    for item in items:
        sandbox.record(item.on(draft.id))
    record_and_tell(sandbox, "invoice.created", draft, bill.now)
    return draft


def computed(sandbox: Sandbox, invoice: Invoice, as_of: float = ALWAYS, *, anew: bool = False) -> Invoice:
    """A draft with the lines that its usage makes as of then; any other invoice as it is.

    The lines of usage that is settled stay as they were, unless all are to be computed ``anew``.
    """
    if invoice.status != "draft" or not (invoice.metered or invoice.percent_off):
        return invoice
    lines = [line for line in invoice.lines if line.metered is None]
    told: list[Line] = []
    for metered in invoice.metered:
        if metered.settled and not anew:
            told += [line for line in invoice.lines if line.metered == metered.id]
        else:
            told += _lines(sandbox, metered, invoice.currency, as_of)
    return invoice.changed(lines=tuple(line.less(invoice.percent_off) for line in (*told, *lines)))


def as_shown(sandbox: Sandbox, invoice: Invoice) -> Invoice:
    """The invoice as a reader sees it: whether a draft shows the latest usage is not known of Stripe."""
    return computed(sandbox, invoice) if sandbox.settings.draft_usage == "latest" else invoice


def tell(sandbox: Sandbox, what: str, invoice: Invoice, now: float, before: dict[str, object] | None = None) -> None:
    """Note an event about an invoice, for the v1 API and, in its thin form, for the v2 API."""
    moment = int(now)
    sandbox.record(Happening(new_id("evt"), what, moment, as_shown(sandbox, invoice).as_stripe(), before or {}))
    tell_thin(sandbox, f"v1.{what}", invoice, now)


def record_and_tell(
    sandbox: Sandbox, what: str, invoice: Invoice, now: float, before: dict[str, object] | None = None
) -> Invoice:
    """The invoice, recorded as it is now, with an event about it."""
    sandbox.record(invoice)
    tell(sandbox, what, invoice, now, before)
    return invoice


def tell_thin(sandbox: Sandbox, what: str, invoice: Invoice, now: float) -> None:
    """Note an event for the v2 API only."""
    sandbox.record(Happening(new_id("evt_test"), what, int(now), {"id": invoice.id}, thin=True))


def _lines(sandbox: Sandbox, metered: Metered, currency: str, as_of: float) -> list[Line]:
    product = sandbox.books.billing.products[sandbox.books.billing.prices[metered.price].product]
    found = charges_of(sandbox, metered, as_of)
    subscription = sandbox.books.billing.subscriptions[metered.subscription]
    lines = lines_of(metered, found, currency, (product.id, product.name))
    return [line.on(metadata=subscription.metadata) for line in lines]
