"""Open: the door to Stripe for these books, with the reads that it costs and the hour from which they are stated."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import psycopg

from fridge_pipeline.billing.delivery_record import claim_books
from fridge_pipeline.billing.ledger import keep_meter_turns, lock_staging
from fridge_pipeline.billing.passed_over import tell_passed_over
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.billing_start import EVERY_HOUR, BilledHours, BillingStart
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.queries import statement, value_of
from fridge_pipeline.stripe.rules.api_key import KeyMode

if TYPE_CHECKING:
    from fridge_pipeline.stripe.gateway import StripeGateway


class ReadPurpose(StrEnum):
    """What was read for."""

    RECONCILIATION = "reconciliation"
    REFUSALS = "refusals"
    EXPLANATION = "explanation"
    INVOICES = "invoices"


def count_reads(connection: psycopg.Connection, reads: int, purpose: ReadPurpose, now: datetime) -> None:
    """Puts reads on record; none leaves no row."""
    if reads:
        connection.execute(statement("count_reads"), {"reads": reads, "purpose": purpose.value, "now": now})


def reads_since(connection: psycopg.Connection, since: datetime) -> int:
    """How many reads were made since then, for whatever purpose."""
    return int(value_of(connection, "reads_since", {"since": since}))


#: Why Stripe is not read while ``books_are_claimed`` says no.
NEVER_STATED = "nothing of these books was ever stated to Stripe"


def books_are_claimed(connection: psycopg.Connection) -> bool:
    """Whether anything of these books was ever stated to Stripe."""
    return connection.execute(statement("books_are_live")).fetchone() is not None


class EarlierStartError(ValueError):
    """The start would move back over hours that another system has billed."""


class HoursBilledElsewhereError(ValueError):
    """From this start on, hours would be stated that another system has stated: they would be billed twice."""


def billing_start(connection: psycopg.Connection) -> BillingStart:
    """From which hour on usage is stated."""
    row = connection.execute(statement("billing_start")).fetchone()
    if row is None or row[1]:
        return EVERY_HOUR
    return BillingStart(None if row[0] is None else Hour(row[0]))


def hours_of_meter(connection: psycopg.Connection, event_name: str) -> BilledHours:
    """The hours that are a meter's to state: it may have come later, and may have been away for some."""
    return BilledHours(
        tuple(connection.execute(statement("stretches_of_meter"), {"event_name": event_name}).fetchall())
    )


def keep_billing_start(
    connection: psycopg.Connection, start: BillingStart, catalogue: tuple[Meter, ...], now: datetime
) -> None:
    """Records the start where it is another one than the books have; no meter event is made meanwhile.

    What was to be billed and lies before it becomes an exception (``passed_over``).
    Raises ``EarlierStartError`` for an hour before the one that the books have, and ``HoursBilledElsewhereError``
    when a comparison has shown usage of another system from this start on.
    """
    before = billing_start(connection)
    if before == start:
        return
    if before.first is not None and before != EVERY_HOUR and start.first is not None and start.first < before.first:
        raise EarlierStartError(
            f"FRIDGE_BILL_FROM={start}: usage is stated from {before} on, and another system billed the hours before: "
            f"they would be billed twice. Unset it to stay with {before}. If nobody billed them: first never, "
            "then compare those days with fridge shadow, then the earlier hour (docs/shadow-mode.md)"
        )
    bill_from = "infinity" if start.first is None else start.first.start.isoformat()
    with connection.transaction():
        lock_staging(connection)
        if start.first is not None:
            _refuse_to_bill_twice(connection, start.first)
        connection.execute(statement("record_billing_start"), {"bill_from": bill_from, "now": now})
        connection.execute(statement("apply_billing_start"), {"now": now})
        keep_meter_turns(connection, catalogue, now)
        tell_passed_over(connection, catalogue, now)


def _refuse_to_bill_twice(connection: psycopg.Connection, first: Hour) -> None:
    row = connection.execute(statement("hours_billed_elsewhere"), {"bill_from": first.start}).fetchone()
    if row is not None and row[0]:
        raise HoursBilledElsewhereError(
            f"FRIDGE_BILL_FROM={first}: Stripe already shows usage of {row[0]} hours from {Hour(row[1])} to "
            f"{Hour(row[2])} that another system has stated, as fridge shadow read it. They would be billed twice. "
            f"Bill from {Hour(row[2]).plus(1)} or later, once that system has stopped (docs/shadow-mode.md)"
        )


def stripe_of_books(connection: psycopg.Connection, open_gateway: Callable[[], StripeGateway]) -> StripeGateway:
    """The gateway, once it is certain that its key is of the kind these books are stated with.

    For whoever sends and for whoever only reads: totals of another account would say that what is stated is missing.
    Raises ``WrongBooksError`` and what ``open_gateway`` raises.
    """
    gateway = open_gateway()
    claim_books(connection, is_live=gateway.mode is KeyMode.LIVE)
    return gateway
