"""What these tests do and look at: usage in hours of one day, a reconciliation, its rows, the reads it cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fridge_pipeline.billing.collect_refusals import RefusalReport, collect_refusals
from fridge_pipeline.calendar.days import DayRange, day_of
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.reconciliation.reconciliation_report import ReconciliationReport
from fridge_pipeline.stripe.rules.limits import READS_MAX
from tests.pipeline import Pipeline, readings

READINGS, SENSORS = "temperature_readings", "active_sensors"


@dataclass
class Books:
    """A pipeline whose first hour lies at 05:00 UTC two days ago."""

    pipeline: Pipeline
    first: Hour

    @property
    def days(self) -> DayRange:
        """The day of the first hour."""
        return DayRange(day_of(self.first), day_of(self.first))

    def use(self, hour: Hour, per_sensor: int, tenant: str = "cohoes", name: str = "a.csv", sensors: int = 1) -> None:
        """Lands readings and runs the whole chain of their hour."""
        self.pipeline.land(hour, name, readings(tenant, hour, sensors, per_sensor))
        self.pipeline.run(hour)

    def reconcile(self, days: DayRange | None = None, reads_max: int = READS_MAX) -> ReconciliationReport:
        """Runs the step."""
        return self.pipeline.reconcile(days or self.days, reads_max)

    def collect(self, last_look_at: datetime | None = None) -> RefusalReport:
        """Looks for what was refused later."""
        return collect_refusals(
            self.pipeline.database,
            lambda: self.pipeline.gateway,
            self.pipeline.catalogue,
            last_look_at,
            self.pipeline.clock,
        )

    def day_rows(self, event_name: str = READINGS) -> list[tuple[Any, ...]]:
        """(usage, ledger, Stripe, difference, cause) of the rows of days."""
        return self.pipeline.rows(
            "select usage_value, ledger_value, stripe_value::int, difference::int, cause"
            " from fridge.stripe_reconciliation where hour is null and event_name = %s order by day, tenant_id",
            event_name,
        )

    def hour_rows(self, event_name: str = READINGS) -> list[tuple[Any, ...]]:
        """(hour key, usage, ledger, Stripe, cause) of the rows of hours."""
        found = self.pipeline.rows(
            "select hour, usage_value, ledger_value, stripe_value::int, cause"
            " from fridge.stripe_reconciliation where hour is not null and event_name = %s order by hour, tenant_id",
            event_name,
        )
        return [(Hour(hour).key, *rest) for hour, *rest in found]

    def exceptions(self) -> list[tuple[Any, ...]]:
        """(kind, hour key, subject) of the open ones."""
        found = self.pipeline.rows(
            "select kind, hour, subject from fridge.exceptions where closed_at is null order by hour, kind, subject"
        )
        return [(kind, Hour(hour).key, subject) for kind, hour, subject in found]

    def statuses(self, event_name: str = READINGS) -> list[tuple[int, str]]:
        """(revision, status) of one meter's statements."""
        return self.pipeline.rows(
            "select revision, status from fridge.meter_events where event_name = %s order by hour, revision", event_name
        )

    def summary_reads(self) -> int:
        """How many requests for summaries the sandbox has seen."""
        return sum(request["path"].endswith("/event_summaries") for request in self.pipeline.sandbox.requests())
