"""A schedule: any order of deliveries, runs, deaths, faults and waiting. What must hold, holds after each step."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import timedelta
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fridge_pipeline.domain.hour import Hour
from fridge_pipeline.domain.limits import RESEND_WINDOW
from fridge_pipeline.steps.effect import Effect, Witness, unwatched
from tests.pipeline import ProcessDied, Row, csv_of, dies_after
from tests.simulation.world import CATALOGUES, HOURS_PER_SCHEDULE, Parts, World

METER_EVENTS = "/v1/billing/meter_events"
ADJUSTMENTS = "/v1/billing/meter_event_adjustments"

#: What may befall one call. A late request arrives up to ten minutes after it was cut off.
FAULTS: list[dict[str, Any]] = [
    {"kind": "drop_before"},
    {"kind": "drop_after"},
    {"kind": "reset"},
    {"kind": "rate_limited"},
    {"kind": "lock_timeout"},
    {"kind": "conflict"},
    {"kind": "error_500"},
    {"kind": "error_500_after"},
    {"kind": "unavailable"},
    {"kind": "slow", "seconds": 0.02},
    {"kind": "late", "seconds": 5},
    {"kind": "late", "seconds": 600},
    {"kind": "refuse", "message": "No such customer"},
    {"kind": "refuse_asynchronously"},
    {"kind": "refuse_asynchronously", "samples_max": 0},
    {"kind": "swallow"},
    {"kind": "count_twice"},
]

#: What only happens to meter events.
OF_EVENTS = {"refuse_asynchronously", "swallow", "count_twice"}

#: Hours at which something changes: identifiers may no longer be resent, are forgotten, usage is too late.
JUMPS = [
    {"minutes": 10},
    {"hours": 1},
    {"hours": 7},
    {"hours": 20, "minutes": 1},
    {"hours": 24, "minutes": 1},
    {"days": 35},
]

SETTLING_ROUNDS_MAX = 12

hours = st.integers(0, HOURS_PER_SCHEDULE - 1)
tenants = st.sampled_from("ab")
deaths = st.none() | st.tuples(st.sampled_from(sorted(Effect)), st.integers(1, 3))
faults = st.builds(
    lambda fault, nth, times, where: {
        **fault,
        "nth": nth,
        "times": times,
        **({} if fault["kind"] in OF_EVENTS else where),
    },
    st.sampled_from(FAULTS),
    st.integers(1, 3),
    st.integers(1, 5),
    st.sampled_from([{}, {}, {}, {"endpoint": ADJUSTMENTS}]),
)


class Schedule(RuleBasedStateMachine):
    """Hypothesis picks the steps; ``parts`` is set by whoever runs it."""

    parts: ClassVar[Parts]

    def __init__(self) -> None:
        super().__init__()
        self.world: World | None = None

    @property
    def now(self) -> World:
        """The world, once it is there."""
        assert self.world is not None
        return self.world

    @initialize(
        catalogue=st.sampled_from(sorted(CATALOGUES)),
        lag=st.sampled_from([0, 0, 600, 7200]),
        mapped=st.sampled_from(["ab", "a"]),
    )
    def begin(self, catalogue: str, lag: int, mapped: str) -> None:
        """Each tenant has used an hour; tenant b may have no customer yet."""
        self.world = World(self.parts, CATALOGUES[catalogue], lag)
        for tenant in mapped:
            self.world.map_tenant(tenant)
        self.landed: list[tuple[str, bytes]] = []
        self.slot = 0
        for tenant in "ab":
            self._land(tenant, 0, 2, 2)

    def _did(self, step: str) -> None:
        self.parts.tally.steps[step] += 1

    @rule(tenant=tenants, hour=hours, sensors=st.integers(1, 2), number=st.integers(1, 3))
    def land(self, tenant: str, hour: int, sensors: int, number: int) -> None:
        """A file with readings that nobody has seen: on time, or late in an hour that is billed."""
        self._did("land")
        self._land(tenant, hour, sensors, number)

    def _land(self, tenant: str, hour: int, sensors: int, number: int) -> None:
        start = self.now.hours[hour].start
        rows: list[Row] = []
        for _ in range(number):
            self.slot += 1
            at = start + timedelta(seconds=self.slot)
            rows += [(self.now.tenant(tenant), f"s{sensor}", at, 4.5) for sensor in range(sensors)]
        self._deliver(hour, csv_of(rows))

    @precondition(lambda self: self.landed)
    @rule(which=st.integers(0, 99), hour=hours)
    def land_again(self, which: int, hour: int) -> None:
        """The very bytes of an earlier file, under another name and perhaps in another hour."""
        self._did("land again")
        self._deliver(hour, self.landed[which % len(self.landed)][1])

    def _deliver(self, hour: int, content: bytes) -> None:
        name = f"{len(self.landed)}.csv"
        # A copy may lie in an hour too early for its times: those rows are rejected, which is as good.
        self.now.pipeline.land(self.now.hours[hour], name, content)
        self.landed.append((name, content))

    @rule(
        first=hours,
        count=st.integers(1, HOURS_PER_SCHEDULE),
        news=st.sampled_from(["", "a", "ab"]),
        death=deaths,
        befalls=st.lists(faults, max_size=2),
    )
    def run(
        self, first: int, count: int, news: str, death: tuple[Effect, int] | None, befalls: list[dict[str, Any]]
    ) -> None:
        """A run of some hours, or a backfill of all, with faults on its calls; it may die after any effect."""
        self._did("run")
        for tenant in news:
            self._land(tenant, first, 2, 1)
        if befalls:
            self.now.sandbox.faults(*befalls)
        chosen = self.now.hours[first : first + count]
        self._run(chosen[0], chosen[-1], death)

    @rule(death=deaths, befalls=st.lists(faults, max_size=1))
    def sweep(self, death: tuple[Effect, int] | None, befalls: list[dict[str, Any]]) -> None:
        """What hourly_billing does."""
        self._did("sweep")
        if befalls:
            self.now.sandbox.faults(*befalls)
        for hour in self.now.sweep():
            self._run(hour, hour, death)

    def _run(self, first: Hour, last: Hour, death: tuple[Effect, int] | None) -> None:
        witness: Witness = unwatched if death is None else dies_after(*death)
        try:
            self.now.pipeline.run(first, last, witness)
        except ProcessDied:
            assert death is not None
            self.parts.tally.crashes[death[0].value] += 1

    @rule(hour=hours)
    def count_again(self, hour: int) -> None:
        """Someone materializes the usage assets alone."""
        self._did("count again")
        self.now.pipeline.count(self.now.hours[hour])

    @rule(death=deaths)
    def two_pushers(self, death: tuple[Effect, int] | None) -> None:
        """Two runs of the same hours at the same time; one may die."""
        self._did("two pushers")
        self.now.sandbox.settings(service_seconds=0.01)
        other = threading.Thread(target=self._bill_quietly, args=(unwatched,))
        other.start()
        self._bill_quietly(unwatched if death is None else dies_after(*death))
        other.join()
        self.now.sandbox.settings(service_seconds=0)

    def _bill_quietly(self, witness: Witness) -> None:
        with suppress(ProcessDied):
            self.now.pipeline.bill(self.now.span.first, self.now.span.last, witness=witness)

    @precondition(lambda self: self.world is not None and self.world.withdrawable())
    @rule(which=st.integers(0, 99))
    def withdraw(self, which: int) -> None:
        """A file is taken out of usage."""
        self._did("withdraw")
        files = self.now.withdrawable()
        self.now.withdraw(files[which % len(files)])

    @rule(tenant=tenants)
    def map_or_move(self, tenant: str) -> None:
        """A tenant gets its customer at last, or another one."""
        self._did("map or move a tenant")
        self.now.map_tenant(tenant)

    @rule()
    def reconcile(self) -> None:
        """Somebody compares with Stripe while everything is under way."""
        self._did("reconcile")
        self.now.reconcile()

    @precondition(lambda self: self.world is not None and "refused" in self.world.exceptions().values())
    @rule()
    def mend_refusals(self) -> None:
        """A person removes the causes of refusals."""
        self._did("mend refusals")
        self.now.close_refusals()

    @rule(jump=st.sampled_from(JUMPS))
    def wait(self, jump: dict[str, float]) -> None:
        """Time passes."""
        self._did("wait")
        self.now.advance(**jump)

    @rule(fault=faults)
    def strike(self, fault: dict[str, Any]) -> None:
        """One of the next calls goes wrong, or several."""
        self._did("strike")
        self.now.sandbox.faults(fault)

    @invariant()
    def nothing_is_billed_too_much(self) -> None:
        """At any moment, whatever has happened."""
        if self.world is not None:
            assert self.world.overbilled() == {}

    def teardown(self) -> None:
        """Faults end and time passes: then everything is delivered, or stands in the exceptions (law L5)."""
        if self.world is None:
            return
        self.now.sandbox.clear_faults()
        for _ in range(SETTLING_ROUNDS_MAX):
            waiting = self.now.sweep()
            for hour in waiting:
                self._run(hour, hour, None)
            self.now.advance(hours=7)
            assert self.now.overbilled() == {}
            if not waiting and not self.now.in_doubt():
                break
        self.now.reconcile()
        for hour in self.now.sweep():
            self._run(hour, hour, None)
        assert self.now.unexplained_differences() == {}
        assert self.now.sweep() == [], "nothing is left to sweep"
        self._check_what_was_sent()
        tally = self.now.sandbox.usage()
        assert tally["concurrent_calls_refused"] == 0, "one call at a time per customer and meter"
        self.parts.tally.faults.update(tally["faults"])
        self.parts.keep_tally()

    def _check_what_was_sent(self) -> None:
        """L4: nothing is sent that is not committed. L6: one identifier, one value, never after 20 hours."""
        committed = self.now.statements()
        for request in self.now.sandbox.requests():
            fields = request["fields"]
            if request["path"] != METER_EVENTS:
                continue
            value, first_sent_at = committed[fields["identifier"]]
            assert int(fields["payload"]["value"]) == value
            assert first_sent_at is not None
            assert request["at"] <= (first_sent_at + RESEND_WINDOW).timestamp()
