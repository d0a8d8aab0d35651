"""Corrections in the books: what differs and so is owed, what was proposed, and what has become of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from fridge_pipeline.corrections.rules.proposal import Difference, Line, Proposed
from fridge_pipeline.corrections.rules.settlement import SettlementRefusedError
from fridge_pipeline.database.queries import statement
from fridge_pipeline.invoices.invoice_record import corrections_of
from fridge_pipeline.invoices.rules.billing_periods import Span
from fridge_pipeline.invoices.rules.corrected import Corrected, Place, corrected
from fridge_pipeline.stripe.rules.correction import DocumentKind, Wish
from fridge_pipeline.stripe.rules.invoice import InvoiceStatus


@dataclass(frozen=True, slots=True)
class CorrectionRecord:
    """A proposal on record, and what has become of it; ``state`` is as the view ``fridge.corrections`` has it.

    ``amount_in_stripe`` is what its document was when it was read last: somebody may have edited it there.
    """

    proposal_id: int
    key: str
    what: Proposed
    state: str
    proposed_by: str
    approved_by: str | None
    document: str | None
    document_number: str | None
    answer: str | None
    amount_in_stripe: int

    @property
    def in_stripe(self) -> int | None:
        """The same while Stripe has it; else nothing."""
        return self.amount_in_stripe if self.state == "written" else None

    @property
    def wish(self) -> Wish:
        """The document in Stripe."""
        what = self.what
        period = f"{what.period_start:%Y-%m-%d %H:%M} to {what.period_end:%Y-%m-%d %H:%M} UTC"
        return Wish(
            kind=what.kind,
            key=self.key,
            customer_id=what.customer_id,
            invoice_id=what.invoice_id,
            event_name=what.event_name,
            period_start=what.period_start,
            period_end=what.period_end,
            amount=abs(what.amount),
            currency=what.currency,
            lines=what.lines,
            text=f"{what.event_name}, {period}: {what.new_quantity:f} instead of {what.old_quantity:f}",
        )


def differences(
    connection: psycopg.Connection, since: datetime, until: datetime, customer_id: str | None = None
) -> list[tuple[Difference, Corrected]]:
    """The comparisons that reach into a time, of all customers or one, each with its corrections in Stripe."""
    parameters = {"since": since, "until": until, "customer_id": customer_id}
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement("differences_to_correct"), parameters).fetchall()
    found = [_difference(row) for row in rows]
    places = [Place(each.customer_id, each.event_name, each.invoice_id, _span(each)) for each in found]
    written = corrections_of(connection, sorted({each.customer_id for each in found}))
    return [
        (each, done)
        for each, done in zip(found, corrected(places, written), strict=True)
        if each.period_end > since and each.period_start < until
    ]


def _span(of: Difference) -> Span:
    return Span(of.period_start, of.period_end)


def _difference(row: dict[str, Any]) -> Difference:
    status = row["status"]
    lines = tuple(Line(*each) for each in row["lines"])
    return Difference(**{**row, "status": InvoiceStatus(status) if status else None, "lines": lines})


def corrections_known(connection: psycopg.Connection, customer_ids: Sequence[str]) -> list[CorrectionRecord]:
    """Everything that was proposed of some customers, the newest last."""
    return _known(connection, customer_ids, None)


def correction(connection: psycopg.Connection, proposal_id: int) -> CorrectionRecord | None:
    """One proposal; ``None`` when there is none of this number."""
    found = _known(connection, [], proposal_id)
    return found[0] if found else None


def _known(
    connection: psycopg.Connection, customer_ids: Sequence[str], proposal_id: int | None
) -> list[CorrectionRecord]:
    parameters = {"customer_ids": list(customer_ids), "proposal_id": proposal_id}
    with connection.cursor(row_factory=dict_row) as cursor:
        return [_record(row) for row in cursor.execute(statement("known_corrections"), parameters)]


def _record(row: dict[str, Any]) -> CorrectionRecord:
    of_proposal = {each.name: row[each.name] for each in fields(Proposed)}
    what = Proposed(**{**of_proposal, "kind": DocumentKind(row["kind"])})
    return CorrectionRecord(
        proposal_id=row["proposal_id"],
        key=row["correction_key"],
        what=what,
        state=row["state"],
        proposed_by=row["proposed_by"],
        approved_by=row["approved_by"],
        document=row["document"],
        document_number=row["document_number"],
        answer=row["answer"],
        amount_in_stripe=row["amount_in_stripe"],
    )


def add_proposal(connection: psycopg.Connection, what: Proposed) -> None:
    """As the act of whoever is signed in; the database refuses whoever may not."""
    parameters = {**asdict(what), "delta": what.delta, "kind": what.kind.value, "lines": Jsonb(what.lines)}
    connection.execute(statement("add_correction_proposal"), parameters)


@dataclass(frozen=True, slots=True)
class Owed:
    """What is to be settled: of which tenant how much, and of which periods of invoices; empty without a quantity."""

    shares: dict[str | None, int] = field(default_factory=dict)
    event_name: str | None = None
    places: list[dict[str, object]] = field(default_factory=list)

    @property
    def quantity(self) -> int:
        """All of it; below 0 where Stripe, or an invoice, has too much."""
        return sum(self.shares.values())


def owed_on_invoices(
    connection: psycopg.Connection, exception_id: int, kind: str, tenant_id: str | None, hour: datetime
) -> Owed:
    """What the periods that begin in an hour differ by, as they were compared last. Raises ``SettlementRefusedError``.

    What the exception speaks of: periods of its tenant and meter, with too little on the invoice or with too much.
    """
    row = connection.execute(statement("exception_to_settle"), {"exception_id": exception_id}).fetchone()
    subject = row[4] if row else ""
    found = [
        (each, done)
        for each, done in differences(connection, hour, hour + timedelta(hours=1))
        if each.tenant_id == tenant_id
        and subject in {each.event_name, f"{each.event_name} {each.customer_id}"}
        and hour <= each.period_start < hour + timedelta(hours=1)
        and done.leaves(each.unsettled, each.cause, each.owed)
        and done.is_owed(each.unsettled, each.owed) == (kind == "not_invoiced")
    ]
    if not found or any(done.rest(each.unsettled) % 1 for each, done in found):
        raise SettlementRefusedError(
            f"exception {exception_id} ({kind}) no longer says what is owed, or a part of a unit is; look at it with "
            "fridge invoices, then settle what is open then"
        )
    quantity = sum(int(-done.rest(each.unsettled)) for each, done in found)
    return Owed({tenant_id: quantity}, found[0][0].event_name, [_place(each, done) for each, done in found])


def _place(difference: Difference, done: Corrected) -> dict[str, object]:
    """As the settlement keeps it; times as texts, since it is kept as JSON."""
    owed = difference.owed
    is_priced = owed is not None and difference.currency is not None
    return {
        "customer_id": difference.customer_id,
        "invoice_id": difference.invoice_id,
        "period_start": difference.period_start.isoformat(),
        "period_end": difference.period_end.isoformat(),
        "quantity": int(-done.rest(difference.unsettled)),
        "amount": done.money_rest(owed or 0) if is_priced else None,
        "currency": difference.currency if is_priced else None,
    }
