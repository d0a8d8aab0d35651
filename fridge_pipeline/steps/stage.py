"""Stage: decide what Stripe must be told, and commit it before anything is sent (law L4)."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import psycopg

from fridge_pipeline.adapters.postgres import ledger
from fridge_pipeline.adapters.postgres.cancellations import stage_cancellations, stated_differences
from fridge_pipeline.adapters.postgres.database import Database
from fridge_pipeline.adapters.postgres.exceptions import ExceptionKey, close_moot_exceptions, open_exception
from fridge_pipeline.domain.credit import plan_credit
from fridge_pipeline.domain.hour_range import HourRange
from fridge_pipeline.domain.limits import OLDEST_TIMESTAMP
from fridge_pipeline.domain.meter import Meter
from fridge_pipeline.domain.meter_event import billing_deadline
from fridge_pipeline.domain.staging import SUPERSEDES_STAGED, StagingCase, StagingVerdict, judge_staging, next_event
from fridge_pipeline.steps.effect import Effect, Witness, unwatched


def stage_hours(
    database: Database,
    hours: HourRange,
    catalogue: tuple[Meter, ...],
    now: datetime,
    close_after: timedelta,
    run_id: str,
    witness: Witness = unwatched,
) -> Counter[StagingVerdict]:
    """Stages a new revision for every closed hour's usage that Stripe has not been told; counts the verdicts.

    Usage of an open hour is never staged. Unmapped and too late usage becomes an exception with the quantity, and
    so does what Stripe has too much and can no longer be cancelled.
    """
    with database.connect() as connection, connection.transaction():
        ledger.lock_staging(connection)
        judged = [
            (case, judge_staging(case, now))
            for case in ledger.staging_cases(connection, hours, catalogue)
            if case.hour.closed_at(now, close_after)
        ]
        ledger.supersede_staged(connection, [case for case, verdict in judged if verdict in SUPERSEDES_STAGED])
        stated = {StagingVerdict.STAGE, StagingVerdict.RESTAGE}
        ledger.stage_events(
            connection, [next_event(case) for case, verdict in judged if verdict in stated], now, run_id
        )
        for case, verdict in judged:
            if verdict is StagingVerdict.CREDIT:
                _credit(connection, case, now, run_id)
            _open_exception(connection, case, verdict, now)
        close_moot_exceptions(connection, hours, catalogue, now)
    witness(Effect.STAGED)
    return Counter(verdict for _, verdict in judged)


def _credit(connection: psycopg.Connection, case: StagingCase, now: datetime, run_id: str) -> None:
    """Stages the next cancellation: one at a time, so that a lost answer leaves one thing in doubt and not several."""
    plan = plan_credit(stated_differences(connection, case), -case.change, now)
    stage_cancellations(connection, plan.cancel[:1], now, run_id)
    if plan.credit_due:
        detail = (
            f"Stripe has {case.stated_value} {case.meter.event_name} and the usage is {case.value or 0}. "
            f"{plan.credit_due} of it was stated more than 20 hours ago and can no longer be cancelled. Give the "
            f"customer {case.stated_customer_id} a credit for {plan.credit_due}, and close this exception."
        )
        open_exception(
            connection, ExceptionKey("credit_due", case.tenant_id, case.hour, case.meter.event_name), detail, now
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
