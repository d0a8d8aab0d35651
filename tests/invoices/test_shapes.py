"""Invoice shapes: tiers, packages, thresholds, changed prices, cancellations and billing modes, and what each means."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from fridge_pipeline.invoices.rules.compare_period import Booked
from fridge_pipeline.stripe.rules.invoice import SubscriptionItem
from tests.invoices.shapes import END, START, SWAP, Bill, Line, Shape, books, compared, item

#: In the middle of an hour.
CUT, CUT_END = START + timedelta(days=3, minutes=37), END + timedelta(minutes=37)


def at_threshold(*lines: Line, created: datetime = SWAP) -> Bill:
    """In the middle of the period, when a threshold was reached."""
    return Bill([*lines], reason="subscription_threshold", created=created)


def on_trial(until: datetime) -> SubscriptionItem:
    """The first item, on trial from the period's beginning."""
    return replace(item(1, START), trial_start=START, trial_end=until)


SHAPES = {
    "one price per unit": Shape([Bill([Line(500)])], books(500), [(1, 500, 500, None)]),
    "no usage, and a line of 0 (classic)": Shape([Bill([Line(0)])], books(0), [(1, 0, 0, None)]),
    "a quantity with decimals is read whole": Shape(
        [Bill([Line("499.5")])], books(500), [(1, 500, "499.5", "unexplained_line")]
    ),
    "graduated: a line for each tier": Shape(
        [Bill([Line(100, "graduated"), Line(400, "graduated")])], books(500), [(1, 500, 500, None)]
    ),
    "graduated with a flat fee: a line of quantity 0 beside them": Shape(
        [Bill([Line(100, "graduated"), Line(0, "graduated", amount=50), Line(400, "graduated")])],
        books(500),
        [(1, 500, 500, None)],
    ),
    "volume: one tier for all": Shape([Bill([Line(500, "volume")])], books(500), [(1, 500, 500, None)]),
    "volume: the flat fee is a line of quantity 0": Shape(
        [Bill([Line(500, "volume"), Line(0, "volume", amount=50)])], books(500), [(1, 500, 500, None)]
    ),
    "packages, the line shows the usage": Shape([Bill([Line(150, "up")])], books(150), [(1, 150, 150, None)]),
    "packages, rounded up, the line shows them": Shape(
        [Bill([Line(3, "up")])], books(150), [(1, 150, 150, "transform")]
    ),
    "packages, rounded down, the line shows them": Shape(
        [Bill([Line(2, "down")])], books(150), [(1, 150, 150, "transform")]
    ),
    "packages, and usage came after the invoice was final": Shape(
        [Bill([Line(3, "up")])],
        books(200, accepted=200, by_final=150, surely_by_final=150),
        [(1, 200, 150, "after_finalization")],
        amount=30,
    ),
    "packages that cost the same with what came later": Shape(
        [Bill([Line(3, "up")])], books(170, by_final=150, surely_by_final=150), [(1, 170, 150, "transform")]
    ),
    "a threshold before the end of the period": Shape(
        [at_threshold(Line(300))], books(400), [(1, 400, 300, "threshold_so_far")]
    ),
    "a threshold, and no invoice of the rest a day after the period's end": Shape(
        [at_threshold(Line(300))],
        books(400, by_final=300, surely_by_final=300),
        [(1, 400, 300, "after_finalization")],
        amount=50,
        now=END + timedelta(days=1),
    ),
    "a threshold, and the invoice of the rest was made void": Shape(
        [at_threshold(Line(300)), Bill([Line(100)], "void")],
        books(400, by_final=300, surely_by_final=300),
        [(1, 400, 300, "after_finalization"), (2, 0, 0, "voided")],
        now=END + timedelta(days=2),
    ),
    "a threshold that was made void, graduated: nobody knows what the tiers come to": Shape(
        [
            Bill([Line(100, "graduated"), Line(50, "graduated")], "void", "subscription_threshold", SWAP),
            Bill([Line(350, "graduated")]),
        ],
        books(500),
        [(1, 0, 0, "voided"), (2, 500, 350, "voided")],
    ),
    "a threshold that was made void, volume: the rest has taken off what nobody pays": Shape(
        [
            Bill([Line(300, "volume", amount=350)], "void", "subscription_threshold", SWAP),
            Bill([Line(500, "volume", amount=550), Line(None, "volume", amount=-350)]),
        ],
        books(500),
        [(1, 0, 0, "voided"), (2, 500, 200, "voided")],
    ),
    "a threshold that was made void, per unit": Shape(
        [Bill([Line(150)], "void", "subscription_threshold", SWAP), Bill([Line(350)])],
        books(500),
        [(1, 0, 0, "voided"), (2, 500, 350, "voided")],
        amount=75,
    ),
    "a threshold, whose line ends with it, in a period that goes on": Shape(
        [at_threshold(Line(300, end=SWAP))],
        books(310, by_final=300, surely_by_final=300),
        [(1, 310, 300, "threshold_so_far")],
        items=[replace(item(1, START), period_start=START, period_end=END)],
        now=SWAP + timedelta(days=5),
    ),
    "a threshold, and the subscription was cancelled without an invoice of the rest": Shape(
        [at_threshold(Line(300))],
        books(400, by_final=280, surely_by_final=280),
        [(1, 400, 300, "no_line")],
        amount=50,
        items=[replace(item(1, START), period_start=START, period_end=END, ended_at=SWAP)],
        now=END + timedelta(days=1),
    ),
    "a threshold and the rest, in one period": Shape(
        [at_threshold(Line(300)), Bill([Line(200)])], books(500), [(1, 300, 300, None), (2, 200, 200, None)]
    ),
    "a threshold and the rest, in periods that follow on each other": Shape(
        [at_threshold(Line(300, end=SWAP)), Bill([Line(200, start=SWAP)])],
        books(500),
        [(1, 300, 300, None), (2, 200, 200, None)],
    ),
    "a threshold, graduated: the tiers go on": Shape(
        [at_threshold(Line(100, "graduated"), Line(50, "graduated")), Bill([Line(350, "graduated")])],
        books(500),
        [(1, 150, 150, None), (2, 350, 350, None)],
    ),
    "a threshold, volume: all of it again, less the amount of before": Shape(
        [
            at_threshold(Line(300, "volume", amount=350)),
            Bill([Line(500, "volume", amount=550), Line(None, "volume", amount=-350)]),
        ],
        books(500),
        [(1, 300, 300, None), (2, 200, 200, None)],
    ),
    "two thresholds and usage that came too late": Shape(
        [
            at_threshold(Line(100)),
            at_threshold(Line(100), created=SWAP + timedelta(days=5)),
            Bill([Line(50)]),
        ],
        books(300, by_final=250, surely_by_final=250),
        [(1, 100, 100, None), (2, 100, 100, None), (3, 100, 50, "after_finalization")],
        amount=25,
    ),
    "a price changed (flexible): an invoice item for what was used so far": Shape(
        [Bill([Line(200, item=None, end=SWAP), Line(300, "other_unit", start=SWAP)])],
        [books(200), books(300)],
        [(1, 200, 200, None), (1, 300, 300, None)],
    ),
    "a price changed (flexible), and usage of before it was accepted after it": Shape(
        [Bill([Line(180, item=None, end=SWAP), Line(300, "other_unit", start=SWAP)])],
        [books(200), books(300)],
        [(1, 200, 180, "price_change"), (1, 300, 300, None)],
    ),
    "a price changed (flexible), both lines of the whole period": Shape(
        [Bill([Line(200, item=None), Line(300, "other_unit")])], books(500), [(1, 500, 500, None)]
    ),
    "a price changed (flexible) without proration: what was used before is dropped": Shape(
        [Bill([Line(300, "other_unit", "si_2")])],
        books(500),
        [(1, 500, 300, "price_change")],
        items=[item(2, SWAP, "other_unit")],
    ),
    "a price changed (classic): what was used before is never billed": Shape(
        [Bill([Line(0, "unit", "si_1"), Line(300, "other_unit", "si_2")])],
        books(500),
        [(1, 500, 300, "price_change")],
    ),
    "two items on the meter bill everything twice": Shape(
        [Bill([Line(500), Line(500, "other_unit", "si_2")])], books(500), [(1, 500, 1000, "two_items")], amount=-500
    ),
    "a package beside a price per unit nets nothing off": Shape(
        [Bill([Line(600), Line(10, "up", "si_2")])], books(600), [(1, 600, 610, "two_items")]
    ),
    "two subscriptions with the meter bill everything twice": Shape(
        [Bill([Line(500)]), Bill([Line(500, item="si_2", sub="sub_2")])],
        books(500),
        [(1, 500, 500, None), (2, 500, 500, "two_items")],
    ),
    "a draft has not counted everything yet": Shape(
        [Bill([Line(400)], "draft")], books(500), [(1, 500, 400, "in_draft")], amount=50
    ),
    "a draft with two items is told before it is final": Shape(
        [Bill([Line(500), Line(500, item="si_2")], "draft")], books(500), [(1, 500, 1000, "two_items")], amount=-250
    ),
    "a late file after the invoice was final": Shape(
        [Bill([Line(500)])],
        books(515, by_final=500, surely_by_final=500),
        [(1, 515, 500, "after_finalization")],
        amount=8,
    ),
    "a withdrawal after the invoice was final": Shape(
        [Bill([Line(500)])],
        books(480, by_final=500, surely_by_final=500),
        [(1, 480, 500, "after_finalization")],
        amount=-10,
    ),
    "accepted in the last hour before it was final, and not counted": Shape(
        [Bill([Line(490)])], books(500, by_final=500, surely_by_final=480), [(1, 500, 490, "late_in_grace_unsure")]
    ),
    "usage that Stripe was never told": Shape(
        [Bill([Line(450)])],
        books(500, accepted=450, by_final=450, surely_by_final=450),
        [(1, 500, 450, "not_accepted")],
    ),
    "usage before the billing start that nobody stated": Shape(
        [Bill([Line(450)])],
        books(500, accepted=450, by_final=450, surely_by_final=450, before_start=50),
        [(1, 500, 450, "before_billing_start")],
    ),
    "usage before the billing start that another system stated otherwise": Shape(
        [Bill([Line(490)])],
        books(500, accepted=450, by_final=450, surely_by_final=450, before_start=50),
        [(1, 500, 490, "before_billing_start")],
    ),
    "usage before the billing start that nobody stated, and a late file of ours": Shape(
        [Bill([Line(450)])],
        books(515, accepted=465, by_final=450, surely_by_final=450, before_start=50),
        [(1, 515, 450, "after_finalization")],
        amount=8,
    ),
    "usage before the billing start that another system stated, and a late file of ours": Shape(
        [Bill([Line(500)])],
        books(515, accepted=465, by_final=450, surely_by_final=450, before_start=50),
        [(1, 515, 500, "after_finalization")],
        amount=8,
    ),
    "somebody else states usage for the customer": Shape(
        [Bill([Line(700)])], books(500, stripe=700), [(1, 500, 700, "other_source")], amount=-100
    ),
    "the period begins in the middle of an hour, which Stripe puts into the period before": Shape(
        [Bill([Line(488, start=CUT)])],
        books(500, cut=(-12,)),
        [(1, 500, 488, "period_cuts_hour")],
    ),
    "a part of the hour that the period cuts is missing: an hour is one meter event": Shape(
        [Bill([Line(496, start=CUT)])], books(500, cut=(-12,)), [(1, 500, 496, "unexplained_line")], amount=2
    ),
    "both hours that the edges cut are on their other side": Shape(
        [Bill([Line(508, start=CUT, end=CUT_END)])], books(500, cut=(-12, 20)), [(1, 500, 508, "period_cuts_hour")]
    ),
    "the hour that an edge cuts is in the next period": Shape(
        [Bill([Line(188, end=CUT)]), Bill([Line(312, start=CUT)])],
        [books(200, cut=(-12,)), books(300, cut=(12,))],
        [(1, 200, 188, "period_cuts_hour"), (2, 300, 312, "period_cuts_hour")],
    ),
    "the hour that an edge cuts is in neither period": Shape(
        [Bill([Line(188, end=CUT)]), Bill([Line(300, start=CUT)])],
        [books(200, cut=(-12,)), books(300, cut=(12,))],
        [(1, 200, 188, "unexplained_line"), (2, 300, 300, None)],
    ),
    "the hour that an edge cuts is in both periods": Shape(
        [Bill([Line(200, end=CUT)]), Bill([Line(312, start=CUT)])],
        [books(200, cut=(-12,)), books(300, cut=(12,))],
        [(1, 200, 200, None), (2, 300, 312, "period_cuts_hour")],
    ),
    "the hour that an edge cuts may still be in the draft of the next period": Shape(
        [Bill([Line(188, end=CUT)]), Bill([Line(300, start=CUT)], "draft")],
        [books(200, cut=(-12,)), books(300, cut=(12,))],
        [(1, 200, 188, "period_cuts_hour"), (2, 300, 300, None)],
    ),
    "void, and nothing in its place": Shape(
        [Bill([Line(500)], "void")], books(500), [(1, 500, 0, "voided")], amount=250
    ),
    "void, and another in its place": Shape(
        [Bill([Line(500)], "void"), Bill([Line(500)], created=END + timedelta(hours=5))],
        books(500),
        [(1, 0, 0, "voided"), (2, 500, 500, None)],
    ),
    "uncollectible is final all the same": Shape(
        [Bill([Line(500)], "uncollectible")], books(500), [(1, 500, 500, None)]
    ),
    "cancelled, with an invoice of what was used until then": Shape(
        [Bill([Line(200, end=SWAP)], reason="subscription_cycle", created=SWAP)], books(200), [(1, 200, 200, None)]
    ),
    "lines of no meter are left alone": Shape(
        [Bill([Line(3, "seats"), Line(500), Line(1, "unknown", None)])], books(500), [(1, 500, 500, None)]
    ),
    "a free trial": Shape([Bill([Line(0)])], books(500), [(1, 500, 0, "free_trial")], amount=0, items=[on_trial(END)]),
    "a free trial, and usage that came late": Shape(
        [Bill([Line(0)])],
        books(500, by_final=0, surely_by_final=0),
        [(1, 500, 0, "free_trial")],
        amount=0,
        items=[on_trial(END)],
    ),
    "a trial that is billed, and usage that came late": Shape(
        [Bill([Line(300)])],
        books(500, by_final=300, surely_by_final=300),
        [(1, 500, 300, "after_finalization")],
        amount=100,
        items=[on_trial(END)],
    ),
    "nothing is billed, and the trial is not all of the period": Shape(
        [Bill([Line(0)])], books(500), [(1, 500, 0, "unexplained_line")], items=[on_trial(SWAP)]
    ),
    "nothing explains it": Shape([Bill([Line(321)])], books(500), [(1, 500, 321, "unexplained_line")]),
}


@pytest.mark.parametrize("name", SHAPES)
def test_an_invoice_of_this_shape_is_compared_as_expected(name: str) -> None:
    shape = SHAPES[name]
    booked = [shape.booked] * 2 if isinstance(shape.booked, Booked) else shape.booked
    rows = compared(shape.bills, booked, shape.items, shape.now)
    found = [(row.invoice_id, row.usage, row.invoiced, row.cause and row.cause.value) for row in rows]
    assert found == [
        (f"in_{number}", Decimal(usage), Decimal(invoiced), cause) for number, usage, invoiced, cause in shape.expected
    ]
    if shape.amount is not None:
        assert rows[-1].amount == shape.amount


def test_what_a_difference_costs_is_not_known_in_another_currency_than_the_price_has_its_amounts_in() -> None:
    ours = [books(515, by_final=500, surely_by_final=500)]
    found = [compared([Bill([Line(500)], currency=currency)], ours)[0] for currency in ("usd", "eur")]
    assert [(row.amount, row.currency) for row in found] == [(8, "usd"), (None, "eur")]


@pytest.mark.parametrize(
    ("lines", "items"),
    [
        ([Line(0), Line(300, "other_unit", "si_2")], []),
        ([Line(300, "other_unit", "si_2")], [item(2, SWAP, "other_unit")]),
    ],
    ids=["both prices have a line", "the item began in the period"],
)
def test_what_a_difference_costs_is_not_known_where_the_price_changed_within_the_period(
    lines: list[Line], items: list[SubscriptionItem]
) -> None:
    """A late file: nobody knows whether it was used at the old price or at the new one."""
    (row,) = compared([Bill(lines)], [books(350, by_final=300, surely_by_final=300)], items)
    assert (row.cause, row.amount) == ("after_finalization", None)
