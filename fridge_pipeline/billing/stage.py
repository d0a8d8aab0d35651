"""Stage: decide what Stripe must be told, and commit it before anything is sent (law L4)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import psycopg

from fridge_pipeline.billing import ledger
from fridge_pipeline.billing.books_beside_files import UsageBesideFiles, usage_beside_files
from fridge_pipeline.billing.ledger import stage_cancellations, stated_differences
from fridge_pipeline.billing.review import Outlier, case_key, find_outliers, held_before
from fridge_pipeline.billing.rules.staging import (
    SAYS_SOMETHING_NEW,
    STATES,
    SUPERSEDES_STAGED,
    StagingCase,
    StagingPolicy,
    StagingVerdict,
    judge_staging,
    next_event,
    one_tenant_each,
)
from fridge_pipeline.billing.rules.undecided import plan_credit
from fridge_pipeline.billing.wait import tell_waiting
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.meter import Meter, Variance
from fridge_pipeline.database.exceptions import (
    ExceptionKey,
    close_contradictions,
    close_moot_exceptions,
    open_exception,
)
from fridge_pipeline.database.run import Failpoint, Run
from fridge_pipeline.stripe.rules.limits import VALUE_MAX
from fridge_pipeline.stripe.rules.meter_event import billing_deadline


@dataclass(frozen=True, slots=True)
class StageReport:
    """How many cases got which verdict, and what was found far above its history, held or only warned of."""

    verdicts: Counter[StagingVerdict]
    outliers: list[Outlier]

    @property
    def waits(self) -> bool:
        """Something is staged once something older is decided: a lost answer, or one cancellation after another."""
        return any(self.verdicts[verdict] for verdict in (StagingVerdict.IN_FLIGHT, StagingVerdict.CREDIT))


@dataclass(frozen=True, slots=True)
class Judgement:
    """What each case of closed hours comes to, what stands out from its history, and what contradicts its files."""

    cases: list[tuple[StagingCase, StagingVerdict]]
    outliers: list[Outlier]
    contradictions: list[UsageBesideFiles]
    held: list[Outlier]


def stage_hours(run: Run, hours: HourRange, policy: StagingPolicy) -> StageReport:
    """Stages a new revision for every closed hour's usage that Stripe has not been told; reports the verdicts.

    Usage of an open hour is never staged. What must wait becomes an exception with the quantity: unmapped and too late
    usage, what Stripe has too much and can no longer be cancelled, changes of a closed month, usage far above its
    tenant's own history, and usage that is not what its files brought. What was staged of a meter that is not in the
    catalogue any more is not sent; what changes in the hours that such a meter keeps waits for a person.
    """
    now, catalogue = run.clock(), run.catalogue
    with run.database.connect() as connection, connection.transaction():
        ledger.lock_staging(connection)
        ledger.keep_meter_turns(connection, catalogue, now)
        former = ledger.former_meters(connection, catalogue)
        owing = (*catalogue, *former)
        judgement = judge_hours(connection, hours, catalogue, former, policy, now)
        cases, outliers = judgement.cases, judgement.outliers
        events = [next_event(case) for case, verdict in cases if verdict in STATES]
        ledger.supersede_removed(connection, hours, catalogue)
        ledger.supersede_staged(connection, [case for case, verdict in cases if verdict in SUPERSEDES_STAGED])
        ledger.stage_events(connection, events, now, run.run_id)
        for case, verdict in cases:
            if verdict is StagingVerdict.CREDIT:
                _credit(connection, case, now, run.run_id)
        tell_waiting(connection, hours, owing, cases, now)
        _hold(connection, judgement.held, now)
        _contradict(connection, judgement.contradictions, hours, now)
        close_moot_exceptions(connection, hours, owing, now)
    run.at_failpoint(Failpoint.STAGED)
    return StageReport(Counter(verdict for _, verdict in cases), outliers)


def judge_hours(
    connection: psycopg.Connection,
    hours: HourRange,
    catalogue: tuple[Meter, ...],
    former: tuple[Meter, ...],
    policy: StagingPolicy,
    now: datetime,
) -> Judgement:
    """Judges the cases of closed hours; changes nothing.

    Nothing new is said of a tenant-hour whose usage is not what its files brought; its neighbours do not notice.
    """
    judged = one_tenant_each(
        (case, judge_staging(case, now))
        for case in ledger.staging_cases(connection, hours, catalogue, former)
        if case.hour.closed_at(now, policy.close_after)
    )
    news = {(case.hour.start, case.tenant_id) for case, verdict in judged if verdict in SAYS_SOMETHING_NEW}
    found = usage_beside_files(connection, hours) if news else []
    contradictions = [each for each in found if (each.hour, each.tenant_id) in news]
    contradicted = {(each.hour, each.tenant_id) for each in contradictions}
    judged = [
        (case, StagingVerdict.CONTRADICTION)
        if verdict in SAYS_SOMETHING_NEW and (case.hour.start, case.tenant_id) in contradicted
        else (case, verdict)
        for case, verdict in judged
    ]
    outliers = find_outliers(connection, judged, policy.variance)
    held = outliers
    if policy.variance is not Variance.HOLD:  # what was held before the switch stays so until it is released
        before = held_before(connection, hours)
        waiting = [(case, verdict) for case, verdict in judged if case_key(case) in before]
        held = find_outliers(connection, waiting, Variance.HOLD)
    held = [*held, *(Outlier(case) for case, verdict in judged if verdict in STATES and case.next_value > VALUE_MAX)]
    held_cases = {outlier.case for outlier in held}
    judged = [(case, StagingVerdict.HELD_FOR_REVIEW if case in held_cases else verdict) for case, verdict in judged]
    return Judgement(judged, outliers, contradictions, held)


def _contradict(
    connection: psycopg.Connection, contradictions: list[UsageBesideFiles], hours: HourRange, now: datetime
) -> None:
    """Opens an exception for each tenant-hour that contradicts its files, and closes those that no longer do."""
    for each in contradictions:
        hour = Hour(each.hour)
        detail = (
            f"{each}. Readings, usage or files were changed directly in the database: restore them "
            f"(docs/runbook.md#contradiction), then: fridge bill --from {hour} --to {hour}. Not stated before."
        )
        key = ExceptionKey(StagingVerdict.CONTRADICTION.value, each.tenant_id, hour)
        open_exception(connection, key, detail, now, deadline_at=billing_deadline(hour))
    close_contradictions(connection, hours, [(Hour(each.hour), each.tenant_id) for each in contradictions], now)


def _credit(connection: psycopg.Connection, case: StagingCase, now: datetime, run_id: str) -> None:
    """Stages the next cancellation: one at a time, so that a lost answer leaves one unconfirmed."""
    plan = plan_credit(stated_differences(connection, case), -case.change, now)
    stage_cancellations(connection, plan.cancel[:1], now, run_id)
    if plan.credit_due:
        detail = (
            f"Stripe has {case.stated_value or 0} {case.meter.event_name} and the usage is {case.value or 0}. "
            f"{_settled_before(case)}{plan.credit_due} can no longer be cancelled. Give customer {case.customer_id} a "
            f"credit for {plan.credit_due}, then: fridge settle EXCEPTION --how credited."
        )
        key = ExceptionKey("credit_due", case.tenant_id, case.hour, case.meter.event_name)
        open_exception(connection, key, detail, now, owed=case.change)


def _settled_before(case: StagingCase) -> str:
    if not case.settled:
        return ""
    return f"{abs(case.settled)} were {'invoiced' if case.settled > 0 else 'credited'} by hand before. "


def _hold(connection: psycopg.Connection, outliers: list[Outlier], now: datetime) -> None:
    for outlier in outliers:
        case = outlier.case
        release = (
            f"If it is right: fridge release {case.tenant_id} {case.hour} --meter {case.meter.event_name} "
            "--reason TEXT --as LOGIN, and the next run bills it. If not, take"
        )
        detail = f"{outlier}. {release if outlier.history else 'Take'} the file out: fridge withdraw FILE."
        key = ExceptionKey(StagingVerdict.HELD_FOR_REVIEW.value, case.tenant_id, case.hour, case.meter.event_name)
        open_exception(connection, key, detail, now, deadline_at=billing_deadline(case.hour), owed=case.change)
