"""The ledger of meter events: every statement of usage to Stripe, its states and its receipts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import dict_row

from fridge_pipeline.adapters.postgres.statements import statement
from fridge_pipeline.domain.hour import Hour
from fridge_pipeline.domain.hour_range import HourRange
from fridge_pipeline.domain.meter import Measure, Meter, meter_of
from fridge_pipeline.domain.meter_event import MeterEvent, StagingCase, Status


class WrongBooksError(RuntimeError):
    """Books of a rehearsal were about to be stated for real, or the other way round."""


class PushUnderWayError(RuntimeError):
    """Another run is pushing and did not finish in time."""


@dataclass(frozen=True, slots=True)
class OpenEvent:
    """A statement that Stripe has yet to answer; ``first_sent_at`` is ``None`` when it was never sent."""

    event: MeterEvent
    status: Status
    first_sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What Stripe answered to one statement, and the state that follows from it."""

    identifier: str
    status: Status
    http_status: int | None
    request_id: str | None
    answer: str


def staging_cases(connection: psycopg.Connection, hours: HourRange, catalogue: tuple[Meter, ...]) -> list[StagingCase]:
    """Every (tenant, meter, hour) of the range that is not known to be settled."""
    parameters = {
        "first": hours.first.start,
        "last": hours.last.start,
        "event_names": [meter.event_name for meter in catalogue],
        "measures": [meter.measure.value for meter in catalogue],
    }
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement("staging_cases"), parameters).fetchall()
    return [
        StagingCase(
            tenant_id=row["tenant_id"],
            mapped_customer_id=row["mapped_customer_id"],
            hour=Hour(row["hour"]),
            meter=meter_of(row["event_name"], catalogue),
            value=row["value"],
            stated_value=row["stated_value"],
            stated_customer_id=row["stated_customer_id"],
            latest_revision=row["latest_revision"] or 0,
            latest_value=row["latest_value"],
            latest_status=Status(row["latest_status"]) if row["latest_status"] else None,
            latest_customer_id=row["latest_customer_id"],
            refusal_open=row["refusal_open"],
        )
        for row in rows
    ]


def lock_staging(connection: psycopg.Connection) -> None:
    """Waits for other stagings; held until the surrounding transaction ends."""
    connection.execute(statement("lock_staging"))


def stage_events(connection: psycopg.Connection, events: Iterable[MeterEvent], now: datetime, run_id: str) -> None:
    """Commits the intent to send (with the surrounding transaction): identifier, value, timestamp (law L4)."""
    with connection.cursor() as cursor:
        cursor.executemany(
            statement("stage_meter_event"),
            [
                {
                    "identifier": event.identifier,
                    "event_name": event.event_name,
                    "tenant_id": event.tenant_id,
                    "stripe_customer_id": event.stripe_customer_id,
                    "hour": event.hour.start,
                    "revision": event.revision,
                    "value": event.value,
                    "timestamp": event.timestamp,
                    "now": now,
                    "run_id": run_id,
                }
                for event in events
            ],
        )


def supersede_staged(connection: psycopg.Connection, cases: Iterable[StagingCase]) -> None:
    """Takes back staged statements that were never sent."""
    with connection.cursor() as cursor:
        cursor.executemany(
            statement("supersede_staged"),
            [
                {
                    "event_name": case.meter.event_name,
                    "tenant_id": case.tenant_id,
                    "hour": case.hour.start,
                }
                for case in cases
            ],
        )


@contextmanager
def push_lock(connection: psycopg.Connection) -> Iterator[None]:
    """Makes this process the only pusher; waits for another one to finish, ten minutes at most.

    A session lock: no transaction is open while it is held. Raises ``PushUnderWayError``.
    """
    connection.execute(statement("wait_for_push"))
    try:
        connection.execute(statement("lock_push"))
    except psycopg.errors.LockNotAvailable as error:
        raise PushUnderWayError(
            "another run has been pushing usage to Stripe for over ten minutes and goes on; "
            "what is staged stays staged, and the next hourly_billing sends it"
        ) from error
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute(statement("unlock_push"))


def claim_books(connection: psycopg.Connection, *, is_live: bool) -> None:
    """Ties these books to real billing or to rehearsal, by whichever key is used first. Raises ``WrongBooksError``.

    Otherwise what a sandbox has accepted would count as delivered when a live key is set later.
    """
    connection.execute(statement("claim_books"), {"is_live": is_live})
    row = connection.execute(statement("books_are_live")).fetchone()
    if row is None or row[0] is not is_live:
        was, wanted = ("a live key", "a rehearsal") if not is_live else ("a sandbox or test key", "real billing")
        raise WrongBooksError(
            f"these books have been stated with {was} and cannot serve {wanted}: what one has accepted would count "
            "as delivered to the other. Use another database (FRIDGE_DATABASE_URL or FRIDGE_HOME)."
        )


def open_events(connection: psycopg.Connection, hours: HourRange) -> list[OpenEvent]:
    """What Stripe has yet to answer, oldest hour first."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            statement("open_meter_events"), {"first": hours.first.start, "last": hours.last.start}
        ).fetchall()
    return [
        OpenEvent(
            event=MeterEvent(
                event_name=row["event_name"],
                tenant_id=row["tenant_id"],
                stripe_customer_id=row["stripe_customer_id"],
                hour=Hour(row["hour"]),
                revision=row["revision"],
                value=row["value"],
            ),
            status=Status(row["status"]),
            first_sent_at=row["first_sent_at"],
        )
        for row in rows
    ]


def mark_sent(connection: psycopg.Connection, events: Iterable[OpenEvent], now: datetime) -> None:
    """Commits, before the first byte goes out, that these are being sent."""
    identifiers = [open_event.event.identifier for open_event in events]
    connection.execute(statement("mark_sent"), {"identifiers": identifiers, "now": now})


def write_receipts(connection: psycopg.Connection, receipts: Iterable[Receipt], now: datetime) -> None:
    """Writes Stripe's answers in one transaction; an accepted revision supersedes the older ones of its hour."""
    settled = {Status.ACCEPTED, Status.REFUSED, Status.MISSING}
    written = list(receipts)
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            statement("write_receipt"),
            [
                {
                    "identifier": receipt.identifier,
                    "status": receipt.status.value,
                    "settled_at": now if receipt.status in settled else None,
                    "http_status": receipt.http_status,
                    "request_id": receipt.request_id,
                    "answer": receipt.answer,
                }
                for receipt in written
            ],
        )
        accepted = [receipt.identifier for receipt in written if receipt.status is Status.ACCEPTED]
        cursor.execute(statement("supersede_older_accepted"), {"identifiers": accepted})


def undelivered_hours(connection: psycopg.Connection, catalogue: tuple[Meter, ...]) -> list[Hour]:
    """Hours with usage that Stripe has not been told and that no open exception accounts for."""
    event_of = {meter.measure: meter.event_name for meter in catalogue}
    rows = connection.execute(
        statement("undelivered_hours"),
        {
            "inserted_count_event": event_of.get(Measure.INSERTED_COUNT),
            "active_sensors_event": event_of.get(Measure.ACTIVE_SENSORS),
        },
    ).fetchall()
    return [Hour(row[0]) for row in rows]


@dataclass(frozen=True, slots=True)
class HourDelivery:
    """Where one hour and meter stands: how many statements, and what they add up to."""

    hour: Hour
    event_name: str
    undelivered: int
    accepted: int
    accepted_value: int


def hour_deliveries(connection: psycopg.Connection, hours: HourRange) -> list[HourDelivery]:
    """One row per hour and meter that the ledger knows of in a range of hours."""
    rows = connection.execute(
        statement("hour_deliveries"), {"first": hours.first.start, "last": hours.last.start}
    ).fetchall()
    return [HourDelivery(Hour(row[0]), row[1], row[2], row[3], row[4]) for row in rows]
