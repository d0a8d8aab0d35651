"""A tenant's hour that Stripe would be told another figure of, as a plan or a release has it."""

from __future__ import annotations

from dataclasses import dataclass

from fridge_pipeline.billing.rules.staging import StagingCase
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.meter import Meter


@dataclass(frozen=True, slots=True)
class ChangedHour:
    """What Stripe has accepted of the hour, and what it would have; ``customer_id`` is who is billed."""

    tenant_id: str
    customer_id: str | None
    meter: Meter
    hour: Hour
    before: int
    after: int


def changed_hour(case: StagingCase) -> ChangedHour:
    """The hour of a case, before and after its statement."""
    stated = case.stated_value or 0
    return ChangedHour(case.tenant_id, case.customer_id, case.meter, case.hour, stated, stated + case.change)
