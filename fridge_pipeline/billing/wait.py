"""Wait: one exception says of each tenant, meter and hour what keeps its usage from being stated, and how much."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

import psycopg

from fridge_pipeline.billing.rules.staging import STATES, WAITS, StagingCase, StagingVerdict
from fridge_pipeline.billing.rules.waiting import (
    CAN_STILL_BE_STATED,
    together_detail,
    told_together,
    waiting_detail,
    waiting_subject,
    waits_until,
)
from fridge_pipeline.calendar.hour_range import HourRange
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database import exceptions
from fridge_pipeline.database.exceptions import ExceptionKey, open_exception
from fridge_pipeline.stripe.rules.meter_event import billing_deadline

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
        deadline = billing_deadline(each[0]) if each[2] in CAN_STILL_BE_STATED else None
        open_exception(connection, key, together_detail(each, together[each]), now, deadline_at=deadline)
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
    return ExceptionKey(verdict.value, case.tenant_id, case.hour, waiting_subject(case, verdict))
