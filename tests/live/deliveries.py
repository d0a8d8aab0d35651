"""Landing files for a running demo, and what became of them in the books."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from tests.live.running_fridge import RunningFridge, wait_until

TENANT = "troy"
READINGS = 3
METERS = 2


def hour_ago(hours: int) -> datetime:
    """The start of the hour so many hours before the running one."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours)


def key(hour: datetime) -> str:
    """Its partition key."""
    return f"{hour:%Y-%m-%d-%H:00}"


def land(demo: RunningFridge, hour: datetime) -> str:
    """Delivers a new landing file of a tenant of the demo; returns its name, which is also its sensor's."""
    name = f"late-{uuid.uuid4().hex[:8]}.csv"
    folder = demo.home / "landing" / f"{hour:%Y-%m-%d}" / f"{hour:%H}"
    folder.mkdir(parents=True, exist_ok=True)
    times = [hour + timedelta(seconds=second) for second in range(READINGS)]
    lines = [f"{TENANT},{name},{at:%Y-%m-%dT%H:%M:%SZ},4.5" for at in times]
    unfinished = folder / f".{name}"
    unfinished.write_text("\n".join(["tenant_id,sensor_id,recorded_at,temperature_c", *lines, ""]), encoding="utf-8")
    unfinished.rename(folder / name)
    return name


def await_loaded(demo: RunningFridge, name: str) -> int:
    """Waits until a landing file is loaded; how many readings it brought."""
    query = "select inserted_count from fridge.landing_files where path like %s"
    found = wait_until(f"{name} is loaded", lambda: demo.rows(query, f"%/{name}"))
    return int(found[0][0])


def is_billed(demo: RunningFridge, hour: datetime) -> bool:
    """Whether what Stripe accepted last for the hour is what its stored readings come to, for both meters."""
    accepted = demo.rows(
        """
        select count(*) from fridge.meter_events
        join fridge.inserted_counts using (tenant_id, hour)
        join fridge.active_sensors using (tenant_id, hour)
        where tenant_id = %s and hour = %s and status = 'accepted'
        and value = case event_name when 'active_sensors' then active_sensors else inserted_count end
        and inserted_count = (select count(*) from fridge.readings where tenant_id = %s and landing_hour = %s)
        """,
        TENANT,
        hour,
        TENANT,
        hour,
    )
    return bool(accepted[0][0] == METERS)
