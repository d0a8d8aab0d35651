"""Find losses: corrections that were written to Stripe, and that it has no more; what they made good is owed again.

And invoice items that it has, and that no invoice takes: nobody pays for them before a person sees to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import psycopg

from fridge_pipeline.database.queries import statement
from fridge_pipeline.invoices.invoice_record import Reading
from fridge_pipeline.stripe.correction_reads import standing_of_item, standing_of_note
from fridge_pipeline.stripe.gateway import StripeGateway
from fridge_pipeline.stripe.rules.correction import DocumentKind, Fate

_RECORDED = {Fate.LOST: "add_correction_loss", Fate.ARRIVED: "add_correction_arrival"}


def find_losses(
    connection: psycopg.Connection,
    gateway: StripeGateway,
    subscribed: Mapping[str, bool],
    reading: Reading,
    count_read: Callable[[], None],
) -> tuple[int, str | None]:
    """Looks up each written correction that Stripe may still lose, a read each; returns how many are lost.

    ``subscribed`` are the customers of whom this key sees a subscription, and whether one goes on. Where it sees none
    it may be of another account, and that a document is missing there says nothing: the text is of such a one. What was
    found of each is on record before the next is looked for. Raises ``StripeCallError``.
    """
    lost, unsure = 0, None
    rows = connection.execute(statement("corrections_to_look_up")).fetchall()
    for number, customer_id, kind, document, passed_by in rows:
        if kind == DocumentKind.INVOICE_ITEM:
            found = standing_of_item(gateway, document, reading.read_at, count_read)
        else:
            found = standing_of_note(gateway, document, reading.read_at, count_read)
        fate = found.fate
        if fate is Fate.MISSING:
            if customer_id not in subscribed:
                unsure = f"{found.text}; nor has {customer_id} a subscription there"
                continue
            fate = Fate.LOST
        if fate in _RECORDED:
            outcome = {"proposal_id": number, "answer": found.text, **reading.parameters()}
            connection.execute(statement(_RECORDED[fate]), outcome)
        lost += fate is Fate.LOST
        why = _left_behind(customer_id, subscribed, passed_by) if found.is_pending else None
        connection.execute(
            statement("keep_stranded_correction" if why else "end_stranded_correction"),
            {"proposal_id": number, "found_at": reading.read_at, "answer": f"{document} is on no invoice: {why}"},
        )
    return lost, unsure


def _left_behind(customer_id: str, subscribed: Mapping[str, bool], passed_by: str | None) -> str | None:
    """Why no invoice will take a pending item of a customer by itself, if so."""
    if not subscribed.get(customer_id):
        return f"no subscription of {customer_id} goes on"
    return f"{passed_by} was made later and did not take it" if passed_by else None
