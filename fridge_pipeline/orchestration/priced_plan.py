"""What billing a range of hours would state, and what that costs: looked at without Dagster."""

from __future__ import annotations

from fridge_pipeline.billing.decisions_record import variance_now
from fridge_pipeline.billing.plan_billing import BillingPlan, plan_billing
from fridge_pipeline.billing.rules.staging import StagingPolicy
from fridge_pipeline.calendar.hours import HourRange
from fridge_pipeline.installation import Landing, Ledger
from fridge_pipeline.invoices.price_changes import price_changes
from fridge_pipeline.invoices.rules.priced_change import PricedChange


def priced_plan(ledger: Ledger, landing: Landing, hours: HourRange) -> tuple[BillingPlan, list[PricedChange]]:
    """The plan of a range of hours, and what its changes cost; nothing is loaded, written or sent."""
    settings = ledger.settings
    with ledger.database.connect() as connection:
        policy = StagingPolicy(settings.close_after, variance_now(connection, settings.variance))
    run = ledger.as_run("plan")
    plan = plan_billing(run, landing.zone, hours, policy, settings.calls_per_second())
    return plan, price_changes(run, plan.changed_hours)
