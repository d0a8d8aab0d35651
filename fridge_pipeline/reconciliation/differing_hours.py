"""Hours that differ and need a person: each becomes an exception, and is closed once the three numbers agree again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import psycopg

from fridge_pipeline.calendar.days import DayRange
from fridge_pipeline.database.exceptions import ExceptionKey, open_exception
from fridge_pipeline.database.queries import span_of, statement
from fridge_pipeline.reconciliation.reconciliation_record import Account
from fridge_pipeline.reconciliation.rules.causes import FOR_A_PERSON, Cause
from fridge_pipeline.reconciliation.rules.side_by_side import Row
from fridge_pipeline.stripe.rules.meter_event import billing_deadline


def keep_exceptions(
    connection: psycopg.Connection,
    account: Account,
    days: DayRange,
    rows: Sequence[Row],
    others: Sequence[str],
    now: datetime,
) -> None:
    """Opens and closes what reconciliation says of an account's hours; ``others`` had the customer as well.

    Call it in the transaction that writes the rows.
    """
    differing = [row for row in rows if row.hour is not None]
    for cause in FOR_A_PERSON:
        stay = [row.hour.start for row in differing if row.hour and _stays_open(row, cause)]
        connection.execute(
            statement("close_explained_hours"),
            {
                **span_of(days.hours),
                "kind": cause.value,
                "tenant_id": account.tenant_id,
                "event_name": account.meter.event_name,
                "differing": stay,
                "now": now,
            },
        )
    for row in differing:
        if row.cause in FOR_A_PERSON and row.hour is not None:
            key = ExceptionKey(row.cause.value, account.tenant_id, row.hour, account.meter.event_name)
            told = _not_ours(row, account) if row.cause is Cause.NOT_STATED_BY_US else _in_doubt(row, account, others)
            owed = -int(row.difference or 0) if row.cause is Cause.NOT_STATED_BY_US else None
            open_exception(connection, key, told, now, deadline_at=billing_deadline(row.hour), owed=owed)


def _stays_open(row: Row, cause: Cause) -> bool:
    """What was unexplained stays so while the hour differs for a reason that passes, until it agrees."""
    if cause is Cause.UNEXPLAINED:
        return row.cause not in {Cause.NOT_BILLED, Cause.NOT_STATED_BY_US}
    return row.cause is cause


def _not_ours(row: Row, account: Account) -> str:
    return (
        f"For customer {row.stripe_customer_id} Stripe shows {row.stripe} {account.meter.event_name} of this hour, and "
        f"we have stated nothing for it (our usage is {row.usage or 0}): somebody else did. Find out in Stripe who "
        "states usage for this customer, have it stopped, credit what was billed (docs/runbook.md, not_stated_by_us). "
        "This closes by itself when a later reconciliation finds nothing of it."
    )


def _in_doubt(row: Row, account: Account, others: Sequence[str]) -> str:
    difference = row.difference or Decimal(0)
    much = {True: "too much", False: "too little"}[difference > 0]
    off = f"{abs(difference)} {much}" if difference else "the usage, but not what Stripe had accepted"
    had = ", ".join(map(repr, others))
    shared = f"It was, or is, the customer of {had} as well: did both state this hour? " if others else ""
    return (
        f"Usage is {row.usage or 0} {account.meter.event_name}, the accepted statements come to {row.ledger or 0}, and "
        f"for customer {row.stripe_customer_id} Stripe shows {row.stripe}: {off}. {shared}Find out in Stripe who else "
        "states usage for this customer, or what became of our statement; docs/runbook.md, unexplained, says how the "
        "hour is stated anew. This closes by itself when a later reconciliation finds the three equal."
    )
