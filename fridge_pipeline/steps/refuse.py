"""Refuse: the exception about a statement that Stripe said no to, at once or later."""

from __future__ import annotations

from datetime import datetime

import psycopg

from fridge_pipeline.adapters.postgres.exceptions import ExceptionKey, open_exception
from fridge_pipeline.adapters.postgres.ledger import stated_value
from fridge_pipeline.domain.meter_event import MeterEvent, billing_deadline
from fridge_pipeline.domain.refusal import customer_gone_detail, refused_detail, says_customer_is_gone


def open_refusal(
    connection: psycopg.Connection, event: MeterEvent, said: str, now: datetime, *, is_settled: bool = True
) -> None:
    """Opens ``refused``, or ``customer_gone`` where Stripe has an earlier total of a customer that it no longer knows.

    ``said`` is what Stripe said, as the end of "… for customer cus_x". Call it in a transaction, after the statement
    has its new state; without ``is_settled`` it is not decided.
    """
    stated = stated_value(connection, event) if is_settled and says_customer_is_gone(said) else None
    if stated is None:
        key = ExceptionKey("refused", event.tenant_id, event.hour, event.identifier)
        detail = refused_detail(event, said, is_settled=is_settled)
        open_exception(connection, key, detail, now, deadline_at=billing_deadline(event.hour))
        return
    usage = stated + event.value if event.is_difference else event.value
    key = ExceptionKey("customer_gone", event.tenant_id, event.hour, event.event_name)
    open_exception(
        connection, key, customer_gone_detail(event.event_name, usage, stated, event.stripe_customer_id), now
    )
