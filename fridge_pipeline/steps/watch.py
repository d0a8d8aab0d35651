"""Watch: which hours have landing files that are not loaded, or usage that Stripe has not been told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from fridge_pipeline.adapters.landing.zone import LandingZone
from fridge_pipeline.adapters.postgres.database import Database
from fridge_pipeline.adapters.postgres.exceptions import ExceptionKey, open_exception
from fridge_pipeline.adapters.postgres.landing_record import listing_fingerprints
from fridge_pipeline.adapters.postgres.ledger import undelivered_hours
from fridge_pipeline.domain.hour import Hour
from fridge_pipeline.domain.hour_range import HourRange
from fridge_pipeline.domain.meter import Meter


@dataclass(frozen=True, slots=True)
class LandingNews:
    """Landing hours whose listing is not what was last loaded, with the fingerprint of the listing."""

    pending: dict[Hour, str]
    unexpected: list[Hour]


def find_landing_news(database: Database, zone: LandingZone, grid: HourRange, now: datetime) -> LandingNews:
    """Compares the landing zone's listing with what has been loaded.

    Hours before the partition grid cannot be run: each becomes an exception instead of stopping the others.
    Hours after it have not begun; they wait.
    """
    listed = zone.hours()
    with database.connect() as connection:
        known = listing_fingerprints(connection, grid)
        unexpected = [hour for hour in listed if hour < grid.first]
        for hour in unexpected:
            open_exception(
                connection,
                ExceptionKey("unexpected_hour", None, hour),
                f"landing folder {hour.folder} lies before the first hour of the partition grid, {grid.first.key}: "
                "nothing of it is loaded. Set FRIDGE_PARTITIONS_START to include it, or remove the folder.",
                now,
            )
    pending = {
        hour: fingerprint
        for hour, fingerprint in sorted(listed.items())
        if grid.first <= hour <= grid.last and known.get(hour) != fingerprint
    }
    return LandingNews(pending, unexpected)


def find_hours_to_bill(
    database: Database,
    zone: LandingZone,
    grid: HourRange,
    catalogue: tuple[Meter, ...],
    now: datetime,
    close_after: timedelta,
) -> list[Hour]:
    """Every closed hour of the grid that is not fully loaded, counted and delivered; nothing is ever stranded."""
    with database.connect() as connection:
        undelivered = undelivered_hours(connection, catalogue)
    pending = find_landing_news(database, zone, grid, now).pending
    return sorted(
        hour
        for hour in {*undelivered, *pending}
        if grid.first <= hour <= grid.last and hour.closed_at(now, close_after)
    )
