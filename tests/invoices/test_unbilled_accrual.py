"""What a month has used and no final invoice bills, in quantity and money, by tenant and cause."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.database.check_models import check_models
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.models import read_models
from fridge_pipeline.invoices.invoice_record import keep_prices
from fridge_pipeline.invoices.rules.money import cost
from fridge_pipeline.settings import MODELS_FOLDER
from fridge_pipeline.stripe.rules.invoice import Price, Tier, TiersMode
from tests.invoices.conftest import InvoicedBooks
from tests.invoices.shapes import PRICES, READINGS, D
from tests.pipeline import readings

AMOUNTS = st.decimals(0, 1000, places=4)
TIERS = st.lists(st.tuples(st.integers(1, 500), AMOUNTS, AMOUNTS), max_size=4, unique_by=lambda tier: tier[0])


@st.composite
def any_price(draw: st.DrawFn) -> Price:
    """Per unit, in packages, or with tiers of which the last has no end."""
    mode = draw(st.sampled_from([None, *TiersMode]))
    if mode is None:
        amount = draw(st.none() | AMOUNTS)
        return Price(
            "any", READINGS, "usd", amount, None, (), draw(st.none() | st.integers(1, 90)), draw(st.booleans())
        )
    ends = tuple(Tier(Decimal(top), unit, flat) for top, unit, flat in sorted(draw(TIERS)))
    return Price("any", READINGS, "usd", None, mode, (*ends, Tier(None, draw(AMOUNTS), draw(AMOUNTS))))


def in_sql(database: Database, quantity: Decimal, price: Price) -> Decimal | None:
    """The same by the books' function."""
    tiers = [
        {
            "up_to": None if tier.up_to is None else f"{tier.up_to:f}",
            "unit_amount": f"{tier.unit_amount:f}",
            "flat_amount": f"{tier.flat_amount:f}",
        }
        for tier in price.tiers
    ]
    told = [quantity, price.unit_amount, price.tiers_mode, Jsonb(tiers), price.divide_by, price.rounds_up]
    with database.connect() as connection:
        row = connection.execute("select fridge.cost_of(%s, %s, %s, %s, %s, %s)", told).fetchone()
    return row[0] if row else None


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(quantity=st.integers(-5, 2000).map(Decimal), price=any_price())
def test_what_a_quantity_costs_is_the_same_in_the_books_and_in_the_program(
    database: Database, quantity: Decimal, price: Price
) -> None:
    assert in_sql(database, quantity, price) == cost(quantity, price)


def accrual(books: InvoicedBooks) -> list[tuple[Any, ...]]:
    """(tenant, cause, quantity, amount, currency) of readings, over all months."""
    books.pipeline.run_models(books.hour(3), books.hour(26))
    return books.pipeline.rows(
        "select tenant_id, cause, sum(quantity)::int, sum(amount_minor_units)::int, currency"
        " from fridge.unbilled_accrual where meter = %s group by tenant_id, cause, currency order by tenant_id, cause",
        READINGS,
    )


@pytest.fixture
def ended(books: InvoicedBooks) -> InvoicedBooks:
    """A period with 100 readings in time and 12 after its invoice was final, and 30 readings of the period after it."""
    books.use(3, 100)
    books.pipeline.clock.advance(hours=2)
    books.bill(100, price_id="graduated")
    books.pipeline.clock.advance(hours=2)
    books.use(4, 12)
    books.subscribe(price_id="graduated")
    books.use(25, 30)
    books.read_days()
    books.compare()
    return books


def test_what_missed_its_invoice_and_what_the_next_one_bills_stand_apart_each_with_its_money(
    ended: InvoicedBooks,
) -> None:
    assert accrual(ended) == [
        # 100 at 2 are billed; the next 12 begin the second tier, with its fee of 50
        ("cohoes", "after_finalization", 12, 62, "usd"),
        ("cohoes", "open_period", 30, 60, "usd"),
    ]


def test_of_a_running_trial_nothing_is_accrued(books: InvoicedBooks) -> None:
    books.use(25, 30)
    ends = books.end + timedelta(days=30)
    books.subscribe(price_id="graduated", status="trialing", trial_start=books.end, trial_end=ends)
    books.read_days()
    books.compare()
    assert accrual(books) == []


@pytest.mark.parametrize("more", [{"currency": "eur"}, {"price_id": "unit"}], ids=["currency", "price"])
def test_of_another_currency_than_the_price_or_a_price_changed_within_the_period_there_is_no_money(
    books: InvoicedBooks, more: dict[str, Any]
) -> None:
    books.use(25, 30)
    books.subscribe(price_id="graduated")
    books.subscribe(**{"price_id": "graduated", **more})
    books.read_days()
    books.compare()
    assert accrual(books) == [("cohoes", "open_period", 30, None, None)]


def test_an_invoice_in_another_currency_than_the_price_leaves_no_money_to_accrue(books: InvoicedBooks) -> None:
    books.use(3, 100)
    books.pipeline.clock.advance(hours=2)
    books.bill(100, price_id="graduated", currency="eur")
    books.pipeline.clock.advance(hours=2)
    books.use(4, 12)
    books.read_days()
    books.compare()
    assert accrual(books) == [("cohoes", "after_finalization", 12, None, None)]


def test_on_a_draft_it_is_still_to_be_billed_and_of_a_tenant_without_a_customer_there_is_no_money(
    books: InvoicedBooks,
) -> None:
    books.use(3, 10)
    hour = books.hour(4)
    books.pipeline.land(hour, "dale.csv", readings("dale", hour, 1, 7))
    books.pipeline.run(hour)
    books.bill(10, "draft", price_id="unit")
    books.read_days()
    books.compare()
    assert accrual(books) == [("cohoes", "in_draft", 10, 5, "usd"), ("dale", "unmapped", 7, None, None)]


def test_the_causes_of_a_period_together_cost_what_they_cost_at_once(books: InvoicedBooks) -> None:
    """Each rounded by itself they would come to one more."""
    books.write(lambda connection, reading: keep_prices(connection, [THIRD], {}, reading))
    books.use(25, 1)
    books.subscribe(price_id="third")
    books.read_days()
    books.compare()
    held: Hour = books.hour(26)
    with books.pipeline.database.connect() as connection:
        connection.execute("insert into fridge.usage values ('cohoes', %s, 'inserted_count', 1, now())", [held.start])
    assert [row[1:4] for row in accrual(books)] == [("not_stated", 1, 0), ("open_period", 1, 1)]


THIRD = Price("third", READINGS, "usd", unit_amount=D("0.5"))
assert "third" not in PRICES


def test_of_a_period_that_began_before_the_month_the_tiers_go_on_where_the_month_before_has_ended(
    books: InvoicedBooks,
) -> None:
    before = books.start - timedelta(days=35)
    with books.pipeline.database.connect() as connection:
        connection.execute("insert into fridge.usage values ('cohoes', %s, 'inserted_count', 100, now())", [before])
    books.use(25, 30)
    books.subscribe(price_id="graduated", period_start=before)
    books.read_days()
    books.compare()
    books.pipeline.run_models(Hour(before))
    assert [row for row in accrual(books) if row[1] == "open_period"] == [("cohoes", "open_period", 30, 80, "usd")]


def test_of_a_day_that_a_period_begins_in_each_hour_is_where_its_statement_is(books: InvoicedBooks) -> None:
    for hour, quantity in ((3, 10), (9, 7), (12, 30)):
        books.use(hour, quantity)
    begins = books.start + timedelta(hours=9, minutes=20)
    books.subscribe(price_id="unit", period_start=begins)
    books.read_days()
    books.compare()
    assert [row[1:3] for row in accrual(books)] == [("no_line", 10), ("open_period", 37)]


def test_usage_that_no_invoice_carries_breaks_no_test_of_what_finance_reads(books: InvoicedBooks) -> None:
    books.subscribe(created_at=books.end)
    books.use(3, 10)
    books.read_days()
    books.compare()
    assert accrual(books) == [("cohoes", "not_on_subscription", 10, 5, "usd")]
    found = check_models(books.pipeline.database, read_models(MODELS_FOLDER))
    assert [f"{each.test.model}.{each.test.name}" for each in found if not each.holds] == []


def test_finance_reads_it_with_its_own_rights(ended: InvoicedBooks, as_superuser: psycopg.Connection) -> None:
    before = accrual(ended)
    as_superuser.execute("set role fridge_finance")
    row = as_superuser.execute("select sum(amount_minor_units) from fridge.unbilled_accrual").fetchone()
    assert row == (D(sum(amount for *_, amount, _ in before)),)


def test_a_first_tiers_flat_amount_that_an_invoice_of_nothing_has_charged_is_not_accrued_again(
    books: InvoicedBooks,
) -> None:
    flat = Price("flat", READINGS, "usd", None, TiersMode.GRADUATED, (Tier(None, D(2), D(50)),))
    books.write(lambda connection, reading: keep_prices(connection, [flat], {}, reading))
    books.pipeline.clock.advance(hours=2)
    books.bill(0, price_id="flat", amount=50)
    books.pipeline.clock.advance(hours=2)
    books.use(4, 12)
    books.read_days()
    books.compare()
    assert books.pipeline.rows("select amount from fridge.invoice_comparisons where event_name = %s", READINGS) == [
        (24,)
    ]
    assert accrual(books) == [("cohoes", "after_finalization", 12, 24, "usd")]


def test_of_two_subscriptions_whose_periods_begin_apart_the_same_usage_has_no_money_to_accrue(
    books: InvoicedBooks,
) -> None:
    books.use(25, 110)
    books.use(26, 110)
    books.subscribe(price_id="graduated")
    later = books.hour(26).start
    books.subscribe(item_id="si_2", subscription_id="sub_2", price_id="graduated", created_at=later, period_start=later)
    books.read_days()
    books.compare()
    assert accrual(books) == [
        ("cohoes", "open_period", 110, 260, "usd"),
        ("cohoes", "open_period", 110, None, None),
    ]


@pytest.mark.parametrize("shown", [100, 2])
def test_what_missed_an_invoice_of_packages_costs_the_same_however_its_line_shows_them(
    books: InvoicedBooks, shown: int
) -> None:
    books.use(3, 100)
    books.pipeline.clock.advance(hours=2)
    books.bill(shown, price_id="up", amount=60)
    books.pipeline.clock.advance(hours=2)
    books.use(4, 50)
    books.read_days()
    books.compare()
    ((_, cause, _, amount, currency),) = accrual(books)
    assert (cause, amount, currency) == ("after_finalization", 30, "usd")


def rows_scanned(node: dict[str, Any], name: str) -> float:
    """How many rows of a relation, or of what a plan keeps of it under its name, the plan has looked at."""
    own = 0.0
    if name in (node.get("Relation Name"), node.get("CTE Name")):
        own = node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
    return own + sum(rows_scanned(each, name) for each in node.get("Plans", ()))


def test_the_accrual_of_a_month_does_not_go_through_all_comparisons_for_every_tenant(books: InvoicedBooks) -> None:
    tenants, months = 100, 24
    values = {"tenants": tenants, "months": months, "hour": books.hour(3).start, "starts": books.start}
    with books.pipeline.database.connect() as connection:
        for each in MANY.split(";"):
            connection.execute(each, values)
        connection.execute("analyze fridge.tenants, fridge.usage, fridge.invoice_comparisons")
    books.pipeline.run_models(books.hour(3))
    with books.pipeline.database.connect() as connection:
        ((plans,),) = connection.execute(
            "explain (analyze, format json) select * from fridge.unbilled_accrual where usage_month = %s",
            [books.start.date().replace(day=1)],
        ).fetchall()
        (shown,) = connection.execute("select count(*) from fridge.unbilled_accrual").fetchone() or (0,)
    assert shown == tenants
    for name in ("comparisons", "invoice_comparisons"):
        assert rows_scanned(plans[0]["Plan"], name) <= 10 * tenants * months, name


MANY = """
    insert into fridge.tenants (tenant_id, name, stripe_customer_id)
    select 'shop-' || number, 'Shop', 'cus_' || number from generate_series(1, %(tenants)s) as shops (number);
    insert into fridge.usage (tenant_id, hour, measure, quantity, computed_at)
    select 'shop-' || number, %(hour)s, 'inserted_count', 1, now()
    from generate_series(1, %(tenants)s) as shops (number);
    insert into fridge.subscription_item_snapshots (
        item_id, stripe_subscription_id, stripe_customer_id, price_id, status, created_at, period_start, period_end,
        content_hash, read_at, run_id
    )
    select 'si_' || number, 'sub_' || number, 'cus_' || number, 'unit', 'active', %(starts)s, %(starts)s,
        %(starts)s::timestamptz + interval '30 days', 'hash', now(), 'r'
    from generate_series(1, %(tenants)s) as shops (number);
    insert into fridge.invoice_comparisons (
        tenant_id, stripe_customer_id, event_name, period_start, period_end, usage_quantity, accepted_quantity,
        invoice_quantity, difference, compared_at
    )
    select 'shop-' || number, 'cus_' || number, 'temperature_readings',
        %(starts)s::timestamptz - make_interval(days => 30 * month),
        %(starts)s::timestamptz - make_interval(days => 30 * (month - 1)), 1, 1, 1, 0, now()
    from generate_series(1, %(tenants)s) as shops (number) cross join generate_series(1, %(months)s) as months (month)
"""
