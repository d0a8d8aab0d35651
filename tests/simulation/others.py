"""What others do at Stripe: break calls, delete customers, make meters anew, and state usage of ours themselves."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from fridge_pipeline.calendar.hours import Hour
from tests.simulation.base import Actor
from tests.simulation.world import HOURS

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
    {"kind": "refuse", "message": "The value has too many digits"},
    {"kind": "refuse_asynchronously"},
    {"kind": "refuse_asynchronously", "code": "meter_event_invalid_value"},
    {"kind": "refuse_asynchronously", "samples_max": 0},
    {"kind": "swallow"},
    {"kind": "count_twice"},
]

#: What only happens to meter events.
OF_EVENTS = {"refuse_asynchronously", "swallow", "count_twice"}

#: Calls of the pipeline are struck, not those by which the simulation looks.
PLACES = [{"endpoint": METER_EVENTS}, {"endpoint": METER_EVENTS}, {"endpoint": ADJUSTMENTS}]
EVENTS = {"endpoint": METER_EVENTS}

faults = st.builds(
    lambda fault, nth, times, where: {
        **fault,
        "nth": nth,
        "times": times,
        **(EVENTS if fault["kind"] in OF_EVENTS else where),
    },
    st.sampled_from(FAULTS),
    st.integers(1, 3),
    st.integers(1, 5),
    st.sampled_from(PLACES),
)

MEDDLINGS = ["delete a customer", "archive a meter", "make a meter anew", "state usage of ours"]


class Others(Actor):
    """Stripe itself, and whoever else has an API key or the dashboard."""

    @rule(fault=faults)
    def strike(self, fault: dict[str, Any]) -> None:
        """One of the next calls goes wrong, or several."""
        self.did("strike")
        self.now.account.strike(fault)

    @rule(how=st.sampled_from(MEDDLINGS), which=st.integers(0, 99), hour=st.sampled_from(HOURS))
    def meddle(self, how: str, which: int, hour: Hour) -> None:
        """What is done in the dashboard, or by another system with a key to the same account."""
        self.did(how)
        now = self.now
        event_name = list(now.meters)[which % len(now.meters)]
        match how:
            case "delete a customer" if now.cycle is not None and now.cycle.has_other_meters:
                return
            case "delete a customer":
                customers = list(now.tenants_of)
                now.account.delete_customer(customers[which % len(customers)])
                if now.cycle is not None:
                    now.cycle.has_lost_customers = True
            case "archive a meter" | "make a meter anew" if now.cycle is not None:  # a price stays with its meter
                return
            case "archive a meter" | "make a meter anew":  # under the same event name, at once or when it is missed
                now.account.archive_meter(event_name)
                if how == "make a meter anew":
                    now.make_meters()
            case "state usage of ours":  # of a customer and meter of ours, under an identifier of theirs
                slots = sorted(now.account.totals())
                if slots:
                    slot = (*slots[which % len(slots)][:2], hour)
                    self.names += 1
                    if now.account.state_usage(f"theirs-{self.names}", slot, which % 9 + 1):
                        now.meddled.add(slot[1:])
