"""Collect refusals: what Stripe received and refused later is sent again as a new revision (law L7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime

import psycopg
from psycopg.rows import dict_row

from fridge_pipeline.billing.open_stripe import ReadPurpose, books_are_claimed, count_reads, stripe_of_books
from fridge_pipeline.billing.rules.refusal_texts import refused_later
from fridge_pipeline.billing.wait import Refusal, open_refusals
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.queries import statement, value_of
from fridge_pipeline.stripe.gateway import StripeGateway
from fridge_pipeline.stripe.reads import error_reports
from fridge_pipeline.stripe.rules.answer import WINDOW_MARGIN, ErrorReport, is_look_due, look_since
from fridge_pipeline.stripe.rules.limits import PAGE_SIZE, RESEND_WINDOW
from fridge_pipeline.stripe.rules.meter_event import MeterEvent


def keep_report(connection: psycopg.Connection, report: ErrorReport, now: datetime) -> bool:
    """Puts a report with its samples on record; says whether it is new. Call it in a transaction."""
    row = asdict(report)
    samples = [
        {
            "report_id": report.report_id,
            "identifier": each.meter_event,
            "code": each.code,
            "message": each.message,
        }
        for each in report.samples
    ]
    del row["samples"]
    is_new = connection.execute(statement("keep_report"), {**row, "now": now}).rowcount > 0
    if is_new:
        with connection.cursor() as cursor:
            cursor.executemany(statement("keep_sample"), samples)
    return is_new


def refuse_later(connection: psycopg.Connection, identifier: str, now: datetime) -> MeterEvent | None:
    """Moves a meter event that was received to refused and returns it; the total that it had superseded counts again.

    ``None`` when it is not in these books, or no longer in force.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(statement("refuse_later"), {"identifier": identifier, "now": now}).fetchone()
        cursor.execute(statement("count_again"), {"identifier": identifier})
    return None if row is None else MeterEvent(**{**row, "hour": Hour(row["hour"])})


def touched_days(connection: psycopg.Connection, reports: Iterable[ErrorReport]) -> dict[date, str]:
    """The UTC days of meter events that these reports may be about, each with the report collected last."""
    rows = connection.execute(
        statement("touched_days"),
        {
            "report_ids": [report.report_id for report in reports],
            "margin": WINDOW_MARGIN,
            "longest": WINDOW_MARGIN + RESEND_WINDOW,
        },
    ).fetchall()
    return dict(rows)


def last_attempt_at(connection: psycopg.Connection) -> datetime | None:
    """When the attempt that was answered last was sent; ``None`` when nothing ever was."""
    moment: datetime | None = value_of(connection, "last_attempt_at")
    return moment


@dataclass(slots=True)
class RefusalReport:
    """What a look for refusals came to; ``looked_at`` is ``None`` when it was not time to look.

    ``touched`` holds the UTC days of meter events that the reports in sight may be about, whether named by a sample or
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
