"""From the end of a period to a final invoice: drafts, grace, what is settled when, and how drafts are held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe

from tests.stripe_sandbox.billing_account import CUSTOMER, DAY, HOUR, at

if TYPE_CHECKING:
    from tests.stripe_sandbox.billing_account import BillingAccount

MARCH = at("2026-03-01")
DRAFTED = MARCH + 900


def test_a_draft_comes_a_quarter_of_an_hour_after_the_period_and_is_final_an_hour_later(
    billing: BillingAccount,
) -> None:
    subscription = billing.subscription(billing.price(), metadata={"tenant": "7"})
    billing.use(5, billing.start)
    billing.go(DRAFTED - 1)
    assert billing.invoices() == []
    billing.go(DRAFTED)
    draft = billing.newest()
    assert (draft.status, draft.created, draft.billing_reason) == ("draft", DRAFTED, "subscription_cycle")
    assert (draft.auto_advance, draft.automatically_finalizes_at) == (True, DRAFTED + HOUR)
    assert draft.parent.subscription_details.subscription == subscription.id
    assert (draft.number, draft.status_transitions.finalized_at) == (None, None)
    (line,) = billing.all_lines(draft)
    assert (line.period.start, line.period.end) == (billing.start, MARCH)
    assert line.parent.subscription_item_details.subscription_item == subscription["items"].data[0].id
    assert line.metadata.to_dict() == {"tenant": "7"}
    billing.go(DRAFTED + HOUR - 1)
    assert billing.newest().status == "draft"
    billing.go(DRAFTED + HOUR)
    final = billing.newest()
    assert (final.id, final.status, final.automatically_finalizes_at) == (draft.id, "paid", None)
    assert final.status_transitions.finalized_at == DRAFTED + HOUR
    assert (final.total, final.amount_paid, final.amount_remaining) == (5, 5, 0)
    item = billing.stripe.v1.subscriptions.retrieve(subscription.id)["items"].data[0]
    assert (item.current_period_start, item.current_period_end) == (MARCH, at("2026-04-01"))


def test_usage_during_grace_is_billed_and_usage_after_finalization_changes_the_summary_only(
    billing: BillingAccount,
) -> None:
    billing.subscription(billing.price())
    billing.go(DRAFTED)
    billing.use(100, MARCH - HOUR)
    billing.go(DRAFTED + HOUR - 1)
    billing.use(20, MARCH - 2 * HOUR)
    billing.go(DRAFTED + HOUR)
    assert billing.newest().total == 120
    billing.use(3, MARCH - 3 * HOUR)
    billing.use(150, MARCH - HOUR)  # restates an hour that is billed
    assert billing.total(billing.readings, billing.start, MARCH) == 173
    assert billing.newest().total == 120
    assert billing.after_grace("2026-04-01").total == 0  # nor is it on the next one


@pytest.mark.parametrize(("when", "shown"), [("latest", [0, 7, 7]), ("at_creation", [0, 0, 7])])
def test_whether_a_draft_shows_usage_that_came_after_it_can_be_chosen(
    billing: BillingAccount, when: str, shown: list[int]
) -> None:
    billing.sandbox.settings(draft_usage=when)
    billing.subscription(billing.price())
    billing.go(DRAFTED)
    seen = [billing.newest().total]
    billing.use(7, MARCH - HOUR)
    seen += [billing.newest().total, billing.after_grace().total]
    assert seen == shown
    assert billing.invoices()[0].lines.data[0].quantity == 7


@pytest.mark.parametrize(("lag", "total"), [(0, 7), (600, 0)])
def test_whether_usage_just_before_finalization_is_on_the_invoice_can_be_chosen(
    billing: BillingAccount, lag: int, total: int
) -> None:
    billing.sandbox.settings(invoice_lag_seconds=lag)
    billing.subscription(billing.price())
    billing.go(DRAFTED + HOUR - 60)
    billing.use(7, MARCH - HOUR)
    assert billing.after_grace().total == total


@pytest.mark.parametrize(("edge", "months"), [("exclusive", [0, 9]), ("inclusive", [9, 0])])
def test_to_which_period_the_second_between_them_belongs_can_be_chosen(
    billing: BillingAccount, edge: str, months: list[int]
) -> None:
    billing.sandbox.settings(period_end=edge)
    billing.subscription(billing.price())
    billing.use(9, MARCH)
    assert [billing.after_grace(end).total for end in ("2026-03-01", "2026-04-01")] == months


@pytest.mark.parametrize(("total", "billed"), [("overwritten", 7), ("all", 12)])
def test_whether_a_window_meter_bills_overwritten_events_can_be_chosen(
    billing: BillingAccount, total: str, billed: int
) -> None:
    billing.sandbox.settings(window_meter_total=total)
    billing.subscription(billing.price())
    billing.use(5, billing.start)
    billing.use(7, billing.start)
    assert billing.after_grace().total == billed


@pytest.mark.parametrize(("switch", "invoices"), [("line", 1), ("absent", 0)])
def test_whether_a_period_without_usage_has_a_line_can_be_chosen(
    billing: BillingAccount, switch: str, invoices: int
) -> None:
    billing.sandbox.settings(zero_usage_line=switch)
    billing.subscription(billing.price())
    billing.go(MARCH + 3 * HOUR)
    assert len(billing.invoices()) == invoices


def test_grace_of_up_to_72_hours_can_be_set_and_no_more(billing: BillingAccount) -> None:
    billing.sandbox.settings(finalization_grace_seconds=72 * HOUR)
    billing.subscription(billing.price())
    billing.go(DRAFTED + 72 * HOUR - 1)
    assert billing.newest().status == "draft"
    billing.go(DRAFTED + 72 * HOUR)
    assert billing.newest().status == "paid"
    with pytest.raises(Exception, match="400"):
        billing.sandbox.settings(finalization_grace_seconds=72 * HOUR + 1)


def test_a_draft_with_a_time_of_its_own_is_held_until_then_and_only_with_auto_advance(billing: BillingAccount) -> None:
    for customer in ("cus_held", "cus_stopped"):
        billing.subscription(billing.price(), customer=customer)
    billing.go(DRAFTED)
    held, stopped = billing.newest(customer="cus_held"), billing.newest(customer="cus_stopped")
    until = MARCH + 48 * HOUR
    update = billing.stripe.v1.invoices.update
    held = update(held.id, {"auto_advance": True, "automatically_finalizes_at": until})
    assert held.automatically_finalizes_at == until
    update(stopped.id, {"auto_advance": False, "automatically_finalizes_at": until})
    billing.go(until - 1)
    billing.use(4, MARCH - HOUR, "cus_held")
    assert [invoice.status for invoice in billing.invoices()] == ["draft", "draft"]
    billing.go(until)
    assert billing.newest(customer="cus_held").total == 4
    billing.go(until + 30 * DAY)
    assert billing.newest(customer="cus_stopped", created={"lt": until}).status == "draft"
    update(stopped.id, {"auto_advance": True})
    assert [i.status for i in billing.invoices(customer="cus_stopped", created={"lt": until})] == ["paid"]


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        (DRAFTED, "in the future"),
        (DRAFTED + 5 * 366 * DAY + 1, "5 years"),
        (DRAFTED + 30, "at least 60 seconds"),
    ],
)
def test_a_time_at_which_no_draft_can_become_final_is_refused(billing: BillingAccount, wish: int, says: str) -> None:
    billing.sandbox.settings(shortest_schedule_seconds=60)
    billing.subscription(billing.price())
    billing.go(DRAFTED)
    draft = billing.newest()
    with pytest.raises(stripe.InvalidRequestError, match=says):
        billing.stripe.v1.invoices.update(draft.id, {"automatically_finalizes_at": wish})
    assert billing.newest().automatically_finalizes_at == DRAFTED + HOUR


def test_a_time_seconds_ahead_is_taken_and_the_delay_after_it_can_be_chosen(billing: BillingAccount) -> None:
    billing.sandbox.settings(finalization_delay_seconds=120)
    billing.subscription(billing.price())
    billing.go(DRAFTED)
    billing.stripe.v1.invoices.update(billing.newest().id, {"automatically_finalizes_at": DRAFTED + 5})
    billing.go(DRAFTED + 124)
    assert billing.newest().status == "draft"
    billing.go(DRAFTED + 125)
    assert billing.newest().status == "paid"


def test_failing_webhooks_hold_a_draft_for_72_hours_unless_it_has_a_time_of_its_own(billing: BillingAccount) -> None:
    billing.sandbox.settings(webhooks_failing=True)
    billing.subscription(billing.price(), customer="cus_a")
    billing.subscription(billing.price(), customer="cus_b")
    billing.go(DRAFTED)
    own = billing.newest(customer="cus_b")
    billing.stripe.v1.invoices.update(own.id, {"automatically_finalizes_at": DRAFTED + 2 * HOUR})
    billing.go(DRAFTED + 72 * HOUR - 1)
    assert [billing.newest(customer=each).status for each in ("cus_a", "cus_b")] == ["draft", "paid"]
    billing.go(DRAFTED + 72 * HOUR)
    assert billing.newest(customer="cus_a").status == "paid"


def test_a_draft_can_be_finalized_by_hand_once_and_what_is_open_can_be_voided(billing: BillingAccount) -> None:
    billing.sandbox.settings(payment="open")
    billing.subscription(billing.price())
    billing.use(8, billing.start)
    billing.go(DRAFTED)
    api, draft = billing.stripe.v1.invoices, billing.newest()
    with pytest.raises(stripe.InvalidRequestError, match="draft"):
        api.void_invoice(draft.id)
    opened = api.finalize_invoice(draft.id)
    assert (opened.status, opened.amount_remaining, opened.status_transitions.finalized_at) == ("open", 8, DRAFTED)
    with pytest.raises(stripe.InvalidRequestError, match="already finalized"):
        api.finalize_invoice(draft.id)
    with pytest.raises(stripe.InvalidRequestError, match="draft"):
        api.update(draft.id, {"automatically_finalizes_at": DRAFTED + HOUR})
    voided = api.void_invoice(draft.id)
    assert (voided.status, voided.status_transitions.voided_at) == ("void", DRAFTED)
    assert [invoice.id for invoice in billing.invoices(status="void")] == [draft.id]
    assert billing.after_grace("2026-04-01").total == 0


def test_whether_the_usage_of_a_voided_invoice_is_billed_again_can_be_chosen(billing: BillingAccount) -> None:
    billing.sandbox.settings(payment="open", void_bills_again=True)
    billing.subscription(billing.price())
    billing.use(8, billing.start)
    billing.stripe.v1.invoices.void_invoice(billing.after_grace().id)
    billing.use(5, MARCH + DAY)
    again = billing.after_grace("2026-04-01")
    assert again.total == 13
    assert {(line.period.start, line.quantity) for line in billing.all_lines(again)} == {(billing.start, 8), (MARCH, 5)}


def test_what_somebody_else_does_to_a_draft_is_seen_and_a_draft_can_fail_to_become_final(
    billing: BillingAccount,
) -> None:
    billing.subscription(billing.price())
    billing.go(DRAFTED)
    draft = billing.newest()
    billing.edit(draft, automatically_finalizes_at=DRAFTED + 9 * HOUR, metadata={"held_by": "somebody"})
    billing.edit(draft, line={"amount": 250, "description": "set-up"}, fails_with="No tax location.")
    seen = billing.newest()
    assert (seen.automatically_finalizes_at, seen.metadata.to_dict()) == (DRAFTED + 9 * HOUR, {"held_by": "somebody"})
    assert billing.lines(seen) == [(0, "0"), (250, None)]
    billing.go(DRAFTED + 9 * HOUR)
    failed = billing.newest()
    assert (failed.status, failed.last_finalization_error.message) == ("draft", "No tax location.")
    assert failed.automatically_finalizes_at is None
    events = billing.stripe.v1.events.list({"type": "invoice.finalization_failed"}).data
    assert [event.data.object["id"] for event in events] == [draft.id]
    billing.edit(draft, fails_with=None, act="finalize")
    assert billing.newest().status == "paid"


def test_sent_invoices_stay_open_until_somebody_pays_or_gives_up(billing: BillingAccount) -> None:
    for customer in ("cus_a", "cus_b"):
        billing.subscription(billing.price(), customer=customer, collection_method="send_invoice", days_until_due=14)
        billing.use(3, billing.start, customer)
    billing.after_grace()
    first, second = billing.invoices(status="open")
    assert first.due_date == first.status_transitions.finalized_at + 14 * DAY
    assert billing.stripe.v1.invoices.pay(first.id).status == "paid"
    assert billing.stripe.v1.invoices.mark_uncollectible(second.id).status == "uncollectible"


@pytest.mark.parametrize(
    ("behavior", "status"), [("keep_as_draft", "draft"), ("void", "void"), ("mark_uncollectible", "uncollectible")]
)
def test_a_paused_collection_goes_on_invoicing(billing: BillingAccount, behavior: Any, status: str) -> None:
    subscription = billing.subscription(billing.price())
    billing.stripe.v1.subscriptions.update(subscription.id, {"pause_collection": {"behavior": behavior}})
    billing.use(6, billing.start)
    invoice = billing.after_grace()
    assert (invoice.status, invoice.total) == (status, 6)


@pytest.mark.parametrize(("changed", "events"), [(False, []), (True, ["v1.invoice.line_item_quantity_changed"])])
def test_whether_a_refreshed_quantity_is_an_event_can_be_chosen(
    billing: BillingAccount, *, changed: bool, events: list[str]
) -> None:
    billing.sandbox.settings(quantity_changed_events=changed)
    billing.subscription(billing.price())
    billing.go(DRAFTED)
    draft = billing.newest()
    billing.use(7, MARCH - HOUR)
    billing.after_grace()
    told = list(billing.stripe.v2.core.events.list({"object_id": draft.id}).auto_paging_iter())
    assert [event.type for event in reversed(told)] == ["v1.invoice.created", *events, *_FINAL]
    snapshots = billing.stripe.v1.events.list({"types": ["invoice.created", "invoice.finalized"]}).data
    assert [event.data.object["status"] for event in snapshots] == ["open", "draft"]


_FINAL = ["v1.invoice.finalized", "v1.invoice.paid"]


def test_a_discount_stands_beside_the_amounts_of_the_lines_and_lowers_what_is_paid(billing: BillingAccount) -> None:
    billing.sandbox.settings(percent_off=25)
    billing.subscription(billing.price())
    billing.use(10, billing.start)
    told: Any = {"customer": CUSTOMER, "amount": 100, "currency": "usd", "discountable": False}
    billing.stripe.v1.invoice_items.create(told)
    final = billing.after_grace()
    assert (final.subtotal, final.total, final.amount_paid) == (110, 107, 107)
    assert [(line.amount, [each.amount for each in line.discount_amounts]) for line in billing.all_lines(final)] == [
        (10, [3]),
        (100, []),
    ]
