"""The pipeline as a test drives it: real steps, a real database, a real landing folder, Stripe over HTTP."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from fridge_pipeline.billing.bill import BillReport, bill_hours
from fridge_pipeline.billing.ledger import undelivered_hours
from fridge_pipeline.billing.rules.staging import StagingPolicy
from fridge_pipeline.calendar.days import DayRange
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.meter import CATALOGUE, Meter, Variance
from fridge_pipeline.catalogue.tenant import Tenant
from fridge_pipeline.catalogue.tenant_record import import_tenants
from fridge_pipeline.database.check_models import check_tests, tests_of
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.fill_models import fill_hours, fill_tables, keep_figures
from fridge_pipeline.database.held_views import HeldViews
from fridge_pipeline.database.models import read_models
from fridge_pipeline.database.run import AtFailpoint, Failpoint, Run, pass_by
from fridge_pipeline.finance.month_record import HELD
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.landing.zone import LandingZone
from fridge_pipeline.ingest.load import HourLoad, load_hours
from fridge_pipeline.reconciliation.reconcile import reconcile_days
from fridge_pipeline.reconciliation.reconciliation_report import ReconciliationReport
from fridge_pipeline.reconciliation.rules.reading_plan import Reading
from fridge_pipeline.settings import MODELS_FOLDER
from fridge_pipeline.stripe.gateway import StripeGateway
from fridge_pipeline.stripe.retries import RateLimiter
from fridge_pipeline.stripe.rules.api_key import SANDBOX_KEY, ApiKey
from fridge_pipeline.stripe.rules.limits import READS_MAX
from fridge_pipeline.usage.count import count_usage
from tests.sandbox_process import SandboxProcess, fresh_name

CLOSE_AFTER = timedelta(minutes=5)

#: tenant_id, sensor_id, recorded_at, temperature_c
Row = tuple[str, str, datetime, float]


class ProcessDied(BaseException):
    """What a killed process looks like from inside a test: nothing below catches it."""


def dies_after(failpoint: Failpoint, times: int = 1) -> AtFailpoint:
    """Lets the process die when a failpoint is reached for the n-th time."""
    left = [times]

    def at_failpoint(seen: Failpoint) -> None:
        if seen is failpoint:
            left[0] -= 1
            if left[0] == 0:
                raise ProcessDied

    return at_failpoint


@dataclass
class Clock:
    """A clock that stands still until a test moves it."""

    now: datetime

    def __call__(self) -> datetime:
        """What the steps ask for the time."""
        return self.now

    def advance(self, **by: float) -> None:
        """Moves it on."""
        self.now += timedelta(**by)


def gateway_to(url: str, key: ApiKey = SANDBOX_KEY) -> StripeGateway:
    """The real gateway, pointed at a sandbox or at nothing; it pauses a fiftieth of what it would."""
    limiter = RateLimiter(10_000, time.monotonic, lambda seconds: time.sleep(seconds / 50))
    return StripeGateway(key, url, limiter)


@dataclass
class Pipeline:
    """One installation in a test's own folder and database."""

    database: Database
    sandbox: SandboxProcess
    landing: Path
    workspace: Path
    clock: Clock
    customers: dict[str, str] = field(default_factory=dict)
    catalogue: tuple[Meter, ...] = CATALOGUE
    variance: Variance = Variance.HOLD
    run_id: str = "test-run"
    zone: LandingZone | None = None  # another one than the landing folder

    def __post_init__(self) -> None:
        self.landing.mkdir(parents=True, exist_ok=True)
        self.gateway = gateway_to(self.sandbox.url)
        present = self.gateway.meters()
        for meter in self.catalogue:
            if meter.event_name not in present:
                self.gateway.create_meter(meter)

    def add_tenant(self, tenant_id: str, customer_id: str | None = None) -> str:
        """Imports a tenant with a Stripe customer of its own, and returns the customer."""
        customer = customer_id or fresh_name("cus").replace("cus_", "cus_t")
        with self.database.connect() as connection:
            import_tenants(connection, [Tenant(tenant_id, tenant_id.title(), customer)], self.clock())
        self.customers[tenant_id] = customer
        return customer

    def land(self, hour: Hour, name: str, rows: Sequence[Row] | bytes) -> Path:
        """Delivers a landing file: rows as csv (gzipped for .gz), or bytes as they are."""
        path = self.landing / hour.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        body = rows if isinstance(rows, bytes) else csv_of(rows)
        path.write_bytes(gzip.compress(body) if name.endswith(".gz") and not isinstance(rows, bytes) else body)
        return path

    def add_tenant_with_readings(self, tenant_id: str, hour: Hour, sensors: int, per_sensor: int) -> str:
        """Imports a tenant, delivers readings of it in ``a.csv`` of an hour, and returns its customer."""
        customer = self.add_tenant(tenant_id)
        self.land(hour, "a.csv", readings(tenant_id, hour, sensors, per_sensor))
        return customer

    def as_run(self, at_failpoint: AtFailpoint = pass_by) -> Run:
        """What the steps of a run share."""
        return Run(self.database, self.catalogue, self.clock, self.run_id, at_failpoint)

    def load(self, first: Hour, last: Hour | None = None, at_failpoint: AtFailpoint = pass_by) -> list[HourLoad]:
        """Runs the load step."""
        zone = self.zone or LocalLanding(str(self.landing))
        hours = HourRange(first, last or first)
        return list(load_hours(self.as_run(at_failpoint), zone, hours, self.workspace))

    def run_models(self, first: Hour, last: Hour | None = None) -> None:
        """The SQL models as a run of these hours fills them, and the tables; a moment after what they are made of."""
        self.clock.advance(seconds=1)
        models = read_models(MODELS_FOLDER)
        fill_hours(self.database, models, HourRange(first, last or first), self.catalogue, self.clock)
        fill_tables(self.database, models, self.catalogue)
        keep_figures(self.database, models)

    def reconcile(
        self, days: DayRange, reads_max: int = READS_MAX, reading: Reading = Reading.ASKED_FOR
    ) -> ReconciliationReport:
        """Runs the step that reads Stripe's sums."""
        return reconcile_days(self.as_run(), lambda: self.gateway, days, reads_max, reading)

    def swept(self) -> list[Hour]:
        """The hours that the next sweep would take."""
        with self.database.connect() as connection:
            return undelivered_hours(connection, self.catalogue, self.clock())

    def failing_tests(self) -> set[str]:
        """The tests of the SQL models that do not hold now, of a tie-out made once for all: as the packs test them."""
        with self.database.connect() as connection:
            held = HeldViews.prepare(connection, *HELD)
            held.fill()
            tests = [list(tests_of(model, None)) for model in read_models(MODELS_FOLDER)]
            results = [result for each in tests for result in check_tests(held, each)]
        return {result.test.name for result in results if not result.holds}

    def count(self, first: Hour, last: Hour | None = None, at_failpoint: AtFailpoint = pass_by) -> None:
        """Runs the count step."""
        count_usage(self.database, HourRange(first, last or first), self.clock(), at_failpoint=at_failpoint)

    def bill(
        self,
        first: Hour,
        last: Hour | None = None,
        open_gateway: Callable[[], StripeGateway] | None = None,
        at_failpoint: AtFailpoint = pass_by,
    ) -> BillReport:
        """Runs the billing step."""
        run, policy = self.as_run(at_failpoint), StagingPolicy(CLOSE_AFTER, self.variance)
        hours = HourRange(first, last or first)
        return bill_hours(run, open_gateway or (lambda: self.gateway), hours, policy, max_in_flight=8)

    def run(self, first: Hour, last: Hour | None = None, at_failpoint: AtFailpoint = pass_by) -> BillReport:
        """The whole chain, as a Dagster run does it."""
        self.load(first, last, at_failpoint)
        self.count(first, last, at_failpoint)
        return self.bill(first, last, at_failpoint=at_failpoint)

    def advance(self, **by: float) -> None:
        """Moves the pipeline's clock and the sandbox's, which stands still from now on."""
        self.clock.advance(**by)
        self.sandbox.set_clock(now=self.clock.now.timestamp(), frozen=True)

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What the books hold."""
        with self.database.connect() as connection:
            return connection.execute(query, parameters or None).fetchall()

    def one(self, query: str, *parameters: object) -> Any:
        """The single value a query gives."""
        ((value,),) = self.rows(query, *parameters)
        return value

    def usage(self) -> dict[tuple[str, str], tuple[int, int]]:
        """(tenant, hour key) → (inserted_count, active_sensors)."""
        found = self.rows(
            "select tenant_id, hour, inserted_count, active_sensors from fridge.inserted_counts"
            " full join fridge.active_sensors using (tenant_id, hour)"
        )
        return {(tenant, Hour(hour).key): (inserted, sensors) for tenant, hour, inserted, sensors in found}

    def stripe_totals(self, tenant_id: str) -> dict[tuple[str, str], int]:
        """(event name, hour key) → what the sandbox counts for the tenant's customer."""
        tally = self.sandbox.usage(customer=self.customers[tenant_id])
        return {(row["event_name"], row["hour"]): row["value"] for row in tally["data"]}


def csv_of(rows: Iterable[Row]) -> bytes:
    """Rows as a gateway writes them."""
    lines = [f"{tenant},{sensor},{at:%Y-%m-%dT%H:%M:%S.%fZ},{celsius}" for tenant, sensor, at, celsius in rows]
    return "\n".join(["tenant_id,sensor_id,recorded_at,temperature_c", *lines, ""]).encode()


def ndjson_of(rows: Iterable[Row]) -> bytes:
    """The same as ndjson, where a name may hold any character."""
    names = ("tenant_id", "sensor_id", "recorded_at", "temperature_c")
    return "".join(f"{json.dumps(dict(zip(names, row, strict=True)), default=str)}\n" for row in rows).encode()


def readings(tenant: str, hour: Hour, sensors: int, per_sensor: int, start: int = 0) -> list[Row]:
    """Readings of several sensors, spread over the hour: ``sensors`` times ``per_sensor`` rows."""
    step = timedelta(hours=1) / max(per_sensor, 1)
    return [
        (tenant, f"s{start + sensor}", hour.start + number * step, 4.5)
        for sensor in range(sensors)
        for number in range(per_sensor)
    ]


def summed(frame: Mapping[tuple[str, str], tuple[int, int]]) -> int:
    """All readings of a usage mapping."""
    return sum(inserted for inserted, _ in frame.values())


def as_frame(rows: Sequence[Row]) -> pl.DataFrame:
    """Rows as a frame, to write them as parquet."""
    return pl.DataFrame(rows, schema=["tenant_id", "sensor_id", "recorded_at", "temperature_c"], orient="row")
