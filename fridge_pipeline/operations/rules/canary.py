"""The canary: a known batch of a tenant of our own, each hour; usage that does not arrive in Stripe is an alert."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from fridge_pipeline.calendar.hour import ONE_HOUR, Hour
from fridge_pipeline.catalogue.meter import Measure, Meter
from fridge_pipeline.operations.rules.alert import Alert, Family

#: The tenant; an operator imports it with a Stripe customer of its own.
CANARY_TENANT = "canary"

#: Its landing file in each hour.
CANARY_FILE = "canary.csv"

SENSORS, READINGS_PER_SENSOR = 2, 2
TEMPERATURE_C = 4.0

#: By then, after the end of an hour, Stripe has accepted the hour's canary usage.
ARRIVED_WITHIN = timedelta(minutes=30)

#: What Stripe must have accepted for an hour.
EXPECTED = {Measure.INSERTED_COUNT: SENSORS * READINGS_PER_SENSOR, Measure.ACTIVE_SENSORS: SENSORS}


def canary_batch(hour: Hour) -> str:
    """The landing file of an hour: always the same text, so that writing it twice changes nothing."""
    lines = ["tenant_id,sensor_id,recorded_at,temperature_c"]
    for number in range(READINGS_PER_SENSOR):
        at = hour.start + number * timedelta(minutes=1)
        lines += [
            f"{CANARY_TENANT},canary-{sensor},{at:%Y-%m-%dT%H:%M:%SZ},{TEMPERATURE_C}"
            for sensor in range(1, SENSORS + 1)
        ]
    return "\n".join([*lines, ""])


def judged_hour(now: datetime) -> Hour:
    """The newest hour whose canary usage must have arrived by now."""
    return Hour.containing(now - ONE_HOUR - ARRIVED_WITHIN)


def canary_alert(
    hour: Hour, accepted: Mapping[str, int], catalogue: tuple[Meter, ...], *, has_customer: bool
) -> Alert | None:
    """An alert unless Stripe has accepted exactly the hour's known usage; ``accepted`` is by event name."""
    told = []
    for meter in catalogue:
        found, expected = accepted.get(meter.event_name), EXPECTED[meter.measure]
        if found != expected:
            told.append(f"{meter.event_name}: {'nothing' if found is None else found} instead of {expected}")
    if not told:
        return None
    cause = "" if has_customer else f"\nThe tenant {CANARY_TENANT} has no Stripe customer: fridge tenants import."
    return Alert(
        Family.CANARY,
        "usage",
        f"the canary did not arrive in Stripe for {hour}",
        f"Stripe has accepted {'; '.join(told)}. Somewhere between landing zone and Stripe, usage does not get through."
        f"{cause}\nNext: see where it stopped with: fridge explain {CANARY_TENANT} {hour}",
    )
