"""Collect refusals: what Stripe received and refused later goes back to be stated anew (law L5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import psycopg

from fridge_pipeline.billing.error_report_record import keep_report, last_attempt_at, refuse_later, touched_days
from fridge_pipeline.billing.open_stripe import stripe_of_books
from fridge_pipeline.billing.refuse import Refusal, open_refusals
from fridge_pipeline.billing.rules.refusal import refused_later
from fridge_pipeline.billing.stripe_reads import ReadPurpose, books_are_claimed, count_reads
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.connection import Database
from fridge_pipeline.stripe.error_reports import error_reports
from fridge_pipeline.stripe.gateway import PAGE_SIZE, StripeGateway
from fridge_pipeline.stripe.rules.error_report import ErrorReport, is_look_due, look_since


@dataclass(slots=True)
class RefusalReport:
    """What a look for refusals came to; ``looked_at`` is ``None`` when it was not time to look.

    ``touched`` holds the UTC days of statements that the reports in sight may be about, whether named by a sample or
    not, each with the id of the report that was collected last. Reports already known are in sight again for an hour,
    so that a crash right after they were kept does not lose their days.
    """

    looked_at: datetime | None = None
    new_reports: int = 0
    errors: int = 0
    refused: list[str] = field(default_factory=list)
    touched: dict[date, str] = field(default_factory=dict)


def collect_refusals(
    database: Database,
    open_gateway: Callable[[], StripeGateway],
    catalogue: tuple[Meter, ...],
    last_look_at: datetime | None,
    clock: Callable[[], datetime],
) -> RefusalReport:
    """Reads Stripe's reports since the last look and puts what they name back into the exceptions.

    Stripe is left alone, and the gateway not opened, while nothing was ever stated. Raises ``StripeCallError``, and
    ``WrongBooksError`` when the key is not of the kind these books were stated with.
    """
    with database.connect() as connection:
        now = clock()
        due = is_look_due(last_look_at, last_attempt_at(connection), now)
        if not due or not books_are_claimed(connection):
            return RefusalReport()
        gateway = stripe_of_books(connection, open_gateway)
        reports = error_reports(gateway, look_since(last_look_at, now))
        count_reads(connection, max(1, -(-len(reports) // PAGE_SIZE)), ReadPurpose.REFUSALS, now)
        found = _keep(connection, reports, catalogue, clock())
        found.looked_at = now
        found.touched = touched_days(connection, reports) if reports else {}
    return found


def _keep(
    connection: psycopg.Connection, reports: Sequence[ErrorReport], catalogue: tuple[Meter, ...], now: datetime
) -> RefusalReport:
    """One transaction for each report, so that a crash leaves all of it or nothing."""
    found = RefusalReport()
    for report in reports:
        with connection.transaction():
            if not keep_report(connection, report, now):
                continue
            refused = _refuse(connection, report, now)
            open_refusals(connection, refused, catalogue, now)
        found.new_reports += 1
        found.errors += report.error_count
        found.refused += [each.event.identifier for each in refused]
    return found


def _refuse(connection: psycopg.Connection, report: ErrorReport, now: datetime) -> list[Refusal]:
    refused = []
    for sample in report.samples:
        event = refuse_later(connection, sample.meter_event, now)
        if event is not None:
            said = refused_later([(sample.code, sample.message, report.report_id)])
            refused.append(Refusal(event, said))
    return refused
