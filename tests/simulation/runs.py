"""What the machine does: runs, sweeps and reconciliations, two at once, dying anywhere, while time passes."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.database.run import AtFailpoint, Failpoint, pass_by
from tests.pipeline import ProcessDied, dies_after
from tests.simulation.gateways import Gateways
from tests.simulation.others import faults
from tests.simulation.world import HOURS

#: Times at which something changes: identifiers may no longer be resent, are forgotten, usage is too late.
JUMPS = [
    {"minutes": 10},
    {"hours": 1},
    {"hours": 7},
    {"hours": 20, "minutes": 1},
    {"hours": 24, "minutes": 1},
    {"days": 35},
]

OTHER_WORK = ["watch", "count again", "two pushers", "reconcile"]

deaths = st.none() | st.tuples(st.sampled_from(sorted(Failpoint)), st.integers(1, 3))


class Runs(Gateways):
    """Dagster's runs, the clock, and what kills them."""

    @rule(
        first=st.integers(0, len(HOURS) - 1),
        count=st.integers(1, len(HOURS)),
        news=st.sampled_from(["", "a", "ab", "abc"]),
        death=deaths,
        befalls=st.lists(faults, max_size=2),
    )
    def run(
        self, first: int, count: int, news: str, death: tuple[Failpoint, int] | None, befalls: list[dict[str, Any]]
    ) -> None:
        """A run of some hours, or a backfill of all, with faults on its calls; it may die at any failpoint."""
        self.did("run")
        for tenant in news:
            self.deliver(tenant, HOURS[first], 2, 1)
        self._befall(befalls)
        chosen = HOURS[first : first + count]
        self._run(chosen[0], chosen[-1], death)

    @rule(death=deaths, befalls=st.lists(faults, max_size=1))
    def sweep(self, death: tuple[Failpoint, int] | None, befalls: list[dict[str, Any]]) -> None:
        """What hourly_billing does."""
        self.did("sweep")
        self._befall(befalls)
        self.run_hours(self.now.sweep_all(), death)

    def run_hours(self, hours: list[Hour], death: tuple[Failpoint, int] | None = None) -> None:
        """One run, as hours that lie so near to one another get."""
        if hours:
            self._run(hours[0], hours[-1], death)

    @rule(how=st.sampled_from(OTHER_WORK), hour=st.sampled_from(HOURS), death=deaths)
    def work(self, how: str, hour: Hour, death: tuple[Failpoint, int] | None) -> None:
        """What else runs."""
        self.did(how)
        match how:
            case "watch":  # landing_sensor
                self.now.watch()
            case "count again":  # someone materializes the usage assets alone
                self.now.pipeline.count(hour)
            case "two pushers":
                self._push_twice(death)
            case "reconcile":  # somebody compares with Stripe while everything is under way
                self.now.collect_refusals()
                self.now.reconcile()

    def _push_twice(self, death: tuple[Failpoint, int] | None) -> None:
        """Two runs of the same hours at the same time; one may die."""
        self.now.account.is_stirred = True
        self.now.account.settings(service_seconds=0.01)
        other = threading.Thread(target=self._bill_quietly, args=(pass_by,))
        other.start()
        self._bill_quietly(pass_by if death is None else dies_after(*death))
        other.join()
        self.now.account.settings(service_seconds=0)

    @rule(jump=st.sampled_from(JUMPS))
    def wait(self, jump: dict[str, float]) -> None:
        """Time passes; in a schedule with invoices never so much that March is compared no more."""
        if self.now.cycle is not None and "days" in jump and self.now.clock() > HOURS[-1].end + timedelta(days=20):
            return
        self.did("wait")
        self.now.advance(**jump)

    def _befall(self, befalls: list[dict[str, Any]]) -> None:
        if befalls:
            self.now.account.strike(*befalls)

    def _run(self, first: Hour, last: Hour, death: tuple[Failpoint, int] | None) -> None:
        at_failpoint: AtFailpoint = pass_by if death is None else dies_after(*death)
        try:
            self.now.run(first, last, at_failpoint)
        except ProcessDied:
            assert death is not None
            self.parts.tally.crashes[death[0].value] += 1

    def _bill_quietly(self, at_failpoint: AtFailpoint) -> None:
        with suppress(ProcessDied):
            self.now.pipeline.bill(HOURS[0], HOURS[-1], at_failpoint=at_failpoint)
