"""Reading what is billed: lists and their filters, permissions, what a restart keeps, and how fast it goes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import stripe

from tests.sandbox_process import running_sandbox
from tests.stripe_sandbox.billing_account import CUSTOMER, DAY, HOUR, BillingAccount, at

if TYPE_CHECKING:
    from pathlib import Path

MARCH = at("2026-03-01")


def test_the_accounts_invoices_are_listed_newest_first_by_creation_customer_status_and_subscription(
    billing: BillingAccount,
) -> None:
    first = billing.subscription(billing.price(), customer="cus_a")
    billing.go("2026-02-10")
    second = billing.subscription(billing.price(), customer="cus_b")
    billing.go("2026-03-10T00:20")
    (of_b, of_a) = billing.invoices()
    assert ([of_b.customer, of_a.customer], of_b.created) == (["cus_b", "cus_a"], at("2026-03-10") + 900)
    filters: list[tuple[dict[str, Any], list[str]]] = [
        ({"customer": "cus_a"}, [of_a.id]),
        ({"subscription": second.id}, [of_b.id]),
        ({"status": "draft"}, [of_b.id]),
        ({"created": {"gt": of_a.created}}, [of_b.id]),
        ({"created": {"gte": of_a.created, "lt": of_b.created}}, [of_a.id]),
        ({"created": {"lte": of_a.created}}, [of_a.id]),
        ({"collection_method": "send_invoice"}, []),
        ({"limit": 1, "starting_after": of_b.id}, [of_a.id]),
    ]
    for asked, found in filters:
        told: Any = asked
        assert [invoice.id for invoice in billing.stripe.v1.invoices.list(told).data] == found, asked
    assert first.id != second.id


def test_an_invoice_shows_ten_lines_and_its_own_endpoint_pages_through_all(billing: BillingAccount) -> None:
    tiers: list[Any] = [{"up_to": bound, "unit_amount": 1} for bound in range(1, 24)]
    billing.subscription(billing.price(tiers=[*tiers, {"up_to": "inf", "unit_amount": 1}], tiers_mode="graduated"))
    billing.use(30, billing.start)
    invoice = billing.after_grace()
    assert (len(invoice.lines.data), invoice.lines.has_more, invoice.total) == (10, True, 30)
    pages = billing.stripe.v1.invoices.line_items.list(invoice.id, {"limit": 7}).auto_paging_iter()
    lines = [line.id for line in pages]
    assert (len(lines), len(set(lines))) == (24, 24)
    assert lines[:10] == [line.id for line in invoice.lines.data]


def test_objects_are_expanded_where_asked_for(billing: BillingAccount) -> None:
    billing.subscription(billing.price())
    billing.after_grace()
    told: Any = {"expand": ["data.customer", "data.lines.data.pricing.price_details.price"]}
    with pytest.raises(stripe.InvalidRequestError, match="more than 4 levels"):
        billing.stripe.v1.invoices.list({"expand": ["data.lines.data.pricing.price_details.price.product"]})
    invoice: Any = billing.stripe.v1.invoices.list({"expand": told["expand"][:1]}).data[0]
    assert invoice.customer.id == CUSTOMER


def test_a_key_without_a_permission_is_told_which_one_is_missing(billing: BillingAccount) -> None:
    billing.subscription(billing.price())
    billing.after_grace()
    denied = ["rak_invoice_read", "rak_plan_read", "rak_credit_note_write"]
    billing.sandbox.settings(key_may_not={"rk_test_reader": denied, "rk_test_holder": ["rak_invoice_write"]})
    clients: Any = (billing.sandbox.client(f"rk_test_{name}").v1 for name in ("reader", "holder"))
    reader, holder = clients
    with pytest.raises(stripe.PermissionError, match="rak_invoice_read") as caught:
        reader.invoices.list()
    assert caught.value.http_status == 403
    assert "rk_test_reader" not in str(caught.value)
    for call in (reader.invoices.create_preview, reader.invoice_items.list, reader.prices.list):
        with pytest.raises(stripe.PermissionError):
            call({"customer": CUSTOMER} if call == reader.invoices.create_preview else {})
    assert reader.subscriptions.list().data[0].customer == CUSTOMER
    with pytest.raises(stripe.PermissionError, match="rak_invoice_write"):
        holder.invoices.update(holder.invoices.list().data[0].id, {"auto_advance": False})
    assert billing.invoices()[0].status == "paid"  # any other key may do all


def test_the_permission_of_previews_and_invoice_items_can_be_chosen(billing: BillingAccount) -> None:
    billing.subscription(billing.price())
    billing.sandbox.settings(key_may_not={"rk_test_x": ["rak_invoice_read", "rak_invoice_write"]})
    api: Any = billing.sandbox.client("rk_test_x").v1
    with pytest.raises(stripe.PermissionError):
        api.invoices.create_preview({"customer": CUSTOMER})
    billing.sandbox.settings(preview_permission="rak_upcoming", invoice_item_permission="rak_invoiceitem")
    assert api.invoices.create_preview({"customer": CUSTOMER}).total == 0
    assert api.invoice_items.list().data == []


def test_an_expanded_object_needs_its_own_permission(billing: BillingAccount) -> None:
    billing.subscription(billing.price())
    billing.after_grace()
    billing.sandbox.settings(key_may_not={"rk_test_x": ["rak_customer_read"]})
    reader = billing.sandbox.client("rk_test_x").v1
    assert reader.invoices.list().data[0].customer == CUSTOMER
    with pytest.raises(stripe.PermissionError, match="rak_customer_read"):
        reader.invoices.list({"expand": ["data.customer"]})


def test_everything_billed_and_everything_due_survives_kill_9(tmp_path: Path) -> None:
    with running_sandbox(tmp_path / "books.sqlite") as first:
        before = BillingAccount(first)
        tiers = [{"up_to": 10, "unit_amount_decimal": "1.5", "flat_amount": 9}, {"up_to": "inf", "unit_amount": 1}]
        before.subscription(
            before.price(tiers=tiers, tiers_mode="graduated", currency_options={"eur": {"tiers": tiers}}),
            billing_cycle_anchor_config={"day_of_month": 1, "hour": 0, "minute": 0, "second": 0},
        )
        before.use("12.5", before.start)
        clock = before.stripe.v1.test_helpers.test_clocks.create({"frozen_time": MARCH})
        before.go(MARCH + 900)
        before.stripe.v1.invoice_items.create({"customer": CUSTOMER, "amount": 5, "currency": "usd"})
        told = [invoice.to_dict() for invoice in before.invoices()]
        events = [event.to_dict() for event in before.stripe.v1.events.list().data]
        first.kill()
    with running_sandbox(tmp_path / "books.sqlite") as second:
        client: Any = second.client().v1
        assert [invoice.to_dict() for invoice in client.invoices.list().data] == told
        assert [event.to_dict() for event in client.events.list().data] == events
        assert client.test_helpers.test_clocks.retrieve(clock.id).status == "ready"
        assert len(client.invoice_items.list({"pending": True}).data) == 1
        second.set_clock(now=MARCH + 900 + HOUR)
        final = client.invoices.list().data[0]
        assert (final.id, final.status, final.total) == (told[0]["id"], "paid", 27)  # 15 + 9 + 2.5 → 3


def test_1000_invoices_are_drafted_read_and_final_in_seconds(billing: BillingAccount) -> None:
    billing.sandbox.settings(calls_per_second=None)
    price, client = billing.price(), billing.sandbox.client().v1
    customers = [f"cus_{number:04}" for number in range(1000)]
    for customer in customers:
        client.subscriptions.create({"customer": customer, "items": [{"price": price.id}]})
    days = range(billing.start, MARCH, DAY)
    billing.go(MARCH - 60)
    assert billing.usage_at_once([(customer, day, 2) for customer in customers for day in days]) == 28_000
    billing.go(MARCH + HOUR)
    began = time.monotonic()
    drafts = list(client.invoices.list({"limit": 100, "status": "draft"}).auto_paging_iter())
    assert (len(drafts), {draft.total for draft in drafts}) == (1000, {2 * len(days)})
    billing.go(MARCH + 2 * HOUR)
    finals = list(client.invoices.list({"limit": 100, "created": {"gte": MARCH}}).auto_paging_iter())
    assert {final.status for final in finals} == {"paid"}
    assert {final.id for final in finals} == {draft.id for draft in drafts}
    for final in finals[:20]:
        assert client.invoices.line_items.list(final.id, {"limit": 100}).data[0].quantity == 2 * len(days)
    assert time.monotonic() - began < 60  # seconds; a busy machine needs 20
