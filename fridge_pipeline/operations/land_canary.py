"""Land the canary: put the hour's known batch where gateways deliver."""

from __future__ import annotations

from pathlib import Path

from fridge_pipeline.calendar.hours import Hour
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
    return _deliver(zone.root / hour.folder / CANARY_FILE, canary_batch(hour))


def _deliver(path: Path, text: str) -> bool:
    """Writes under a name that is not there yet, then renames; says whether anything changed.

    A file that already says the same is left alone: a new modification time would have it looked at again.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
    return True
