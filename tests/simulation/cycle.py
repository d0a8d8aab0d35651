"""A billing cycle of a schedule: March is invoiced at its end, and what runs about invoices runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from fridge_pipeline.calendar.days import DayRange, Month, day_of
from fridge_pipeline.calendar.hours import HourRange
from fridge_pipeline.catalogue.meter import Formula
from fridge_pipeline.corrections.propose import ProposalReport, propose_corrections
from fridge_pipeline.corrections.write_correction import approve_correction
from fridge_pipeline.database.run import AtFailpoint, pass_by
from fridge_pipeline.invoices.compare_invoices import compare_invoices
from fridge_pipeline.invoices.hold_drafts import HoldOrder, hold_drafts
from fridge_pipeline.invoices.invoice_record import days_read, days_with_drafts
from fridge_pipeline.invoices.plan_holds import unloaded_hours
from fridge_pipeline.invoices.read_invoices import read_invoices
from tests.people import signed_in
from tests.simulation.record import READINGS

if TYPE_CHECKING:
    from fridge_pipeline.database.run import Run
    from tests.simulation.world import ScheduleWorld

START = datetime(2026, 3, 1, tzinfo=UTC)
END = datetime(2026, 4, 1, tzinfo=UTC)
MARCH = Month.containing(START)
LONGEST = timedelta(hours=48)
SWITCHED = datetime(2026, 3, 15, tzinfo=UTC)

PRICES: dict[str, dict[str, Any]] = {
    "per unit": {"unit_amount": 7},
    "graduated": {
        "billing_scheme": "tiered",
        "tiers_mode": "graduated",
        "tiers[0][up_to]": 5,
        "tiers[0][unit_amount_decimal]": "2.5",
        "tiers[1][up_to]": "inf",
        "tiers[1][unit_amount]": 3,
        "tiers[1][flat_amount]": 11,
    },
    "volume": {
        "billing_scheme": "tiered",
        "tiers_mode": "volume",
        "tiers[0][up_to]": 8,
        "tiers[0][unit_amount]": 5,
        "tiers[1][up_to]": "inf",
        "tiers[1][unit_amount]": 4,
    },
}


def next_name_of(event_name: str, known: int) -> str:
    """What a meter is called once it is renamed, when its measure had so many."""
    return f"{event_name}_{known + 1}"


@dataclass(frozen=True)
class Terms:
    """How the account bills, and what the installation does about it."""

    price: str = "per unit"
    grace_hours: int = 1
    holds: bool = False
    subscribed: int = 4  # the first so many customers
    both_meters: bool = False
    next_name: str = ""  # whether the name that the meter of readings is given next was on subscriptions in March
    is_corrected: bool = False  # whether two people correct at the end what they can
    switches: tuple[tuple[str, Any], ...] = ()


class Cycle:
    """Prices and subscriptions since 1 March, monthly; the clock stands there until it is told otherwise."""

    def __init__(self, world: ScheduleWorld, terms: Terms) -> None:
        self.world = world
        self.terms = terms
        self.holds = terms.holds
        self.edited: set[str] = set()  # invoices that others have put a hand to
        # Either, and not both: of a deleted customer the hours of a renamed meter are told as owed whole, without what
        # the old name had invoiced.
        self.has_other_meters = self.has_lost_customers = False
        account = world.account
        account.set_clock(START.timestamp())
        account.settings(finalization_grace_seconds=terms.grace_hours * 3600, **dict(terms.switches))
        self.priced = {
            meter.event_name
            for meter in world.pipeline.catalogue
            if meter.event_name == READINGS or (terms.both_meters and meter.formula is Formula.SUM)
        }
        self.product = account.create("products", name="Fridges")["id"]
        self.subscriptions: list[dict[str, Any]] = []
        names = sorted(self.priced)
        if terms.next_name:
            (readings,) = (meter for meter in world.pipeline.catalogue if meter.event_name == READINGS)
            world.pipeline.gateway.create_meter(replace(readings, event_name=next_name_of(READINGS, 1)))
            names = {"both": [*names, next_name_of(READINGS, 1)], "switched": names}[terms.next_name]
        for number in range(1, terms.subscribed + 1):
            items = {f"items[{place}][price]": price for place, price in enumerate(map(self._price, names))}
            self.subscriptions.append(account.create("subscriptions", customer=f"cus_sim{number}", **items))
        if terms.next_name == "switched":
            account.set_clock(SWITCHED.timestamp())
            self.subscribe_to(next_name_of(READINGS, 1), instead_of=READINGS)

    def _price(self, event_name: str) -> str:
        kind = self.terms.price if event_name.startswith(READINGS) else "per unit"
        made = self.world.account.create(
            "prices",
            currency="usd",
            product=self.product,
            **{
                "recurring[interval]": "month",
                "recurring[usage_type]": "metered",
                "recurring[meter]": self.world.account.active_meters()[event_name],
            },
            **PRICES[kind],
        )
        self.priced.add(event_name)
        return str(made["id"])

    def subscribe_to(self, event_name: str, instead_of: str | None = None) -> None:
        """Every subscription gets a price of another meter; the item of one that it had may go."""
        price = self._price(event_name)
        meters = self.world.account.active_meters()
        for number, each in enumerate(self.subscriptions):
            gone = [
                item["id"]
                for item in each["items"]["data"]
                if instead_of is not None and item["price"]["recurring"]["meter"] == meters.get(instead_of)
            ]
            wish = {"items[0][price]": price}
            for place, item_id in enumerate(gone, start=1):
                wish |= {f"items[{place}][id]": item_id, f"items[{place}][deleted]": "true"}
            self.subscriptions[number] = self.world.account.create(f"subscriptions/{each['id']}", **wish)

    def _as_run(self, at_failpoint: AtFailpoint = pass_by) -> Run:
        return self.world.pipeline.as_run(at_failpoint)

    def read(self, at_failpoint: AtFailpoint = pass_by) -> None:
        """What stripe_invoices does: read, compare, hold or show what would be held."""
        world, run = self.world, self._as_run(at_failpoint)
        read_invoices(run, lambda: world.pipeline.gateway, self._days(), reads_max=10**9)
        compare_invoices(run)
        unloaded = unloaded_hours(world.database, world.zone, HourRange(world.grid.first, world.grid.last))
        order = HoldOrder(LONGEST, self.holds, unloaded, reads_max=10**9)
        hold_drafts(run, lambda: world.pipeline.gateway, order)

    def _days(self) -> DayRange:
        """As daily_invoices picks them: those that were not read since they were over, and those with drafts."""
        world = self.world
        every = DayRange(day_of(world.grid.first), world.clock().date())
        with world.database.connect() as connection:
            read, with_drafts = days_read(connection, every.last), days_with_drafts(connection)
        wanted = [day for day in every.days() if day not in read or day in with_drafts]
        return DayRange(min(wanted, default=every.last), every.last)

    def propose(self, login: str) -> ProposalReport:
        """``fridge correct 2026-03``."""
        return propose_corrections(replace(self._as_run(), database=signed_in(self.world.database, login)), MARCH)

    def approve(self, proposal_id: int, login: str, at_failpoint: AtFailpoint = pass_by) -> None:
        """``fridge correct --approve``."""
        run = replace(self._as_run(at_failpoint), database=signed_in(self.world.database, login))
        approve_correction(run, lambda: self.world.pipeline.gateway, proposal_id)
