"""What billing a range of hours would come to, with what this installation is."""

from __future__ import annotations

from fridge_pipeline.billing.plan_billing import BillingPlan, plan_billing
from fridge_pipeline.calendar.hour_range import HourRange
from fridge_pipeline.installation import Installation


def plan_of(installation: Installation, hours: HourRange) -> BillingPlan:
    """The plan of a range of hours; nothing is loaded, written or sent."""
    settings = installation.settings
    return plan_billing(
        installation.database,
        installation.zone,
        hours,
        installation.catalogue,
        installation.clock(),
        settings.close_after,
        settings.variance,
        settings.calls_per_second(),
    )
