"""The catalogue's meters are made in Stripe where it has none."""

from __future__ import annotations

from dataclasses import replace

from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.stripe.gateway import StripeGateway, StripeMeter


def create_missing_meters(gateway: StripeGateway, catalogue: tuple[Meter, ...]) -> list[str]:
    """Creates the catalogue's meters that Stripe does not have; returns their event names.

    One that was made otherwise and is out of use is as good as none: Stripe takes another under its event name.
    """
    present = gateway.meters()
    missing = [meter for meter in catalogue if _is_missing(present.get(meter.event_name), meter)]
    for meter in missing:
        gateway.create_meter(meter)
    return [meter.event_name for meter in missing]


def _is_missing(found: StripeMeter | None, meter: Meter) -> bool:
    if found is None:
        return True
    return not found.active and bool(replace(found, active=True).disagreements(meter))
