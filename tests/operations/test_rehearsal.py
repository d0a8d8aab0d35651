"""A rehearsal runs a whole cycle on a test clock, says what would go wrong with the account, and leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import stripe

from fridge_pipeline.invoices.rules.hold_draft import InvoiceMode
from fridge_pipeline.operations.rehearse import Part, RehearsalReport, Stage, rehearse
from fridge_pipeline.operations.rules.health_check import Grade
from fridge_pipeline.stripe.rules.api_key import ApiKey
from tests.console_script import Run
from tests.invoices.shapes import READINGS
from tests.pipeline import CLOSE_AFTER, Pipeline, gateway_to

SENSORS = "active_sensors"
ENOUGH = 24 * 3600


class Stripe:
    """An account with a product, as its owner fills it."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.client: stripe.StripeClient = pipeline.sandbox.client()
        self.product = self.client.v1.products.create({"name": "Readings"}).id
        pipeline.sandbox.settings(finalization_grace_seconds=ENOUGH)

    def price(self, event_name: str, unit_amount: int = 2, **wish: Any) -> str:
        """A monthly price."""
        meter = self.pipeline.gateway.known_meter(event_name).meter_id
        recurring: Any = {"interval": "month", "usage_type": "metered", "meter": meter}
        told: Any = {"currency": "usd", "product": self.product, "recurring": recurring, "unit_amount": unit_amount}
        told |= wish
        return self.client.v1.prices.create(told).id

    def subscribe(self, *prices: str, minute: int = 0, **wish: Any) -> str:
        """A customer whose periods begin in this minute of an hour; its id."""
        now = self.pipeline.clock.now.replace(minute=minute, second=0)
        self.pipeline.sandbox.set_clock(now=now.timestamp(), frozen=True)
        customer = self.client.v1.customers.create({"name": "Troy"}).id
        told: Any = {"customer": customer, "items": [{"price": each} for each in prices], **wish}
        self.client.v1.subscriptions.create(told)
        return customer

    def clocks(self) -> int:
        """How many test clocks there are."""
        return len(self.client.v1.test_helpers.test_clocks.list().data)


@pytest.fixture
def account(pipeline: Pipeline) -> Stripe:
    """An account whose drafts stay open for a day."""
    return Stripe(pipeline)


@pytest.fixture
def stage(pipeline: Pipeline, tmp_path: Path) -> Stage:
    """Books, landing folder and gateway of the rehearsal's own."""
    return Stage(
        pipeline.as_run(),
        tmp_path,
        pipeline.gateway,
        CLOSE_AFTER,
        InvoiceMode.WATCH,
        timedelta(hours=48),
        lambda _seconds: None,
    )


def wrong(report: RehearsalReport) -> list[tuple[str, str]]:
    """(what, found) of all that would go wrong."""
    return [(check.check, check.text) for check in report.checks if check.grade is Grade.WRONG]


@pytest.mark.parametrize(
    "unknown",
    [{}, {"clock_event_time": "real", "clock_invoices_listed": False, "draft_usage": "at_creation"}],
    ids=["as the sandbox has it", "the other way where nobody knows"],
)
def test_where_all_is_well_the_invoice_bills_what_landed_and_nothing_is_left(
    stage: Stage, account: Stripe, unknown: dict[str, Any]
) -> None:
    account.pipeline.sandbox.settings(**unknown)
    customer = account.subscribe(account.price(READINGS), account.price(SENSORS, 100))
    report = rehearse(stage, [Part("troy", customer)], [])
    assert wrong(report) == []
    assert report.is_well
    assert {(each.event_name, int(each.usage), int(each.invoiced)) for each in report.outcomes} == {
        (READINGS, 22, 22),  # 2 x 3 + 2 x 6 + 1 x 4
        (SENSORS, 5, 5),
    }
    (paid,) = [check.text for check in report.checks if check.check == "troy, payment"]
    assert paid.endswith("of 5.44 USD is paid")  # 22 at 2 cents, 5 at 1 USD
    assert (account.clocks(), report.left) == (0, [])


def test_two_subscriptions_have_an_invoice_each_and_both_are_compared(stage: Stage, account: Stripe) -> None:
    customer = account.subscribe(account.price(READINGS))
    sensors: Any = [{"price": account.price(SENSORS)}]
    account.client.v1.subscriptions.create({"customer": customer, "items": sensors})
    report = rehearse(stage, [Part("troy", customer)], [])
    assert (wrong(report), len(report.invoices)) == ([], 2)
    assert {each.event_name for each in report.outcomes if each.invoice_id} == {READINGS, SENSORS}


def test_a_subscription_in_another_currency_than_its_price_s_own_is_rehearsed_in_it(
    stage: Stage, account: Stripe
) -> None:
    euros = {"eur": {"unit_amount": 7}}
    prices = [account.price(each, currency_options=euros) for each in (READINGS, SENSORS)]
    report = rehearse(stage, [Part("troy", account.subscribe(*prices, currency="eur"))], [])
    (paid,) = [check.text for check in report.checks if check.check == "troy, payment"]
    assert paid.endswith("of 1.89 EUR is paid")  # 27 at 7 cents
    assert [
        each["fields"]["currency"] for each in account.pipeline.sandbox.requests() if each["path"] == "/v1/invoiceitems"
    ] == ["eur"]


def test_a_clock_that_cannot_be_deleted_is_named_as_left_in_stripe(stage: Stage, account: Stripe) -> None:
    fault = {"kind": "unavailable", "endpoint": "/v1/test_helpers/test_clocks/{test_clock}", "nth": 3, "times": 9}
    account.pipeline.sandbox.faults(fault)
    report = rehearse(stage, [Part("troy", None)], [account.price(READINGS), account.price(SENSORS)])
    account.pipeline.sandbox.clear_faults()
    assert account.clocks() == 1
    (left,) = report.left
    assert left.startswith("clock_")


def test_a_meter_without_a_price_is_named_and_its_usage_is_on_no_invoice(stage: Stage, account: Stripe) -> None:
    report = rehearse(stage, [Part("troy", account.subscribe(account.price(READINGS)))], [])
    assert ("troy, price", f"no item bills {SENSORS}: its usage is on no invoice") in wrong(report)
    # Of usage on no invoice each calendar month is told by itself: on the first of a month there are two.
    assert {(each.event_name, int(each.invoiced), each.cause) for each in report.outcomes if each.cause} == {
        (SENSORS, 0, "no_price")
    }


def test_two_items_on_one_meter_bill_its_usage_twice(stage: Stage, account: Stripe) -> None:
    customer = account.subscribe(account.price(READINGS), account.price(READINGS, 3), account.price(SENSORS))
    report = rehearse(stage, [Part("troy", customer)], [])
    assert ("troy, items", f"2 items bill {READINGS}, and each of them bills all of its usage") in wrong(report)
    assert [(int(each.usage), int(each.invoiced)) for each in report.outcomes if each.cause == "two_items"] == [
        (22, 44)
    ]


def test_an_anchor_within_an_hour_loses_what_was_used_in_that_hour(stage: Stage, account: Stripe) -> None:
    customer = account.subscribe(account.price(READINGS), account.price(SENSORS), minute=37)
    report = rehearse(stage, [Part("troy", customer)], [])
    assert wrong(report)[0][0] == "troy, anchor"
    # The first hour's event is stamped at half past, before the period begins.
    assert {(each.event_name, int(each.invoiced)) for each in report.outcomes if each.invoice_id} == {
        (READINGS, 16),
        (SENSORS, 3),
    }


def test_an_hour_of_grace_is_too_short_unless_drafts_are_held(stage: Stage, account: Stripe) -> None:
    account.pipeline.sandbox.settings(finalization_grace_seconds=3600)
    prices = [account.price(READINGS), account.price(SENSORS)]
    (found,) = wrong(rehearse(stage, [Part("troy", None)], prices))
    assert found == (
        "troy, grace",
        "a draft becomes final 1 h after its period, and the last hour needs 2 h 5 min",
    )
    report = rehearse(replace(stage, mode=InvoiceMode.HOLD), [Part("cohoes", None)], prices)
    assert wrong(report) == []
    assert any(check.check == "cohoes, hold" for check in report.checks)


@pytest.fixture
def restricted(account: Stripe) -> Iterator[ApiKey]:
    """A key that may not read invoices."""
    account.pipeline.sandbox.settings(key_may_not={"rk_test_reader": ["rak_invoice_read"]})
    yield ApiKey("rk_test_reader")
    account.pipeline.sandbox.settings(key_may_not={})


def test_a_key_that_may_not_read_invoices_is_told_before_anything_is_made(
    stage: Stage, account: Stripe, restricted: ApiKey
) -> None:
    gateway = gateway_to(account.pipeline.sandbox.url, restricted)
    assert wrong(rehearse(replace(stage, gateway=gateway), [Part("troy", None)], [])) == [
        ("permissions", "the key lacks Invoices: read")
    ]
    assert not [each for each in account.pipeline.sandbox.requests() if each["path"].startswith("/v1/test_helpers")]


def test_the_command_leaves_the_books_of_the_installation_alone_and_ends_with_1_where_something_would_go_wrong(
    run: Run, pipeline: Pipeline, account: Stripe
) -> None:
    account.price(READINGS)
    done = run("rehearse")
    assert done.returncode == 1, done.stderr
    assert f"no item bills {SENSORS}" in done.stdout
    assert "would go wrong" in done.stdout
    assert pipeline.one("select count(*) from fridge.landing_files") == 0
    assert pipeline.one("select count(*) from fridge.tenants") == 0
    live = run("rehearse", STRIPE_API_KEY="sk_live_x", FRIDGE_ALLOW_LIVE_STRIPE="yes")
    assert (live.returncode, "not a test key" in live.stderr) == (1, True)
