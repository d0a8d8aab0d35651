"""Watch: which hours have landing files that are not loaded, or usage that Stripe has not been told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from fridge_pipeline.adapters.landing.zone import LandingZone
from fridge_pipeline.adapters.postgres.database import Database
from fridge_pipeline.adapters.postgres.exceptions import ExceptionKey, close_expected_hours, open_exception
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


def find_landing_news(connection: psycopg.Connection, zone: LandingZone, grid: HourRange) -> LandingNews:
    """Compares the landing zone's listing with what has been loaded; changes nothing.

    Hours after the grid have not begun: they wait, and are in neither part of the news.
    """
    listed = zone.hours()
    known = listing_fingerprints(connection, HourRange(min(listed, default=grid.first), grid.last))
    news = {hour: listed[hour] for hour in sorted(listed) if known.get(hour) != listed[hour]}
    return LandingNews(
        pending={hour: fingerprint for hour, fingerprint in news.items() if grid.first <= hour <= grid.last},
        unexpected=[hour for hour in news if hour < grid.first],
    )


def watch_landing_zone(database: Database, zone: LandingZone, grid: HourRange, now: datetime) -> dict[Hour, str]:
    """The pending hours of the grid with their fingerprints.

    Hours before the grid cannot be run: each becomes an exception instead of stopping the others.
    """
    with database.connect() as connection:
        news = find_landing_news(connection, zone, grid)
        close_expected_hours(connection, news.unexpected, now)
        for hour in news.unexpected:
            open_exception(
                connection,
                ExceptionKey("unexpected_hour", None, hour),
                f"landing folder {hour.folder} lies before the first hour of the partition grid, {grid.first.key}, and "
                "is not loaded. Set FRIDGE_PARTITIONS_START to include it, use fridge bill, or remove it.",
                now,
            )
    return news.pending


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
        undelivered = undelivered_hours(connection, catalogue, now)
        pending = find_landing_news(connection, zone, grid).pending
    return sorted(
        hour
        for hour in {*undelivered, *pending}
        if grid.first <= hour <= grid.last and hour.closed_at(now, close_after)
    )
