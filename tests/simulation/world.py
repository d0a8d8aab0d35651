"""The simulated world: real steps, a real PostgreSQL, the sandbox over HTTP, one clock for all of them."""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from fridge_pipeline.billing.collect_refusals import collect_refusals
from fridge_pipeline.billing.hours_to_bill import find_hours_to_bill
from fridge_pipeline.calendar.days import DayRange, day_of
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.measure import Measure
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.catalogue.tenant import Tenant
from fridge_pipeline.catalogue.tenant_record import import_tenants
from fridge_pipeline.database.run import AtFailpoint, pass_by
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.watch import watch_landing_zone
from fridge_pipeline.reason_terms import How
from tests.pipeline import CLOSE_AFTER, Clock, Pipeline, gateway_to
from tests.simulation.cycle import Cycle, Terms
from tests.simulation.parts import Parts
from tests.simulation.record import Delivery, Lying, Place, Record

#: The hours that are billed are the last of a month, which can thus be closed at once.
HOURS = [Hour(datetime(2026, 3, 31, hour, tzinfo=UTC)) for hour in range(20, 24)]

#: Where a gateway with a wrong clock lands its files: before the grid, and ahead of now.
WRONG_HOURS = [HOURS[0].plus(-1), HOURS[-1].plus(2)]

DAYS = DayRange(day_of(WRONG_HOURS[0]), day_of(WRONG_HOURS[-1]))

TENANTS = ("a", "b", "c")


class ScheduleWorld:
    """One schedule's world: what lies in the landing zone, who is whose customer, and what time it is."""

    def __init__(
        self, parts: Parts, catalogue: tuple[Meter, ...], account: dict[str, Any], terms: Terms | None
    ) -> None:
        self.parts = parts
        self.account = parts.account
        self.account.begin(**account)
        self.database = parts.next_schedule()
        self.clock = Clock(HOURS[-1].end + timedelta(minutes=30))
        self._tell_the_time()
        landing = parts.folder / "landing"
        shutil.rmtree(landing, ignore_errors=True)
        self.pipeline = Pipeline(
            self.database, parts.sandbox, landing, parts.folder / "work", self.clock, catalogue=catalogue
        )
        self.zone = LocalLanding(str(landing))
        self.meters = {meter.event_name: meter for meter in catalogue}  # that the catalogue ever had
        self.record = Record()
        self.customer_of: dict[str, str | None] = dict.fromkeys(TENANTS)
        self.tenants_of: defaultdict[str, set[str]] = defaultdict(set)  # whom a customer was ever mapped to
        self.meddled: set[tuple[str, Hour]] = set()  # event names and hours that somebody else has stated
        self.month_is_closed = False
        self.settled: defaultdict[Place, Counter[How]] = defaultdict(Counter)  # what people ended otherwise
        self.cycle = None if terms is None else Cycle(self, terms)
        self._tell_the_time()

    # What gateways do to the landing zone.

    def land(self, hour: Hour, name: str, delivery: Delivery) -> None:
        """A file arrives, or takes the place of one."""
        file = Lying(hour, f"{name}.{delivery.ending}", delivery)
        self.pipeline.land(hour, file.name, delivery.content)
        self.record.lying[file.path] = file

    def take_away(self, file: Lying) -> None:
        """A file is no longer where it lay."""
        (self.pipeline.landing / file.path).unlink()
        del self.record.lying[file.path]

    # What people tell the pipeline.

    def new_customer(self) -> str:
        """A Stripe customer that nobody has."""
        customer = f"cus_sim{len(self.tenants_of) + 1}"
        self.tenants_of[customer] = set()
        return customer

    def map(self, *mapping: tuple[str, str | None]) -> None:
        """A file of tenants is imported."""
        with self.database.connect() as connection:
            tenants = [Tenant(tenant, tenant.upper(), customer) for tenant, customer in mapping]
            import_tenants(connection, tenants, self.clock(), may_remove_customers=True)
        for tenant, customer in mapping:
            self.customer_of[tenant] = customer
            if customer is not None:
                self.tenants_of[customer].add(tenant)

    def change_meters(self, measure: Measure, meter: Meter | None) -> None:
        """Another meter bills a measure, or none does: ``FRIDGE_METERS`` says otherwise than before."""
        others = tuple(each for each in self.pipeline.catalogue if each.measure != measure)
        self.pipeline.catalogue = (*others, *([] if meter is None else [meter]))
        if meter is not None:
            self.meters[meter.event_name] = meter

    # What runs.

    def advance(self, **by: float) -> None:
        """Moves the one clock that pipeline and sandbox have; late requests arrive meanwhile."""
        self.clock.advance(**by)
        self._tell_the_time()

    def _tell_the_time(self) -> None:
        self.account.set_clock(self.clock.now.timestamp())

    def run(self, first: Hour, last: Hour, at_failpoint: AtFailpoint = pass_by) -> None:
        """Loads, counts and bills a range of hours."""
        self.record.load(HourRange(first, last).hours())
        self.account.is_stirred = True
        self.pipeline.run(first, last, at_failpoint)

    @property
    def grid(self) -> HourRange:
        """From the first hour that is billed to the last that has ended."""
        return HourRange(HOURS[0], Hour.containing(self.clock.now).plus(-1))

    def watch(self) -> None:
        """What landing_sensor does, all but the runs."""
        watch_landing_zone(self.database, self.zone, self.grid, self.clock.now)

    def sweep(self) -> list[Hour]:
        """What hourly_billing would run now."""
        return find_hours_to_bill(self.pipeline.as_run(), self.zone, self.grid, CLOSE_AFTER)

    def sweep_all(self) -> list[Hour]:
        """The same with no hour known to be delivered; it must find the same."""
        found = self.sweep()
        self.database.look("update fridge.swept_catalogue set event_names = '{}'")
        assert self.sweep() == found
        return found

    def collect_refusals(self) -> None:
        """What stripe_refusals does: ask what Stripe refused later."""
        collect_refusals(self.database, lambda: self.pipeline.gateway, self.pipeline.catalogue, None, self.clock)

    def reconcile(self) -> None:
        """What the daily schedule does: compare with Stripe's totals."""
        self.pipeline.reconcile(DAYS, reads_max=10**9)

    def make_meters(self) -> None:
        """Every meter of the catalogue that Stripe has not is made, and what runs next is another process."""
        present = self.account.active_meters()
        for meter in self.pipeline.catalogue:
            if meter.event_name not in present:
                self.pipeline.gateway.create_meter(meter)
        self.account.meters_are_others_now()
        self.pipeline.gateway = gateway_to(self.parts.sandbox.url)
