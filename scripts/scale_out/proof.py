"""What was landed against what is stored, counted, stated and summed by Stripe's sandbox itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from cluster import Cluster, customer_of

FILES = b"""
select count(*), sum(row_count), sum(inserted_count), sum(duplicate_count), sum(rejected_count),
    count(*) filter (where row_count <> inserted_count + duplicate_count + rejected_count)
from fridge.landing_files
"""
STORED = b"select count(*) from fridge.stored_readings"
USAGE = b"""
select 'temperature_readings', tenant_id, to_char(hour at time zone 'UTC', 'YYYY-MM-DD-HH24:00'), inserted_count
from fridge.inserted_counts
union all
select 'active_sensors', tenant_id, to_char(hour at time zone 'UTC', 'YYYY-MM-DD-HH24:00'), active_sensors
from fridge.active_sensors
"""
EXCEPTIONS = b"select count(*) from fridge.exceptions where closed_at is null"
BY_RUN = b"select run_id, sum(inserted_count)::bigint from fridge.landing_files group by run_id"


@dataclass(frozen=True, slots=True)
class Total:
    """One line of the proof: what the landing files come to, and what was found."""

    what: str
    landed: int
    found: int

    @property
    def is_right(self) -> bool:
        """Whether both agree."""
        return self.landed == self.found


def totals(cluster: Cluster) -> list[Total]:
    """Every total that must agree, to the last reading."""
    landed = cluster.landed
    with psycopg.connect(cluster.dsn) as connection:
        ((files, rows, inserted, duplicates, rejected, unaccounted),) = connection.execute(FILES).fetchall()
        ((stored,),) = connection.execute(STORED).fetchall()
        usage = {(meter, tenant, hour): value for meter, tenant, hour, value in connection.execute(USAGE).fetchall()}
        ((exceptions,),) = connection.execute(EXCEPTIONS).fetchall()
    stripe = {
        (row["event_name"], row["customer"], row["hour"]): row["value"] for row in cluster.world.sandbox.usage()["data"]
    }
    expected = {(meter, customer_of(tenant), hour): value for (meter, tenant, hour), value in usage.items()}
    differing = sum(stripe.get(key) != expected.get(key) for key in stripe.keys() | expected.keys())
    return [
        Total("landing files loaded", landed.files, files),
        Total("rows read", landed.rows, rows),
        Total("readings inserted, by the files", landed.readings, inserted),
        Total("duplicates", landed.repeated, duplicates),
        Total("rejected", landed.rejected, rejected),
        Total("files with rows unaccounted for", 0, unaccounted),
        Total("readings stored", landed.readings, stored),
        Total("readings in usage", landed.readings, _sum_of(usage, "temperature_readings")),
        Total("readings in Stripe's own sum", landed.readings, _sum_of(stripe, "temperature_readings")),
        Total("sensor-hours in Stripe's own sum", landed.sensor_hours, _sum_of(stripe, "active_sensors")),
        Total("tenant-hours where Stripe and usage differ", 0, differing),
        Total("open exceptions", 0, exceptions),
    ]


def readings_by_run(cluster: Cluster) -> dict[str, int]:
    """Run → the readings it stored."""
    with psycopg.connect(cluster.dsn) as connection:
        return dict(connection.execute(BY_RUN).fetchall())


def _sum_of(values: Mapping[tuple[str, str, str], int], meter: str) -> int:
    return sum(int(value) for key, value in values.items() if key[0] == meter)
