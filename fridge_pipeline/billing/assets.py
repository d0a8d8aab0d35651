"""Group ``billing``: usage becomes meter events in Stripe's books."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import dagster as dg

from fridge_pipeline.billing.bill import BillReport, HourBill, bill_hours, explain_unsettled
from fridge_pipeline.billing.books_beside_files import hours_with_history
from fridge_pipeline.billing.decisions_record import keep_settings
from fridge_pipeline.billing.rules.staging import StagingPolicy
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.measure import COUNTS
from fridge_pipeline.catalogue.tenant_record import tenant_ids
from fridge_pipeline.installation import Ledger, Stripe
from fridge_pipeline.orchestration.partitions import (
    ON_THE_WAY,
    STRIPE_POOL,
    hours_of,
    retried_when_the_database_is_lost,
    tenants_of,
)
from fridge_pipeline.orchestration.progress import Progress
from fridge_pipeline.orchestration.told_hours import keep_from_red, materialize, of_nothing, tell_hours


@dg.asset(
    deps=[*COUNTS],
    group_name="billing",
    kinds={"stripe", "postgres"},
    owners=["team:finance"],
    op_tags=ON_THE_WAY,
    pool=STRIPE_POOL,
)
def meter_events(
    context: dg.AssetExecutionContext, ledger: dg.ResourceParam[Ledger], stripe: dg.ResourceParam[Stripe]
) -> Iterator[dg.MaterializeResult[None]]:
    """One row per meter event: identifier, value, revision, state and receipt.

    A meter event is committed before it is sent, and sent again under the same identifier. Usage of an open hour is not
    pushed. Usage far above its tenant's own history is held for review, and changes of a closed month wait: both stand
    in the exceptions. Hours before `FRIDGE_BILL_FROM` are counted and never stated. A run with the tag `fridge/tenants`
    sends what these tenants are owed and leaves the others to the next run.
    """
    settings, hours = ledger.settings, hours_of(context)
    progress = Progress(context.log, f"billing {hours} to {ledger.stripe_location}")
    with retried_when_the_database_is_lost():
        run = ledger.as_run(context.run.run_id, progress.at_failpoint)
        variance = keep_settings(ledger.database, settings.variance, ledger.catalogue)
        policy = StagingPolicy(settings.close_after, variance)
        tenants = tenants_of(context, lambda: known_tenants(ledger))
        report = bill_hours(run, stripe.gateway, hours, policy, settings.max_in_flight, tenants)
        with ledger.database.connect() as connection:
            with_history = set(hours_with_history(connection, hours))
    progress.finish(bill_summary(hours, report))
    yield from report_bills(context, report, with_history, stripe_links(stripe))


def known_tenants(ledger: Ledger) -> set[str]:
    """The ids of all that were imported."""
    with ledger.database.connect() as connection:
        return tenant_ids(connection)


def report_bills(
    context: dg.AssetExecutionContext,
    report: BillReport,
    with_history: AbstractSet[Hour],
    links: Mapping[str, dg.MetadataValue],
) -> Iterator[dg.MaterializeResult[None]]:
    """Each hour's numbers. What is not settled fails the run, with the other hours materialized.

    What is open, or empty, was not billed and is only observed. Where Dagster would take that for a failure, in a
    backfill and in a run that fails, it is materialized all the same, and says what it is. An hour in which statements
    of tenants wait that the run is not for is never more than observed.
    """
    for outlier in (outlier for bill in report.hours for outlier in bill.outliers):
        context.log.warning("%s in %s: %s", outlier.case.tenant_id, outlier.case.hour, outlier)
    nothing = of_nothing(context)
    metadata = {
        bill.hour: {**bill_metadata(bill, None if bill.hour in with_history else nothing), **links}
        for bill in report.hours
        if bill.is_settled
    }
    left_out = {bill.hour for bill in report.hours if bill.left_out}
    if report.unsettled:
        materialize(context, context.asset_key, {hour: told for hour, told in metadata.items() if hour not in left_out})
        keep_from_red(context, [hour for hour in metadata if hour not in with_history], nothing)
        raise dg.Failure(explain_unsettled(report), allow_retries=False)
    billed = {bill.hour for bill in report.hours if bill.is_closed and bill.hour in with_history}
    yield tell_hours(context, metadata, billed - left_out, unfinished=left_out)


def bill_summary(hours: HourRange, report: BillReport) -> str:
    """What a delivery came to, for the log."""
    answers = ", ".join(f"{number:,} {outcome.value}" for outcome, number in report.delivery.outcomes.items() if number)
    settled = sum(bill.is_settled for bill in report.hours)
    return f"{hours}: {answers or 'nothing was sent'}; {settled} of {len(report.hours)} hours have nothing left to send"


def bill_metadata(bill: HourBill, nothing: str | None = None) -> dict[str, Any]:
    """The numbers of one hour, which Dagster plots over the partitions; none where nothing was to be billed yet.

    ``nothing`` is what is said of one that the books know nothing of.
    """
    exceptions = {f"exceptions_{kind}": number for kind, number in bill.exceptions.items()}
    if not bill.is_closed:
        return {"state": "open: pushed after it has closed", **exceptions}
    if nothing is not None:
        return {"state": nothing, **exceptions}
    unstated = "nothing is stated: see the exceptions" if bill.exceptions else "no usage to state"
    state = "delivered" if bill.accepted else unstated
    if bill.left_out:
        state = f"sent of the tenants that were asked for; {bill.left_out} meter events of others wait"
    if not bill.is_billed:
        state = "counted, not stated: before FRIDGE_BILL_FROM"
    return {
        "dagster/partition_row_count": bill.accepted,
        "events_accepted": bill.accepted,
        **{f"stripe_{name}": total for name, total in bill.totals.items()},
        **({"delivery_seconds": bill.delivery_seconds} if bill.delivery_seconds is not None else {}),
        **({"seconds_after_the_hour": bill.seconds_after_hour} if bill.seconds_after_hour is not None else {}),
        **exceptions,
        **({"far_above_history": len(bill.outliers)} if bill.outliers else {}),
        "state": state,
    }


def stripe_links(stripe: Stripe) -> dict[str, dg.MetadataValue]:
    """Where each meter is looked at in Stripe's dashboard; a sandbox has none."""
    return {f"open_{name}": dg.MetadataValue.url(address) for name, address in stripe.dashboard_of_meters().items()}
