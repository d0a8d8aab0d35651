"""Usage of a free trial is owed by nobody, and that of a pause is told; whatever Stripe makes of either."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fridge_pipeline.invoices.preview_invoices import preview_invoices
from tests.corrections.test_invoice_corrections import approve, late_file, of_readings, owed, propose
from tests.corrections.test_lost_corrections import told
from tests.invoices.account import InvoicedTenant
from tests.pipeline import Pipeline


@pytest.fixture
def tenant(pipeline: Pipeline) -> InvoicedTenant:
    """A tenant with usage to come."""
    return InvoicedTenant(pipeline)


def why_not(tenant: InvoicedTenant) -> dict[str, str]:
    """Of each cause of readings, why nothing is proposed; and none of them may be."""
    report = propose(tenant)
    assert [each for each in report.corrections if each.what.event_name == "temperature_readings"] == []
    return {str(each.cause): why for each, why in report.not_proposed if each.event_name == "temperature_readings"}


@pytest.mark.parametrize("mode", ["classic", "flexible"])
@pytest.mark.parametrize(
    ("switches", "row"),
    [
        ({}, (5, 5, 0, "free_trial", 0)),
        ({"zero_usage_line": "absent"}, (5, 5, 0, "free_trial", 0)),
        ({"trial_usage": "billed"}, (5, 5, 5, None, None)),
    ],
    ids=str,
)
def test_usage_of_a_trial_is_owed_by_nobody_and_agrees_where_stripe_bills_it(
    tenant: InvoicedTenant, switches: dict[str, Any], row: tuple[Any, ...], mode: str
) -> None:
    tenant.pipeline.sandbox.settings(**switches)
    tenant.subscribe(tenant.price(), trial_period_days=1, billing_mode={"type": mode})
    tenant.use(3, 5)
    tenant.use(27, 7)  # the trial is over
    tenant.go(tenant.start + timedelta(hours=51))
    tenant.read()
    tenant.compare()
    assert [each for each in tenant.rows() if each[0]] == [row, (7, 7, 7, None, None)]
    assert (owed(tenant), why_not(tenant)) == ([], {})


def test_of_a_trial_that_is_paused_at_its_end_the_usage_is_free_and_what_comes_after_it_is_told(
    tenant: InvoicedTenant,
) -> None:
    tenant.pipeline.sandbox.settings(zero_usage_line="absent")
    subscription = tenant.subscribe(tenant.price(), trial_period_days=1, billing_mode={"type": "flexible"})
    tenant.use(3, 5)
    tenant.go(tenant.start + timedelta(days=1, minutes=1))
    tenant.client.v1.subscriptions.pause(subscription, {"type": "subscription"})
    tenant.use(30, 7)
    tenant.go(tenant.start + timedelta(hours=50))
    tenant.read()
    tenant.compare()
    assert tenant.rows() == [(5, 5, 0, "free_trial", 0), (7, 7, 0, "not_on_subscription", 7)]
    assert owed(tenant) == [("not_invoiced",)]


def paused_for_40_hours(tenant: InvoicedTenant) -> str:
    """A subscription whose first day is billed, with 4 readings until its pause, which none bills, and 7 in it."""
    subscription = tenant.subscribe(tenant.price(), billing_mode={"type": "flexible"})
    tenant.use(3, 90)
    assert tenant.settled() == [(90, 90, 90, None, None)]
    tenant.use(26, 4)
    tenant.go(tenant.hour(30).start)
    wish: Any = {"type": "subscription", "bill_for": {"outstanding_usage_through": {"type": "none"}}}
    tenant.client.v1.subscriptions.pause(subscription, wish)
    tenant.use(33, 7)
    tenant.go(tenant.hour(70).start)
    tenant.read()
    tenant.compare()
    return subscription


def test_usage_of_a_pause_is_told_and_is_put_on_no_invoice_that_does_not_come(tenant: InvoicedTenant) -> None:
    paused_for_40_hours(tenant)
    paused = [(90, 90, 90, None, None), (4, 4, 0, "subscription_ended", 4), (7, 7, 0, "not_on_subscription", 7)]
    assert tenant.rows() == paused
    assert len(owed(tenant)) == 2
    assert all(f"no subscription of {tenant.customer} goes on" in why for why in why_not(tenant).values())
    reads = tenant.invoice_reads()
    report = preview_invoices(tenant.pipeline.as_run(), lambda: tenant.pipeline.gateway)
    assert (report.periods, report.not_read, tenant.invoice_reads()) == ([], [], reads)


@pytest.mark.parametrize(
    ("paused_usage", "pause"),
    [("lost", (7, 7, 0, "not_on_subscription", 7)), ("billed", (7, 7, 0, "billed_with_next", 0))],
)
def test_usage_of_a_pause_waits_for_the_invoice_after_it_and_is_billed_once_whatever_stripe_does(
    tenant: InvoicedTenant, paused_usage: str, pause: tuple[Any, ...]
) -> None:
    tenant.pipeline.sandbox.settings(paused_usage=paused_usage)
    subscription = paused_for_40_hours(tenant)
    tenant.client.v1.subscriptions.resume(subscription)
    tenant.use(71, 5)
    tenant.read()
    waits = [(90, 90, 90, None, None), (4, 4, 0, "no_line", 4), (7, 7, 0, "invoice_awaited", 7)]
    assert of_readings(propose(tenant)).what.amount == 4
    assert tenant.rows() == waits
    tenant.go(tenant.hour(94).start + timedelta(minutes=20))
    tenant.read()
    tenant.compare()
    assert tenant.rows()[:3] == waits, "the invoice is a draft"
    tenant.go(tenant.hour(96).start)
    tenant.read()
    tenant.compare()
    resumed = (5, 5, 12, "billed_with_next", 0) if paused_usage == "billed" else (5, 5, 5, None, None)
    assert tenant.rows()[2:4] == [pause, resumed]
    proposed = [each for each in propose(tenant).corrections if each.what.event_name == "temperature_readings"]
    assert sum(each.what.amount for each in proposed) == (4 if paused_usage == "billed" else 11)


def test_usage_of_a_pause_is_not_proposed_while_nobody_knows_what_the_invoice_after_it_bills(
    tenant: InvoicedTenant,
) -> None:
    tenant.pipeline.sandbox.settings(paused_usage="billed")
    tenant.client.v1.subscriptions.resume(paused_for_40_hours(tenant))
    tenant.use(71, 5)
    tenant.go(tenant.hour(96).start)
    tenant.use(72, 20)
    tenant.read()
    report = propose(tenant)
    assert of_readings(report).what.amount == 4
    found = {str(each.cause): why for each, why in report.not_proposed if each.event_name == "temperature_readings"}
    assert "has an unexplained quantity, and may bill it" in found["not_on_subscription"]


def test_an_invoice_item_that_waits_for_the_end_of_a_pause_is_told_until_the_subscription_goes_on(
    tenant: InvoicedTenant,
) -> None:
    subscription = tenant.subscribe(tenant.price(), billing_mode={"type": "flexible"})
    tenant.use(3, 90)
    tenant.use(20, 30)
    tenant.settled()
    late_file(tenant)
    done = approve(tenant, of_readings(propose(tenant)).proposal_id)
    assert told(tenant) == []
    tenant.client.v1.subscriptions.pause(subscription, {"type": "subscription"})
    (detail,) = told(tenant)
    assert f"{done.document} is on no invoice: no subscription of {tenant.customer} goes on" in detail
    tenant.client.v1.subscriptions.resume(subscription)
    assert told(tenant) == []
