"""Random months against a straightforward model: what each invoice holds is what was known when it became final."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from stripe_sandbox.account import Meter
from stripe_sandbox.billing.periods import next_boundary
from stripe_sandbox.billing.prices import Price, Product, Rates, Recurring
from stripe_sandbox.billing.subscriptions import Item, Subscription
from stripe_sandbox.cycle.beginning import bill_beginning
from stripe_sandbox.cycle.due import execute_due
from stripe_sandbox.entries import decoded, encoded
from stripe_sandbox.meter_events import MeterEvent
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.settings import SandboxClock, Settings
from tests.stripe_sandbox.billing_account import DAY, HOUR, at

START = at("2026-01-31T10:37:12")  # periods that cut hours and minutes
DELAY = 900
LENGTH = 100 * DAY

# Most of what matters happens around the ends of periods (28 February, 31 March, 30 April) and of their grace.
ENDS = st.sampled_from([28 * DAY, 59 * DAY, 89 * DAY])
MOMENTS = st.sampled_from([-1, 0, 1, 899, 900, 901, DELAY + HOUR - 1, DELAY + HOUR, DELAY + HOUR + 1]) | st.integers(
    -HOUR, 80 * HOUR
)
AROUND = st.builds(lambda end, offset: end + offset, ENDS, MOMENTS)
STAMPS = st.builds(lambda end, offset: end + offset, ENDS, st.sampled_from([-HOUR, -1, 0, 1, HOUR]))
EVENTS = st.lists(st.tuples(AROUND, STAMPS, st.integers(1, 50)), max_size=20)
EDITS = st.lists(st.tuples(AROUND, st.integers(1, 72 * HOUR)), max_size=4)


class Month:
    """A sandbox in this process with one customer, one raw meter and one price of 1 cent a unit."""

    def __init__(self, grace: int) -> None:
        self.now = float(START)
        self.sandbox = Sandbox(SandboxClock(lambda: self.now), lambda: 0.0)
        price = Price("price_x", START, "prod_x", "usd", Rates(Decimal(1)), Recurring("month", 1, "mtr_x"))
        self.sandbox.record(Settings(finalization_grace_seconds=grace))
        self.sandbox.record(
            Meter("mtr_x", START, START, "R", "readings", "sum", None, customer_key="stripe_customer_id", value_key="v")
        )
        self.sandbox.record(Product("prod_x", START, START, "Readings"))
        self.sandbox.record(price)
        subscription = Subscription("sub_x", "cus_x", START, START, START, "usd", "flexible", ())
        end = subscription.period_end_after(Recurring("month", 1), START)
        item = Item("si_x", START, "price_x", START, end, START)
        bill_beginning(self.sandbox, subscription.changed(items=(item,)), START)

    def until(self, moment: int) -> None:
        """Let time pass."""
        self.now = moment
        execute_due(self.sandbox)


@settings(max_examples=150, deadline=None)
@given(EVENTS, EDITS, st.sampled_from([0, HOUR, 72 * HOUR]))
def test_each_invoice_holds_the_usage_of_its_period_that_came_before_it_was_final(
    events: list[tuple[int, int, int]], edits: list[tuple[int, int]], grace: int
) -> None:
    month = Month(grace)
    invoices = month.sandbox.books.billing.invoices
    uses = [(came, 0, stamp, value) for came, stamp, value in events]
    acts = sorted(uses + [(now, 1, hold, 0) for now, hold in edits])
    received: list[tuple[int, int, int]] = []
    for number, (offset, kind, told, value) in enumerate(acts):
        now = START + offset
        month.until(now)
        if kind == 0:
            stamp = min(START + told, now)
            month.sandbox.record(MeterEvent(f"e{number}", "mtr_x", "cus_x", Decimal(value), stamp, float(now)))
            received.append((now, stamp, value))
        for draft in [each for each in invoices.values() if each.status == "draft"] if kind == 1 else []:
            month.sandbox.record(draft.changed(finalizes_at=now + told, scheduled=True))
    month.until(START + LENGTH + 40 * DAY)

    start, recurring = START, Recurring("month", 1)
    for invoice in [each for each in invoices.values() if each.status == "paid"]:
        end = next_boundary(START, recurring, start)
        (line,) = invoice.lines
        assert (line.start, line.end, invoice.created) == (start, end, end + DELAY)
        final = invoice.finalized_at or 0
        assert line.quantity == sum(v for came, stamp, v in received if start <= stamp < end and came < final)
        assert invoice.total == line.quantity
        assert decoded(type(invoice), encoded(invoice)) == invoice
        start = end
    assert start >= START + LENGTH
