"""Doubts: what only reading Stripe back can decide, and what the readings said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import psycopg
from psycopg.rows import dict_row

from fridge_pipeline.billing.rules.doubt import Doubt, DoubtVerdict
from fridge_pipeline.billing.sendings import settle_accepted
from fridge_pipeline.calendar.hour import Hour
from fridge_pipeline.database.queries import statement
from fridge_pipeline.stripe.rules.meter_event import Status
from fridge_pipeline.stripe.rules.sending import Sending


@dataclass(frozen=True, slots=True)
class Readback:
    """One look at Stripe's total for something in doubt; ``seen`` is ``None`` when Stripe had nothing for the hour."""

    doubt: Doubt
    seen: Decimal | None
    verdict: DoubtVerdict


def doubts_about(connection: psycopg.Connection, sendings: Iterable[Sending]) -> list[Doubt]:
    """What Stripe would show with and without each of these, and since when it has been absent."""
    keys = [sending.key for sending in sendings]
    parameters = {
        "identifiers": [identifier for identifier, _ in keys],
        "are_cancellations": [is_cancellation for _, is_cancellation in keys],
    }
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement("doubts"), parameters).fetchall()
    return [
        Doubt(
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
                    "identifier": readback.doubt.identifier,
                    "is_cancellation": readback.doubt.is_cancellation,
                    "now": now,
                    "before": readback.doubt.before,
                    "after": readback.doubt.after,
                    "seen": readback.seen,
                    "verdict": readback.verdict.value,
                    "run_id": run_id,
                }
                for readback in readbacks
            ],
        )
    _settle_statements(connection, [each for each in readbacks if not each.doubt.is_cancellation], now)
    _settle_cancellations(connection, [each for each in readbacks if each.doubt.is_cancellation], now)


_STATEMENT_AFTER = {DoubtVerdict.COUNTED: Status.ACCEPTED, DoubtVerdict.MISSING: Status.MISSING}
_CANCELLATION_AFTER = {DoubtVerdict.COUNTED: Status.ACCEPTED, DoubtVerdict.MISSING: Status.REFUSED}


def _settle_statements(connection: psycopg.Connection, readbacks: Sequence[Readback], now: datetime) -> None:
    undecided = [each.doubt.identifier for each in readbacks]
    connection.execute(statement("leave_sent"), {"identifiers": undecided})
    _write(connection, "write_receipts", readbacks, _STATEMENT_AFTER, now)
    counted = [each.doubt.identifier for each in readbacks if each.verdict is DoubtVerdict.COUNTED]
    settle_accepted(connection, counted, [])


def _settle_cancellations(connection: psycopg.Connection, readbacks: Sequence[Readback], now: datetime) -> None:
    _write(connection, "write_cancellation_receipts", readbacks, _CANCELLATION_AFTER, now)
    done = [each.doubt.identifier for each in readbacks if each.verdict is DoubtVerdict.COUNTED]
    settle_accepted(connection, [], done)


def _write(
    connection: psycopg.Connection,
    name: str,
    readbacks: Sequence[Readback],
    status_after: dict[DoubtVerdict, Status],
    now: datetime,
) -> None:
    decided = [each for each in readbacks if each.verdict in status_after]
    if not decided:
        return
    connection.execute(
        statement(name),
        {
            "identifiers": [each.doubt.identifier for each in decided],
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
