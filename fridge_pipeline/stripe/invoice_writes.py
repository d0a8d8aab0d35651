"""What is written to Stripe's invoices: when a draft becomes final, with a mark of who wants it so."""

from __future__ import annotations

from datetime import datetime

from fridge_pipeline.stripe.gateway import StripeGateway
from fridge_pipeline.stripe.invoice_reads import read_draft
from fridge_pipeline.stripe.rules.invoice import HELD_BY, Draft


def schedule_draft(gateway: StripeGateway, invoice_id: str, finalizes_at: datetime, mark: str, key: str) -> Draft:
    """Has Stripe make a draft final at a time, and returns the draft as it is then.

    Always both: the time alone never fires on a draft that does not advance by itself, and ``auto_advance`` alone
    leaves the time to Stripe. ``key`` is the ``Idempotency-Key``: of two callers with one key and other wishes, Stripe
    refuses the second. Raises ``StripeCallError``.
    """
    with gateway.reading(f"rescheduling the draft {invoice_id}") as client:
        written = client.v1.invoices.update(
            invoice_id,
            {
                "auto_advance": True,
                "automatically_finalizes_at": int(finalizes_at.timestamp()),
                "metadata": {HELD_BY: mark},
            },
            {"idempotency_key": key},
        ).to_dict()
    return read_draft(written)
