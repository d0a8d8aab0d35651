"""What is known of landing files and landing hours: which have been loaded, and as what."""

from __future__ import annotations

from datetime import datetime

import psycopg

from fridge_pipeline.adapters.postgres.parameters import span_of
from fridge_pipeline.adapters.postgres.statements import statement
from fridge_pipeline.domain.hour import Hour
from fridge_pipeline.domain.hour_range import HourRange


def loaded_versions(connection: psycopg.Connection, hour: Hour) -> dict[str, str]:
    """Path → version token of the newest loaded content, for the files of a landing hour."""
    return dict(connection.execute(statement("loaded_versions"), {"hour": hour.start}).fetchall())


def listing_fingerprints(connection: psycopg.Connection, hours: HourRange) -> dict[Hour, str]:
    """Landing hour → fingerprint of its listing when all its files had been loaded."""
    rows = connection.execute(statement("listing_fingerprints"), span_of(hours)).fetchall()
    return {Hour(start): fingerprint for start, fingerprint in rows}


def record_landing_hour(connection: psycopg.Connection, hour: Hour, fingerprint: str, now: datetime) -> None:
    """Every file of this listing has been loaded, or stands in the exceptions."""
    connection.execute(statement("record_landing_hour"), {"hour": hour.start, "fingerprint": fingerprint, "now": now})
