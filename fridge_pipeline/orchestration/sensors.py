"""The sensors beside the landing zone's: what could not be delivered, and what Stripe refused later."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus, RunRecord, RunsFilter

from fridge_pipeline.billing.collect_refusals import collect_refusals
from fridge_pipeline.billing.ledger import undelivered_hours
from fridge_pipeline.billing.rules.undecided import ATTEMPTS_REMEMBERED, due_at
from fridge_pipeline.calendar.days import DayRange, consecutive
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.installation import Ledger, Stripe
from fridge_pipeline.orchestration.automation import (
    BILL_CLOSED_HOURS,
    BILLING,
    EVERY_HOUR_DELIVERED,
    RECONCILE_DAYS,
    SWEEP_AFTER_CLOSE,
    ended,
    makes,
    requests_of_hours,
    without_runs_under_way,
)
from fridge_pipeline.orchestration.partitions import daily_grid, hours_in_tags, range_tags
from fridge_pipeline.stripe.gateway import StripeCallError
from fridge_pipeline.stripe.reads import require_answer

SWEEP_INTERVAL_SECONDS = 120

#: An hour that has just closed is hourly_billing's, which may be a little late.
LEFT_TO_HOURLY_BILLING = SWEEP_AFTER_CLOSE + timedelta(minutes=3)

ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]


@dg.sensor(
    job_name=BILL_CLOSED_HOURS,
    minimum_interval_seconds=SWEEP_INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Between two runs of hourly_billing: bills the hours that are loaded and not delivered, once "
    "Stripe answers again. Hours that fail again are tried less often, at least every quarter of an hour.",
)
def undelivered_sweep(
    context: dg.SensorEvaluationContext, ledger: dg.ResourceParam[Ledger], stripe: dg.ResourceParam[Stripe]
) -> dg.SensorResult | dg.SkipReason:
    """Requests runs for the closed hours that the books hold undelivered; looks at no landing file."""
    undelivered = _undelivered(ledger)
    if not undelivered:
        return dg.SkipReason(EVERY_HOUR_DELIVERED)
    now = ledger.clock()
    attempts = _attempts(context.instance, now)
    waiting = [
        hour for hour in without_runs_under_way(context.instance, undelivered) if not _is_stopped(attempts[hour])
    ]
    if not waiting:
        return dg.SkipReason(
            f"{len(undelivered)} hours are not delivered: runs are at them, or a person has stopped theirs"
        )
    due = {hour: due_at([ended(record) for record in attempts[hour]]) or now for hour in waiting}
    if (next_try := min(due.values())) > now:
        return dg.SkipReason(f"{len(waiting)} hours are not delivered; next try at {next_try:%H:%M:%S} UTC")
    now_due = [hour for hour, moment in due.items() if moment <= now]
    if any(attempts[hour] for hour in now_due) and (silence := _silence(stripe)) is not None:
        return dg.SkipReason(f"{len(waiting)} hours are not delivered: {silence}")
    return dg.SensorResult(run_requests=requests_of_hours(now_due, "not delivered yet"))


def _undelivered(ledger: Ledger) -> list[Hour]:
    """The hours that have been closed for long enough."""
    grid, now = ledger.grid(), ledger.clock()
    with ledger.database.connect() as connection:
        found = undelivered_hours(connection, ledger.catalogue, now)
    close_after = ledger.settings.close_after + LEFT_TO_HOURLY_BILLING
    return [hour for hour in found if grid.first <= hour <= grid.last and hour.closed_at(now, close_after)]


def _attempts(instance: dg.DagsterInstance, now: datetime) -> dict[Hour, list[RunRecord]]:
    """The runs that have lately ended, by the hours that they were to bill."""
    attempts = defaultdict[Hour, list[RunRecord]](list)
    for record in instance.get_run_records(RunsFilter(statuses=ENDED, updated_after=now - ATTEMPTS_REMEMBERED)):
        for hour in hours_in_tags(record.dagster_run.tags) if makes(record.dagster_run, BILLING) else ():
            attempts[hour].append(record)
    return attempts


def _is_stopped(attempts: Sequence[RunRecord]) -> bool:
    """What a person has stopped last is left to hourly_billing."""
    return bool(attempts) and max(attempts, key=ended).dagster_run.status is DagsterRunStatus.CANCELED


def _silence(stripe: Stripe) -> str | None:
    """Why Stripe would not take anything now; ``None`` when it answers. One call costs less than a run in vain."""
    try:
        require_answer(stripe.gateway())
    except StripeCallError as error:
        return str(error)
    return None


#: Each look is a read, of which a month holds only so many: not more often, and not at all while nothing is sent.
REFUSALS_INTERVAL_SECONDS = 300


@dg.sensor(
    job_name=RECONCILE_DAYS,
    minimum_interval_seconds=REFUSALS_INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reads Stripe's reports of events refused later; has these hours sent again and the days reconciled.",
)
def stripe_refusals(
    context: dg.SensorEvaluationContext, ledger: dg.ResourceParam[Ledger], stripe: dg.ResourceParam[Stripe]
) -> dg.SensorResult | dg.SkipReason:
    """Collects what Stripe refused after its receipt, and has the days reconciled that it may be about."""
    found = collect_refusals(
        ledger.database,
        stripe.gateway,
        ledger.catalogue,
        last_look(context.cursor),
        ledger.clock,
    )
    if found.looked_at is None:
        return dg.SkipReason("nothing was sent lately that Stripe could refuse")
    grid = daily_grid(ledger.settings.partitions_start, ledger.clock())
    requests = requests_of(found.touched, grid)
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else "Stripe refused nothing",
        cursor=found.looked_at.isoformat(),
    )


def last_look(cursor: str | None) -> datetime | None:
    """When the sensor looked last; a cursor that is no time begins anew, which costs a read and changes nothing."""
    try:
        moment = datetime.fromisoformat(cursor or "")
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def requests_of(touched: dict[date, str], grid: DayRange) -> list[dg.RunRequest]:
    """One run for the consecutive days of a report. Days outside the grid are left out: they would fail the tick.

    A run key is used once, so reports that are in sight again request nothing.
    """
    days: dict[str, list[date]] = defaultdict(list)
    for day, report_id in touched.items():
        if day in grid:
            days[report_id].append(day)
    return [
        dg.RunRequest(run_key=f"{report_id}:{span}", tags=range_tags(span))
        for report_id, of_report in sorted(days.items())
        for span in consecutive(of_report)
    ]
