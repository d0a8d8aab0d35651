"""What is to be stated is shown in money first: cost(new) - cost(old) of the billing period that it changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from fridge_pipeline.billing.plan_billing import plan_billing
from fridge_pipeline.billing.rules.staging import ChangedHour, StagingPolicy
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.meter import CATALOGUE, Formula, meter_of
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.invoices.preview_invoices import preview_invoices
from fridge_pipeline.invoices.price_changes import price_changes
from fridge_pipeline.invoices.rules.billing_periods import Span
from fridge_pipeline.invoices.rules.priced_change import (
    BilledTime,
    PricedChange,
    changed_periods,
    in_words,
    price_change,
)
from fridge_pipeline.stripe.rules.api_key import ApiKey
from fridge_pipeline.stripe.rules.invoice import InvoiceStatus
from tests.invoices.account import GRADUATED, InvoicedTenant
from tests.invoices.conftest import InvoicedBooks
from tests.invoices.shapes import END, PRICES, READINGS, START, SWAP, D
from tests.pipeline import CLOSE_AFTER, Pipeline, gateway_to, readings

METER = meter_of(READINGS, CATALOGUE)
OPEN = BilledTime("cus_1", READINGS, Span(START, END), ("graduated",), item_ids=frozenset(["si_1"]), currency="usd")
OTHER = replace(OPEN, span=Span(START - timedelta(days=9), SWAP), price_ids=("unit",), item_ids=frozenset(["si_2"]))
NOW = END - timedelta(days=1)


def hour(number: int, before: int, after: int, formula: Formula = Formula.SUM) -> ChangedHour:
    return ChangedHour("cohoes", "cus_1", replace(METER, formula=formula), Hour(START).plus(number), before, after)


def priced(
    times: Sequence[BilledTime], *hours: ChangedHour, accepted: int = 0, later: int = 0, now: datetime = NOW
) -> PricedChange:
    (changed,) = changed_periods(hours, times)
    return price_change(changed, accepted, later, PRICES, now)


def test_a_change_costs_what_the_period_costs_after_it_less_what_it_costs_before_so_it_crosses_tiers() -> None:
    found = priced([OPEN], hour(1, 10, 20), hour(2, 0, 5), accepted=95)
    assert (found.before, found.after) == (D(95), D(110))
    # 95 at 2 are 190; 100 at 2, 10 at 1 and the fee of 50 are 260
    assert (found.cost_before, found.cost_after, found.amount, found.currency) == (D(190), D(260), 70, "usd")
    assert in_words(found).endswith("95 -> 110, 1.90 USD -> 2.60 USD (+0.70 USD)")


@pytest.mark.parametrize(
    ("times", "says"),
    [
        ([], "no subscription or invoice that was read bills it"),
        ([replace(OPEN, price_ids=("unit", "other_unit"))], "several prices bill the same time"),
        ([replace(OPEN, price_ids=("unit", "unit"))], "several prices bill the same time"),
        ([replace(OPEN, price_ids=("never read",))], "Stripe gives no amount for it"),
        ([OPEN, OTHER], "several prices bill the same time"),
        ([replace(OPEN, is_trial=True)], "the subscription is on trial"),
        ([replace(OPEN, currency="eur")], "it is billed in another currency than the price's own"),
    ],
    ids=[
        "nothing bills it",
        "two prices",
        "two items at one price",
        "a price that was not read",
        "two subscriptions whose periods begin on other days",
        "a trial",
        "another currency",
    ],
)
def test_where_no_one_price_is_known_there_is_no_money_and_it_says_why(times: list[BilledTime], says: str) -> None:
    found = priced(times, hour(1, 10, 20), accepted=95)
    assert (found.amount, found.cost_before, found.says) == (None, None, says)
    assert in_words(found).endswith(f"price not known: {says}")


def test_a_change_of_a_period_whose_invoice_is_final_says_that_only_a_correction_bills_it() -> None:
    final = replace(OPEN, invoice_id="in_1", status=InvoiceStatus.PAID)
    draft = replace(OPEN, invoice_id="in_1", status=InvoiceStatus.DRAFT)
    assert priced([final], hour(1, 1, 2), accepted=1).says == "in_1 is final, so only a correction bills it"
    assert priced([draft], hour(1, 1, 2), accepted=1).says == "on the draft in_1"
    assert priced([OPEN], hour(1, 1, 2), accepted=1, now=END).says.startswith("the period is over")
    # A threshold's invoice bills the same period, which is still open.
    assert priced([final, OPEN], hour(1, 1, 2), accepted=1).says == ""


def test_of_a_meter_that_goes_by_its_last_event_an_earlier_hour_changes_nothing_and_the_last_one_all() -> None:
    changed = hour(1, 10, 20, Formula.LAST)
    assert priced([OPEN], changed, accepted=12, later=12).amount == 0
    assert priced([OPEN], changed, accepted=10).after == D(20)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"item_id": "si_2", "price_id": "other_unit", "period_start": START}, "several prices bill the same time"),
        ({"price_id": "other_unit"}, "several prices bill the same time"),
        ({"currency": "eur"}, "it is billed in another currency than the price's own"),
        ({"status": "trialing"}, "the subscription is on trial"),
    ],
    ids=["two subscriptions", "a price changed within the period", "another currency", "a trial"],
)
def test_what_one_price_does_not_say_of_a_subscription_has_no_money(
    books: InvoicedBooks, more: dict[str, Any], says: str
) -> None:
    books.subscribe(currency="usd")
    one = ChangedHour("cohoes", books.customer, METER, books.hour(26), 0, 10)
    assert [each.amount for each in price_changes(books.pipeline.as_run(), [one])] == [5]
    books.subscribe(**{"currency": "usd", **more})
    (found,) = price_changes(books.pipeline.as_run(), [one])
    assert (found.amount, found.says) == (None, says)


def test_the_plan_of_a_late_file_says_what_the_next_invoice_will_then_be_more(pipeline: Pipeline) -> None:
    tenant = InvoicedTenant(pipeline)
    tenant.subscribe(tenant.price(**GRADUATED))
    tenant.use(3, 60)
    tenant.read()
    late = tenant.hour(4)
    pipeline.land(late, "late.csv", readings("cohoes", late, 1, 59, start=7))
    tenant.go(late.end + timedelta(minutes=10))
    pipeline.load(late)
    pipeline.count(late)
    zone, policy = LocalLanding(str(pipeline.landing)), StagingPolicy(CLOSE_AFTER)
    plan = plan_billing(pipeline.as_run(), zone, HourRange(late, late), policy, calls_per_second=10)
    found = {each.event_name: each for each in price_changes(pipeline.as_run(), plan.changed_hours)}
    assert found["active_sensors"].amount is None, "nobody has a price for it"
    money = found[READINGS]
    assert (money.before, money.after, money.cost_before, money.amount) == (D(60), D(119), D(120), 149)

    pipeline.bill(late)
    tenant.settled()
    (invoice,) = [each for each in tenant.client.v1.invoices.list({"status": "paid"}).data if each.total]
    assert invoice.total == money.cost_after


def test_a_preview_shows_the_next_invoice_beside_usage_and_a_key_that_may_not_is_said_so(pipeline: Pipeline) -> None:
    tenant = InvoicedTenant(pipeline)
    tenant.subscribe(tenant.price(**GRADUATED))
    tenant.use(3, 110)
    tenant.read()
    (next_one,) = preview_invoices(pipeline.as_run(), lambda: pipeline.gateway, "cohoes").periods
    assert (next_one.quantity, next_one.usage, next_one.accepted, next_one.amount) == (D(110), 110, 110, 260)
    assert (next_one.period_start, next_one.is_whole) == (tenant.start, True)
    assert preview_invoices(pipeline.as_run(), lambda: pipeline.gateway, "nobody").periods == []
    pipeline.sandbox.settings(key_may_not={"rk_test_reader": ["rak_invoice_read"]})
    reader = gateway_to(pipeline.sandbox.url, ApiKey("rk_test_reader"))
    refused = preview_invoices(pipeline.as_run(), lambda: reader)
    assert (refused.periods, "rak_invoice_read" in refused.not_read[0]) == ([], True)


@pytest.mark.parametrize("tiers", ["graduated", "volume"])
def test_a_preview_after_a_threshold_shows_what_is_used_beyond_its_invoice(pipeline: Pipeline, tiers: str) -> None:
    tenant = InvoicedTenant(pipeline)
    tenant.subscribe(tenant.price(**{**GRADUATED, "tiers_mode": tiers}), billing_thresholds={"amount_gte": 150})
    tenant.use(3, 90)
    tenant.use(20, 30)
    tenant.read()
    (found,) = preview_invoices(pipeline.as_run(), lambda: pipeline.gateway).periods
    assert (int(found.quantity), found.usage, found.accepted) == (30, 30, 30)
