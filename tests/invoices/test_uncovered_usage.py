"""Usage that no invoice carries: the time between invoices, cut where its cause changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from fridge_pipeline.invoices.rules.billing_periods import Span, without
from fridge_pipeline.invoices.rules.compare_period import Booked, InvoiceCause
from fridge_pipeline.invoices.rules.uncovered_usage import Subscribed, Uncovered, compare_uncovered, uncovered_times
from fridge_pipeline.stripe.rules.invoice import SubscriptionItem
from tests.invoices.conftest import InvoicedBooks
from tests.invoices.shapes import END, PRICES, READINGS, START, SWAP, item

NOW = datetime(2026, 11, 20, tzinfo=UTC)
LATER = SWAP + timedelta(days=3)
LONG_AGO = START - timedelta(days=400)
OCTOBER, NOVEMBER = Span(START, END), Span(END, NOW)

#: Covered, items, whether the meter has a price; then (start, end, cause).
TIMES: dict[str, tuple[list[Span], list[SubscriptionItem], bool, list[tuple[datetime, datetime, str]]]] = {
    "the open period is still to come": ([OCTOBER], [item(1, LONG_AGO)], True, []),
    "a period without a line": ([], [item(1, LONG_AGO)], True, [(START, END, "no_line")]),
    "no item of the meter": (
        [],
        [],
        True,
        [(START, END, "not_on_subscription"), (END, NOW, "not_on_subscription")],
    ),
    "before the item was there": (
        [Span(SWAP, END)],
        [item(1, SWAP)],
        True,
        [(START, SWAP, "not_on_subscription")],
    ),
    "after the subscription ended, and before, without an invoice": (
        [],
        [item(1, LONG_AGO, ended=SWAP)],
        True,
        [
            (START, SWAP, "subscription_ended"),
            (SWAP, END, "not_on_subscription"),
            (END, NOW, "not_on_subscription"),
        ],
    ),
    "a trial that began and ended within a time without a line": (
        [],
        [replace(item(1, LONG_AGO), trial_start=SWAP, trial_end=LATER)],
        True,
        [(START, SWAP, "no_line"), (SWAP, LATER, "free_trial"), (LATER, END, "no_line")],
    ),
    "a trial beside an item that is paid for": (
        [],
        [replace(item(1, LONG_AGO), trial_start=LONG_AGO, trial_end=END), item(2, LONG_AGO)],
        True,
        [(START, END, "no_line")],
    ),
    "a trial whose subscription was paused at its end, and its period goes on for ever": (
        [],
        [replace(item(1, LONG_AGO), status="paused", trial_start=START, trial_end=SWAP, period_start=SWAP)],
        True,
        [(START, SWAP, "free_trial"), (SWAP, END, "not_on_subscription"), (END, NOW, "not_on_subscription")],
    ),
    "a pause that has ended the period": (
        [],
        [replace(item(1, LONG_AGO), status="paused", period_start=START, period_end=SWAP)],
        True,
        [(START, SWAP, "subscription_ended"), (SWAP, END, "not_on_subscription"), (END, NOW, "not_on_subscription")],
    ),
    "a first invoice that nobody has paid": (
        [],
        [replace(item(1, END), status="incomplete")],
        True,
        [(START, END, "not_on_subscription"), (END, NOW, "not_on_subscription")],
    ),
    "no price of the meter anywhere": ([OCTOBER], [], False, [(END, NOW, "no_price")]),
}


@pytest.mark.parametrize("name", TIMES)
def test_time_that_is_on_no_invoice_has_one_cause(name: str) -> None:
    covered, items, is_priced, expected = TIMES[name]
    found = uncovered_times(("cus_1", READINGS), covered, Subscribed(items, is_priced=is_priced), [Span(START, NOW)])
    assert [(each.span.start, each.span.end, each.cause) for each in found] == expected


def test_an_invoice_is_awaited_for_a_day_before_its_line_is_missed() -> None:
    items = [item(1, LONG_AGO)]

    def cause(now: datetime) -> str:
        (only,) = uncovered_times(("cus_1", READINGS), [], Subscribed(items), [Span(START, now)])
        return only.cause

    assert cause(END + timedelta(hours=23)) == "invoice_awaited"
    assert cause(END + timedelta(hours=25)) == "no_line"


def test_what_was_accepted_and_is_on_no_invoice_has_its_price() -> None:
    time = Uncovered("cus_1", READINGS, OCTOBER, InvoiceCause.NO_LINE)
    row = compare_uncovered(time, Booked(usage=7, accepted=7), PRICES["other_unit"], is_period=False)
    assert (row.invoice_id, row.difference, row.amount, row.currency) == (None, Decimal(-7), 7, "usd")


def test_what_was_used_before_our_billing_start_is_owed_to_nobody_on_no_invoice() -> None:
    time = Uncovered("cus_1", READINGS, OCTOBER, InvoiceCause.NO_LINE)
    booked = Booked(usage=7, accepted=5, by_final=5, before_start=2)
    row = compare_uncovered(time, booked, PRICES["other_unit"], is_period=False)
    assert (row.difference + row.settled, row.amount) == (Decimal(-5), 5)


@pytest.mark.parametrize("name", ["graduated", "volume", "up"])
def test_tiers_and_packages_are_asked_only_of_a_whole_billing_period(name: str) -> None:
    time = Uncovered("cus_1", READINGS, OCTOBER, InvoiceCause.NO_LINE)
    rows = [
        compare_uncovered(time, Booked(usage=90, accepted=90), PRICES[name], is_period=each) for each in (False, True)
    ]
    assert [(row.amount, row.price_id) for row in rows] == [(None, name), (60 if name == "up" else 180, name)]


@pytest.mark.parametrize(
    ("periods", "amount"),
    [([(0, 24)], 270), ([(0, 12), (12, 24)], None), ([(0, 48)], None)],
    ids=["the whole period", "two periods", "a part of a period"],
)
def test_what_two_periods_or_a_part_of_one_cost_at_tiers_is_not_told_as_if_they_were_one(
    books: InvoicedBooks, periods: list[tuple[int, int]], amount: int | None
) -> None:
    """The subscription has ended, and no invoice has its first day."""
    item = {"price_id": "graduated", "created_at": books.start}
    for first, last in periods:
        period = {"period_start": books.hour(first).start, "period_end": books.hour(last).start}
        books.subscribe(**item, **period)
    books.subscribe(**item, **period, ended_at=period["period_end"])
    if periods[-1][1] > 24:
        books.bill(5, price_id="graduated", period_start=books.end, period_end=period["period_end"])
    for number in (3, 15):
        books.use(number, 60)
    books.read_days()
    books.compare()
    rows = books.pipeline.rows(
        "select usage_quantity::int, amount from fridge.invoice_comparisons"
        " where invoice_id is null and event_name = %s",
        READINGS,
    )
    assert rows == [(120, amount)]


def test_taking_spans_away_leaves_what_neither_has() -> None:
    cut = Span(SWAP, SWAP + timedelta(days=1))
    assert without([OCTOBER, NOVEMBER], [cut, NOVEMBER]) == [Span(START, cut.start), Span(cut.end, END)]
