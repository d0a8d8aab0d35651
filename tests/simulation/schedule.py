"""A schedule: any order of what gateways, people, others and the machine do. What must hold, holds after each step."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.measure import ACTIVE_SENSORS, INSERTED_COUNT
from fridge_pipeline.catalogue.meter import CATALOGUE, Formula, Meter, Tolerance, Window
from tests.simulation.cycle import END, Terms
from tests.simulation.invoice_judgement import misbilled
from tests.simulation.invoicing import Invoicing, terms
from tests.simulation.judgement import Judgement, overbilled
from tests.simulation.others import Others
from tests.simulation.people import People
from tests.simulation.runs import Runs
from tests.simulation.world import HOURS, ScheduleWorld

RAW = (
    Meter("temperature_readings", "Readings", INSERTED_COUNT, Formula.SUM, Window.NONE),
    Meter("active_sensors", "Sensors", ACTIVE_SENSORS, Formula.LAST, Window.NONE),
)

#: One hour is history enough, so that a schedule of a few hours has something to review.
WATCHFUL = Tolerance(factor=2, deviations=0, hours=4, hours_min=1)

CATALOGUES = {
    "hour windows": CATALOGUE,
    "raw meters": RAW,
    "hour windows, watchful": tuple(replace(meter, tolerance=WATCHFUL) for meter in CATALOGUE),
    "raw meters, watchful": tuple(replace(meter, tolerance=WATCHFUL) for meter in RAW),
}

#: Of seven hours each: until nothing is resent (20 h), absent twice (6 h apart), and stated anew.
SETTLING_ROUNDS_MAX = 8

IN_DOUBT = """
    select 1 from fridge.meter_events left join fridge.meter_event_adjustments as cancellations using (identifier)
    where meter_events.status in ('sent', 'unknown') or cancellations.status in ('sent', 'unknown')
"""


#: One schedule of so many is invoiced.
INVOICED = int(os.environ.get("SIMULATE_INVOICED", "12"))

#: After it every invoice of March is final that nobody has moved: the longest grace, and the time of failing webhooks.
ALL_FINAL = END + timedelta(hours=74)


class Schedule(Runs, People, Others, Invoicing):
    """All of them together."""

    @initialize(
        catalogue=st.sampled_from(sorted(CATALOGUES)),
        lag=st.sampled_from([0, 0, 600, 7200]),
        mapped=st.sampled_from(["ab", "a"]),
        deleted=st.sampled_from(["refuse", "report"]),
        billed=st.integers(1, INVOICED).flatmap(lambda number: terms if number == INVOICED else st.none()),
    )
    def begin(self, catalogue: str, lag: int, mapped: str, deleted: str, billed: Terms | None) -> None:
        """Two tenants have used an hour; one may have no customer yet, and there is a third."""
        account = {"lag_seconds": lag, "deleted_customers": deleted}
        self.world = ScheduleWorld(self.parts, CATALOGUES[catalogue], account, billed)
        for tenant in mapped:
            self.now.map((tenant, self.now.new_customer()))
        for tenant in "ab":
            self.deliver(tenant, HOURS[0], 2, 2)

    @invariant()
    def nothing_is_billed_too_much(self) -> None:
        """At any moment, whatever has happened."""
        if self.world is not None and self.world.account.is_stirred:
            none_of(overbilled(self.world))

    def teardown(self) -> None:
        """Faults end and time passes: then everything is delivered, or is among the exceptions (law L5)."""
        if self.world is None:
            return
        self.now.account.clear_faults()
        self.now.make_meters()
        for _ in range(SETTLING_ROUNDS_MAX):
            self._settle()
            if self.now.cycle is not None:
                self.cycle.read()
            self.now.advance(hours=7)
            if not self.now.database.look(IN_DOUBT) and not self._look_at_stripe():
                break
        else:  # in doubt for good, for what somebody else has stated: it is read back every six hours
            self._look_at_stripe()
            self._settle()
        if self.now.cycle is not None:
            all_final = max([ALL_FINAL, *self.drafts_that_were_moved()])
            self.now.advance(seconds=max(3700.0, (all_final - self.now.clock()).total_seconds()))
            self._look_at_stripe()
            self._settle()
            self.finish_the_cycle()
        assert self.now.sweep_all() == [], "nothing is left to sweep"
        judgement = Judgement(self.now)
        none_of([*judgement.violations(), *misbilled(judgement)])
        tally = self.now.account.told
        assert tally["concurrent_calls_refused"] == 0, "one call at a time per customer and meter"
        self.parts.tally.faults.update(tally["faults"])
        self.parts.tally.excepted.update(judgement.explained())
        self.parts.tally.delivered += sum(
            judgement.usage[place] == judgement.stated[place] for place in judgement.usage
        )
        self.parts.keep_tally()

    def _settle(self) -> None:
        self.now.watch()
        self.run_hours(self.now.sweep())
        if self.says_that_the_zone_is_meant():
            self.run_hours(self.now.sweep())
        none_of(overbilled(self.now))

    def _look_at_stripe(self) -> list[Hour]:
        """What was refused later, and what the totals are; returns what is to be swept after that."""
        self.now.collect_refusals()
        self.now.reconcile()
        return self.now.sweep()


def none_of(violations: list[str]) -> None:
    """Raises an error that names them all."""
    assert not violations, "\n".join(violations)
