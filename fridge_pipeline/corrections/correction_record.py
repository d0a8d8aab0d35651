"""Corrections in the books: what differs, what was proposed, and what has become of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from fridge_pipeline.corrections.rules.proposal import Difference, Line, Proposed
from fridge_pipeline.database.queries import statement
from fridge_pipeline.invoices.corrections_written import corrections_of
from fridge_pipeline.invoices.rules.billing_periods import Span
from fridge_pipeline.invoices.rules.corrected import Corrected, Place, corrected
from fridge_pipeline.stripe.rules.correction import DocumentKind, Wish
from fridge_pipeline.stripe.rules.invoice import InvoiceStatus


@dataclass(frozen=True, slots=True)
class CorrectionRecord:
    """A proposal on record, and what has become of it; ``state`` is as the view ``fridge.corrections`` has it."""

    proposal_id: int
    key: str
    what: Proposed
    state: str
    proposed_by: str
    approved_by: str | None
    document: str | None
    document_number: str | None
    answer: str | None

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
    )


def add_proposal(connection: psycopg.Connection, what: Proposed) -> None:
    """As the act of whoever is signed in; the database refuses whoever may not."""
    parameters = {**asdict(what), "delta": what.delta, "kind": what.kind.value, "lines": Jsonb(what.lines)}
    connection.execute(statement("add_correction_proposal"), parameters)
