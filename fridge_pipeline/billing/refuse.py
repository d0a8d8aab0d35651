"""Refuse: the exceptions about statements that Stripe said no to, at once or later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import psycopg

from fridge_pipeline.billing.ledger import staging_cases
from fridge_pipeline.billing.rules.refusal import refused_detail
from fridge_pipeline.billing.rules.staging import WAITS, StagingVerdict, judge_staging
from fridge_pipeline.billing.wait import close_overtaken, open_waiting
from fridge_pipeline.calendar.hour_range import HourRange
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.exceptions import ExceptionKey, open_exception
from fridge_pipeline.stripe.rules.meter_event import MeterEvent, billing_deadline


@dataclass(frozen=True, slots=True)
class Refusal:
    """A statement that Stripe said no to; ``said`` is how and why, see ``billing.rules.refusal``.

    Without ``is_settled`` an earlier attempt may have been counted.
    """

    event: MeterEvent
    said: str
    is_settled: bool = True


def open_refusals(
    connection: psycopg.Connection, refusals: Sequence[Refusal], catalogue: tuple[Meter, ...], now: datetime
) -> None:
    """Opens an exception for each refusal that leaves something owed, with what that is.

    What waited of the same tenant, meter and hour before gives way: its figure was another. Call it in a transaction,
    after the statements have their new states.
    """
    cases = {
        (case.meter.event_name, case.tenant_id, case.hour): case
        for hour in {each.event.hour for each in refusals}
        for case in staging_cases(connection, HourRange(hour, hour), catalogue)
    }
    known = {meter.event_name for meter in catalogue}
    waiting = []
    for refusal in refusals:
        event = refusal.event
        if event.event_name not in known:  # no longer in the catalogue: its usage is not known here
            _open(connection, refusal, event.value, None, now)
            continue
        case = cases.get((event.event_name, event.tenant_id, event.hour))
        if case is None or case.change == 0:
            continue
        newest = replace(case, refusal_open=refusal.is_settled and event.revision == case.latest_revision)
        verdict = judge_staging(newest, now)
        if verdict in WAITS:
            waiting.append((newest, verdict))
        elif verdict is not StagingVerdict.CREDIT:  # or else Stripe has too much: the sweep takes it back
            _open(connection, refusal, case.value or 0, case.stated_value, now)
    open_waiting(connection, waiting, now)
    close_overtaken(connection, waiting, now)


def _open(connection: psycopg.Connection, refusal: Refusal, usage: int, stated: int | None, now: datetime) -> None:
    event, is_settled = refusal.event, refusal.is_settled
    key = ExceptionKey("refused", event.tenant_id, event.hour, event.identifier)
    detail = refused_detail(
        event.event_name, usage, stated, event.stripe_customer_id, refusal.said, is_settled=is_settled
    )
    owed = usage - (stated or 0)
    open_exception(connection, key, detail, now, deadline_at=billing_deadline(event.hour), owed=owed)
