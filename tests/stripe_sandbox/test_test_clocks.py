"""Test clocks: a whole year for one customer while the account's own clock stands still."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe

from tests.stripe_sandbox.billing_account import DAY, HOUR, at

if TYPE_CHECKING:
    from tests.stripe_sandbox.billing_account import BillingAccount

JANUARY = at("2030-01-01")


@pytest.fixture
def clock(billing: BillingAccount) -> Any:
    """A test clock at 2030-01-01."""
    return billing.stripe.v1.test_helpers.test_clocks.create({"frozen_time": JANUARY, "name": "rehearsal"})


def on(billing: BillingAccount, clock: Any) -> str:
    """A customer on the clock, subscribed to one price."""
    customer = billing.stripe.v1.customers.create({"name": "Shop", "test_clock": clock.id})
    billing.subscription(billing.price(), customer=customer.id)
    return customer.id


def advance(billing: BillingAccount, clock: Any, moment: int) -> Any:
    """Advance and wait until the clock has arrived; the clock."""
    clocks = billing.stripe.v1.test_helpers.test_clocks
    assert clocks.advance(clock.id, {"frozen_time": moment}).status == "advancing"
    arrived = clocks.retrieve(clock.id)
    assert (arrived.status, arrived.frozen_time) == ("ready", moment)
    return arrived


def test_a_customer_on_a_test_clock_lives_by_it_and_nobody_else_does(billing: BillingAccount, clock: Any) -> None:
    billing.subscription(billing.price(), customer="cus_other")
    customer = on(billing, clock)
    billing.send(billing.readings, 5, JANUARY + HOUR // 30, customer=customer)
    february = at("2030-02-01")
    advance(billing, clock, february)
    draft = billing.newest(customer=customer)
    assert (draft.status, draft.created, draft.test_clock) == ("draft", february, clock.id)
    assert draft.automatically_finalizes_at == february + HOUR
    billing.send(billing.readings, 7, february - HOUR, customer=customer)
    advance(billing, clock, february + HOUR)
    final = billing.newest(customer=customer)
    assert (final.total, final.status_transitions.finalized_at) == (12, february + HOUR)
    assert billing.invoices(customer="cus_other") == []
    assert billing.now() == billing.start
    listed = billing.stripe.v1.subscriptions.list
    assert [each.customer for each in listed().data] == ["cus_other"]
    assert [each.customer for each in listed({"test_clock": clock.id}).data] == [customer]


def test_a_clock_passes_every_period_on_its_way_and_at_most_two_at_once(billing: BillingAccount, clock: Any) -> None:
    customer = on(billing, clock)
    with pytest.raises(stripe.InvalidRequestError, match="2 intervals"):
        advance(billing, clock, at("2030-03-02"))
    for month in ("2030-03-01", "2030-05-01", "2030-07-01"):
        advance(billing, clock, at(month))
    assert [invoice.created for invoice in reversed(billing.invoices(customer=customer))] == [
        at(f"2030-{month:02}-01") for month in range(2, 8)
    ]
    with pytest.raises(stripe.InvalidRequestError, match="forward"):
        advance(billing, clock, JANUARY)


def test_a_clock_that_takes_time_is_advancing_and_nothing_has_happened_yet(billing: BillingAccount, clock: Any) -> None:
    billing.sandbox.settings(clock_advance_seconds=60)
    customer, clocks = on(billing, clock), billing.stripe.v1.test_helpers.test_clocks
    clocks.advance(clock.id, {"frozen_time": at("2030-02-01")})
    waiting: Any = clocks.retrieve(clock.id)
    assert (waiting.status, waiting.frozen_time) == ("advancing", JANUARY)
    assert waiting.status_details.advancing.target_frozen_time == at("2030-02-01")
    assert billing.invoices(customer=customer) == []
    with pytest.raises(stripe.InvalidRequestError, match="already advancing"):
        clocks.advance(clock.id, {"frozen_time": at("2030-02-01")})


@pytest.mark.parametrize(("which", "refused"), [("clock", "in the future"), ("real", None)])
def test_by_which_clock_the_age_of_an_event_is_judged_can_be_chosen(
    billing: BillingAccount, clock: Any, which: str, refused: str | None
) -> None:
    billing.sandbox.settings(clock_event_time=which)
    customer = on(billing, clock)
    if refused is None:
        billing.send(billing.readings, 1, billing.start, customer=customer)
        refused = "in the future"
    else:
        billing.send(billing.readings, 1, JANUARY, customer=customer)
    stamp = JANUARY + DAY if which == "clock" else JANUARY
    assert refused in str(billing.refusal(billing.readings, 1, stamp, customer=customer))


@pytest.mark.parametrize(("listed", "count"), [(True, 1), (False, 0)])
def test_whether_the_accounts_list_shows_invoices_of_test_clocks_can_be_chosen(
    billing: BillingAccount, clock: Any, *, listed: bool, count: int
) -> None:
    billing.sandbox.settings(clock_invoices_listed=listed)
    customer = on(billing, clock)
    advance(billing, clock, at("2030-02-01"))
    assert len(billing.invoices()) == count
    assert len(billing.invoices(customer=customer)) == 1


def test_a_clock_holds_three_customers_and_takes_them_with_it(billing: BillingAccount, clock: Any) -> None:
    customers = [on(billing, clock) for _ in range(3)]
    with pytest.raises(stripe.InvalidRequestError, match="holds 3 customers"):
        on(billing, clock)
    assert billing.stripe.v1.test_helpers.test_clocks.delete(clock.id).to_dict()["deleted"] is True
    for customer in customers:
        assert billing.stripe.v1.customers.retrieve(customer).to_dict()["deleted"] is True
    assert billing.stripe.v1.subscriptions.list({"customer": customers[0]}).data == []
    with pytest.raises(stripe.InvalidRequestError, match="No such test clock"):
        billing.stripe.v1.test_helpers.test_clocks.retrieve(clock.id)
