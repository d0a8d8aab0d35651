"""Land the canary: put the hour's known batch where gateways deliver."""

from __future__ import annotations

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.landing.delivery import deliver_file
from fridge_pipeline.ingest.landing.landing_errors import LandingRootGoneError
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.landing.zone import LandingZone
from fridge_pipeline.ingest.rules.losses import CANARY_FILE
from fridge_pipeline.operations.rules.alert_causes import canary_batch


class CanaryNotSupportedError(RuntimeError):
    """The canary can be put into a local landing zone only."""


def land_canary(zone: LandingZone, hour: Hour) -> bool:
    """Writes the hour's batch unless it is there; says whether it did.

    Raises ``CanaryNotSupportedError``, and ``LandingRootGoneError`` when there is no landing root.
    """
    if not isinstance(zone, LocalLanding):
        raise CanaryNotSupportedError(
            "FRIDGE_CANARY writes to a landing zone in a folder only. Have a gateway deliver the same batch each hour "
            f"as {hour.folder}/{CANARY_FILE} (docs/operations.md, Alerts); its arrival is watched all the same"
        )
    if not zone.root.is_dir():  # made by us it would look like a landing zone that is empty
        raise LandingRootGoneError(str(zone.root), "there is no such folder", "mount it, put it back or make it")
    return deliver_file(zone.root, hour, CANARY_FILE, canary_batch(hour))
