"""Owed elsewhere than in an hour's statements: on invoices, and where Stripe shows more than it was told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import psycopg

from fridge_pipeline.corrections.correction_record import differences
from fridge_pipeline.corrections.rules.proposal import Difference
from fridge_pipeline.corrections.rules.settlement import SettlementRefusedError
from fridge_pipeline.database.queries import statement
from fridge_pipeline.invoices.rules.corrected import Corrected


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
        and done.leaves(each.unsettled, each.cause)
        and (done.rest(each.unsettled) < 0) == (kind == "not_invoiced")
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
    amount = difference.amount if difference.difference else 0
    is_priced = amount is not None and difference.currency is not None
    return {
        "customer_id": difference.customer_id,
        "invoice_id": difference.invoice_id,
        "period_start": difference.period_start.isoformat(),
        "period_end": difference.period_end.isoformat(),
        "quantity": int(-done.rest(difference.unsettled)),
        "amount": (amount or 0) - done.amount if is_priced else None,
        "currency": difference.currency if is_priced else None,
    }
