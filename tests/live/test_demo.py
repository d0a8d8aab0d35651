"""``fridge demo --exit``: what a newcomer's first two minutes come to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import requests

from fridge_pipeline.adapters.embedded_server.server import EmbeddedServer
from fridge_pipeline.adapters.local_sandbox import LocalSandbox
from tests.live.running_fridge import describe, processes_of, run_fridge

#: Per meter, customer and hour.
Usage = dict[tuple[str, str, str], int]

TABLE = ("hours billed", "readings", "duplicates", "rejected", "events accepted")


def test_a_second_demo_continues_from_the_same_data_bills_nothing_twice_and_leaves_no_process(tmp_path: Path) -> None:
    home = tmp_path / "a home with spaces"
    first = run_fridge(home, "demo", "--exit")
    assert first.returncode == 0, first.stderr
    assert all(heading in first.stderr for heading in TABLE), first.stderr
    assert not processes_of(home), describe(processes_of(home))
    after_first = usage_in_the_books(home)
    assert sum(after_first.values()) > 0

    second = run_fridge(home, "demo", "--exit")
    assert second.returncode == 0, second.stderr
    assert not processes_of(home), describe(processes_of(home))
    after_second = usage_in_the_books(home)
    assert {key: after_second.get(key) for key in after_first} == after_first
    assert usage_at_stripe(home) == after_second


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
