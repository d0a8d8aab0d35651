"""Billed elsewhere: what in Stripe may bill, or give back, the usage of a correction without our doing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

from fridge_pipeline.corrections.correction_record import corrections_known
from fridge_pipeline.corrections.rules.proposal import Proposed
from fridge_pipeline.invoices.invoice_record import corrections_of, known_invoices, known_prices, recent_invoices
from fridge_pipeline.invoices.rules.money import edited_text, money
from fridge_pipeline.stripe.correction_reads import balance_credits, pending_items, refunds_of
from fridge_pipeline.stripe.gateway import StripeCallError, StripeGateway
from fridge_pipeline.stripe.invoice_reads import customer_invoices
from fridge_pipeline.stripe.rules.correction import KEY, DocumentKind, StripeDocument, Wish
from fridge_pipeline.stripe.rules.invoice import MADE_BY_STRIPE, Invoice, InvoiceLine
from fridge_pipeline.stripe.writes import preview_credit


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

    def invoices(self) -> list[Invoice]:
        """The customer's, as Stripe shows them now, since the time began."""
        what = self.what
        return list(customer_invoices(self.gateway, what.customer_id, what.period_start, self.count_read))

    def unread(self, live: Sequence[Invoice]) -> list[str]:
        """Invoices that bill otherwise of the time than those in the books, as one that came since they were read."""
        read = {each.invoice_id: self._lines_of_time(each) for each in self._read()}
        now = {each.invoice_id: self._lines_of_time(each) for each in live}
        return [name for name, lines in now.items() if lines != read.get(name, frozenset())]

    def uncreditable(self, wish: Wish, remaining: int) -> str | None:
        """Why Stripe would not make a credit note as it is wished; in words."""
        try:
            total = preview_credit(self.gateway, wish, remaining, self.count_read)
        except StripeCallError as error:
            if not error.is_refused:
                raise
            return f"Stripe refuses it, so credit it by hand: {error}"
        return None if total == wish.amount else f"Stripe would make it {total}, as with taxes: credit it by hand"

    def edited(self, items: Sequence[StripeDocument]) -> list[str]:
        """Invoice items of ours of the same time that are in Stripe otherwise than they were read; in words."""
        what = self.what
        made = [
            each
            for each in corrections_known(self.connection, [what.customer_id])
            if each.state == "written"
            and each.what.kind is DocumentKind.INVOICE_ITEM
            and each.what.place.overlaps(what.place)
        ]
        now = {each.document_id: each.amount for each in items}
        return [
            edited_text(each.document, each.amount_in_stripe, now.get(each.document), each.what.currency)
            for each in made
            if each.document is not None and each.amount_in_stripe != now.get(each.document)
        ]

    def made_by_hand(
        self, live: Sequence[Invoice], items: Sequence[StripeDocument], told_at: datetime | None
    ) -> dict[str, str]:
        """Invoices and invoice items that somebody may have made of the usage since it was owed; in words.

        Nothing in them says which usage they are of, unless they have settled something. It was owed since an invoice
        of the time is void; where none has had it, since it was used; else since it was told.
        """
        void = [each.created_at for each in self._read() if each.is_void and self._lines_of_time(each)]
        since = min(void) if void else self.what.period_start if self.what.invoice_id is None else told_at
        if since is None:
            return {}
        settled_by = self._settled_by()
        known = known_invoices(self.connection, [each.invoice_id for each in live]).keys()
        ours = {each.invoice_id for each in items if KEY in each.metadata}
        over = {each.invoice_id for each in live if each.is_void or not settled_by.isdisjoint(_names(each))}
        found = {
            each.invoice_id: f"{each.invoice_id} ({each.status}) over {money(each.total, each.currency)}"
            for each in live
            if each.created_at >= since
            and each.billing_reason not in MADE_BY_STRIPE
            and each.invoice_id not in known | ours | over
        }
        of_others = {
            each.document_id: f"{each.document_id} over {money(each.amount, each.currency)}"
            for each in items
            if each.is_by_hand
            and each.amount > 0
            and each.created_at >= since
            and each.currency == self.what.currency
            and each.document_id not in settled_by
            and each.invoice_id not in found.keys() | over
        }
        return found | of_others

    def given_back_by_hand(
        self, notes: Sequence[StripeDocument], items: Sequence[StripeDocument], told_at: datetime | None
    ) -> dict[str, str]:
        """What of the invoice was given back otherwise than by us, and has settled nothing; in words.

        Credit notes and refunds of the invoice; and since it was told, invoice items below 0 and credits of the
        customer's balance, which are of no invoice.
        """
        settled_by = self._settled_by()
        found = {
            each.document_id: f"{each.document_id} ({each.number}) over {money(each.amount, each.currency)}"
            for each in notes
            if KEY not in each.metadata and not each.is_void and settled_by.isdisjoint({each.document_id, each.number})
        }
        of_notes = frozenset().union(*(each.refunds for each in notes if not each.is_void))
        back = [each for each in self._refunds() if each[0] not in of_notes]
        if told_at is not None:
            back += [
                (each.document_id, -each.amount, each.currency)
                for each in items
                if each.is_by_hand and each.amount < 0 and each.created_at >= told_at
            ]
            back += balance_credits(self.gateway, self.what.customer_id, told_at, self.count_read)
        return found | {
            document: f"{document} over {money(amount, currency)}"
            for document, amount, currency in back
            if document not in settled_by
        }

    def _refunds(self) -> list[tuple[str, int, str]]:
        invoice_id = self.what.invoice_id
        return [] if invoice_id is None else list(refunds_of(self.gateway, invoice_id, self.count_read))

    def _settled_by(self) -> set[str | None]:
        return {each.document for each in corrections_of(self.connection, [self.what.customer_id])}

    def _read(self) -> list[Invoice]:
        return recent_invoices(self.connection, [self.what.customer_id], self.what.period_start)

    def _lines_of_time(self, invoice: Invoice) -> frozenset[InvoiceLine]:
        """What of an invoice bills the usage, or may: a price that nobody has read yet may be of the meter."""
        bills = self._bills()
        return frozenset(
            line for line in invoice.lines if line.price_id and bills(line.price_id, line.period_start, line.period_end)
        )

    def _bills(self) -> Callable[[str, datetime, datetime], bool]:
        """Whether a price is of the proposal's meter, or was never read, and a period of some of its time."""
        others = {
            name for name, price in known_prices(self.connection).items() if price.event_name != self.what.event_name
        }
        return lambda price_id, start, end: (
            price_id not in others and start < self.what.period_end and self.what.period_start < end
        )


def _names(invoice: Invoice) -> set[str | None]:
    return {invoice.invoice_id, invoice.number}


def shape(invoice: Invoice) -> str:
    """What of an invoice decides whether a proposal fits, in a few words."""
    total = sum(line.amount for line in invoice.lines)
    return f"{invoice.status} with {len(invoice.lines)} lines of {money(total, invoice.currency)}"
