"""Test clocks: made, read, advanced and deleted."""

from __future__ import annotations

from dataclasses import replace

from stripe_sandbox.billing.periods import boundary
from stripe_sandbox.billing.subscriptions import ENDED
from stripe_sandbox.billing.test_clocks import MOST_INTERVALS, TestClock
from stripe_sandbox.billing_api.lookup import customer_of, found
from stripe_sandbox.calls import Call
from stripe_sandbox.cycle.changing import cancel
from stripe_sandbox.cycle.drafting import new_id
from stripe_sandbox.cycle.due import start_advance
from stripe_sandbox.lists import CURSORS, newest_first, page_of
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.stripe_api import StripeObject
from stripe_sandbox.stripe_shapes import refused


def create_test_clock(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/test_helpers/test_clocks``; a customer that is named is put on it."""
    call.form.allow_only("frozen_time", "name", "customer")
    clock = TestClock(
        id=new_id("clock"),
        created=int(call.now),
        frozen_time=call.form.integer("frozen_time"),
        name=call.form.optional_text("name", 300),
    )
    named = call.form.optional_text("customer")
    customer = None if named is None else customer_of(sandbox, named, call.now)
    sandbox.record(clock)
    if customer is not None:
        sandbox.record(replace(customer, test_clock=clock.id))
    return clock.as_stripe()


def retrieve_test_clock(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/test_helpers/test_clocks/{test_clock}``."""
    call.form.allow_only()
    return _clock(sandbox, call).as_stripe()


def list_test_clocks(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/test_helpers/test_clocks``, newest first."""
    call.form.allow_only(*CURSORS)
    kept = [clock for clock in newest_first(sandbox.books.billing.test_clocks.values()) if not clock.deleted]
    return page_of(kept, call.form, call.path, TestClock.as_stripe)


def advance_test_clock(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST …/advance``: answers that it advances; it has arrived by a later call."""
    call.form.allow_only("frozen_time")
    clock, target = _clock(sandbox, call), call.form.integer("frozen_time")
    if clock.target is not None:
        raise refused(f"The test clock {clock.id} is already advancing.", "test_clock")
    if target <= clock.frozen_time:
        raise refused(f"A test clock can only go forward: it is {clock.frozen_time} there already.", "frozen_time")
    farthest = _farthest(sandbox, clock)
    if farthest is not None and target > farthest:
        text = f"A test clock can advance {MOST_INTERVALS} intervals of its shortest subscription at once: {farthest}."
        raise refused(text, "frozen_time")
    clock = replace(clock, target=target)
    sandbox.record(clock)
    start_advance(sandbox, clock.id)
    return clock.as_stripe()


def delete_test_clock(sandbox: Sandbox, call: Call) -> StripeObject:
    """``DELETE …/{test_clock}``: with the customers on it, whose subscriptions end."""
    call.form.allow_only()
    clock = _clock(sandbox, call)
    for subscription in list(sandbox.books.billing.subscriptions.values()):
        if subscription.test_clock == clock.id and subscription.status not in ENDED:
            cancel(sandbox, subscription, clock.frozen_time, bill_usage=False)
    for customer in list(sandbox.books.customers.values()):
        if customer.test_clock == clock.id:
            sandbox.record(customer.without())
    clock = replace(clock, deleted=True, target=None)
    sandbox.record(clock)
    return clock.as_stripe()


def _clock(sandbox: Sandbox, call: Call) -> TestClock:
    clocks = {identity: clock for identity, clock in sandbox.books.billing.test_clocks.items() if not clock.deleted}
    return found(clocks, call.names["test_clock"], "test clock", "test_clock")


def _farthest(sandbox: Sandbox, clock: TestClock) -> int | None:
    billing, ends = sandbox.books.billing, []
    for subscription in billing.subscriptions.values():
        if subscription.test_clock == clock.id and subscription.status not in ENDED:
            for item in subscription.items:
                recurring = billing.prices[item.price].recurring
                if recurring is not None:
                    ends.append(boundary(clock.frozen_time, recurring, MOST_INTERVALS))
    return min(ends, default=None)
