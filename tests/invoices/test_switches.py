"""What nobody knows of Stripe: under either behaviour an invoice agrees, or says how much it lacks and why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.invoices.account import GRADUATED, InvoicedTenant
from tests.pipeline import Pipeline

VOLUME = {**GRADUATED, "tiers_mode": "volume"}


@pytest.fixture
def tenant(pipeline: Pipeline) -> InvoicedTenant:
    """A tenant with usage to come."""
    return InvoicedTenant(pipeline)


@pytest.mark.parametrize(
    ("price", "switch"),
    [
        (GRADUATED, {"draft_usage": "at_creation"}),
        (GRADUATED, {"period_end": "inclusive"}),
        (GRADUATED, {"flat_fee_at_zero": False}),
        (VOLUME, {"volume_lines": "flat_apart", "finalization_delay_seconds": 1200}),
        (VOLUME, {"volume_lines": "one"}),
    ],
    ids=str,
)
def test_usage_that_was_accepted_in_good_time_is_on_its_invoice(
    tenant: InvoicedTenant, price: dict[str, Any], switch: dict[str, Any]
) -> None:
    tenant.pipeline.sandbox.settings(**switch)
    tenant.subscribe(tenant.price(**price))
    tenant.use(3, 90)
    tenant.use(23, 30)
    assert tenant.settled() == [(120, 120, 120, None, None)]


@pytest.mark.parametrize(("zero", "cause"), [("line", "after_finalization"), ("absent", "no_line")])
def test_usage_of_a_period_that_had_none_when_it_was_invoiced_is_missed_with_its_price(
    tenant: InvoicedTenant, zero: str, cause: str
) -> None:
    tenant.pipeline.sandbox.settings(zero_usage_line=zero)
    tenant.subscribe(tenant.price())
    tenant.use(27, 3)  # of the next day, so that the books are stated to this account
    tenant.go(tenant.start + timedelta(hours=49))
    tenant.use(3, 7)
    tenant.read()
    tenant.compare()
    assert tenant.rows()[0] == (7, 7, 0, cause, 7)


@pytest.mark.parametrize("is_charged", [True, False])
@pytest.mark.parametrize("mode", ["graduated", "volume"])
def test_a_flat_amount_that_an_invoice_of_nothing_has_charged_is_not_owed_again(
    tenant: InvoicedTenant, mode: str, *, is_charged: bool
) -> None:
    tenant.pipeline.sandbox.settings(flat_fee_at_zero=is_charged)
    tiers = [{"up_to": 100, "unit_amount": 2, "flat_amount": 50}, {"up_to": "inf", "unit_amount": 1}]
    tenant.subscribe(tenant.price(tiers_mode=mode, tiers=tiers))
    tenant.use(27, 3)
    tenant.go(tenant.start + timedelta(hours=49))
    tenant.use(3, 30)
    tenant.read()
    tenant.compare()
    assert tenant.rows()[0] == (30, 30, 0, "after_finalization", 60 if is_charged else 110)


@pytest.mark.parametrize(("lag", "row"), [(0, (12, 12, 12, None)), (3000, (12, 12, 5, "late_in_grace_unsure"))])
def test_usage_of_the_last_hour_before_finalization_is_on_the_invoice_or_unsure(
    tenant: InvoicedTenant, lag: int, row: tuple[Any, ...]
) -> None:
    tenant.pipeline.sandbox.settings(invoice_lag_seconds=lag)
    tenant.subscribe(tenant.price())
    tenant.use(3, 5)
    tenant.go(tenant.start + timedelta(hours=25))
    tenant.use(20, 7)
    assert [found[:4] for found in tenant.settled()] == [row]


@pytest.mark.parametrize(("total", "row"), [("overwritten", (7, 7, None)), ("all", (7, 12, "unexplained_line"))])
def test_an_invoice_that_counts_what_was_overwritten_is_told(
    tenant: InvoicedTenant, total: str, row: tuple[Any, ...]
) -> None:
    tenant.pipeline.sandbox.settings(window_meter_total=total)
    tenant.subscribe(tenant.price())
    tenant.use(3, 5)
    tenant.use(3, 2)
    assert [(usage, invoiced, cause) for usage, _, invoiced, cause, _ in tenant.settled()] == [row]


@pytest.mark.parametrize("line_period", ["from_swap", "whole"])
@pytest.mark.parametrize("mode", ["classic", "flexible"])
def test_a_price_that_is_changed_at_noon_is_billed_whole_or_its_difference_has_that_cause(
    tenant: InvoicedTenant, line_period: str, mode: str
) -> None:
    """With classic billing, what was used before the change is never billed."""
    tenant.pipeline.sandbox.settings(swap_line_period=line_period)
    subscription = tenant.subscribe(tenant.price(), billing_mode={"type": mode})
    tenant.use(3, 50)
    tenant.go(tenant.hour(12).start)
    (item,) = tenant.client.v1.subscriptions.retrieve(subscription)["items"].data
    tenant.client.v1.subscriptions.update(
        subscription, {"items": [{"id": item.id, "price": tenant.price(unit_amount=2)}]}
    )
    tenant.use(15, 30)
    rows = tenant.settled()
    invoiced = tenant.pipeline.one(
        "select sum(quantity)::int from fridge.invoice_lines where event_name = 'temperature_readings'"
    )
    assert invoiced == (80 if mode == "flexible" else 30)
    assert sum(row[0] for row in rows) == 80
    assert sum(row[2] for row in rows) == invoiced
    causes = {row[3] for row in rows if row[0] != row[2]}
    assert causes == (set() if mode == "flexible" else {"price_change"})


@pytest.mark.parametrize("mode", ["classic", "flexible"])
def test_in_the_first_period_of_a_subscription_nothing_is_owed_before_its_invoice_has_come(
    tenant: InvoicedTenant, mode: str
) -> None:
    """Classic billing begins with an invoice that has a line of 0 over all of the first period."""
    subscription = tenant.subscribe(tenant.price(), billing_mode={"type": mode})
    tenant.use(3, 5)
    owed = "select count(*) from fridge.open_exceptions where kind = 'not_invoiced' and subject like 'temp%'"
    for number in (8, 23):
        tenant.go(tenant.hour(number).start)
        tenant.read()
        tenant.compare()
        assert tenant.rows() == ([(5, 5, 0, "threshold_so_far", 5)] if mode == "classic" else [])
        assert tenant.pipeline.one(owed) == 0
    tenant.go(tenant.hour(23).start)
    assert sum(row[2] for row in tenant.settled()) == 5
    assert {row[3] for row in tenant.rows()} == {None}
    tenant.use(30, 4)
    tenant.client.v1.subscriptions.cancel(subscription)
    tenant.go(tenant.hour(72).start)
    tenant.read()
    tenant.compare()
    assert [row[3] for row in tenant.rows() if row[0] != row[2]] == ["subscription_ended"]


def test_what_came_after_a_threshold_is_told_a_day_after_its_period_when_no_invoice_has_it(
    tenant: InvoicedTenant,
) -> None:
    tenant.pipeline.sandbox.settings(payment="open", void_bills_again=False)
    tenant.subscribe(tenant.price(), billing_thresholds={"amount_gte": 60})
    tenant.use(3, 70)
    tenant.go(tenant.hour(5).start)
    tenant.use(6, 20)
    tenant.go(tenant.hour(26).start)
    (invoice,) = tenant.client.v1.invoices.list({"customer": tenant.customer, "limit": 1}).data
    tenant.client.v1.invoices.void_invoice(str(invoice.id))
    causes = []
    for number in (27, 47, 50, 73, 98):  # each day has a period of its own, which is the one that Stripe shows
        tenant.go(tenant.hour(number).start)
        tenant.read()
        tenant.compare()
        causes += [row[3] for row in tenant.rows() if row[:3] == (90, 90, 70)]
    assert causes[:2] == ["threshold_so_far"] * 2
    assert causes[2:] == ["after_finalization"] * 3


def test_a_threshold_in_the_middle_of_a_period_leaves_the_rest_to_the_next_invoice(tenant: InvoicedTenant) -> None:
    tenant.subscribe(tenant.price(), billing_thresholds={"amount_gte": 60})
    tenant.use(3, 70)
    tenant.go(tenant.hour(5).start)
    tenant.use(6, 20)
    tenant.go(tenant.hour(8).start)
    tenant.read()
    tenant.compare()
    assert tenant.rows() == [(90, 90, 70, "threshold_so_far", 20)]
    assert sorted(row[:4] for row in tenant.settled()) == [(20, 20, 20, None), (70, 70, 70, None)]
