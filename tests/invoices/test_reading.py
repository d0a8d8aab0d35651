"""Reading invoices over HTTP: what is read, what it costs, and what is said of what is not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fridge_pipeline.calendar.days import DayRange
from fridge_pipeline.invoices.invoice_record import Reading, keep_items
from fridge_pipeline.invoices.plan_holds import find_drafts
from fridge_pipeline.stripe.invoice_reads import refused_invoice_reads
from fridge_pipeline.stripe.rules.api_key import ApiKey
from fridge_pipeline.stripe.rules.invoice import SubscriptionItem
from tests.invoices.account import GRADUATED, InvoicedTenant
from tests.pipeline import Pipeline, gateway_to

#: Meters and subscriptions, prices of two meters, active and not, one page of invoices, one of void ones.
READS_AT_LEAST = 7


@pytest.fixture
def tenant(pipeline: Pipeline) -> InvoicedTenant:
    """A tenant with usage to come."""
    return InvoicedTenant(pipeline)


def test_a_late_file_that_stripe_accepts_misses_its_invoice_and_is_owed_at_its_tier(tenant: InvoicedTenant) -> None:
    """The ledger and Stripe's own summary agree on 150 by then, and the customer has paid for 120."""
    tenant.subscribe(tenant.price(**GRADUATED))
    tenant.use(3, 90)
    tenant.use(20, 30)
    assert tenant.settled() == [(120, 120, 120, None, None)]
    tenant.use(20, 30)
    tenant.read()
    tenant.compare()
    assert tenant.rows() == [(150, 150, 120, "after_finalization", 30)]
    assert tenant.pipeline.stripe_totals("cohoes")["temperature_readings", tenant.hour(20).key] == 60
    ((detail, owed),) = tenant.pipeline.rows(
        "select detail, deadline_at from fridge.exceptions where kind = 'not_invoiced' and subject like 'temp%%'"
    )
    assert "30 too little, 0.30 USD" in detail
    assert owed > tenant.pipeline.clock()


def test_a_second_reading_of_the_same_invoices_makes_no_row_and_costs_the_same_few_reads(
    tenant: InvoicedTenant,
) -> None:
    tenant.subscribe(tenant.price())
    tenant.use(3, 5)
    tenant.settled()
    count = "select count(*) from fridge.invoice_snapshots"
    kept, before = tenant.pipeline.one(count), tenant.invoice_reads()
    report = tenant.read()
    assert (report.invoices, report.changed, report.not_read) == (1, 0, None)
    assert report.reads == READS_AT_LEAST == tenant.invoice_reads() - before
    assert tenant.pipeline.one(count) == kept == 1
    assert tenant.pipeline.one("select sum(reads) from fridge.stripe_reads where purpose = 'invoices'") == 2 * 7


def test_a_draft_is_read_again_when_it_is_final_and_both_are_kept(tenant: InvoicedTenant) -> None:
    tenant.subscribe(tenant.price())
    tenant.use(3, 5)
    tenant.go(tenant.start + timedelta(hours=24, minutes=30))
    tenant.read()
    found = find_drafts(tenant.pipeline.as_run(), lambda: tenant.pipeline.gateway)
    assert (len(found.drafts), found.changed) == (1, frozenset())
    tenant.go(tenant.start + timedelta(hours=27))
    gone = find_drafts(tenant.pipeline.as_run(), lambda: tenant.pipeline.gateway)
    assert (len(gone.drafts), gone.changed) == (0, frozenset({(tenant.start + timedelta(days=1)).date()}))
    tenant.read()
    statuses = tenant.pipeline.rows("select status from fridge.invoice_snapshots order by snapshot_id")
    assert statuses == [("draft",), ("paid",)]


def test_all_lines_of_a_long_invoice_are_read_and_an_invoice_without_our_meters_is_left_alone(
    tenant: InvoicedTenant,
) -> None:
    subscription = tenant.subscribe(tenant.price())
    tenant.use(3, 5)
    for number in range(25):
        tenant.client.v1.invoice_items.create(
            {"customer": tenant.customer, "subscription": subscription, "amount": number, "currency": "usd"}
        )
    tenant.client.v1.invoice_items.create({"customer": "cus_other", "amount": 5, "currency": "usd"})
    tenant.client.v1.invoices.create({"customer": "cus_other", "pending_invoice_items_behavior": "include"})
    tenant.go(tenant.start + timedelta(hours=26))
    report = tenant.read()
    assert (report.invoices, report.reads) == (1, READS_AT_LEAST + 1)
    assert tenant.pipeline.one("select count(*) from fridge.invoice_lines") == 26
    assert sum(report.days.values()) == 2
    found = find_drafts(tenant.pipeline.as_run(), lambda: tenant.pipeline.gateway)
    assert (len(found.drafts), found.changed) == (1, frozenset()), "a draft that was read and bills no meter is not new"
    tenant.compare()
    assert tenant.rows() == [(5, 5, 5, None, None)]


def test_a_price_that_a_subscription_made_inline_is_read_by_itself_and_only_once(tenant: InvoicedTenant) -> None:
    """The list of the meter's prices does not have it."""
    meter = tenant.pipeline.gateway.known_meter("temperature_readings").meter_id
    recurring = {"interval": "day", "usage_type": "metered", "meter": meter}
    inline: Any = {"currency": "usd", "product": tenant.product, "recurring": recurring, "unit_amount": 3}
    tenant.client.v1.subscriptions.create({"customer": tenant.customer, "items": [{"price_data": inline}]})
    tenant.use(3, 5)
    assert tenant.settled() == [(5, 5, 5, None, None)]
    singly = [each for each in tenant.pipeline.sandbox.requests() if each["path"].startswith("/v1/prices/")]
    assert len(singly) == 1
    assert tenant.read().reads == READS_AT_LEAST


def test_a_key_that_may_not_read_invoices_is_said_and_billing_goes_on(tenant: InvoicedTenant) -> None:
    """Which permission it is, Stripe says."""
    tenant.subscribe(tenant.price())
    tenant.use(3, 5)
    key = "rk_test_narrow"
    tenant.pipeline.sandbox.settings(key_may_not={key: ["rak_invoice_read", "rak_subscription_read"]})
    tenant.pipeline.gateway = gateway_to(tenant.pipeline.sandbox.url, ApiKey(key))
    assert refused_invoice_reads(tenant.pipeline.gateway) == ["Invoices: read", "Subscriptions: read"]
    report = tenant.read()
    assert report.is_refused
    assert "rak_subscription_read" in (report.not_read or "")
    assert not report.days
    tenant.use(4, 5)
    assert tenant.pipeline.stripe_totals("cohoes")["temperature_readings", tenant.hour(4).key] == 5
    tenant.compare()
    assert tenant.rows() == []
    found = find_drafts(tenant.pipeline.as_run(), lambda: tenant.pipeline.gateway)
    assert "rak_invoice_read" in (found.not_read or "")


def test_no_read_is_begun_when_half_of_what_is_left_is_used_and_what_is_not_read_is_not_missed(
    tenant: InvoicedTenant,
) -> None:
    tenant.use(3, 5)
    tenant.go(tenant.start + timedelta(hours=26))
    before = tenant.invoice_reads()
    report = tenant.read(reads_max=8)
    assert (report.reads, report.not_read) == (4, "the reads that Stripe allows in a month are used up")
    assert tenant.invoice_reads() - before == 4
    tenant.compare()
    assert tenant.rows() == []


def test_books_of_which_nothing_was_stated_read_nothing(tenant: InvoicedTenant) -> None:
    report = tenant.read()
    assert (report.reads, report.not_read) == (0, "nothing of these books was ever stated to Stripe")


@pytest.mark.parametrize("shows", ["usage", "packages"])
def test_packages_are_right_whichever_of_both_the_line_shows(tenant: InvoicedTenant, shows: str) -> None:
    tenant.pipeline.sandbox.settings(package_line_quantity=shows)
    tenant.subscribe(tenant.price(unit_amount=30, transform_quantity={"divide_by": 60, "round": "up"}))
    tenant.use(3, 150)
    expected = (150, 150, 150, None, None) if shows == "usage" else (150, 150, 150, "transform", 0)
    assert tenant.settled() == [expected]
    tenant.use(3, 50)
    tenant.compare()
    assert tenant.rows() == [(200, 200, 150, "after_finalization", 30)]


def test_a_second_item_on_the_meter_bills_all_of_it_again(tenant: InvoicedTenant) -> None:
    tenant.subscribe(tenant.price())
    tenant.subscribe(tenant.price())
    tenant.use(3, 5)
    rows = tenant.settled()
    assert sorted(rows, key=str) == [(0, 0, 5, "two_items", -5), (5, 5, 5, None, None)]


def test_usage_without_a_subscription_is_missed_and_with_one_from_now_on_it_still_is(tenant: InvoicedTenant) -> None:
    tenant.price()
    tenant.use(3, 5)
    assert tenant.settled() == [(5, 5, 0, "not_on_subscription", 5)]
    tenant.subscribe(tenant.price())
    tenant.use(27, 4)
    tenant.read()
    tenant.compare()
    assert [row[:4] for row in tenant.rows()] == [(5, 5, 0, "not_on_subscription")]


def test_a_cancellation_without_an_invoice_drops_usage_that_is_missed(tenant: InvoicedTenant) -> None:
    subscription = tenant.subscribe(tenant.price())
    tenant.use(3, 5)
    tenant.go(tenant.hour(6).start)
    tenant.client.v1.subscriptions.cancel(subscription)
    tenant.go(tenant.start + timedelta(hours=40))
    tenant.read()
    tenant.compare()
    assert tenant.rows() == [(5, 5, 0, "subscription_ended", 5)]


def test_an_invoice_that_is_void_weeks_after_its_day_was_read_is_found(tenant: InvoicedTenant) -> None:
    """Of the days before, one read asks for void invoices only."""
    tenant.pipeline.sandbox.settings(payment="open")
    tenant.subscribe(tenant.price())
    tenant.use(3, 5)
    assert tenant.settled() == [(5, 5, 5, None, None)]
    invoice = tenant.pipeline.one("select invoice_id from fridge.invoices")
    tenant.client.v1.invoices.void_invoice(invoice)
    tenant.go(tenant.start + timedelta(days=2))
    report = tenant.read(DayRange(tenant.pipeline.clock().date(), tenant.pipeline.clock().date()))
    assert (report.changed, list(report.days.values())) == (1, [0])
    tenant.compare()
    assert tenant.rows()[0] == (5, 5, 0, "voided", 5)


def test_the_books_and_the_code_say_the_same_of_which_subscription_goes_on(tenant: InvoicedTenant) -> None:
    statuses = ("active", "trialing", "past_due", "unpaid", "canceled", "paused", "incomplete", "incomplete_expired")
    then = tenant.start
    items = [
        SubscriptionItem(f"si_{status}_{ended}", "sub_1", "cus_1", "unit", status, then, then, then, ended)
        for status in statuses
        for ended in (None, then)
    ]
    with tenant.pipeline.database.connect() as connection, connection.transaction():
        keep_items(connection, items, {}, Reading(then, "here"))
    kept = dict(tenant.pipeline.rows("select item_id, goes_on from fridge.subscription_items"))
    assert kept == {each.item_id: each.goes_on for each in items}
    assert sorted(name for name, goes_on in kept.items() if goes_on) == [
        f"si_{status}_None" for status in ("active", "canceled", "past_due", "trialing", "unpaid")
    ]


def test_of_a_subscription_with_many_items_all_are_read(tenant: InvoicedTenant) -> None:
    flat: Any = {"currency": "usd", "product": tenant.product, "unit_amount": 900, "recurring": {"interval": "day"}}
    others = [tenant.client.v1.prices.create(flat).id for _ in range(11)]
    tenant.subscribe(*others, tenant.price())
    tenant.use(3, 5)
    assert tenant.settled() == [(5, 5, 5, None, None)]
    assert tenant.pipeline.rows("select status, ended_at from fridge.subscription_items") == [("active", None)]


def test_an_invoice_on_a_test_clock_whose_customer_no_tenant_has_is_left_alone(tenant: InvoicedTenant) -> None:
    """As that of a rehearsal, whose clock is deleted afterwards with all that is on it."""
    price, clocks = tenant.price(), tenant.client.v1.test_helpers.test_clocks
    clock = clocks.create({"frozen_time": int(tenant.start.timestamp())})
    customer = tenant.client.v1.customers.create({"test_clock": clock.id})
    tenant.client.v1.subscriptions.create({"customer": customer.id, "items": [{"price": price}]})
    event: Any = {
        "event_name": "temperature_readings",
        "payload": {"stripe_customer_id": customer.id, "value": "14"},
        "timestamp": int(tenant.hour(3).start.timestamp()),
    }
    clocks.advance(clock.id, {"frozen_time": int(tenant.hour(5).start.timestamp())})
    tenant.client.v1.billing.meter_events.create(event)
    clocks.advance(clock.id, {"frozen_time": int(tenant.hour(26).start.timestamp())})
    tenant.use(3, 5)
    tenant.go(tenant.start + timedelta(hours=27))
    (paid,) = [each for each in tenant.client.v1.invoices.list({"customer": customer.id}).data if each.total]
    assert (paid.total, paid.test_clock) == (14, clock.id)
    tenant.read()
    tenant.compare()
    assert tenant.pipeline.rows("select stripe_customer_id from fridge.invoices") == []
    assert tenant.pipeline.rows("select subject from fridge.open_exceptions where subject like '%%cus_%%'") == []
