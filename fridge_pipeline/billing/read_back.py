"""Read back: what was sent and never answered for certain is decided by Stripe's own totals (law L6)."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby

import psycopg
from psycopg.rows import dict_row

from fridge_pipeline.billing.delivery_record import settle_accepted, undecided_attempts
from fridge_pipeline.billing.meters_at_stripe import whole_hours
from fridge_pipeline.billing.open_stripe import stripe_of_books
from fridge_pipeline.billing.rules.undecided import ReadBackVerdict, Unconfirmed, judge_read_back
from fridge_pipeline.calendar.hours import ONE_HOUR, Hour, HourRange
from fridge_pipeline.database.exceptions import ExceptionKey, close_exception, close_settled_exceptions, open_exception
from fridge_pipeline.database.queries import statement
from fridge_pipeline.database.run import Failpoint, Run
from fridge_pipeline.stripe.gateway import MeterMissingError, StripeCallError, StripeGateway
from fridge_pipeline.stripe.reads import add_up, summed_by_each_meter
from fridge_pipeline.stripe.rules.limits import SUMMARY_SETTLE
from fridge_pipeline.stripe.rules.meter_event import DeliveryAttempt, Status, billing_deadline


@dataclass(frozen=True, slots=True)
class Readback:
    """One look at Stripe's total for what is unconfirmed; ``seen`` is ``None`` when Stripe had nothing for the hour."""

    unconfirmed: Unconfirmed
    seen: Decimal | None
    verdict: ReadBackVerdict


def unconfirmed_events(connection: psycopg.Connection, attempts: Iterable[DeliveryAttempt]) -> list[Unconfirmed]:
    """What Stripe would show with and without each of these, and since when it has been absent."""
    keys = [attempt.key for attempt in attempts]
    parameters = {
        "identifiers": [identifier for identifier, _ in keys],
        "are_cancellations": [is_cancellation for _, is_cancellation in keys],
    }
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement("unconfirmed_events"), parameters).fetchall()
    return [
        Unconfirmed(
            identifier=row["identifier"],
            event_name=row["event_name"],
            tenant_id=row["tenant_id"],
            stripe_customer_id=row["stripe_customer_id"],
            hour=Hour(row["hour"]),
            before=row["value_before"],
            after=row["value_after"],
            is_cancellation=row["is_cancellation"],
            absent_since=row["absent_since"],
        )
        for row in rows
    ]


def write_readbacks(connection: psycopg.Connection, readbacks: Sequence[Readback], now: datetime, run_id: str) -> None:
    """Puts the readings on record and settles what they decide; call it in a transaction."""
    with connection.cursor() as cursor:
        cursor.executemany(
            statement("write_readback"),
            [
                {
                    "identifier": readback.unconfirmed.identifier,
                    "is_cancellation": readback.unconfirmed.is_cancellation,
                    "now": now,
                    "before": readback.unconfirmed.before,
                    "after": readback.unconfirmed.after,
                    "seen": readback.seen,
                    "verdict": readback.verdict.value,
                    "run_id": run_id,
                }
                for readback in readbacks
            ],
        )
    _settle_events(connection, [each for each in readbacks if not each.unconfirmed.is_cancellation], now)
    _settle_cancellations(connection, [each for each in readbacks if each.unconfirmed.is_cancellation], now)


_EVENT_AFTER = {ReadBackVerdict.COUNTED: Status.ACCEPTED, ReadBackVerdict.MISSING: Status.MISSING}
_CANCELLATION_AFTER = {ReadBackVerdict.COUNTED: Status.ACCEPTED, ReadBackVerdict.MISSING: Status.REFUSED}


def _settle_events(connection: psycopg.Connection, readbacks: Sequence[Readback], now: datetime) -> None:
    undecided = [each.unconfirmed.identifier for each in readbacks]
    connection.execute(statement("leave_staged"), {"identifiers": undecided, "now": now})
    connection.execute(statement("leave_sent"), {"identifiers": undecided})
    _write(connection, "write_receipts", readbacks, _EVENT_AFTER, now)
    counted = [each.unconfirmed.identifier for each in readbacks if each.verdict is ReadBackVerdict.COUNTED]
    settle_accepted(connection, counted, [])


def _settle_cancellations(connection: psycopg.Connection, readbacks: Sequence[Readback], now: datetime) -> None:
    _write(connection, "write_cancellation_receipts", readbacks, _CANCELLATION_AFTER, now)
    done = [each.unconfirmed.identifier for each in readbacks if each.verdict is ReadBackVerdict.COUNTED]
    settle_accepted(connection, [], done)


def _write(
    connection: psycopg.Connection,
    name: str,
    readbacks: Sequence[Readback],
    status_after: dict[ReadBackVerdict, Status],
    now: datetime,
) -> None:
    decided = [each for each in readbacks if each.verdict in status_after]
    if not decided:
        return
    connection.execute(
        statement(name),
        {
            "identifiers": [each.unconfirmed.identifier for each in decided],
            "statuses": [status_after[each.verdict].value for each in decided],
            "settled_at": [now for _ in decided],
            "http_statuses": [None for _ in decided],
            "request_ids": [None for _ in decided],
            "answers": [
                f"read back: Stripe shows {_shown(each.seen)} for the hour, {each.verdict.value}" for each in decided
            ],
        },
    )


def _shown(seen: Decimal | None) -> str:
    return "nothing" if seen is None else f"{seen}"


NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class ReadBackReport:
    """What reading Stripe back came to: how much it decided; ``stopped`` says why it could not be read."""

    settled: int = 0
    stopped: str | None = None


def read_back_hours(
    run: Run, open_gateway: Callable[[], StripeGateway], hours: HourRange, left: Container[DeliveryAttempt] = ()
) -> ReadBackReport:
    """Decides what sending again may no longer decide, and what delivery has ``left`` to this.

    Equal to what Stripe shows when it counts it: accepted. Absent in two readings at least the settle time apart:
    missing, and sent again as a new revision. Anything else is among the exceptions, and nothing is sent.

    A total that is sent again overwrites whatever the older request may still do: so long after its last attempt, the
    settle time at least, no request of ours is in flight any more. That is relied on here and nowhere else.
    """
    with run.database.connect() as connection:
        now = run.clock()
        undecided = [
            each for each in undecided_attempts(connection, hours) if not each.may_be_made(now) or each in left
        ]
        unconfirmed = unconfirmed_events(connection, undecided) if undecided else []
        if not unconfirmed:
            return ReadBackReport()
        settled = 0
        try:
            gateway = stripe_of_books(connection, open_gateway)
            for _, group in groupby(unconfirmed, key=lambda each: (each.stripe_customer_id, each.event_name)):
                readbacks = _read(connection, gateway, list(group), now)
                run.at_failpoint(Failpoint.READ_BACK)
                _keep(connection, readbacks, now, run.run_id)
                run.at_failpoint(Failpoint.READ_BACK_WRITTEN)
                settled += sum(_is_settled(each) for each in readbacks)
        except (StripeCallError, MeterMissingError) as error:
            return ReadBackReport(settled, str(error))
    return ReadBackReport(settled)


def _read(
    connection: psycopg.Connection, gateway: StripeGateway, unconfirmed: Sequence[Unconfirmed], now: datetime
) -> list[Readback]:
    """One read serves all the unconfirmed hours of a customer and meter.

    Where the meter was made anew, what was sent is in one of several: in the new one, or in what they have together.
    """
    hours = HourRange(min(each.hour for each in unconfirmed), max(each.hour for each in unconfirmed))
    account = unconfirmed[0].event_name, unconfirmed[0].stripe_customer_id
    sums = summed_by_each_meter(gateway, *account, hours)
    together, in_the_new = add_up(sums, whole_hours(connection, *account, hours)), sums[0].of_hours
    found = []
    for each in unconfirmed:
        seen = in_the_new.get(each.hour)
        seen = seen if seen == each.after else together.get(each.hour)
        found.append(Readback(each, seen, judge_read_back(each, seen or NOTHING, now)))
    return found


def _is_settled(readback: Readback) -> bool:
    return readback.verdict in {ReadBackVerdict.COUNTED, ReadBackVerdict.MISSING}


def _keep(connection: psycopg.Connection, readbacks: Sequence[Readback], now: datetime, run_id: str) -> None:
    with connection.transaction():
        write_readbacks(connection, readbacks, now, run_id)
        counted = [each.unconfirmed.identifier for each in readbacks if each.verdict is ReadBackVerdict.COUNTED]
        close_settled_exceptions(connection, counted, now)
        for readback in readbacks:
            if _is_settled(readback):
                close_exception(connection, _exception_key(readback.unconfirmed), now)
            else:
                key, deadline = _exception_key(readback.unconfirmed), billing_deadline(readback.unconfirmed.hour)
                open_exception(connection, key, _detail(readback, now), now, deadline_at=deadline)


def _exception_key(unconfirmed: Unconfirmed) -> ExceptionKey:
    subject = f"cancel:{unconfirmed.identifier}" if unconfirmed.is_cancellation else unconfirmed.identifier
    return ExceptionKey("unexplained", unconfirmed.tenant_id, unconfirmed.hour, subject)


def _detail(readback: Readback, now: datetime) -> str:
    unconfirmed = readback.unconfirmed
    what = f"the cancellation of {unconfirmed.identifier}" if unconfirmed.is_cancellation else unconfirmed.identifier
    seen = "nothing" if readback.seen is None else readback.seen
    shown = (
        f"{what} was sent to Stripe, which did not say for certain whether it counts it. For customer "
        f"{unconfirmed.stripe_customer_id} and this hour Stripe shows {seen}; it would show {unconfirmed.after} with "
        f"it and {unconfirmed.before} without. Nothing is sent for it meanwhile. "
    )
    if readback.verdict is ReadBackVerdict.ABSENT:
        again = (unconfirmed.absent_since or now) + SUMMARY_SETTLE
        return shown + f"Summaries lag: it is sent again if it is absent at the first sweep after {again:%F %T} UTC."
    return shown + (
        f"That is neither. It is read again every {SUMMARY_SETTLE // ONE_HOUR} hours; "
        "find out who else states usage for this customer."
    )
