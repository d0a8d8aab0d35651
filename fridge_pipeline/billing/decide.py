"""Decide: what a person knows about an unconfirmed meter event better than Stripe's totals goes into the ledger."""

from __future__ import annotations

from datetime import datetime

import psycopg

from fridge_pipeline.billing.delivery_record import settle_accepted
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.database.exceptions import close_settled_exceptions
from fridge_pipeline.database.queries import statement
from fridge_pipeline.stripe.rules.meter_event import Status

#: How an exception names the cancellation of a meter event.
CANCELLATION = "cancel:"


class NotUnconfirmedError(ValueError):
    """Nothing of it is unconfirmed, so there is nothing to decide."""


def decide_statement(
    connection: psycopg.Connection, subject: str, answer: str, now: datetime, *, is_counted: bool
) -> None:
    """Decides an unconfirmed meter event, or with ``cancel:`` before it its cancellation; call in a transaction.

    Counted: it is accepted. Not counted: it is missing, and the next sweep sends the hour again. ``answer`` stays in
    the ledger. Raises ``NotUnconfirmedError``.
    """
    is_cancellation = subject.startswith(CANCELLATION)
    identifier = subject.removeprefix(CANCELLATION)
    otherwise = Status.REFUSED if is_cancellation else Status.MISSING
    parameters = {
        "identifiers": [identifier],
        "statuses": [(Status.ACCEPTED if is_counted else otherwise).value],
        "settled_at": [now],
        "http_statuses": [None],
        "request_ids": [None],
        "answers": [answer],
    }
    if not is_cancellation:
        connection.execute(statement("leave_sent"), {"identifiers": [identifier]})
    name = "write_cancellation_receipts" if is_cancellation else "write_receipts"
    if not connection.execute(statement(name), parameters).rowcount:
        raise NotUnconfirmedError(f"{subject} is no longer unconfirmed: fridge explain shows what happened to it")
    if is_counted:
        settle_accepted(connection, *([], [identifier]) if is_cancellation else ([identifier], []))
        close_settled_exceptions(connection, [] if is_cancellation else [identifier], now)


def give_up_statement(
    connection: psycopg.Connection, tenant_id: str, hour: Hour, event_name: str, identifier: str | None, now: datetime
) -> None:
    """Writes that Stripe does not count an accepted meter event, so that the next sweep states the hour anew.

    Of several that count, as on a meter that adds up, ``identifier`` says which. Raises ``NotUnconfirmedError``.
    """
    place = {"tenant_id": tenant_id, "hour": hour.start, "event_name": event_name}
    counting = [row[0] for row in connection.execute(statement("counting_statements"), place).fetchall()]
    if identifier is None and len(counting) > 1:
        raise NotUnconfirmedError(
            f"{len(counting)} statements count for {tenant_id!r} in {hour}: say which is missing at Stripe, with "
            f"--document and one of {', '.join(counting)}"
        )
    if not counting or identifier not in {None, *counting}:
        raise NotUnconfirmedError(
            f"{identifier or event_name} does not count for {tenant_id!r} in {hour}; what counts there: "
            f"{', '.join(counting) or 'nothing'}"
        )
    connection.execute(statement("refuse_later"), {"identifier": identifier or counting[0], "now": now})
