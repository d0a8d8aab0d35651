"""Tell what a person must correct: open exceptions are what was compared last, less what was corrected, and no more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import psycopg
from psycopg.rows import class_row

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.database.exceptions import ExceptionKey, close_exception, open_exception, open_of_kind
from fridge_pipeline.database.queries import statement
from fridge_pipeline.difference_causes import INVOICE_CAUSES
from fridge_pipeline.invoices.invoice_record import corrections_of
from fridge_pipeline.invoices.our_side import InvoicedMeters
from fridge_pipeline.invoices.rules.billing_periods import Span
from fridge_pipeline.invoices.rules.corrected import Corrected, Place, corrected
from fridge_pipeline.invoices.rules.money import money
from fridge_pipeline.reason_codes import INVOICE_KINDS

TAKEN_BY_HAND = (
    "Make an invoice in Stripe with the customer's pending items, or finalize the draft that has it; or delete the "
    "item there, then it is owed again"
)

EDITED = (
    "Set it back in Stripe while it is on no final invoice; or have fridge correct MONTH propose the rest, or settle "
    "what you have agreed with the customer"
)

LEFT_DRAFT = (
    "It is a draft that should be final since more than a day, so nobody is charged for any of it. Look in Stripe for "
    "its last finalization error, or who has switched automatic finalization off, and finalize or delete it there"
)


@dataclass(frozen=True, slots=True)
class Told:
    """A comparison on record, and until when the customer's next invoice takes an invoice item.

    ``is_left``: of a draft with something on it that nothing makes final.
    """

    invoice_id: str | None
    tenant_id: str | None
    customer_id: str
    event_name: str
    period_start: datetime
    period_end: datetime
    usage: Decimal
    accepted: Decimal
    invoiced: Decimal
    settled: Decimal
    cause: str | None
    amount: int | None
    currency: str | None
    deadline_at: datetime | None
    is_left: bool

    @property
    def place(self) -> Place:
        """What it is of."""
        return Place(self.customer_id, self.event_name, self.invoice_id, Span(self.period_start, self.period_end))

    @property
    def unsettled(self) -> Decimal:
        """What is invoiced less our usage, but for what people have settled of single hours."""
        return self.invoiced - self.usage + self.settled

    @property
    def owed(self) -> int | None:
        """What the whole difference costs; ``None`` where no price says so."""
        return self.amount if self.invoiced != self.usage else 0

    def key(self, done: Corrected) -> ExceptionKey:
        """Its exception's; of a customer that is no tenant's, the subject says which."""
        is_right = not done.rest(self.unsettled) and not done.money_left(self.owed)
        is_owed = done.is_owed(self.unsettled, self.owed) or self.is_left or (is_right and done.stranded)
        kind = "not_invoiced" if is_owed else "invoiced_too_much"
        subject = self.event_name if self.tenant_id is not None else f"{self.event_name} {self.customer_id}"
        return ExceptionKey(kind, self.tenant_id, Hour.containing(self.period_start), subject)


def tell_differences(connection: psycopg.Connection, meters: InvoicedMeters, now: datetime) -> None:
    """Opens, brings up to date and closes the exceptions about invoices; call it in a transaction.

    They are a function of the comparisons and of the corrections and settlements on record, and of nothing that was
    told before: whoever dies, moves a tenant or closes one by hand, the next who calls this tells what is so.
    """
    connection.execute(statement("lock_comparisons"))
    owed: dict[ExceptionKey, list[tuple[Told, Corrected]]] = defaultdict(list)
    for row, done in _with_corrections(connection):
        if done.leaves(row.unsettled, row.cause, row.owed) or done.stranded or row.is_left:
            owed[row.key(done)].append((row, done))
    for key, same in owed.items():
        detail = "; ".join(_detail(row, done) for row, done in same)
        open_exception(connection, key, detail, now, deadline_at=same[0][0].deadline_at)
        connection.execute(statement("tell_amounts"), {**key.parameters(), **_amounts(same)})
    names = meters.event_names
    for kind in INVOICE_KINDS:
        for key in open_of_kind(connection, kind):
            if key not in owed and any(key.subject == name or key.subject.startswith(f"{name} ") for name in names):
                close_exception(connection, key, now)


def _with_corrections(connection: psycopg.Connection) -> Iterable[tuple[Told, Corrected]]:
    """Every comparison of the customers of whom something may have to be told, with its corrections."""
    with connection.cursor(row_factory=class_row(Told)) as cursor:
        rows = cursor.execute(statement("comparisons_to_tell")).fetchall()
    written = corrections_of(connection, sorted({row.customer_id for row in rows}))
    return zip(rows, corrected([row.place for row in rows], written), strict=True)


def _amounts(same: Sequence[tuple[Told, Corrected]]) -> dict[str, Decimal | int | str | None]:
    """What an exception comes to; empty where its documents are right, and only on no invoice."""
    rests = [done.rest(row.unsettled) for row, done in same]
    owed = [None if row.owed is None else done.money_rest(row.owed) for row, done in same]
    currencies = {row.currency for row, _ in same}
    is_priced = None not in owed and len(currencies) == 1 and None not in currencies
    return {
        "not_invoiced": -sum(rests) or None,
        "amount": (sum(each or 0 for each in owed) or None) if is_priced else None,
        "currency": currencies.pop() if is_priced else None,
    }


def _detail(row: Told, done: Corrected) -> str:
    """The difference in words, with the money where a price is known."""
    where = f"invoice {row.invoice_id}" if row.invoice_id else "no invoice"
    rest = done.rest(row.unsettled)
    much = "too little" if done.is_owed(row.unsettled, row.owed) else "too much"
    left = done.money_rest(row.owed or 0)
    settled = f", settled {row.settled:f}" if row.settled else ""
    amount = f", {money(abs(left), row.currency)}" if left and row.currency and row.owed is not None else ""
    why = ""
    if row.cause is not None:
        words = INVOICE_CAUSES[row.cause]
        why = f". {words.words}: {words.do}"
    quantity = f"{abs(rest):f} "
    if not rest and done.money_left(row.owed):
        quantity, why = "", f". {EDITED}"
    if row.is_left:
        why = f". {LEFT_DRAFT}"
    if done.stranded:
        why = f"{why if row.is_left else ''}. {done.stranded}. {TAKEN_BY_HAND}"
    return (
        f"{row.event_name} of customer {row.customer_id}, {row.period_start:%Y-%m-%d %H:%M} to "
        f"{row.period_end:%Y-%m-%d %H:%M} UTC, {where}: invoiced {row.invoiced:f}, usage {row.usage:f}, accepted "
        f"{row.accepted:f}{settled}{done.in_words()}: {quantity}{much}{amount}{why}"
    )
