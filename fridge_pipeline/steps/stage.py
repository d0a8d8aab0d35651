"""Stage: decide what Stripe must be told, and commit it before anything is sent (law L4)."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import psycopg

from fridge_pipeline.adapters.postgres import ledger
from fridge_pipeline.adapters.postgres.database import Database
from fridge_pipeline.adapters.postgres.exceptions import ExceptionKey, open_exception
from fridge_pipeline.domain.hour_range import HourRange
from fridge_pipeline.domain.limits import OLDEST_TIMESTAMP
from fridge_pipeline.domain.meter import Meter
from fridge_pipeline.domain.meter_event import (
    StagingCase,
    StagingVerdict,
    billing_deadline,
    judge_staging,
    next_event,
)


def stage_hours(
    database: Database,
    hours: HourRange,
    catalogue: tuple[Meter, ...],
    now: datetime,
    close_after: timedelta,
    run_id: str,
) -> Counter[StagingVerdict]:
    """Stages a new revision for every closed hour's usage that Stripe has not been told; counts the verdicts.

    Usage of an open hour is never staged. Unmapped and too late usage becomes an exception with the quantity.
    """
    with database.connect() as connection, connection.transaction():
        ledger.lock_staging(connection)
        judged = [
            (case, judge_staging(case, now))
            for case in ledger.staging_cases(connection, hours, catalogue)
            if case.hour.closed_at(now, close_after)
        ]
        _take_back(connection, judged)
        stated = {StagingVerdict.STAGE, StagingVerdict.RESTAGE}
        ledger.stage_events(
            connection, [next_event(case) for case, verdict in judged if verdict in stated], now, run_id
        )
        for case, verdict in judged:
            _open_exception(connection, case, verdict, now)
    return Counter(verdict for _, verdict in judged)


def _take_back(connection: psycopg.Connection, judged: list[tuple[StagingCase, StagingVerdict]]) -> None:
    """What was staged, never sent, and is no longer true or no longer accepted by Stripe."""
    ledger.supersede_staged(
        connection,
        [case for case, verdict in judged if verdict in {StagingVerdict.RESTAGE, StagingVerdict.TOO_LATE}],
    )


def _open_exception(connection: psycopg.Connection, case: StagingCase, verdict: StagingVerdict, now: datetime) -> None:
    if verdict not in {StagingVerdict.UNMAPPED, StagingVerdict.TOO_LATE}:
        return
    key = ExceptionKey(verdict.value, case.tenant_id, case.hour, case.meter.event_name)
    already = f", of which Stripe has {case.stated_value}" if case.stated_value is not None else ""
    quantity = f"{case.value or 0} {case.meter.event_name}{already}"
    if verdict is StagingVerdict.UNMAPPED:
        detail = (
            f"{quantity}: tenant {case.tenant_id!r} has no Stripe customer. "
            "Import the tenant with its customer (fridge tenants import); it is billed with the next run."
        )
        open_exception(connection, key, detail, now, deadline_at=billing_deadline(case.hour))
    else:
        detail = (
            f"{quantity}: the hour is older than the {OLDEST_TIMESTAMP.days} days that Stripe accepts, "
            "so it cannot be billed as usage. Bill it by an invoice item, or accept the loss."
        )
        open_exception(connection, key, detail, now)
