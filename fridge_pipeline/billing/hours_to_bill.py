"""Which hours are to be billed: those with files that are not loaded, or usage that Stripe has not been told."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

import psycopg

from fridge_pipeline.billing.ledger import undelivered_hours
from fridge_pipeline.billing.passed_over import tell_passed_over
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.exceptions import open_exceptions
from fridge_pipeline.database.queries import span_of, statement
from fridge_pipeline.database.retention import first_open_hour, kept_from
from fridge_pipeline.database.run import Run
from fridge_pipeline.ingest.landing.landing_errors import LandingError
from fridge_pipeline.ingest.landing.zone import LandingZone
from fridge_pipeline.ingest.landing_record import listing_fingerprints
from fridge_pipeline.ingest.note_losses import list_and_note
from fridge_pipeline.ingest.watch import compare_listing


def find_undone_hours(
    database: Database,
    fingerprint_of: Callable[[Hour], str | None],
    hours: Collection[Hour],
    catalogue: tuple[Meter, ...],
    now: datetime,
) -> set[Hour]:
    """Those of some hours that are not fully loaded, counted and delivered, open ones among them.

    ``fingerprint_of`` is the landing zone's, or that of a listing that was taken already.
    """
    if not hours:
        return set()
    span = HourRange(min(hours), max(hours))
    with database.connect() as connection:
        undelivered = undelivered_hours(connection, catalogue, now)
        loaded = listing_fingerprints(connection, span)
        failed = {hour for hour, kinds in open_exceptions(connection, span).items() if "load_failed" in kinds}
    waiting = {*undelivered, *failed}
    return {hour for hour in hours if hour in waiting or _has_news(fingerprint_of, hour, loaded.get(hour))}


def _has_news(fingerprint_of: Callable[[Hour], str | None], hour: Hour, known: str | None) -> bool:
    """Where nobody can look nothing is done."""
    try:
        fingerprint = fingerprint_of(hour)
    except LandingError:
        return True
    return fingerprint is not None and fingerprint != known


#: Exceptions that a run judges anew, which may end them: usage was counted again, or held by a narrower tolerance.
JUDGED_ANEW = {"load_failed", "contradiction", "held_for_review"}


def find_hours_to_run(
    connection: psycopg.Connection,
    listed: Mapping[Hour, str],
    hours: HourRange,
    catalogue: tuple[Meter, ...],
    now: datetime,
    close_after: timedelta,
) -> set[Hour]:
    """Those of a range in which a run would tell Stripe or the books anything, open ones with new files among them.

    What the sweep takes up, and hours with an exception that is ``JUDGED_ANEW``. All others hold nothing, or are
    delivered, or wait for a person: a run would only say so.
    """
    undelivered = {hour for hour in undelivered_hours(connection, catalogue, now) if hour.closed_at(now, close_after)}
    excepted = {hour for hour, kinds in open_exceptions(connection, hours).items() if kinds.keys() & JUDGED_ANEW}
    pending = compare_listing(connection, listed, hours).pending
    return {hour for hour in {*undelivered, *excepted, *pending} if hours.first <= hour <= hours.last}


def hours_without_increments(connection: psycopg.Connection, hours: HourRange, increments: Sequence[str]) -> set[Hour]:
    """Those of a range whose rows of these SQL models were not made since their files came, and still can be."""
    oldest = kept_from(connection)
    first_open = first_open_hour(oldest).start if oldest is not None else None
    rows = connection.execute(
        statement("hours_without_increments"),
        {**span_of(hours), "models": list(increments), "first_open": first_open},
    ).fetchall()
    return {Hour(start) for (start,) in rows}


def find_hours_to_bill(
    run: Run, zone: LandingZone, grid: HourRange, close_after: timedelta, *, is_sweep: bool = False
) -> list[Hour]:
    """Every closed hour that is undelivered by the books, or has files to load; nothing is ever stranded.

    Also those before the grid that the books hold undelivered: `fridge bill` takes them up, and nothing that runs by
    itself. A sweep leaves them out. What its look at all landing hours finds lost becomes exceptions, and so does what
    was loaded of hours that the billing start has passed over.
    """
    now = run.clock()
    with run.database.connect() as connection:
        if is_sweep:
            tell_passed_over(connection, run.catalogue, now)
        listed = list_and_note(connection, zone, now) if is_sweep else zone.hours()
        undelivered = undelivered_hours(connection, run.catalogue, now)
        pending = compare_listing(connection, listed, grid).pending
    return sorted(
        hour
        for hour in {*undelivered, *pending}
        if hour <= grid.last and hour.closed_at(now, close_after) and not (is_sweep and hour < grid.first)
    )
