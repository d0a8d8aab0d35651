"""What people do between runs: import tenants, withdraw, release, settle, close a month, rename and remove meters."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import rule

from fridge_pipeline.billing.review import NothingHeldError, release_usage
from fridge_pipeline.calendar.days import Month
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.measure import ACTIVE_SENSORS, INSERTED_COUNT, Measure
from fridge_pipeline.catalogue.meter import Formula, Variance, Window
from fridge_pipeline.corrections.rules.settlement import SettlementRefusedError
from fridge_pipeline.corrections.settle import Decision, settle_exceptions
from fridge_pipeline.corrections.withdraw import withdraw_file
from fridge_pipeline.finance.close_month import MonthStateError, sign_month
from fridge_pipeline.finance.rules.signoff import Action, Signoff
from fridge_pipeline.reason_codes import INVOICE_KINDS
from fridge_pipeline.reason_terms import How
from tests.people import signed_in
from tests.simulation.base import Actor
from tests.simulation.cycle import next_name_of
from tests.simulation.world import HOURS, TENANTS

MONTH = Month.containing(HOURS[0].start)

IMPORTS = ["map", "move", "take away", "rename", "hand over", "swap", "give a freed customer", "merge"]
DECISIONS = [
    *("withdraw", "withdraw", "release", "settle", "settle", "mend refusals", "change FRIDGE_VARIANCE"),
    "close or reopen the month",
]

METERS = ["rename a meter", "rename a meter", "remove a meter", "bring a meter back"]

OPEN = "select tenant_id, hour from fridge.exceptions where kind = %s and closed_at is null order by 1, 2"
OPEN_IDS = "select exception_id from fridge.exceptions where kind = %s and closed_at is null order by 1"
TO_SETTLE = """
    select exception_id from fridge.open_exceptions inner join fridge.exception_kinds using (kind)
    where ('credited' = any(ends) or 'written_off' = any(ends)) and kind <> 'unexplained'
    order by tenant_id, hour, open_exceptions.subject
"""

pairs = st.permutations(TENANTS).map(lambda tenants: tenants[:2])
numbers = st.integers(0, 99)


class People(Actor):
    """Operations and finance."""

    @rule(how=st.sampled_from(IMPORTS), pair=pairs, which=numbers)
    def import_tenants(self, how: str, pair: list[str], which: int) -> None:
        """A tenants file that says otherwise than the last one."""
        self.did(f"tenants: {how}")
        now, (one, other) = self.now, pair
        ones, others = now.customer_of[one], now.customer_of[other]
        match how:
            case "map" | "move":  # a tenant gets its customer at last, or another one
                now.map((one, now.new_customer()))
            case "take away":
                now.map((one, None))
            case (
                "rename" | "hand over"
            ):  # the other one goes on with the customer, and may have usage of the same hours
                now.map((one, None), (other, ones))
            case "swap":
                now.map((one, others), (other, ones))
            case "give a freed customer":
                free = [customer for customer in now.tenants_of if customer not in now.customer_of.values()]
                if free:
                    now.map((one, free[which % len(free)]))
            case "merge":  # of two customers at Stripe one stays; first one tenant was billed to it, then the other
                if ones is not None and others is not None:
                    now.account.delete_customer(others)
                    now.map((one, None), (other, ones))

    @rule(how=st.sampled_from(DECISIONS), which=numbers)
    def decide(self, how: str, which: int) -> None:
        """What is on record with a name and a reason."""
        self.did(how)
        now = self.now
        match how:
            case "withdraw":
                paths = now.record.withdrawable()
                if paths:
                    path = paths[which % len(paths)]
                    withdraw_file(now.database, now.zone, path, "broken sensor", "Ada", now.clock)
                    now.record.withdraw(path)
            case "release":
                self._release(which)
            case "settle":
                self._settle_one(which)
            case "mend refusals":  # the causes are removed
                for (exception_id,) in now.database.look(OPEN_IDS, ["refused"]):
                    settle_exceptions(now.pipeline.as_run(), [exception_id], Decision(How.STATE_AGAIN, "mended"))
            case "change FRIDGE_VARIANCE":
                now.pipeline.variance = list(Variance)[which % len(Variance)]
            case "close or reopen the month":
                with suppress(MonthStateError):  # statements of it are under way
                    self._sign()

    @rule(how=st.sampled_from(METERS), which=numbers)
    def change_meters(self, how: str, which: int) -> None:
        """``FRIDGE_METERS`` has another name for what a measure is billed by, none, or one of before."""
        now = self.now
        self.did(how)
        if now.cycle is not None and now.cycle.has_lost_customers:
            return
        if now.cycle is not None:
            now.cycle.has_other_meters = True
        measure = (INSERTED_COUNT, ACTIVE_SENSORS)[which % 2]
        known = [meter for meter in now.meters.values() if meter.measure == measure]
        match how:
            case "rename a meter":
                new = replace(known[0], event_name=next_name_of(known[0].event_name, len(known)))
                # One that adds up takes over from one that keeps the newest, or the reverse; a price has one formula.
                if which % 3 == 0 and now.cycle is None:
                    window = Window.HOUR if new.window is Window.NONE else Window.NONE
                    new = replace(new, formula=Formula.SUM, window=window)
                now.change_meters(measure, new)
            case "remove a meter":
                now.change_meters(measure, None)
            case "bring a meter back":
                now.change_meters(measure, known[which % len(known)])
        if which % 5:  # else it is deployed before it is made in Stripe
            now.make_meters()
        if now.cycle is not None and which % 4 == 0:
            self._price_anew(measure, known[0].event_name if which % 8 else None)

    def _price_anew(self, measure: Measure, instead_of: str | None) -> None:
        """What bills the measure now is put on the subscriptions, beside what was there or instead of it."""
        cycle = self.now.cycle
        made = self.now.account.active_meters()
        for meter in self.now.pipeline.catalogue:
            if cycle and meter.measure == measure and meter.event_name in made and meter.event_name not in cycle.priced:
                cycle.subscribe_to(meter.event_name, instead_of)

    def _release(self, which: int) -> None:
        held = self.now.database.look(OPEN, ["held_for_review"])
        if held:
            tenant, start = held[which % len(held)]
            with suppress(NothingHeldError):
                release_usage(self.now.pipeline.as_run(), tenant, Hour(start), None, "Ada", "a backlog")

    def _settle_one(self, which: int) -> None:
        """One of the open exceptions, as whatever fits it; one whose figure is not up to date is refused."""
        found = self.now.database.look(TO_SETTLE)
        for how in [(How.WRITTEN_OFF, How.INVOICED_BY_HAND)[which % 2], How.CREDITED] if found else []:
            with suppress(SettlementRefusedError):
                ids = found[which % len(found)]
                (done,) = settle_exceptions(self.now.pipeline.as_run(), ids, Decision(how, "by mail", "ii_1"))
                if done.kind in INVOICE_KINDS:  # by billing period: the settlement itself says which
                    return
                if done.quantity is not None and done.tenant_id and done.hour and done.event_name:
                    place = (done.tenant_id, done.event_name, Hour(done.hour))
                    self.now.settled[place][how] += done.quantity

    def says_that_the_zone_is_meant(self) -> bool:
        """Where so little is left as it was loaded that it may be another landing zone, nothing is loaded before."""
        found = self.now.database.look(OPEN_IDS, ["landing_replaced"])
        for (exception_id,) in found:
            self.now.advance(seconds=60)
            settle_exceptions(self.now.pipeline.as_run(), [exception_id], Decision(How.NO_LOSS, "these are our files"))
            self.now.advance(seconds=60)
        return bool(found)

    def _sign(self) -> None:
        """Two people close the month, or reopen it; what they look at before is not looked at here."""
        at = self.now.clock()
        steps = {
            True: {
                "ada": Signoff(Action.ASK_TO_REOPEN, "", at, reason="late files"),
                "grace": Signoff(Action.REOPEN, "", at, reason="late files"),
            },
            False: {
                "ada": Signoff(Action.PREPARE, "", at, {"meters": {}}),
                "grace": Signoff(Action.APPROVE, "", at),
            },
        }
        with self.now.database.connect() as connection:
            for login, signoff in steps[self.now.month_is_closed].items():
                sign_month(signed_in(self.now.database, login), connection, MONTH, replace(signoff, signed_by=login))
        self.now.month_is_closed = not self.now.month_is_closed
