"""What has invoices read without anyone looking: every morning the days that were not, and drafts as they come."""

import dagster as dg

from fridge_pipeline.calendar.days import ONE_DAY, DayRange
from fridge_pipeline.installation import Landing, Ledger, Stripe
from fridge_pipeline.invoices.assets import IS_OFF
from fridge_pipeline.invoices.compare_invoices import compared_since
from fridge_pipeline.invoices.hold_drafts import days_to_hold
from fridge_pipeline.invoices.invoice_record import days_read, days_with_drafts
from fridge_pipeline.invoices.plan_holds import find_drafts, unloaded_hours
from fridge_pipeline.invoices.rules.hold_draft import InvoiceMode
from fridge_pipeline.orchestration.automation import DAYS_UNDER_WAY, INVOICES, READ_INVOICES, request_of_days
from fridge_pipeline.orchestration.partitions import daily_grid

#: Between the reconciliation, whose sums it shows, and the check of the books.
INVOICES_CRON = "30 7 * * *"


@dg.schedule(
    job_name=READ_INVOICES,
    cron_schedule=INVOICES_CRON,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Reads the invoices made yesterday, on earlier days that were not read, and on days with drafts.",
)
def daily_invoices(
    context: dg.ScheduleEvaluationContext, ledger: dg.ResourceParam[Ledger]
) -> dg.RunRequest | dg.SkipReason:
    """Every morning: the days that are compared and were not read since they were over, and those with drafts."""
    if ledger.settings.invoices is InvoiceMode.OFF:
        return dg.SkipReason(IS_OFF)
    grid = daily_grid(ledger.settings.partitions_start, ledger.clock())
    yesterday = grid.last - ONE_DAY
    if yesterday not in grid:
        return dg.SkipReason("the grid of days begins today")
    looked_at = DayRange(max(grid.first, compared_since(ledger.clock()).date()), yesterday)
    with ledger.database.connect() as connection:
        read, with_drafts = days_read(connection, grid.last), days_with_drafts(connection)
    wanted = {day for day in looked_at.days() if day not in read} | {day for day in with_drafts if day in grid}
    key = f"invoices:{context.scheduled_execution_time.isoformat()}"
    return request_of_days(context.instance, INVOICES, wanted | {yesterday}, key) or dg.SkipReason(DAYS_UNDER_WAY)


#: As often as a page of drafts costs nothing that is missed: 2,160 reads of the 10,000 that a month has at least.
DRAFTS_INTERVAL_SECONDS = 20 * 60


@dg.sensor(
    job_name=READ_INVOICES,
    minimum_interval_seconds=DRAFTS_INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Lists Stripe's drafts; requests reading of days on which one appeared, became final, or must be held.",
)
def invoice_drafts(
    context: dg.SensorEvaluationContext,
    ledger: dg.ResourceParam[Ledger],
    stripe: dg.ResourceParam[Stripe],
    landing: dg.ResourceParam[Landing],
) -> dg.SensorResult | dg.SkipReason:
    """Requests a run when the drafts are others than the last run has read, or are to be held or let go.

    One read a page, else nothing. What one run leaves to be done, as when Stripe's sums lag, is requested once an hour.
    What it has not read is for the morning, but where drafts are held: the next look requests it, for Stripe makes a
    draft that nobody holds final within the hour.
    """
    mode = ledger.settings.invoices
    if mode is InvoiceMode.OFF:
        return dg.SkipReason(IS_OFF)
    run = ledger.as_run("invoice_drafts")
    found = find_drafts(run, stripe.gateway, ledger.settings.stripe_reads)
    if found.not_read is not None:
        return dg.SkipReason(f"drafts are not read: {found.not_read}")
    wanted, digest = set(found.changed), found.digest
    if mode is InvoiceMode.HOLD and found.drafts:
        longest = ledger.settings.invoice_hold
        to_hold, hold_digest = days_to_hold(run, found.drafts, longest)
        if to_hold:  # only then is the landing zone listed
            unloaded = unloaded_hours(ledger.database, landing.zone, ledger.grid())
            to_hold, hold_digest = days_to_hold(run, found.drafts, longest, unloaded)
        wanted, digest = wanted | to_hold, f"{digest}:{hold_digest}" if to_hold else digest
    if mode is InvoiceMode.HOLD and found.changed:
        digest = f"{digest}:{int(ledger.clock().timestamp() // DRAFTS_INTERVAL_SECONDS)}"
    grid = daily_grid(ledger.settings.partitions_start, ledger.clock())
    days = {day for day in wanted if day in grid}
    if not days:
        return dg.SkipReason(f"{len(found.drafts)} drafts, and all of them are read")
    request = request_of_days(context.instance, INVOICES, days, f"invoices:{digest}")
    return dg.SensorResult(run_requests=[request]) if request else dg.SkipReason(DAYS_UNDER_WAY)
