"""From draft to final: quantities are settled, and what is final never changes by later usage."""

from __future__ import annotations

from stripe_sandbox.billing.invoices import Invoice
from stripe_sandbox.books import ALWAYS
from stripe_sandbox.cycle.drafting import computed, record_and_tell, tell_thin
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.stripe_shapes import refused


def finalize(sandbox: Sandbox, draft: Invoice, now: int, *, collect: bool) -> Invoice:
    """Make a draft final, with the usage that Stripe knows by then; pay it if it is to ``collect`` by itself.

    Raises ``StripeError`` (400) where the draft cannot become final; that stands on it from then on.
    """
    if draft.fails_with is not None:
        failed = draft.changed(finalization_error=draft.fails_with, finalizes_at=None, scheduled=False)
        record_and_tell(sandbox, "invoice.finalization_failed", failed, now)
        raise refused(draft.fails_with)
    lag = sandbox.settings.invoice_lag_seconds if draft.test_clock is None else 0.0
    latest = computed(sandbox, draft, now - lag if lag else ALWAYS)
    if sandbox.settings.quantity_changed_events and _quantities(latest) != _quantities(draft):
        tell_thin(sandbox, "v1.invoice.line_item_quantity_changed", latest, now)
    final = latest.changed(
        status="open",
        finalized_at=now,
        finalizes_at=None,
        metered=(),
        finalization_error=None,
        lines=tuple(line.on(metered=None) for line in latest.lines),
    )
    record_and_tell(sandbox, "invoice.finalized", final, now)
    return _collected(sandbox, final, now, collect=collect)


def pay(sandbox: Sandbox, invoice: Invoice, now: int) -> Invoice:
    """The invoice once nothing of it remains to be paid."""
    return record_and_tell(sandbox, "invoice.paid", invoice.changed(status="paid", paid_at=now), now)


def give_up(sandbox: Sandbox, invoice: Invoice, now: int) -> Invoice:
    """The invoice once it is uncollectible."""
    given_up = invoice.changed(status="uncollectible", uncollectible_at=now)
    return record_and_tell(sandbox, "invoice.marked_uncollectible", given_up, now)


def void(sandbox: Sandbox, invoice: Invoice, now: int) -> Invoice:
    """The invoice once it is void; whether its usage is billed again is not known of Stripe."""
    voided = record_and_tell(sandbox, "invoice.voided", invoice.changed(status="void", voided_at=now), now)
    subscription = sandbox.books.billing.subscriptions.get(invoice.subscription or "")
    if subscription is not None and sandbox.settings.void_bills_again:
        owed = (line for line in invoice.lines if line.item is not None and line.quantity is not None)
        sandbox.record(subscription.changed(owed=(*subscription.owed, *owed)))
    return voided


def _collected(sandbox: Sandbox, final: Invoice, now: int, *, collect: bool) -> Invoice:
    if final.outcome == "void":
        return void(sandbox, final, now)
    if final.outcome == "mark_uncollectible":
        return give_up(sandbox, final, now)
    automatic = collect and final.collection_method == "charge_automatically"
    if final.total <= 0 or (automatic and sandbox.settings.payment == "paid"):
        return pay(sandbox, final, now)
    return final


def _quantities(invoice: Invoice) -> list[tuple[str, object]]:
    return [(line.id, line.quantity) for line in invoice.lines]
