"""What runs without anyone looking: the jobs, the sensor of new landing files, and which runs are under way."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta

import dagster as dg
from dagster import RunRecord, RunsFilter

from fridge_pipeline.calendar.days import DayRange
from fridge_pipeline.calendar.hours import Hour, HourRange, plan_ranges
from fridge_pipeline.ingest.watch import watch_landing_zone
from fridge_pipeline.installation import Landing, Ledger
from fridge_pipeline.orchestration.landing_cursor import UNDER_WAY, cursor_of, turn_of
from fridge_pipeline.orchestration.partitions import automation_tags, days_in_tags, hours_in_tags, range_tags

#: Has days where the others have hours, so it is no link of their chain.
RECONCILIATION = dg.AssetSelection.assets("stripe_reconciliation")

INCREMENTS = dg.AssetSelection.kind("increment") | dg.AssetSelection.kind("kept")

#: With the checks of these assets.
CHAIN = (dg.AssetSelection.groups("ingest", "usage", "billing") - RECONCILIATION) | INCREMENTS

#: The models that are filled at night; views are always as the books are.
TABLES = dg.AssetSelection.kind("table")

LOAD_AND_BILL = "load_and_bill"
BILL_CLOSED_HOURS = "bill_closed_hours"
RECONCILE_DAYS = "reconcile_days"
READ_INVOICES = "read_invoices"
CHECK_BOOKS = "check_books"
PLAN_BACKFILL = "plan_backfill"

#: What a run of hours or days is for, by the asset, and the jobs that do it.
BILLING, RECONCILING, INVOICES = "meter_events", "stripe_reconciliation", "stripe_invoices"
JOBS_OF = {
    BILLING: {LOAD_AND_BILL, BILL_CLOSED_HOURS},
    RECONCILING: {RECONCILE_DAYS},
    INVOICES: {READ_INVOICES},
}


load_and_bill = dg.define_asset_job(
    LOAD_AND_BILL,
    selection=CHAIN,
    tags={"fridge/does": "load and bill"},
    description="Loads an hour's new landing files, counts, and bills the hour once it is closed.",
)

bill_closed_hours = dg.define_asset_job(
    BILL_CLOSED_HOURS,
    selection=CHAIN,
    tags={"fridge/does": "bill"},
    description="Bills every closed hour that is not fully loaded, counted and delivered.",
)

reconcile_days = dg.define_asset_job(
    RECONCILE_DAYS,
    selection=RECONCILIATION,
    tags={"fridge/does": "reconcile"},
    description="Compares days of usage and ledger with Stripe's own sums.",
)

read_invoices_job = dg.define_asset_job(
    READ_INVOICES,
    selection=dg.AssetSelection.groups("invoices"),
    tags={"fridge/does": "read invoices"},
    description="Reads the invoices that Stripe made on some days, and compares them with usage and ledger.",
)

plan_backfill = dg.define_asset_job(
    PLAN_BACKFILL,
    selection=dg.AssetSelection.groups("planning"),
    tags={"fridge/does": "plan"},
    description="Shows what a backfill of hours would change at Stripe, before anything is sent.",
)


def check_books(checks: dg.AssetChecksDefinition) -> "dg.UnresolvedAssetJobDefinition":
    """The job of the night; ``checks`` are those of the SQL models, which are read from their files."""
    return dg.define_asset_job(
        CHECK_BOOKS,
        selection=TABLES | dg.AssetSelection.checks(checks),
        tags={"fridge/does": "check"},
        description="Derives the last days anew in SQL and tests everything that finance reads.",
    )


LANDING_INTERVAL_SECONDS = 30

#: A run key is used once, for good. So that a failed load is tried again, it says in which quarter of an hour
#: it was made; hours that are loaded, or being loaded, are not requested anyway.
RETRY_SECONDS = 15 * 60

#: Requests of one tick: a tick has 60 seconds, and submitting a run takes up to a tenth of one.
RUNS_PER_TICK_MAX = 100

#: The sweep starts so long after an hour has closed.
SWEEP_AFTER_CLOSE = timedelta(minutes=2)

EVERY_HOUR_DELIVERED = "every closed hour is delivered or is among the exceptions"


@dg.sensor(
    job_name=LOAD_AND_BILL,
    minimum_interval_seconds=LANDING_INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Watches the landing zone and requests a run per hour (or range of hours) with new files.",
)
def landing_sensor(
    context: dg.SensorEvaluationContext, ledger: dg.ResourceParam[Ledger], landing: dg.ResourceParam[Landing]
) -> dg.SensorResult | dg.SkipReason:
    """Requests a run for every hour whose landing files are not, or no longer, what was loaded."""
    watched = watch_landing_zone(
        ledger.database,
        landing.zone,
        ledger.grid(),
        ledger.clock(),
        turn_of(context.cursor),
    )
    pending = watched.pending
    waiting = without_runs_under_way(context.instance, pending)
    context.update_cursor(cursor_of(watched.turn, waits_for_runs=len(waiting) < len(pending)))
    if not waiting:
        return dg.SkipReason(watched.wrong or f"nothing new in {ledger.settings.landing_uri}")
    ranges = plan_ranges(waiting)[:RUNS_PER_TICK_MAX]
    attempt = int(ledger.clock().timestamp() // RETRY_SECONDS)
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=f"{hours}:{_digest(pending, hours)}:{attempt}",
                tags=automation_tags(hours, "new landing files"),
            )
            for hours in ranges
        ]
    )


def without_runs_under_way(instance: dg.DagsterInstance, hours: Iterable[Hour]) -> list[Hour]:
    """The hours that no queued or running run bills already; one that only plans or checks them is in nobody's way."""
    waiting = sorted(hours)
    if not waiting:
        return []
    busy = {hour for run in runs_under_way(instance) if makes(run, BILLING) for hour in hours_in_tags(run.tags)}
    return [hour for hour in waiting if hour not in busy]


def requests_of_hours(hours: Sequence[Hour], why: str, key: str | None = None) -> list[dg.RunRequest]:
    """The runs of these hours, as many as a tick takes; with a ``key`` each is requested once."""
    return [
        dg.RunRequest(run_key=f"{key}:{each}" if key is not None else None, tags=automation_tags(each, why))
        for each in plan_ranges(hours)[:RUNS_PER_TICK_MAX]
    ]


DAYS_UNDER_WAY = "a run is at these days already"


def request_of_days(instance: dg.DagsterInstance, asset: str, days: set[date], key: str) -> dg.RunRequest | None:
    """One run of all days from the first to the last that no run makes: a read holds a hundred, whatever their days."""
    busy = {day for run in runs_under_way(instance) if makes(run, asset) for day in days_in_tags(run.tags)}
    waiting = sorted(days - busy)
    if not waiting:
        return None
    span = DayRange(waiting[0], waiting[-1])
    return dg.RunRequest(run_key=f"{key}:{span}", tags=range_tags(span))


def runs_under_way(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Every queued or running run."""
    return [record.dagster_run for record in instance.get_run_records(RunsFilter(statuses=UNDER_WAY))]


def makes(run: dg.DagsterRun, asset: str) -> bool:
    """Whether this asset is what a run is for: by the assets that somebody chose, or else by its job."""
    if run.asset_selection:
        return dg.AssetKey(asset) in run.asset_selection
    return run.job_name in JOBS_OF[asset]


def ended(record: RunRecord) -> datetime:
    """When a run ended; one that never began ended when it was last heard of."""
    if record.end_time is not None:
        return datetime.fromtimestamp(record.end_time, UTC)
    return record.update_timestamp.replace(tzinfo=UTC)


def _digest(fingerprints: dict[Hour, str], hours: HourRange) -> str:
    """Changes with any listing in the range: a run key is used once, so new content needs a new one."""
    listed = "\n".join(f"{hour}:{fingerprints[hour]}" for hour in hours.hours() if hour in fingerprints)
    return hashlib.sha256(listed.encode()).hexdigest()[:16]
