"""Billed elsewhere: what in Stripe may bill, or give back, the usage of a correction without our doing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

from fridge_pipeline.corrections.rules.proposal import Proposed
from fridge_pipeline.invoices.invoice_record import corrections_of, known_invoices, known_prices, recent_invoices
from fridge_pipeline.invoices.rules.money import money
from fridge_pipeline.stripe.correction_reads import pending_items
from fridge_pipeline.stripe.gateway import StripeGateway
from fridge_pipeline.stripe.invoice_reads import customer_invoices
from fridge_pipeline.stripe.rules.correction import KEY, StripeDocument
from fridge_pipeline.stripe.rules.invoice import MADE_BY_STRIPE


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What may be of the same usage as a proposal."""

    connection: psycopg.Connection
    gateway: StripeGateway
    what: Proposed
    count_read: Callable[[], None]

    def waiting_items(self) -> list[str]:
        """Stripe's own invoice items, after a price was changed, an item taken off or a subscription paused."""
        pending = pending_items(self.gateway, self.what.customer_id, self.count_read)
        bills = self._bills()
        return [item_id for item_id, price_id, start, end in pending if bills(price_id, start, end)]

    def invoices_by_hand(self) -> dict[str, str]:
        """Once an invoice of the time is void: invoices since, which somebody may have made in its place; in words.

        Such a copy has no metered price, so the books have none of it, unless it has settled something.
        """
        customer_id, bills = self.what.customer_id, self._bills()
        read = recent_invoices(self.connection, [customer_id], self.what.period_start)
        void = [
            each.created_at
            for each in read
            if each.is_void and any(bills(line.price_id, line.period_start, line.period_end) for line in each.lines)
        ]
        if not void:
            return {}
        since = list(customer_invoices(self.gateway, customer_id, min(void), self.count_read))
        known = known_invoices(self.connection, [each.invoice_id for each in since]).keys() | self._settled_by()
        return {
            each.invoice_id: f"{each.invoice_id} ({each.status}) over {money(each.total, each.currency)}"
            for each in since
            if not each.is_void
            and each.billing_reason not in MADE_BY_STRIPE
            and known.isdisjoint({each.invoice_id, each.number})
        }

    def notes_by_hand(self, notes: Sequence[StripeDocument]) -> dict[str, str]:
        """Of the credit notes of the invoice those that are not ours, and have settled nothing; in words."""
        settled_by = self._settled_by()
        return {
            each.document_id: f"{each.document_id} ({each.number}) over {money(each.amount, each.currency)}"
            for each in notes
            if KEY not in each.metadata and not each.is_void and settled_by.isdisjoint({each.document_id, each.number})
        }

    def _settled_by(self) -> set[str]:
        return {each.document for each in corrections_of(self.connection, [self.what.customer_id])}

    def _bills(self) -> Callable[[str | None, datetime, datetime], bool]:
        """Whether a price is of the proposal's meter, and a period of some of its time."""
        of_meter = {
            name for name, price in known_prices(self.connection).items() if price.event_name == self.what.event_name
        }
        return lambda price_id, start, end: (
            price_id in of_meter and start < self.what.period_end and self.what.period_start < end
        )
