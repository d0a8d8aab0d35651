"""Wait: one exception says of each tenant, meter and hour what keeps its usage from being stated, refusals too."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import psycopg

from fridge_pipeline.billing.ledger import former_meters, staging_cases
from fridge_pipeline.billing.rules.refusal_texts import refused_detail
from fridge_pipeline.billing.rules.staging import (
    STATES,
    WAITS,
    StagingCase,
    StagingVerdict,
    judge_staging,
)
from fridge_pipeline.billing.rules.waiting import (
    together_detail,
    told_together,
    waiting_detail,
    waiting_subject,
    waits_until,
)
from fridge_pipeline.calendar.hours import HourRange
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database import exceptions
from fridge_pipeline.database.exceptions import ExceptionKey, open_exception
from fridge_pipeline.stripe.rules.meter_event import MeterEvent, billing_deadline

#: After these nothing waits any more for what it waited for before.
DECIDED = WAITS | STATES | {StagingVerdict.HELD_FOR_REVIEW, StagingVerdict.CREDIT}


def tell_waiting(
    connection: psycopg.Connection,
    hours: HourRange,
    catalogue: tuple[Meter, ...],
    cases: Collection[tuple[StagingCase, StagingVerdict]],
    now: datetime,
) -> None:
    """Opens what waits in closed hours of a range, and closes what waited before; ``cases`` are all that there are.

    Of very many tenants without a customer in an hour of a meter most are told in one exception, without a tenant.
    """
    together = told_together(cases)
    in_a_list = {case for found in together.values() for case in found}
    open_waiting(connection, [pair for pair in cases if pair[0] not in in_a_list], now)
    keys = {each: ExceptionKey(each[2].value, None, each[0], each[1]) for each in together}
    for each, key in keys.items():
        found = together[each]
        open_exception(
            connection,
            key,
            together_detail(each, found),
            now,
            deadline_at=waits_until(found[0], each[2]),
            owed=sum(case.change for case in found),
        )
    exceptions.close_told_together(connection, hours, catalogue, keys.values(), now)
    close_overtaken(connection, cases, now, in_a_list)


def open_waiting(
    connection: psycopg.Connection, cases: Iterable[tuple[StagingCase, StagingVerdict]], now: datetime
) -> None:
    """Opens the exceptions of what waits for a person, or brings their figures up to date."""
    for case, verdict in cases:
        if verdict in WAITS:
            open_exception(
                connection,
                _key(case, verdict),
                waiting_detail(case, verdict),
                now,
                deadline_at=waits_until(case, verdict),
                owed=case.change,
            )


def close_overtaken(
    connection: psycopg.Connection,
    cases: Iterable[tuple[StagingCase, StagingVerdict]],
    now: datetime,
    told_elsewhere: Collection[StagingCase] = frozenset(),
) -> None:
    """Closes what kept usage from Stripe before, where that is decided anew, told elsewhere, or nothing is owed."""
    decided = [
        (case.meter, replace(_key(case, verdict), subject="") if case in told_elsewhere else _key(case, verdict))
        for case, verdict in cases
        if verdict in DECIDED or case.change == 0
    ]
    exceptions.close_overtaken(connection, decided, now)


def _key(case: StagingCase, verdict: StagingVerdict) -> ExceptionKey:
    kind = "credit_due" if verdict is StagingVerdict.CREDIT else verdict.value
    return ExceptionKey(kind, case.tenant_id, case.hour, waiting_subject(case, verdict))


@dataclass(frozen=True, slots=True)
class Refusal:
    """A meter event that Stripe said no to; ``said`` is how and why, see ``billing.rules.refusal_texts``.

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
    after the meter events have their new states.
    """
    former = former_meters(connection, catalogue) if refusals else ()
    cases = {
        (case.meter.event_name, case.tenant_id, case.hour): case
        for hour in {each.event.hour for each in refusals}
        for case in staging_cases(connection, HourRange(hour, hour), catalogue, former)
    }
    known = {meter.event_name for meter in (*catalogue, *former)}
    waiting = []
    for refusal in refusals:
        event = refusal.event
        if event.event_name not in known:  # no longer in the catalogue: its usage is not known here
            _open(connection, refusal, f"{event.value} {event.event_name}", event.value, now)
            continue
        case = cases.get((event.event_name, event.tenant_id, event.hour))
        if case is None or case.change == 0:
            continue
        newest = replace(case, refusal_open=refusal.is_settled and event.revision == case.latest_revision)
        verdict = judge_staging(newest, now)
        if verdict in WAITS:
            waiting.append((newest, verdict))
        elif verdict is not StagingVerdict.CREDIT:  # or else Stripe has too much: the sweep takes it back
            _open(connection, refusal, case.in_words, case.change, now)
    open_waiting(connection, waiting, now)
    close_overtaken(connection, waiting, now)


def _open(connection: psycopg.Connection, refusal: Refusal, usage: str, owed: int, now: datetime) -> None:
    event, is_settled = refusal.event, refusal.is_settled
    key = ExceptionKey("refused", event.tenant_id, event.hour, event.identifier)
    detail = refused_detail(usage, event.stripe_customer_id, refusal.said, is_settled=is_settled)
    open_exception(connection, key, detail, now, deadline_at=billing_deadline(event.hour), owed=owed)
