"""What Stripe answered, kept as it answered: sums per day and per hour, with the time of reading."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import psycopg

from fridge_pipeline.calendar.days import DayRange
from fridge_pipeline.database.queries import statement
from fridge_pipeline.reconciliation.reconciliation_record import Account
from fridge_pipeline.reconciliation.rules.side_by_side import NOTHING, Seen
from fridge_pipeline.stripe.reads import Grouping


@dataclass(frozen=True, slots=True)
class Answer:
    """What Stripe showed of one customer and meter; of ``days_by_hour`` it gave a sum for every hour."""

    stripe_customer_id: str
    seen: Seen
    days_by_hour: Collection[date]


def known_days(connection: psycopg.Connection, account: Account, days: DayRange) -> dict[str, dict[date, Decimal]]:
    """Customer → the days whose hours were read since anything was decided about them, and what they came to."""
    parameters = {**_key(account), "first_day": days.first, "last_day": days.last}
    known: dict[str, dict[date, Decimal]] = {customer: {} for customer in account.customer_ids}
    for customer, day, quantity in connection.execute(statement("known_stripe_days"), parameters).fetchall():
        known.setdefault(customer, {})[day] = quantity
    return known


def keep_answer(
    connection: psycopg.Connection, account: Account, days: DayRange, answer: Answer, read_at: datetime, run_id: str
) -> None:
    """Adds what was read of a customer in these days; sums of hours only where they are not what they were.

    Call it in a transaction, after ``write_rows``, which lets nobody else write of this account.
    """
    key = {**_key(account), "stripe_customer_id": answer.stripe_customer_id, "read_at": read_at, "run_id": run_id}
    every_day, by_hour = list(days.days()), set(answer.days_by_hour)
    connection.execute(
        statement("keep_stripe_days"),
        {
            **key,
            "days": every_day,
            "read_by": [(Grouping.HOUR if day in by_hour else Grouping.DAY).value for day in every_day],
            "quantities": [answer.seen.days.get(day, NOTHING) for day in every_day],
        },
    )
    hours = [hour for day in every_day if day in by_hour for hour in DayRange(day, day).hours.hours()]
    if hours:
        sums = [answer.seen.hours.get(hour, NOTHING) for hour in hours]
        of_hours = {"hours": [hour.start for hour in hours], "quantities": sums}
        connection.execute(statement("keep_stripe_sums"), {**key, **of_hours})


def keep_range(
    connection: psycopg.Connection, account: Account, days: DayRange, quantity: Decimal, read_at: datetime, run_id: str
) -> None:
    """Adds that one sum was read of an account without usage, which has one customer."""
    (customer,) = account.customer_ids
    read = {"first_day": days.first, "last_day": days.last, "quantity": quantity, "read_at": read_at, "run_id": run_id}
    connection.execute(statement("keep_stripe_range"), {**_key(account), "stripe_customer_id": customer, **read})


def _key(account: Account) -> dict[str, str]:
    return {"tenant_id": account.tenant_id, "event_name": account.meter.event_name}
