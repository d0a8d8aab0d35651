"""Where usage of these books goes: put on record when it is about to be sent, and never changed."""

from __future__ import annotations

from datetime import datetime

import psycopg

from fridge_pipeline.database.queries import statement
from fridge_pipeline.stripe.account import account_id, host_of
from fridge_pipeline.stripe.gateway import StripeGateway


def record_stripe_use(connection: psycopg.Connection, gateway: StripeGateway, now: datetime) -> None:
    """A row when mode, host or account is another than before; an account that Stripe does not say changes nothing."""
    row = {"mode": gateway.mode.value, "host": host_of(gateway), "account_id": account_id(gateway), "now": now}
    connection.execute(statement("record_stripe_use"), row)
