"""Delivery record: what Stripe has yet to decide, the ordering keys that one run has, and receipts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import dict_row

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.database.queries import span_of, statement, value_of
from fridge_pipeline.stripe.rules.answer import Answer
from fridge_pipeline.stripe.rules.meter_event import DeliveryAttempt, MeterEvent, OrderingKey, Status

_SETTLED = frozenset({Status.ACCEPTED, Status.REFUSED, Status.MISSING})


class WrongBooksError(RuntimeError):
    """Books of a rehearsal were about to be stated for real, or the other way round."""


class DeliveryUnderWayError(RuntimeError):
    """Another run is calling Stripe for the same customer and meter and did not finish in time."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one attempt was answered, and the state that follows from it; ``None`` leaves the state as it is."""

    attempt: DeliveryAttempt
    answer: Answer
    status: Status | None


def undecided_attempts(connection: psycopg.Connection, hours: HourRange) -> list[DeliveryAttempt]:
    """What Stripe has yet to decide, the oldest hour first."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement("undecided_attempts"), span_of(hours)).fetchall()
    return [
        DeliveryAttempt(
            event=MeterEvent(
                event_name=row["event_name"],
                tenant_id=row["tenant_id"],
                stripe_customer_id=row["stripe_customer_id"],
                hour=Hour(row["hour"]),
                revision=row["revision"],
                value=row["value"],
                is_difference=row["is_difference"],
                into_hour=row["timestamp"] - row["hour"],
            ),
            is_cancellation=row["is_cancellation"],
            first_sent_at=row["first_sent_at"],
            is_answered=row["is_answered"],
        )
        for row in rows
    ]


def take_ordering_keys(
    connection: psycopg.Connection, keys: Iterable[OrderingKey], *, wait: bool
) -> frozenset[OrderingKey]:
    """Keeps all other runs out of the ordering keys that it returns, on this machine and on others.

    Without ``wait`` those that another run has are left out; with it they are waited for, ten minutes at most each.
    Session locks, until they are released or the connection ends: no transaction is open while they are held.
    Raises ``DeliveryUnderWayError``.
    """
    wanted = sorted(set(keys))
    if wait:
        _wait_for(connection, wanted)
        return frozenset(wanted)
    return frozenset(
        OrderingKey(*row) for row in connection.execute(statement("try_ordering_keys"), _columns_of(wanted)).fetchall()
    )


def release_ordering_keys(connection: psycopg.Connection, keys: Iterable[OrderingKey]) -> None:
    """Lets other runs into ordering keys that were taken."""
    connection.execute(statement("release_ordering_keys"), _columns_of(list(keys)))


def _wait_for(connection: psycopg.Connection, keys: Sequence[OrderingKey]) -> None:
    connection.execute(statement("limit_waiting"))
    for key in keys:
        try:
            connection.execute(statement("wait_for_ordering_key"), key._asdict())
        except psycopg.errors.LockNotAvailable as error:
            raise DeliveryUnderWayError(
                f"another run has been pushing {key.event_name} of {key.stripe_customer_id} to Stripe for over ten "
                "minutes and goes on; what is staged stays staged, and the next hourly_billing sends it"
            ) from error


def _columns_of(keys: Sequence[OrderingKey]) -> dict[str, list[str]]:
    return {"customers": [key.stripe_customer_id for key in keys], "event_names": [key.event_name for key in keys]}


def reserve_calls(connection: psycopg.Connection, calls: int, calls_per_second: float) -> float:
    """Books so many calls among all runs; returns in how many seconds their turn comes."""
    return max(value_of(connection, "reserve_calls", {"seconds": calls / calls_per_second}) or 0.0, 0.0)


def claim_books(connection: psycopg.Connection, *, is_live: bool) -> None:
    """Ties these books to real billing or to rehearsal, by whichever key is used first. Raises ``WrongBooksError``.

    Otherwise what a sandbox has accepted would count as delivered when a live key is set later.
    """
    connection.execute(statement("claim_books"), {"is_live": is_live})
    require_own_books(connection, is_live=is_live)


def require_own_books(connection: psycopg.Connection, *, is_live: bool) -> None:
    """Raises ``WrongBooksError`` when these books have been stated with a key of the other kind."""
    row = connection.execute(statement("books_are_live")).fetchone()
    if row is not None and row[0] is not is_live:
        was, wanted = ("a live key", "a rehearsal") if not is_live else ("a sandbox or test key", "real billing")
        raise WrongBooksError(
            f"these books have been stated with {was} and cannot serve {wanted}: what one has accepted would count "
            "as delivered to the other. Use another database (FRIDGE_DATABASE_URL or FRIDGE_HOME)."
        )


def mark_sent(
    connection: psycopg.Connection, attempts: Iterable[DeliveryAttempt], now: datetime, run_id: str
) -> dict[DeliveryAttempt, bool]:
    """Commits, before the first byte goes out, that these are being made (law L4); take their ordering keys first.

    Returns those that are still to be made (another run may have been faster), each with whether an earlier attempt
    may have reached Stripe. An attempt that left no answer is put on record as lost.
    """
    by_key = {attempt.key: attempt for attempt in attempts}
    events = [identifier for identifier, is_cancellation in by_key if not is_cancellation]
    cancelled = [identifier for identifier, is_cancellation in by_key if is_cancellation]
    with connection.transaction():
        connection.execute(statement("record_lost_attempts"), {"identifiers": events, "run_id": run_id})
        sent = connection.execute(statement("mark_sent"), {"identifiers": events, "now": now}).fetchall()
        cancelling = connection.execute(
            statement("mark_cancellations_sent"), {"identifiers": cancelled, "now": now}
        ).fetchall()
    return {
        **{by_key[identifier, False]: was_undecided for identifier, was_undecided in sent},
        **{by_key[identifier, True]: was_undecided for identifier, was_undecided in cancelling},
    }


def write_receipts(connection: psycopg.Connection, receipts: Sequence[Receipt], now: datetime, run_id: str) -> None:
    """Writes Stripe's answers; call it in a transaction.

    Every attempt goes on record. An accepted total supersedes the older ones of its hour, an accepted cancellation
    the meter event it cancels.
    """
    events = [receipt for receipt in receipts if not receipt.attempt.is_cancellation]
    cancellations = [receipt for receipt in receipts if receipt.attempt.is_cancellation]
    attempts = _columns(events, now)
    connection.execute(statement("write_attempts"), {**attempts, "run_id": run_id})
    for name, group in (("write_receipts", events), ("write_cancellation_receipts", cancellations)):
        decided = [receipt for receipt in group if receipt.status is not None]
        if decided:
            connection.execute(statement(name), _columns(decided, now))
    settle_accepted(connection, _accepted(events), _accepted(cancellations))


def settle_accepted(connection: psycopg.Connection, events: Sequence[str], cancelled: Sequence[str]) -> None:
    """What accepted meter events and cancellations put out of force; takes identifiers."""
    if events:
        connection.execute(statement("supersede_older_accepted"), {"identifiers": events})
    if cancelled:
        connection.execute(statement("supersede_cancelled"), {"identifiers": cancelled})


def _accepted(receipts: Iterable[Receipt]) -> list[str]:
    return [receipt.attempt.event.identifier for receipt in receipts if receipt.status is Status.ACCEPTED]


def _columns(receipts: Sequence[Receipt], now: datetime) -> dict[str, list[object]]:
    """As the statements unnest them: one list for each column, all in one order."""
    answers = [receipt.answer for receipt in receipts]
    return {
        "identifiers": [receipt.attempt.event.identifier for receipt in receipts],
        "statuses": [receipt.status.value if receipt.status else None for receipt in receipts],
        "settled_at": [now if receipt.status in _SETTLED else None for receipt in receipts],
        "outcomes": [answer.on_record.value for answer in answers],
        "tries": [answer.tries for answer in answers],
        "latencies": [answer.latency_seconds for answer in answers],
        "http_statuses": [answer.http_status for answer in answers],
        "request_ids": [answer.request_id for answer in answers],
        "answers": [answer.text for answer in answers],
    }
