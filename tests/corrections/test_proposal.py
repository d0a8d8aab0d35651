"""What a correction comes to: against what each unit costs, and against the lines that the sandbox bills."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fridge_pipeline.corrections.rules.proposal import Difference, Line, NotProposedError, propose
from fridge_pipeline.invoices.rules.billing_periods import Span
from fridge_pipeline.invoices.rules.corrected import Corrected, Correction, Place, corrected
from fridge_pipeline.invoices.rules.money import cost_of_change, money
from fridge_pipeline.stripe.rules.correction import DocumentKind
from fridge_pipeline.stripe.rules.invoice import InvoiceStatus, Price, Tier, TiersMode
from tests.invoices.shapes import END, PRICES, READINGS, START
from tests.sandbox_process import SandboxProcess, fresh_name

D = Decimal
QUANTITIES = st.integers(0, 400)


def differing(price: Price, invoiced: int, usage: int) -> Difference:
    """A paid invoice that bills so much of what was used, at one price."""
    return Difference(
        invoice_id="in_1",
        status=InvoiceStatus.PAID,
        customer_id="cus_1",
        tenant_id="cohoes",
        event_name=READINGS,
        period_start=START,
        period_end=END,
        usage=D(usage),
        accepted=D(usage),
        invoiced=D(invoiced),
        cause="after_finalization" if invoiced != usage else None,
        amount=cost_of_change(D(invoiced), D(usage), price),
        currency="usd",
        price_id=price.price_id,
        is_subscribed=True,
        lines=(Line("il_1", price.price_id, 1_000_000),),
    )


def made(found: Difference, *before: Correction) -> Correction:
    """The document that is proposed, as if Stripe had it."""
    what = propose(found, Corrected(before))
    place = Place(what.customer_id, what.event_name, what.invoice_id, Span(what.period_start, what.period_end))
    return Correction(place, what.delta, what.amount, what.currency, "ii_1")


@given(st.sampled_from(sorted(PRICES)), QUANTITIES, st.lists(QUANTITIES, min_size=1, max_size=5))
def test_however_often_usage_changes_all_corrections_together_cost_the_whole_difference_rounded_once(
    name: str, invoiced: int, changes: list[int]
) -> None:
    price, done = PRICES[name], list[Correction]()
    for usage in changes:
        found = differing(price, invoiced, usage)
        if not Corrected(tuple(done)).leaves(found.unsettled, found.cause, found.owed):
            continue
        owed = cost_of_change(D(invoiced), D(usage), price)
        if sum(each.amount or 0 for each in done) == owed:
            with pytest.raises(NotProposedError, match="costs nothing"):
                made(found, *done)
            continue
        done.append(made(found, *done))
        assert sum(each.amount or 0 for each in done) == owed
        assert sum(each.quantity for each in done) == usage - invoiced


@given(st.integers(1, 300), st.lists(st.integers(-50, 300), min_size=1, max_size=4))
def test_a_credit_takes_the_last_lines_first_and_never_more_than_a_line_has(amount: int, of_lines: list[int]) -> None:
    lines = tuple(Line(f"il_{number}", "other_unit", each) for number, each in enumerate(of_lines))
    found = replace(differing(PRICES["other_unit"], amount, 0), lines=lines)
    has = {line.line_id: max(line.amount, 0) for line in lines}
    if sum(has.values()) < amount:
        with pytest.raises(NotProposedError, match=f"less than the {money(amount, 'usd')} to credit"):
            propose(found, Corrected())
        return
    credited = propose(found, Corrected()).lines
    assert sum(credited.values()) == amount
    assert all(0 < part <= has[line_id] for line_id, part in credited.items())
    begun = min(int(line_id.removeprefix("il_")) for line_id in credited)
    assert all(credited.get(f"il_{number}", 0) == has[f"il_{number}"] for number in range(begun + 1, len(lines)))


def test_more_usage_that_costs_less_is_a_credit_note() -> None:
    """At a volume price: 100 units of 2 are 200, and 110 of 1 with a fee of 50 are 160."""
    what = propose(differing(PRICES["volume"], 100, 110), Corrected())
    assert (what.delta, what.amount, what.kind) == (D(10), -40, DocumentKind.CREDIT_NOTE)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"accepted": D(140)}, "Stripe has accepted 140 of 150"),
        ({"cause": "two_items"}, "remove all items of the meter but one"),
        ({"cause": "other_source"}, "find out who else sends"),
        ({"cause": "price_change"}, "credit it when it is too much"),
        ({"amount": None}, "unit alone does not say what it costs"),
        ({"amount": None, "price_id": None}, "no price says what it costs"),
        ({"has_own_tax": True}, "has tax rates of its own"),
        ({"is_subscribed": False}, "no subscription of cus_1 goes on"),
        ({"status": InvoiceStatus.DRAFT}, "is not final yet"),
        ({"is_discounted": True}, "the customer has a discount"),
        ({"lines": (Line("a", "unit", 1), Line("b", "volume", 1))}, "at several prices"),
        ({"usage": D(50), "accepted": D(50), "amount": -50, "status": InvoiceStatus.VOID}, "only an open or paid"),
        (
            {"usage": D(50), "accepted": D(50), "amount": -50, "status": InvoiceStatus.UNCOLLECTIBLE},
            "nobody has paid in_1, which is uncollectible: give nothing back",
        ),
    ],
)
def test_what_the_tiers_do_not_say_is_not_proposed(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(NotProposedError, match=why):
        propose(replace(differing(PRICES["unit"], 100, 150), **changed), Corrected())


def test_a_correction_of_an_invoice_that_is_another_now_is_counted_and_nothing_is_proposed_on_top_of_it() -> None:
    done = made(differing(PRICES["unit"], 100, 150))
    place = replace(done.place, invoice_id="in_2")
    (found,) = corrected([place], [done])
    assert (found.quantity, found.is_sure) == (D(50), False)
    with pytest.raises(NotProposedError, match="was corrected"):
        propose(differing(PRICES["unit"], 150, 150), found)
    later = replace(done.place, span=Span(END, END + timedelta(days=30)))
    assert corrected([later], [done]) == [Corrected()]


def test_where_a_time_on_no_invoice_is_cut_after_it_was_corrected_nothing_is_proposed_of_its_parts() -> None:
    middle = START + timedelta(days=3)
    whole, first, rest, other = (
        Place("cus_1", READINGS, None, span)
        for span in (Span(START, END), Span(START, middle), Span(middle, END), Span(END, END + timedelta(days=1)))
    )
    done = corrected([first, rest, other], [Correction(whole, D(11), 11, "usd", "ii_1")])
    assert [each.is_sure for each in done] == [False, False, True]
    grown = corrected([whole, other], [Correction(first, D(11), 11, "usd", "ii_1")])
    assert [each.is_sure for each in grown] == [True, True]


#: As Stripe takes them, and as we read them.
REAL_PRICES: dict[str, tuple[dict[str, Any], Price]] = {
    "per unit": ({"unit_amount_decimal": "0.5"}, PRICES["unit"]),
    "graduated": (
        {"tiers_mode": "graduated", "tiers": [{"up_to": 100, "unit_amount": 2}, {"up_to": "inf", "unit_amount": 1}]},
        Price("p", READINGS, "usd", None, TiersMode.GRADUATED, (Tier(D(100), D(2)), Tier(None, D(1)))),
    ),
    "graduated with a fee": (
        {
            "tiers_mode": "graduated",
            "tiers": [{"up_to": 100, "unit_amount": 2}, {"up_to": "inf", "unit_amount": 1, "flat_amount": 50}],
        },
        PRICES["graduated"],
    ),
    "volume": (
        {
            "tiers_mode": "volume",
            "tiers": [{"up_to": 100, "unit_amount": 2}, {"up_to": "inf", "unit_amount": 1, "flat_amount": 50}],
        },
        PRICES["volume"],
    ),
    "packages": (
        {"unit_amount": 30, "transform_quantity": {"divide_by": 60, "round": "up"}},
        PRICES["up"],
    ),
    "packages down": (
        {"unit_amount": 30, "transform_quantity": {"divide_by": 60, "round": "down"}},
        PRICES["down"],
    ),
}

#: Before, on, and behind the edges of tiers and packages.
USED = (0, 1, 59, 60, 61, 99, 100, 101, 250)


@pytest.fixture
def billed(stripe_sandbox: SandboxProcess) -> dict[tuple[str, int], int]:
    """What the sandbox's invoices come to, by price and usage."""
    sandbox, start = stripe_sandbox, datetime(2026, 2, 1, tzinfo=UTC)
    sandbox.set_clock(now=start.timestamp(), frozen=True)
    client = sandbox.client().v1
    name = fresh_name("meter")
    meter = client.billing.meters.create(
        {"display_name": "Readings", "event_name": name, "default_aggregation": {"formula": "sum"}}
    )
    product = client.products.create({"name": "Readings"})
    customers = {}
    for title, (told, _) in REAL_PRICES.items():
        recurring = {"interval": "day", "usage_type": "metered", "meter": meter.id}
        wish: Any = {"currency": "usd", "product": product.id, "recurring": recurring, **told}
        if "tiers" in told:
            wish["billing_scheme"] = "tiered"
        price = client.prices.create(wish)
        for used in USED:
            customer = customers[title, used] = client.customers.create({}).id
            client.subscriptions.create({"customer": customer, "items": [{"price": price.id}]})
            if used:
                client.billing.meter_events.create(
                    {
                        "event_name": name,
                        "payload": {"stripe_customer_id": customer, "value": str(used)},
                        "timestamp": int(start.timestamp()) + 60,
                    }
                )
    sandbox.set_clock(now=(start + timedelta(hours=26)).timestamp())
    return {
        place: sum(line.amount for line in client.invoices.list({"customer": customer}).data[0].lines.data)
        for place, customer in customers.items()
    }


def test_what_the_tiers_say_is_what_two_real_invoices_differ_by(billed: dict[tuple[str, int], int]) -> None:
    for title, (_, price) in REAL_PRICES.items():
        for old in USED:
            for new in USED:
                there = billed[title, new] - billed[title, old]
                assert abs((cost_of_change(D(old), D(new), price) or 0) - there) <= (title == "per unit"), (
                    title,
                    old,
                    new,
                )
