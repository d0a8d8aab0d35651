"""Who makes an evidence pack, by which program and parameters: everything that decides numbers, and no secret."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from fridge_pipeline.calendar.month import Month
from fridge_pipeline.database.program import program_identity
from fridge_pipeline.finance.make_evidence import EvidencePack, Maker, make_evidence
from fridge_pipeline.finance.refresh_month import refresh_month
from fridge_pipeline.ingest.rules.location import Place
from fridge_pipeline.installation import Installation
from fridge_pipeline.settings import MODELS_FOLDER, Settings


def make_pack(
    installation: Installation, month: Month, target: Place | None, made_by: str, run_id: str
) -> EvidencePack:
    """Makes a month's pack with what this installation is; without a target in its archive."""
    settings = installation.settings
    refresh_month(installation.database, MODELS_FOLDER, installation.catalogue, month, installation.clock)
    maker = Maker(made_by, run_id, program_identity(MODELS_FOLDER), parameters_of(settings))
    place = target or settings.archive / "evidence" / f"{month.key}.zip"
    return make_evidence(
        installation.database, month, place, MODELS_FOLDER, maker, installation.clock(), settings.workspace
    )


def parameters_of(settings: Settings) -> dict[str, Any]:
    """The settings that decide what is counted and stated; keys, passwords and paths are left out."""
    base = urlsplit(settings.stripe_base or "https://api.stripe.com")
    return {
        "partitions_start": settings.partitions_start.key,
        "close_after_minutes": settings.close_after.total_seconds() / 60,
        "keep_months": settings.keep_months,
        "max_in_flight": settings.max_in_flight,
        "stripe_calls_per_second": settings.calls_per_second(),
        "stripe_mode": settings.key_mode.value,
        "stripe_host": base.netloc,
        "catalogue": [asdict(meter) for meter in settings.catalogue],
    }
