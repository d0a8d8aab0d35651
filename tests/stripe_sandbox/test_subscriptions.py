"""Subscriptions over their life: anchors, modes, swaps, thresholds, trials and ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe

from tests.stripe_sandbox.billing_account import CUSTOMER, DAY, HOUR, at

if TYPE_CHECKING:
    from tests.stripe_sandbox.billing_account import BillingAccount

MARCH = at("2026-03-01")


def periods(billing: BillingAccount, subscription: Any) -> list[tuple[int, int]]:
    """(start, end) of the current period of every item."""
    items = billing.stripe.v1.subscriptions.retrieve(subscription.id)["items"].data
    return [(item.current_period_start, item.current_period_end) for item in items]


def test_the_31st_is_the_last_day_of_short_months_and_comes_back(billing: BillingAccount) -> None:
    billing.go("2027-12-15")
    subscription = billing.subscription(
        billing.price(), billing_cycle_anchor_config={"day_of_month": 31, "hour": 0, "minute": 0, "second": 0}
    )
    ends = []
    for month in ("2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"):
        ((_, end),) = periods(billing, subscription)
        ends.append(end)
        assert end == at(month)
        billing.go(end + 2 * HOUR)
    assert len(billing.invoices()) == len(ends)


def test_an_anchor_inside_an_hour_cuts_it(billing: BillingAccount) -> None:
    subscription = billing.subscription(billing.price(), billing_cycle_anchor=at("2026-02-10T10:37"))
    assert periods(billing, subscription) == [(billing.start, at("2026-02-10T10:37"))]
    billing.use(5, "2026-02-10T10:30")
    assert billing.after_grace("2026-02-10T10:37").total == 5
    with pytest.raises(stripe.InvalidRequestError, match="later than the end of the first period"):
        billing.subscription(billing.price(), billing_cycle_anchor=at("2026-09-01"))


def test_flexible_items_have_periods_of_their_own_and_classic_ones_cannot(billing: BillingAccount) -> None:
    weekly = billing.price(recurring={"interval": "week", "usage_type": "metered", "meter": billing.readings.id})
    monthly = billing.price(unit_amount=3)
    subscription = billing.subscription(weekly, monthly)
    billing.use(1, billing.start)
    billing.use(10, billing.start + 8 * DAY)
    assert periods(billing, subscription)[1] == (billing.start, MARCH)
    billing.go(MARCH + 2 * HOUR)
    by_created = [sorted(billing.lines(invoice)) for invoice in reversed(billing.invoices())]
    # the weeks of 1, 10, 0 and 0; the last one ends with the month, and all usage is on both prices
    assert by_created == [[(1, "1")], [(10, "10")], [(0, "0")], [(0, "0"), (33, "11")]]
    with pytest.raises(stripe.InvalidRequestError, match="flexible"):
        billing.subscription(weekly, monthly, billing_mode={"type": "classic"})


@pytest.mark.parametrize(("mode", "invoices"), [("classic", [[(0, "0")]]), ("flexible", [])])
def test_a_metered_subscription_begins_with_a_zero_line_in_classic_mode_only(
    billing: BillingAccount, mode: str, invoices: list[Any]
) -> None:
    billing.subscription(billing.price(), billing_mode={"type": mode})
    assert [billing.lines(invoice) for invoice in billing.invoices()] == invoices
    assert {(i.status, i.billing_reason) for i in billing.invoices()} <= {("paid", "subscription_create")}


@pytest.mark.parametrize(("mode", "first", "cycle"), [("classic", 0, 12), ("flexible", 5, 7)])
def test_usage_before_a_backdated_start_is_billed_at_once_or_with_the_first_cycle(
    billing: BillingAccount, mode: str, first: int, cycle: int
) -> None:
    billing.use(5, billing.start)
    billing.go("2026-02-11")
    billing.subscription(
        billing.price(),
        billing_mode={"type": mode},
        backdate_start_date=billing.start,
        billing_cycle_anchor=MARCH,
    )
    assert billing.newest().total == first
    billing.use(7, "2026-02-12")
    invoice = billing.after_grace()
    assert (invoice.billing_reason, invoice.total) == ("subscription_cycle", cycle)


def test_usage_before_a_subscription_that_is_not_backdated_is_on_no_invoice(billing: BillingAccount) -> None:
    billing.use(5, billing.start)
    billing.go("2026-02-11")
    billing.subscription(billing.price(), billing_cycle_anchor=MARCH)
    billing.use(7, "2026-02-12")
    assert billing.after_grace().total == 7
    assert billing.total(billing.readings, billing.start, MARCH) == 12


def test_a_licensed_price_is_billed_in_advance_beside_the_usage(billing: BillingAccount) -> None:
    base = billing.price(unit_amount=2800, recurring={"interval": "month"})
    billing.subscription(base, billing.price())
    billing.use(4, billing.start)
    assert billing.lines(billing.newest()) == [(2800, "1")]
    invoice = billing.after_grace()
    starts = {(line.amount, line.period.start) for line in billing.all_lines(invoice)}
    assert starts == {(4, billing.start), (2800, MARCH)}


def test_a_short_first_period_of_a_licensed_price_is_prorated(billing: BillingAccount) -> None:
    billing.go("2026-03-01")
    base = billing.price(unit_amount=3000, recurring={"interval": "month"})
    billing.subscription(base, billing_cycle_anchor=at("2026-03-16"))
    (line,) = billing.all_lines(billing.newest())
    assert (line.amount, line.parent.subscription_item_details.proration) == (1452, True)  # 15 of 31 days


def swapped(billing: BillingAccount, mode: str, **wish: Any) -> Any:
    """A subscription of 1 cent that used 5, was swapped to 10 cents on the 15th, and used 7 more."""
    subscription = billing.subscription(billing.price(), billing_mode={"type": mode})
    billing.use(5, "2026-02-10")
    billing.go("2026-02-15")
    item = subscription["items"].data[0]
    change: Any = {"items": [{"id": item.id, "price": billing.price(unit_amount=10).id}], **wish}
    billing.stripe.v1.subscriptions.update(subscription.id, change)
    billing.use(7, "2026-02-20")
    return subscription


def test_a_swap_bills_usage_so_far_as_an_invoice_item_in_flexible_mode(billing: BillingAccount) -> None:
    swapped(billing, "flexible")
    (pending,) = billing.stripe.v1.invoice_items.list({"pending": True}).data
    assert (pending.amount, pending.quantity, pending.period.end) == (5, 5, at("2026-02-15"))
    invoice = billing.after_grace()
    assert billing.lines(invoice) == [(70, "7"), (5, "5")]
    kinds = [line.parent.type for line in billing.all_lines(invoice)]
    assert kinds == ["subscription_item_details", "invoice_item_details"]


@pytest.mark.parametrize("wish", [{}, {"proration_behavior": "none"}])
def test_a_swap_never_bills_usage_so_far_in_classic_mode_or_without_prorations(
    billing: BillingAccount, wish: dict[str, Any]
) -> None:
    swapped(billing, "flexible" if wish else "classic", **wish)
    assert billing.lines(billing.after_grace()) == [(70, "7")]


def test_after_a_swap_usage_that_comes_during_grace_is_on_no_invoice(billing: BillingAccount) -> None:
    swapped(billing, "classic")
    billing.go(MARCH + 1000)
    billing.use(100, "2026-02-25")
    assert billing.after_grace().total == 70


@pytest.mark.parametrize(("which", "start"), [("from_swap", "2026-02-15"), ("whole", "2026-02-01")])
def test_which_period_the_line_of_a_swapped_item_shows_can_be_chosen(
    billing: BillingAccount, which: str, start: str
) -> None:
    billing.sandbox.settings(swap_line_period=which)
    swapped(billing, "classic")
    (line,) = billing.all_lines(billing.after_grace())
    assert (line.period.start, line.quantity) == (at(start), 7)


def test_an_added_item_counts_from_then_and_two_items_on_a_meter_both_bill_all_usage(billing: BillingAccount) -> None:
    subscription = billing.subscription(billing.price())
    billing.use(5, "2026-02-10")
    billing.go("2026-02-15")
    added: Any = {"items": [{"price": billing.price(unit_amount=100).id}]}
    billing.stripe.v1.subscriptions.update(subscription.id, added)
    billing.use(7, "2026-02-20")
    assert billing.lines(billing.after_grace()) == [(12, "12"), (700, "7")]


def test_a_removed_item_bills_what_was_used(billing: BillingAccount) -> None:
    subscription = billing.subscription(billing.price(), billing.price(unit_amount=100))
    billing.use(5, "2026-02-10")
    billing.go("2026-02-15")
    gone: Any = {"items": [{"id": subscription["items"].data[1].id, "deleted": True}]}
    billing.stripe.v1.subscriptions.update(subscription.id, gone)
    billing.use(7, "2026-02-20")
    assert billing.lines(billing.after_grace()) == [(12, "12"), (500, "5")]


@pytest.mark.parametrize(("invoice_now", "totals"), [(False, []), (True, [5])])
def test_a_cancellation_discards_usage_or_bills_it_by_a_last_draft(
    billing: BillingAccount, *, invoice_now: bool, totals: list[int]
) -> None:
    subscription = billing.subscription(billing.price())
    billing.use(5, "2026-02-10")
    billing.go("2026-02-15")
    gone = billing.stripe.v1.subscriptions.cancel(subscription.id, {"invoice_now": invoice_now})
    assert (gone.status, gone.ended_at) == ("canceled", at("2026-02-15"))
    assert [invoice.status for invoice in billing.invoices()] == ["draft"] * len(totals)
    billing.go(at("2026-02-15") + HOUR)
    assert [invoice.total for invoice in billing.invoices()] == totals
    assert billing.after_grace("2026-06-01").total == 5 if totals else billing.invoices() == []
    with pytest.raises(stripe.InvalidRequestError, match="No such subscription"):
        billing.stripe.v1.subscriptions.cancel(subscription.id)


@pytest.mark.parametrize(("grace", "status"), [(True, "draft"), (False, "paid")])
def test_the_last_period_is_billed_and_whether_with_grace_can_be_chosen(
    billing: BillingAccount, *, grace: bool, status: str
) -> None:
    billing.sandbox.settings(final_invoice_grace=grace)
    subscription = billing.subscription(billing.price())
    billing.stripe.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    billing.use(5, "2026-02-10")
    billing.go(MARCH + 1000)
    invoice = billing.newest()
    assert (invoice.status, invoice.total) == (status, 5)
    ended = billing.stripe.v1.subscriptions.retrieve(subscription.id)
    assert (ended.status, ended.ended_at, ended.canceled_at) == ("canceled", MARCH, billing.start)
    listed = billing.stripe.v1.subscriptions.list
    assert ([s.id for s in listed().data], [s.id for s in listed({"status": "ended"}).data]) == ([], [ended.id])
    billing.use(9, MARCH + DAY)
    billing.go("2026-06-01")
    assert len(billing.invoices()) == 1


def test_cancel_at_cuts_the_period(billing: BillingAccount) -> None:
    subscription = billing.subscription(billing.price(), cancel_at=at("2026-02-20"))
    billing.use(5, "2026-02-10")
    invoice = billing.after_grace("2026-02-20")
    (line,) = billing.all_lines(invoice)
    assert (invoice.total, line.period.end) == (5, at("2026-02-20"))
    assert billing.stripe.v1.subscriptions.retrieve(subscription.id).status == "canceled"


@pytest.mark.parametrize(("usage", "total"), [("free", 0), ("billed", 5)])
def test_whether_usage_of_a_trial_is_billed_at_its_end_can_be_chosen(
    billing: BillingAccount, usage: str, total: int
) -> None:
    billing.sandbox.settings(trial_usage=usage)
    subscription = billing.subscription(billing.price(), trial_period_days=10)
    assert (subscription.status, periods(billing, subscription)) == (
        "trialing",
        [(billing.start, at("2026-02-11"))],
    )
    billing.use(5, "2026-02-05")
    assert billing.after_grace("2026-02-11").total == total
    assert periods(billing, subscription) == [(at("2026-02-11"), at("2026-03-11"))]


def test_a_threshold_bills_inside_the_period_and_tiers_continue(billing: BillingAccount) -> None:
    tiers = [{"up_to": 10, "unit_amount": 100}, {"up_to": "inf", "unit_amount": 1}]
    price = billing.price(tiers=tiers, tiers_mode="graduated")
    billing.subscription(price, items=[{"price": price.id, "billing_thresholds": {"usage_gte": 15}}])
    billing.use(14, "2026-02-03")
    assert billing.invoices() == []
    billing.use(6, "2026-02-04")
    early = billing.newest()
    assert (early.status, early.billing_reason) == ("paid", "subscription_threshold")
    assert billing.lines(early) == [(1000, "10"), (10, "10")]
    assert early.threshold_reason.item_reasons[0].usage_gte == 15
    billing.use(7, "2026-02-05")
    invoice = billing.after_grace()
    assert billing.lines(invoice) == [(7, "7")]
    assert {line.period.start for each in (early, invoice) for line in billing.all_lines(each)} == {billing.start}


def test_a_volume_price_restates_all_and_takes_off_what_a_threshold_billed(billing: BillingAccount) -> None:
    tiers = [{"up_to": 100, "unit_amount": 5}, {"up_to": "inf", "unit_amount": 3}]
    billing.subscription(billing.price(tiers=tiers, tiers_mode="volume"), billing_thresholds={"amount_gte": 200})
    billing.use(50, "2026-02-03")
    early = billing.newest()
    assert (billing.lines(early), early.threshold_reason.amount_gte) == ([(250, "50")], 200)
    billing.use(60, "2026-02-04")
    assert billing.lines(billing.after_grace()) == [(330, "110"), (-250, None)]


def test_a_preview_shows_the_usage_so_far_as_late_as_summaries_do(billing: BillingAccount) -> None:
    subscription = billing.subscription(billing.price(unit_amount=3))
    billing.use(5, "2026-02-10")
    preview = billing.stripe.v1.invoices.create_preview
    upcoming = preview({"subscription": subscription.id})
    assert (upcoming.id[:12], upcoming.total, upcoming.billing_reason) == ("upcoming_in_", 15, "upcoming")
    assert upcoming.lines.data[0].period.end == MARCH
    billing.stripe.v1.invoice_items.create({"customer": CUSTOMER, "amount": 100, "currency": "usd"})
    assert preview({"customer": CUSTOMER}).total == 115
    assert preview({"customer": CUSTOMER, "preview_mode": "recurring"}).total == 15
    now = preview({"subscription": subscription.id, "subscription_details": {"cancel_now": True}})
    assert now.lines.data[0].period.end == at("2026-02-10")
    billing.sandbox.settings(lag_seconds=60)
    assert preview({"subscription": subscription.id, "preview_mode": "recurring"}).total == 0
    assert billing.invoices() == []
    billing.stripe.v1.subscriptions.cancel(subscription.id)
    with pytest.raises(stripe.InvalidRequestError, match="No upcoming invoices") as caught:
        preview({"subscription": subscription.id})
    assert caught.value.code == "invoice_upcoming_none"
