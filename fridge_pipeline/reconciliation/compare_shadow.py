"""Compare: our count beside what another system has stated to Stripe, in the hours before the billing start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fridge_pipeline.billing.open_stripe import billing_start
from fridge_pipeline.calendar.days import DayRange
from fridge_pipeline.database.run import Run
from fridge_pipeline.reconciliation.reconcile import reconcile_days
from fridge_pipeline.reconciliation.reconciliation_record import compared_hours
from fridge_pipeline.reconciliation.reconciliation_report import ReconciliationReport
from fridge_pipeline.reconciliation.rules.causes import ComparedHour
from fridge_pipeline.reconciliation.rules.reading_plan import Reading
from fridge_pipeline.stripe.gateway import StripeGateway
from fridge_pipeline.stripe.rules.limits import READS_MAX


class EveryHourBilledError(ValueError):
    """These days hold no hour that is only counted."""


@dataclass(frozen=True, slots=True)
class ShadowComparison:
    """The compared hours, and how the reading went: customers that were not read are not among the hours."""

    hours: list[ComparedHour]
    reading: ReconciliationReport


def compare_shadow(
    run: Run, open_gateway: Callable[[], StripeGateway], days: DayRange, reads_max: int = READS_MAX
) -> ShadowComparison:
    """Reconciles the days, which keeps what was read, and picks the hours that are not billed.

    Every tenant with a customer is read, also one of whom nothing was counted. Raises ``EveryHourBilledError``,
    ``WrongBooksError`` and what ``open_gateway`` raises.
    """
    with run.database.connect() as connection:
        start = billing_start(connection)
    if start.bills(days.hours.first):
        raise EveryHourBilledError(
            f"every hour from {days.first} to {days.last} is billed, and compared by the daily reconciliation; "
            "FRIDGE_BILL_FROM says which hours are only counted (docs/shadow-mode.md)"
        )
    reading = reconcile_days(run, open_gateway, days, reads_max, Reading.SHADOW)
    with run.database.connect() as connection:
        return ShadowComparison(compared_hours(connection, days, run.catalogue), reading)
