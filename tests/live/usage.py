"""What a running installation has counted, and what its Stripe sandbox was told: they must be the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import requests

from fridge_pipeline.database.embedded.server import EmbeddedServer
from fridge_pipeline.stripe.local_sandbox import LocalSandbox

#: Per meter, customer and hour.
Usage = dict[tuple[str, str, str], int]


def usage_in_the_books(home: Path) -> Usage:
    """Per meter, customer and hour: what the stored readings come to."""
    query = """
        select meter, stripe_customer_id, to_char(hour at time zone 'utc', 'YYYY-MM-DD-HH24:MI'), value
        from (
            select 'temperature_readings' as meter, tenant_id, hour, inserted_count as value
            from fridge.inserted_counts
            union all
            select 'active_sensors', tenant_id, hour, active_sensors from fridge.active_sensors
        ) as usage join fridge.tenants using (tenant_id)
        where value > 0
    """
    with EmbeddedServer(home / "postgres").hold() as address, psycopg.connect(address.dsn()) as connection:
        return {(meter, customer, hour): value for meter, customer, hour, value in connection.execute(query)}


def usage_at_stripe(home: Path) -> Usage:
    """The same of the sandbox's own tally."""
    with LocalSandbox(home / "sandbox").hold() as url:
        answer: dict[str, Any] = requests.get(f"{url}/_sandbox/usage", timeout=20).json()
    return {(row["event_name"], row["customer"], row["hour"]): row["value"] for row in answer["data"]}
