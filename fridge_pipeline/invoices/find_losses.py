"""Find losses: documents that usage was made good by, and that Stripe has no more; that is owed again.

Those of corrections, and those that people have settled by. And invoice items that somebody has edited, or that no
invoice takes: nobody pays for them before a person sees to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import psycopg

from fridge_pipeline.database.queries import statement
from fridge_pipeline.invoices.invoice_record import Reading
from fridge_pipeline.invoices.rules.money import edited_text
from fridge_pipeline.stripe.correction_reads import standing_of_item, standing_of_named, standing_of_note
from fridge_pipeline.stripe.gateway import StripeCallError, StripeGateway
from fridge_pipeline.stripe.rules.correction import VOIDED_WITHIN, DocumentKind, Fate

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
    for number, customer_id, kind, document, passed_by, amount, currency in rows:
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
        if kind == DocumentKind.INVOICE_ITEM and found.amount not in {None, amount}:
            edit = {"amount": found.amount, "answer": edited_text(document, amount, found.amount, currency)}
            connection.execute(
                statement("add_correction_edit"), {"proposal_id": number, **edit, **reading.parameters()}
            )
        if fate in _RECORDED:
            outcome = {"proposal_id": number, "answer": found.text, **reading.parameters()}
            connection.execute(statement(_RECORDED[fate]), outcome)
        lost += fate is Fate.LOST
        why = _left_behind(customer_id, subscribed, passed_by) if found.is_pending else None
        if found.left_on:
            why = f"nothing makes {found.left_on} final, a draft that has it"
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


def find_lost_settlements(
    connection: psycopg.Connection,
    gateway: StripeGateway,
    subscribed: Mapping[str, bool],
    reading: Reading,
    count_read: Callable[[], None],
) -> tuple[int, str | None]:
    """The same of what people have settled by a document of Stripe's, given by its id or number.

    Any other text says nothing.
    """
    lost, unsure = 0, None
    parameters = {"since": reading.read_at - VOIDED_WITHIN}
    rows = connection.execute(statement("settlements_to_look_up"), parameters).fetchall()
    for settlement_id, document, customer_id in rows:
        try:
            found = standing_of_named(gateway, document, customer_id, reading.read_at, count_read)
        except StripeCallError as error:
            if not error.is_key_refused:
                raise
            unsure = str(error)
            continue
        if found is None or found.fate is Fate.WAITS:
            continue
        if found.fate is Fate.MISSING and customer_id not in subscribed:
            unsure = f"{found.text}; nor has {customer_id} a subscription there"
            continue
        is_lost = found.fate is not Fate.ARRIVED
        fate = (Fate.LOST if is_lost else Fate.ARRIVED).value
        outcome = {"settlement_id": settlement_id, "fate": fate, "answer": found.text, **reading.parameters()}
        connection.execute(statement("add_settlement_outcome"), outcome)
        lost += is_lost
    return lost, unsure
