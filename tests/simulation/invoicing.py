"""What happens about invoices: they are read, held, corrected by two people, and edited by others."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from fridge_pipeline.corrections.propose import CorrectionRefusedError
from fridge_pipeline.database.run import AtFailpoint, Failpoint, pass_by
from fridge_pipeline.stripe.gateway import StripeCallError
from tests.pipeline import ProcessDied, dies_after
from tests.simulation.cycle import Cycle, Terms
from tests.simulation.gateways import Gateways
from tests.simulation.others import FAULTS, OF_EVENTS
from tests.simulation.world import HOURS

SWITCHES: list[dict[str, Any]] = [
    {},
    {},
    {"draft_usage": "at_creation"},
    {"invoice_lag_seconds": 1800},
    {"void_bills_again": True},
    {"zero_usage_line": "absent"},
    {"payment": "open"},
    {"shortest_schedule_seconds": 3600},
    {"webhooks_failing": True},
]

terms = st.builds(
    lambda price, grace, holds, subscribed, both, following, corrected, switches: Terms(
        price, grace, holds, subscribed, both, following, corrected, tuple(switches.items())
    ),
    st.sampled_from(["per unit", "graduated", "volume"]),
    st.sampled_from([1, 8, 72]),
    st.booleans(),
    st.sampled_from([4, 4, 1]),
    st.booleans(),
    st.sampled_from(["", "", "both", "switched"]),
    st.sampled_from([True, True, False]),
    st.sampled_from(SWITCHES),
)

#: The times of a cycle: within grace, its end, the hour that Stripe has to count, the end of a hold.
LATER = [{}, {}, {"minutes": 20}, {"hours": 1}, {"hours": 3}, {"hours": 26}]

PLACES = ["/v1/invoices", "/v1/invoices", "/v1/invoiceitems", "/v1/credit_notes", "/v1/prices", "/v1/subscriptions"]

befalling = st.lists(
    st.builds(
        lambda fault, where, nth, times: {**fault, "endpoint": where, "nth": nth, "times": times},
        st.sampled_from([fault for fault in FAULTS if fault["kind"] not in OF_EVENTS]),
        st.sampled_from(PLACES),
        st.integers(1, 3),
        st.integers(1, 4),
    ),
    max_size=1,
)

numbers = st.integers(0, 99)
deaths = st.none() | st.tuples(st.sampled_from(sorted(Failpoint)), st.integers(1, 3))

EDITS = ["move", "stop", "finalize", "void", "take the mark off"]
PEOPLE = [("ada", "grace"), ("ada", "olga"), ("olga", "oscar"), ("bob", "bob")]

WAITING = """
    select proposal_id from fridge.corrections where state in ('proposed', 'approved') order by proposal_id
"""
APPROVED = "select proposal_id from fridge.corrections where state = 'approved' order by proposal_id"


class Invoicing(Gateways):
    """Stripe's invoices, whoever watches over them, and whoever has the dashboard."""

    def has_cycle(self) -> bool:
        """Whether the schedule is invoiced at all."""
        return self.world is not None and self.world.cycle is not None

    @property
    def cycle(self) -> Cycle:
        """The schedule's, once it is there."""
        assert self.now.cycle is not None
        return self.now.cycle

    @precondition(lambda self: self.has_cycle())
    @rule(
        later=st.sampled_from(LATER),
        news=st.sampled_from(["ab", "a", ""]),
        holds=st.none() | st.booleans(),
        death=deaths,
        befalls=befalling,
    )
    def look_at_invoices(
        self,
        later: dict[str, float],
        news: str,
        holds: bool | None,  # noqa: FBT001 - Hypothesis picks it
        death: tuple[Failpoint, int] | None,
        befalls: list[dict[str, Any]],
    ) -> None:
        """Files come, on time or late, and are billed; then what stripe_invoices does, as FRIDGE_INVOICES says now."""
        self.did("look at invoices")
        for tenant in news:
            self.deliver(tenant, HOURS[1], 1, 3)
        if news:
            self.now.run(HOURS[0], HOURS[-1])
        if later:
            self.now.advance(**later)
        self.cycle.holds = self.cycle.holds if holds is None else holds
        if befalls:
            self.now.account.strike(*befalls)
        try:
            self.cycle.read(_at(death))
        except ProcessDied:
            self._died(death)

    @precondition(lambda self: self.has_cycle())
    @rule(people=st.sampled_from(PEOPLE), which=numbers, death=deaths, befalls=befalling)
    def correct(
        self,
        people: tuple[str, str],
        which: int,
        death: tuple[Failpoint, int] | None,
        befalls: list[dict[str, Any]],
    ) -> None:
        """Invoices are read, one person proposes, another approves one of the proposals, or finishes it."""
        self.did("correct")
        self.cycle.read()
        with suppress(CorrectionRefusedError):
            self.cycle.propose(people[0])
        waiting = self.now.database.look(WAITING)
        if not waiting or which % 4 == 0:
            return
        if befalls:
            self.now.account.strike(*befalls)
        try:
            with suppress(CorrectionRefusedError, StripeCallError):
                self.cycle.approve(waiting[which % len(waiting)][0], people[1], _at(death))
        except ProcessDied:
            self._died(death)

    @precondition(lambda self: self.has_cycle())
    @rule(how=st.sampled_from(EDITS), which=numbers)
    def edit_invoice(self, how: str, which: int) -> None:
        """Somebody does something to an invoice in the dashboard."""
        drafts = how != "void"
        account = self.now.account
        found = [each for each in account.invoices() if (each["status"] == "draft") == drafts]
        found = [each for each in found if each["status"] != "void"]
        if not found:
            return
        self.did(f"an invoice: {how}")
        invoice = found[which % len(found)]
        self.cycle.edited.add(invoice["id"])
        at = int(self.now.clock.now.timestamp()) + 3600 * (1 + which)
        edits: dict[str, dict[str, Any]] = {
            "move": {"automatically_finalizes_at": at},
            "stop": {"auto_advance": False},
            "finalize": {"act": "finalize"},
            "void": {"act": "void"},
            "take the mark off": {"metadata": {"fridge_held_by": ""}},
        }
        account.edit_invoice(invoice["id"], **edits[how])

    def drafts_that_were_moved(self) -> list[datetime]:
        """When Stripe makes drafts final by itself, an hour later at most."""
        moments = [each["automatically_finalizes_at"] for each in self.now.account.invoices()]
        return [datetime.fromtimestamp(at, UTC) + timedelta(hours=1) for at in moments if at is not None]

    def finish_the_cycle(self) -> None:
        """Drafts become final, what was approved is written, and everything is compared for the last time."""
        for invoice in self.now.account.invoices():
            if invoice["status"] == "draft" and not invoice["auto_advance"]:
                self.now.account.edit_invoice(invoice["id"], act="finalize")
        self.cycle.read()
        self._approve_all(APPROVED)
        if self.cycle.terms.is_corrected:
            self.cycle.propose("ada")
            self._approve_all(WAITING)
        self.cycle.read()

    def _approve_all(self, query: str) -> None:
        for (proposal_id,) in self.now.database.look(query):
            with suppress(CorrectionRefusedError):  # it fits no more
                self.cycle.approve(proposal_id, "grace")

    def _died(self, death: tuple[Failpoint, int] | None) -> None:
        assert death is not None
        self.parts.tally.crashes[death[0].value] += 1


def _at(death: tuple[Failpoint, int] | None) -> AtFailpoint:
    return pass_by if death is None else dies_after(*death)
