"""Books that are only counted, and the queue worker that still bills: one event per file, sent and forgotten."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fridge_pipeline.billing.open_stripe import keep_billing_start
from fridge_pipeline.calendar.days import DayRange, day_of
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.billing_start import BillingStart
from fridge_pipeline.catalogue.meter import CATALOGUE, Window
from fridge_pipeline.database.connection import Database
from fridge_pipeline.reconciliation.compare_shadow import ShadowComparison, compare_shadow
from tests.pipeline import Clock, Pipeline, readings
from tests.sandbox_process import SandboxProcess

READINGS = "temperature_readings"

#: For tests of both ways to restate an hour.
BOTH_WAYS = pytest.mark.parametrize(
    "books", [Window.HOUR, Window.NONE], ids=["restated as totals", "added up"], indirect=True
)
TENANTS = ("cohoes", "troy")


@dataclass
class Books:
    """Two tenants, and six hours from 05:00 UTC two days ago on."""

    pipeline: Pipeline
    first: Hour

    @property
    def last(self) -> Hour:
        return self.first.plus(5)

    @property
    def days(self) -> DayRange:
        return DayRange(day_of(self.first), day_of(self.last))

    def bill_from(self, hour: Hour | None) -> None:
        with self.pipeline.database.connect() as connection:
            keep_billing_start(connection, BillingStart(hour), self.pipeline.catalogue, self.pipeline.clock())

    def land(self, *, tenants: tuple[str, ...] = TENANTS) -> None:
        for number in range(6):
            hour = self.first.plus(number)
            rows = [row for tenant in tenants for row in readings(tenant, hour, 2, 5 + number)]
            self.pipeline.land(hour, "a.csv", rows)

    def run(self) -> None:
        report = self.pipeline.run(self.first, self.last)
        assert report.unsettled == []

    def swept(self) -> list[Hour]:
        return self.pipeline.swept()

    def posts(self) -> list[dict[str, Any]]:
        """The requests that state usage or take it back, of us and of the worker."""
        return [
            each
            for each in self.pipeline.sandbox.requests()
            if each["method"] == "POST" and "/meter_event" in each["path"]
        ]

    def work(self, tenant: str, hour: Hour, value: int, event_name: str = READINGS) -> None:
        """What the worker sends of a batch: an identifier nobody knows, the time of arrival, no look at the answer."""
        self.pipeline.sandbox.client().v1.billing.meter_events.create(
            {
                "event_name": event_name,
                "identifier": str(uuid.uuid4()),
                "timestamp": int((hour.start + timedelta(minutes=7)).timestamp()),
                "payload": {"stripe_customer_id": self.pipeline.customers[tenant], "value": str(value)},
            }
        )

    def compare(self, **limits: int) -> ShadowComparison:
        line = self.pipeline
        return compare_shadow(line.as_run(), lambda: line.gateway, self.days, **limits)

    def exceptions(self) -> list[tuple[str, str, str]]:
        found = self.pipeline.rows(
            "select kind, tenant_id, hour from fridge.exceptions where closed_at is null order by hour, kind"
        )
        return [(kind, tenant, Hour(hour).key) for kind, tenant, hour in found]


@pytest.fixture
def books(
    request: pytest.FixtureRequest,
    database: Database,
    stripe_sandbox: SandboxProcess,
    tmp_path: Path,
    clock: Clock,
    two_days_ago: datetime,
) -> Books:
    """Shadow mode, nothing counted yet; another window of the meters where a test asks for it."""
    catalogue = tuple(replace(meter, window=getattr(request, "param", Window.HOUR)) for meter in CATALOGUE)
    return _books(database, stripe_sandbox, tmp_path, clock, two_days_ago, catalogue)


@pytest.fixture
def worker_books(
    database: Database, stripe_sandbox: SandboxProcess, tmp_path: Path, clock: Clock, two_days_ago: datetime
) -> Books:
    """The same on the meter that the worker states to, which adds every event up."""
    catalogue = (replace(CATALOGUE[0], window=Window.NONE),)
    return _books(database, stripe_sandbox, tmp_path, clock, two_days_ago, catalogue)


def _books(
    database: Database, sandbox: SandboxProcess, folder: Path, clock: Clock, day: datetime, catalogue: Any
) -> Books:
    line = Pipeline(database, sandbox, folder / "landing", folder / "work", clock, catalogue=catalogue)
    for tenant in TENANTS:
        line.add_tenant(tenant)
    books = Books(line, Hour(day.replace(hour=5)))
    books.bill_from(None)
    return books
