"""Push: state staged usage to Stripe, and keep its answers (laws L4 to L6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import psycopg

from fridge_pipeline.adapters.postgres import ledger
from fridge_pipeline.adapters.postgres.database import Database
from fridge_pipeline.adapters.postgres.exceptions import ExceptionKey, close_settled_exceptions, open_exception
from fridge_pipeline.adapters.postgres.ledger import OpenEvent, Receipt
from fridge_pipeline.adapters.stripe.gateway import StripeGateway
from fridge_pipeline.domain.answer import Answer, Outcome
from fridge_pipeline.domain.api_key import KeyMode
from fridge_pipeline.domain.hour_range import HourRange
from fridge_pipeline.domain.limits import RESEND_WINDOW
from fridge_pipeline.domain.meter_event import MeterEvent
from fridge_pipeline.steps.deliver import deliver

#: Events marked as sent at a time, per call in flight; their receipts are written together.
EVENTS_PER_LANE = 4


@dataclass(slots=True)
class PushReport:
    """What a push came to; ``stopped`` says why it ended early, ``None`` when it went through."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    expired: int = 0
    stopped: str | None = None

    @property
    def accepted(self) -> int:
        """Statements that Stripe has, by this push or as it turned out by an earlier one."""
        return self.outcomes[Outcome.ACCEPTED] + self.outcomes[Outcome.DUPLICATE]


def push_hours(
    database: Database,
    open_gateway: Callable[[], StripeGateway],
    hours: HourRange,
    clock: Callable[[], datetime],
    max_in_flight: int,
) -> PushReport:
    """Sends every open statement of a range of hours and writes the receipts; resends lost ones unchanged.

    The gateway is opened when there is something to send. No transaction is open while Stripe is called.
    Stops early when Stripe does not answer or refuses the key: what is left stays staged, or sent with the same
    identifier waiting for the next push.
    """
    report = PushReport()
    with database.connect() as connection, ledger.push_lock(connection):
        for batch in _batches(connection, hours, clock(), max_in_flight * EVENTS_PER_LANE, report):
            gateway = open_gateway()  # before anything is marked: a refused key must not start the 20 hours
            ledger.claim_books(connection, is_live=gateway.mode is KeyMode.LIVE)
            ledger.mark_sent(connection, batch, clock())
            delivery = deliver(gateway, [open_event.event for open_event in batch], max_in_flight)
            _keep_answers(connection, delivery.answers, clock())
            report.outcomes.update(answer.outcome for answer in delivery.answers.values())
            if delivery.stopped is not None:
                report.stopped = delivery.stopped
                break
    return report


def _batches(
    connection: psycopg.Connection, hours: HourRange, now: datetime, size: int, report: PushReport
) -> Iterator[Sequence[OpenEvent]]:
    sendable = []
    for open_event in ledger.open_events(connection, hours):
        if open_event.first_sent_at is not None and now - open_event.first_sent_at > RESEND_WINDOW:
            _open_unexplained(connection, open_event, now)
            report.expired += 1
        else:
            sendable.append(open_event)
    for start in range(0, len(sendable), size):
        yield sendable[start : start + size]


def _open_unexplained(connection: psycopg.Connection, open_event: OpenEvent, now: datetime) -> None:
    event = open_event.event
    detail = (
        f"{event.identifier} (value {event.value}) was first sent at {open_event.first_sent_at} and never answered. "
        f"Stripe remembers identifiers for 24 hours only, so it is not resent after {RESEND_WINDOW}. "
        "Compare the hour with Stripe's meter event summary before anything else is sent."
    )
    open_exception(connection, ExceptionKey("unexplained", event.tenant_id, event.hour, event.identifier), detail, now)


def _keep_answers(connection: psycopg.Connection, answers: dict[MeterEvent, Answer], now: datetime) -> None:
    receipts = [
        Receipt(event.identifier, answer.status, answer.http_status, answer.request_id, answer.text)
        for event, answer in answers.items()
        if answer.status is not None
    ]
    ledger.write_receipts(connection, receipts, now)
    delivered = {Outcome.ACCEPTED, Outcome.DUPLICATE}
    close_settled_exceptions(
        connection, [event.identifier for event, answer in answers.items() if answer.outcome in delivered], now
    )
    for event, answer in answers.items():
        if answer.outcome is Outcome.REFUSED:
            _open_refused(connection, event, answer, now)


def _open_refused(connection: psycopg.Connection, event: MeterEvent, answer: Answer, now: datetime) -> None:
    detail = (
        f"{event.value} {event.event_name} for customer {event.stripe_customer_id} was refused by Stripe: "
        f"{answer.text} (request {answer.request_id}). Remove the cause; the hour is stated anew once the tenant "
        "has another customer or this exception is closed."
    )
    open_exception(connection, ExceptionKey("refused", event.tenant_id, event.hour, event.identifier), detail, now)
