"""The usage of a rehearsal: landing files of a few hours, loaded, counted and billed in a temporary installation."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from fridge_pipeline.billing.bill import bill_hours
from fridge_pipeline.billing.rules.staging import StagingPolicy
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.meter import Variance
from fridge_pipeline.catalogue.tenant import Tenant
from fridge_pipeline.catalogue.tenant_record import import_tenants
from fridge_pipeline.database.exceptions import open_exceptions
from fridge_pipeline.database.run import Run
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.load import load_hours
from fridge_pipeline.operations.rules.health_check import Grade, HealthCheck
from fridge_pipeline.stripe.gateway import StripeGateway
from fridge_pipeline.usage.count import count_usage

#: What a rehearsal's things are called.
REHEARSAL = "rehearsal"

#: In which hours how many sensors bring how many readings each. The first is the hour that an anchor may cut.
HOURS = {0: (2, 3), 1: (2, 6), 5: (1, 4)}

#: The last of these hours is over by then.
USED_WITHIN = timedelta(hours=7)


def use(
    run: Run, folder: Path, gateway: StripeGateway, tenant: Tenant, began: Hour, close_after: timedelta
) -> HealthCheck:
    """A landing file for each hour, taken all the way to Stripe; below ``folder`` they are delivered and read."""
    with run.database.connect() as connection:
        import_tenants(connection, [tenant], run.clock(), reason=REHEARSAL)
    for number, (sensors, each) in HOURS.items():
        _land(folder / "landing", tenant.tenant_id, began.plus(number), sensors, each)
    hours = HourRange(began, began.plus(max(HOURS)))
    loads = list(load_hours(run, LocalLanding(str(folder / "landing")), hours, folder / "work"))
    count_usage(run.database, hours, run.clock())
    done = bill_hours(run, lambda: gateway, hours, StagingPolicy(close_after, Variance.OFF), max_in_flight=1)
    with run.database.connect() as connection:
        kinds = sorted({kind for of_hour in open_exceptions(connection, hours).values() for kind in of_hour})
    rows = sum(file.inserted_count for load in loads for file in load.loaded)
    text = f"{rows} readings of {len(HOURS)} landing files; Stripe accepted {done.delivery.accepted} meter events"
    if kinds:
        do = "see the kind in docs/runbook.md"
        return HealthCheck(f"{tenant.tenant_id}, usage", Grade.WRONG, f"{text}; open: {', '.join(kinds)}", do)
    return HealthCheck(f"{tenant.tenant_id}, usage", Grade.OK, text)


def _land(landing: Path, tenant_id: str, hour: Hour, sensors: int, each: int) -> None:
    """A landing file as a gateway delivers it."""
    folder = landing / hour.folder
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "tenant_id": tenant_id,
            "sensor_id": f"{REHEARSAL}-{sensor}",
            "recorded_at": (hour.start + number * timedelta(minutes=5)).isoformat(),
            "temperature_c": 4.5,
        }
        for sensor in range(sensors)
        for number in range(each)
    ]
    text = "".join(f"{json.dumps(row)}\n" for row in rows)
    (folder / f"{len(list(folder.iterdir()))}.ndjson").write_text(text, encoding="utf-8")
