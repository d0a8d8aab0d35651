"""Wait: one exception says of each tenant, meter and hour what keeps its usage from being stated, and how much."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import psycopg

from fridge_pipeline.adapters.postgres import exceptions
from fridge_pipeline.adapters.postgres.exceptions import ExceptionKey, open_exception
from fridge_pipeline.domain.meter_event import billing_deadline
from fridge_pipeline.domain.staging import STATES, WAITS, StagingCase, StagingVerdict
from fridge_pipeline.domain.waiting import CAN_STILL_BE_STATED, waiting_detail, waiting_subject

#: After these nothing waits any more for what it waited for before.
DECIDED = WAITS | STATES | {StagingVerdict.HELD_FOR_REVIEW, StagingVerdict.CREDIT}


def open_waiting(
    connection: psycopg.Connection, cases: Iterable[tuple[StagingCase, StagingVerdict]], now: datetime
) -> None:
    """Opens the exceptions of what waits for a person, or brings their figures up to date."""
    for case, verdict in cases:
        if verdict in WAITS:
            deadline = billing_deadline(case.hour) if verdict in CAN_STILL_BE_STATED else None
            open_exception(
                connection,
                _key(case, verdict),
                waiting_detail(case, verdict),
                now,
                deadline_at=deadline,
                owed=case.change,
            )


def close_overtaken(
    connection: psycopg.Connection, cases: Iterable[tuple[StagingCase, StagingVerdict]], now: datetime
) -> None:
    """Closes what kept usage from Stripe before, where that is decided anew or nothing is owed."""
    decided = [(case.meter, _key(case, verdict)) for case, verdict in cases if verdict in DECIDED or case.change == 0]
    exceptions.close_overtaken(connection, decided, now)


def _key(case: StagingCase, verdict: StagingVerdict) -> ExceptionKey:
    return ExceptionKey(verdict.value, case.tenant_id, case.hour, waiting_subject(case, verdict))
