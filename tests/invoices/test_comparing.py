"""Invoices beside the books: what a late file, a withdrawal or a missing subscription leaves on no invoice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.finance.close_month import prepare_month
from fridge_pipeline.finance.month_totals import MonthNotReadyError
from fridge_pipeline.invoices.invoice_record import delete_invoice, recent_invoices
from fridge_pipeline.settings import MODELS_FOLDER
from tests.invoices.conftest import InvoicedBooks
from tests.invoices.shapes import READINGS
from tests.people import signed_in
from tests.pipeline import CLOSE_AFTER


def test_an_invoice_with_all_usage_of_its_period_agrees_and_opens_nothing(books: InvoicedBooks) -> None:
    books.use(3, 10)
    books.use(23, 5)
    books.read_days()
    books.subscribe()
    books.bill(15)
    assert books.compare().causes == {None: 1, "no_price": 1}  # of the other meter
    assert books.rows() == [("in_1", "cohoes", 15, 15, 15, None)]
    assert books.exceptions() == []


def test_usage_of_a_trial_stays_free_when_the_subscription_has_another_one(books: InvoicedBooks) -> None:
    books.use(3, 10)
    books.subscribe(trial_start=books.start, trial_end=books.end)
    books.bill(0)
    books.read_days()
    books.compare()
    assert books.rows() == [("in_1", "cohoes", 10, 10, 0, "free_trial")]
    soon = books.end + timedelta(days=3)
    books.subscribe(trial_start=soon, trial_end=soon + timedelta(days=9))
    books.compare()
    assert books.rows() == [("in_1", "cohoes", 10, 10, 0, "free_trial")]


def test_usage_of_an_earlier_day_is_told_although_the_invoice_of_the_last_day_is_awaited(books: InvoicedBooks) -> None:
    """As of a price by the day, of which no invoice comes."""
    books.use(3, 10)
    for day in (0, 1, 2):
        begins = books.start + timedelta(days=day)
        books.subscribe(period_start=begins, period_end=begins + timedelta(days=1))
    books.read_days()
    books.compare()
    assert books.rows() == [(None, "cohoes", 10, 10, 0, "no_line")]


def test_usage_on_no_invoice_has_no_money_in_another_currency_than_the_price_s_or_once_the_price_is_another(
    books: InvoicedBooks,
) -> None:
    books.use(3, 10)
    books.read_days()

    def money() -> list[tuple[int | None, str | None]]:
        books.compare()
        return books.pipeline.rows(
            "select amount, currency from fridge.invoice_comparisons where event_name = %s", READINGS
        )

    books.subscribe(currency="usd")
    assert money() == [(5, "usd")]
    books.subscribe(currency="eur")
    assert money() == [(None, None)]
    books.subscribe(currency="usd", price_id="other_unit")
    assert money() == [(None, None)]


def test_a_late_file_after_the_invoice_was_final_is_owed_with_its_price_until_the_next_invoice(
    books: InvoicedBooks,
) -> None:
    """The fault that every other figure calls settled: usage, ledger and Stripe's sums agree."""
    books.use(3, 10)
    books.read_days()
    books.subscribe()
    books.pipeline.advance(hours=2)
    books.bill(10)
    books.pipeline.advance(hours=2)
    books.use(3, 5, "late.csv")
    books.compare()
    assert books.rows() == [("in_1", "cohoes", 15, 15, 10, "after_finalization")]
    ((detail, deadline),) = books.pipeline.rows(
        "select detail, deadline_at from fridge.exceptions where kind = 'not_invoiced' and subject = %s", READINGS
    )
    assert "invoiced 10, usage 15, accepted 15: 5 too little, 0.03 USD." in detail
    assert deadline == books.end + timedelta(days=30)


def test_what_is_invoiced_after_all_closes_its_exception_and_comparing_again_changes_nothing(
    books: InvoicedBooks,
) -> None:
    books.use(3, 10)
    books.read_days()
    books.subscribe()
    books.bill(10, "void")
    books.compare()
    books.compare()
    assert books.rows() == [("in_1", "cohoes", 10, 10, 0, "voided")]
    assert books.exceptions() == [("not_invoiced", True)]
    books.pipeline.clock.advance(hours=1)
    books.bill(10, invoice_id="in_2")
    books.compare()
    assert books.rows() == [("in_1", "cohoes", 0, 0, 0, "voided"), ("in_2", "cohoes", 10, 10, 10, None)]
    assert books.exceptions() == [("not_invoiced", False)]


def test_usage_of_a_customer_without_an_item_of_the_meter_is_on_no_invoice(books: InvoicedBooks) -> None:
    books.use(3, 10)
    books.read_days()
    books.compare()
    assert books.rows() == [(None, "cohoes", 10, 10, 0, "not_on_subscription")]
    assert books.exceptions() == [("not_invoiced", True)]
    assert books.rows("active_sensors") == [(None, "cohoes", 1, 1, 0, "no_price")]


def test_usage_of_an_open_period_is_not_missed_and_without_readings_of_every_day_nothing_is(
    books: InvoicedBooks,
) -> None:
    books.use(3, 10)
    books.compare()
    assert books.rows() == []
    books.read_days()
    books.subscribe(period_start=books.start)
    books.compare()
    assert books.rows() == []


def test_a_draft_that_lags_behind_is_explained_and_one_that_was_deleted_carries_nothing(books: InvoicedBooks) -> None:
    books.use(3, 10)
    books.read_days()
    books.subscribe()
    books.bill(7, "draft")
    books.compare()
    assert books.rows() == [("in_1", "cohoes", 10, 10, 7, "in_draft")]
    assert books.exceptions() == []
    books.bill(7, "deleted")
    books.compare()
    assert books.rows() == [("in_1", "cohoes", 10, 10, 0, "voided")]
    assert books.exceptions() == [("not_invoiced", True)]


def test_what_an_invoice_had_is_kept_when_it_changes(books: InvoicedBooks) -> None:
    books.bill(7, "draft")
    books.bill(10)
    kept = books.pipeline.rows(
        "select status, quantity::int from fridge.invoice_snapshots"
        " inner join fridge.invoice_line_snapshots using (snapshot_id) order by snapshot_id"
    )
    assert kept == [("draft", 7), ("paid", 10)]
    assert books.pipeline.rows("select status, tenant_id from fridge.invoices") == [("paid", "cohoes")]


def test_a_month_is_not_closed_over_an_invoice_that_nothing_explains_and_is_over_one_that_waits_for_its_correction(
    books: InvoicedBooks,
) -> None:
    month = Month.containing(books.start)
    books.use(3, 10)
    books.read_days()
    books.subscribe()
    books.pipeline.advance(hours=2)
    books.bill(4)
    books.compare()
    signing = signed_in(books.pipeline.database, "ada")
    after = replace(books.pipeline.as_run(), database=signing, clock=lambda: month.end + timedelta(days=1))
    with pytest.raises(MonthNotReadyError, match=r"in_1 cohoes temperature_readings: -6 \(unexplained_line\)"):
        prepare_month(after, month, "ada", MODELS_FOLDER, CLOSE_AFTER)
    books.bill(10, "void")
    books.compare()
    assert books.exceptions() == [("not_invoiced", True)]
    assert prepare_month(after, month, "ada", MODELS_FOLDER, CLOSE_AFTER, "a test reads no more days")["meters"]


@pytest.mark.parametrize(
    ("invoiced", "cause"),
    [(20, None), (32, "period_cuts_hour"), (29, "unexplained_line")],
)
def test_an_hour_that_the_period_cuts_explains_all_of_it_or_nothing(
    books: InvoicedBooks, invoiced: int, cause: str | None
) -> None:
    """Hour 10 has 12 readings, stated at half past; the period begins seven minutes later."""
    books.use(10, 12)
    books.use(12, 20)
    books.bill(invoiced, period_start=books.start + timedelta(hours=10, minutes=37))
    books.read_days()
    books.compare()
    assert [row[2:] for row in books.rows() if row[0]] == [(20, 20, invoiced, cause)]


def test_a_deleted_draft_keeps_its_discount(books: InvoicedBooks) -> None:
    books.bill(10, "draft", is_discounted=True)
    books.write(lambda connection, reading: delete_invoice(connection, "in_1", reading))
    with books.pipeline.database.connect() as connection:
        (left,) = recent_invoices(connection, [books.customer], books.start)
    assert (left.status, [line.is_discounted for line in left.lines]) == ("deleted", [True])
