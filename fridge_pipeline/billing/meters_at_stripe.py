"""Stripe's meters beside the catalogue's: which are wrong, and what another one of the same event name may have."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from datetime import datetime
from decimal import Decimal

import psycopg

from fridge_pipeline.billing.rules.refusal_texts import in_another_meter
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.queries import span_of, statement
from fridge_pipeline.stripe.gateway import StripeGateway, StripeMeter
from fridge_pipeline.stripe.reads import add_up, summed_by_each_meter, summed_usage
from fridge_pipeline.stripe.rules.answer import Answer, Outcome
from fridge_pipeline.stripe.rules.limits import CLOCKS_APART
from fridge_pipeline.stripe.rules.meter_event import DeliveryAttempt


def wrong_meters(gateway: StripeGateway, catalogue: tuple[Meter, ...]) -> dict[str, str]:
    """Event name → why Stripe's meter is not the catalogue's; what it would add up is not what we mean.

    Raises ``StripeCallError``.
    """
    present = gateway.meters()
    wrong = {}
    for meter in catalogue:
        found = present.get(meter.event_name)
        if found is None:
            wrong[meter.event_name] = "not in Stripe; run: fridge stripe setup"
        elif found.disagreements(meter):
            wrong[meter.event_name] = "; ".join(found.disagreements(meter))
    return wrong


def is_to_be_read(attempt: DeliveryAttempt, known: Container[str], meter: StripeMeter | None) -> bool:
    """Whether a meter event is read back instead of being sent again: another meter may have it, or has its hour.

    It was sent while another meter may have had its event name, and nobody knows whether this one would know its
    identifier; or its meter is not ``known`` to the catalogue any more. A cancellation is made, which names what it
    cancels.
    """
    if attempt.is_cancellation or attempt.first_sent_at is None:
        return False
    if attempt.event.event_name not in known:
        return True
    if meter is None or meter.others_until is None:
        return False
    return attempt.first_sent_at <= meter.others_until + CLOCKS_APART


def whole_hours(
    connection: psycopg.Connection, event_name: str, customer_id: str, hours: HourRange
) -> dict[Hour, datetime]:
    """Hours that a person had sent whole to the meter that was made anew, and when what counts of them was sent.

    What the meters of before have of them is on no price.
    """
    asked = {**span_of(hours), "event_name": event_name, "stripe_customer_id": customer_id}
    return {Hour(start): sent_at for start, sent_at in connection.execute(statement("whole_hours"), asked).fetchall()}


def sums_by_hour(
    gateway: StripeGateway,
    event_name: str,
    customer_id: str,
    hours: HourRange,
    whole: Mapping[Hour, datetime],
    count_read: Callable[[], None],
) -> Mapping[Hour, Decimal]:
    """Stripe's totals of what is on a price, as ``summed_usage`` reads them; ``whole``: see ``whole_hours``."""
    if not whole:
        return summed_usage(gateway, event_name, customer_id, hours, count_read=count_read)
    return add_up(summed_by_each_meter(gateway, event_name, customer_id, hours, count_read), whole)


def counted_in_another(
    connection: psycopg.Connection, attempts: Iterable[DeliveryAttempt], meters: Mapping[str, StripeMeter]
) -> dict[str, Answer]:
    """Identifier → why it is not sent, of totals of hours that a meter has which had the event name before.

    Both meters may be on a price, and the hour would be billed by one and the other.
    """
    until = {name: meter.others_until for name, meter in meters.items() if meter.others_until is not None}
    totals = [each.event for each in attempts if each.event.event_name in until and not each.event.is_difference]
    if not totals:
        return {}
    parameters = {"identifiers": [event.identifier for event in totals]}
    rows = connection.execute(statement("counting_before"), parameters).fetchall()
    return {
        identifier: Answer(Outcome.REFUSED, in_another_meter(value, until[event_name]), reached=False)
        for identifier, event_name, value, sent_at in rows
        if sent_at <= until[event_name] + CLOCKS_APART
    }
