"""What open exceptions say of invoices: with what is invoiced and corrected it comes to the usage, whatever happens."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.catalogue.tenant import Tenant
from fridge_pipeline.catalogue.tenant_record import import_tenants
from fridge_pipeline.corrections.settle import Decision, settle_exceptions
from fridge_pipeline.corrections.withdraw import withdraw_file
from fridge_pipeline.database.run import Failpoint
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.invoices import compare_invoices as comparing
from fridge_pipeline.invoices.compare_invoices import compare_invoices
from fridge_pipeline.invoices.invoice_record import keep_day
from fridge_pipeline.reason_terms import How
from tests.invoices.conftest import InvoicedBooks
from tests.invoices.shapes import READINGS
from tests.people import signed_in
from tests.pipeline import ProcessDied, dies_after, readings

TOLD = re.compile(r"of customer (\S+), .*?: (\d+) too (little|much)")


def told(books: InvoicedBooks) -> dict[str, int]:
    """Customer → readings that are to be invoiced, below 0 to be credited; one without a word about it is left out."""
    found: Counter[str] = Counter()
    for (detail,) in books.pipeline.rows(
        "select detail from fridge.open_exceptions where kind in ('not_invoiced', 'invoiced_too_much')"
        " and subject like %s",
        f"{READINGS}%",
    ):
        for part in detail.split("; temperature_readings "):
            for customer, much, sign in TOLD.findall(part):
                found[customer] += int(much) * (1 if sign == "little" else -1)
    return {customer: much for customer, much in found.items() if much}


def map_tenants(books: InvoicedBooks, *mapping: tuple[str, str | None]) -> None:
    """A file of tenants is imported."""
    with books.pipeline.database.connect() as connection:
        tenants = [Tenant(tenant, tenant, customer) for tenant, customer in mapping]
        import_tenants(connection, tenants, books.pipeline.clock(), may_remove_customers=True)


def use_by(books: InvoicedBooks, tenant: str, number: int, rows: int) -> None:
    """Another tenant's readings in an hour of the period."""
    hour = books.hour(number)
    books.pipeline.land(hour, f"{tenant}.csv", readings(tenant, hour, 1, rows, start=90))
    books.pipeline.run(hour)


def settle(books: InvoicedBooks, how: How) -> None:
    """A person ends every open exception about readings on invoices."""
    run = replace(books.pipeline.as_run(), database=signed_in(books.pipeline.database, "olga"))
    ids = books.pipeline.rows(
        "select exception_id from fridge.open_exceptions where kind in ('not_invoiced', 'invoiced_too_much')"
        " and subject like %s",
        f"{READINGS}%",
    )
    settle_exceptions(run, [each for (each,) in ids], Decision(how, "agreed by mail", "mail 7"))


@pytest.fixture
def billed(books: InvoicedBooks) -> InvoicedBooks:
    """10 readings were used and 4 invoiced; every day was read."""
    books.use(3, 10)
    books.read_days()
    books.subscribe()
    books.pipeline.advance(hours=2)
    books.bill(4)
    books.compare()
    assert told(books) == {books.customer: 6}
    return books


def test_what_a_customer_is_owed_is_told_once_whichever_tenant_has_it_by_now(billed: InvoicedBooks) -> None:
    books, customer = billed, billed.customer
    map_tenants(books, ("cohoes", "cus_new"), ("dale", customer))
    books.compare()
    assert told(books) == {customer: 6}
    use_by(books, "dale", 5, 3)
    books.compare()
    assert told(books) == {customer: 9}, "once, with the new figure"
    use_by(books, "cohoes", 6, 2)
    books.compare()
    assert told(books) == {customer: 9, "cus_new": 2}
    map_tenants(books, ("dale", None), ("cohoes", customer))
    books.compare()
    assert told(books) == {customer: 9, "cus_new": 2}
    assert books.pipeline.rows(
        "select distinct tenant_id from fridge.open_exceptions where kind = 'not_invoiced' and subject like %s",
        f"{READINGS}%",
    ) == books.pipeline.rows(
        "select distinct tenant_id from fridge.invoice_comparisons where difference <> 0 and event_name = %s", READINGS
    )


def test_an_exception_about_an_invoice_says_its_quantity_and_what_that_costs(billed: InvoicedBooks) -> None:
    asked = (
        "select not_invoiced::int, amount_minor_units, currency from fridge.exceptions_open"
        " where kind = 'not_invoiced' and meter = %s"
    )
    compared = "select amount, currency from fridge.invoice_comparisons where difference < 0 and event_name = %s"
    ((amount, currency),) = billed.pipeline.rows(compared, READINGS)
    assert amount > 0
    assert billed.pipeline.rows(asked, READINGS) == [(6, amount, currency)]
    billed.use(3, 1, "late.csv")
    billed.compare()
    ((more, _),) = billed.pipeline.rows(compared, READINGS)
    assert more > amount
    assert billed.pipeline.rows(asked, READINGS) == [(7, more, currency)]


def test_an_exception_that_nobody_has_decided_about_is_told_again(billed: InvoicedBooks) -> None:
    with billed.pipeline.database.connect() as connection:
        connection.execute("update fridge.exceptions set closed_at = opened_at + interval '1 second'")
    billed.compare()
    assert told(billed) == {billed.customer: 6}


def test_what_a_person_has_settled_stays_ended_and_what_comes_after_it_is_told_alone(billed: InvoicedBooks) -> None:
    settle(billed, How.WRITTEN_OFF)
    billed.compare()
    assert told(billed) == {}
    billed.use(3, 1, "late.csv")
    billed.compare()
    assert told(billed) == {billed.customer: 1}


def test_a_draft_that_nothing_makes_final_is_told_until_it_is_final(books: InvoicedBooks) -> None:
    """As when Stripe cannot work out a tax, or somebody has switched its automatic finalization off."""
    books.use(3, 10)
    books.read_days()
    books.subscribe()
    books.bill(10, "draft")
    books.compare()
    books.pipeline.advance(days=2)
    books.read_days()
    books.compare()
    assert books.exceptions() == [], "an account may give its drafts three days"
    books.pipeline.advance(days=3)
    books.compare()
    assert books.exceptions() == [], "nobody has looked whether it still is one"
    books.read_days()
    books.compare()
    assert books.rows() == [("in_1", "cohoes", 10, 10, 10, None)]
    ((detail,),) = books.pipeline.rows(
        "select detail from fridge.open_exceptions where kind = 'not_invoiced' and subject = %s", READINGS
    )
    assert "invoice in_1: invoiced 10, usage 10, accepted 10: 0 too much. It is a draft that should be final" in detail
    books.bill(10)
    books.compare()
    assert books.exceptions() == [("not_invoiced", False)]


def test_usage_on_no_invoice_is_told_once_however_many_days_it_waits(books: InvoicedBooks) -> None:
    """Compared every other day, until long after the time that is compared."""
    books.use(3, 10)
    books.read_days()
    for _ in range(50):
        books.pipeline.advance(days=2)
        books.read_days(3)
        books.compare()
        assert told(books) == {books.customer: 10}, books.pipeline.clock()


def test_days_that_could_not_be_read_end_nothing_that_was_told(books: InvoicedBooks) -> None:
    books.use(3, 10)
    books.read_days()
    books.compare()
    books.pipeline.advance(days=2)
    books.compare()
    assert told(books) == {books.customer: 10}, "Stripe could not be asked yesterday, nor today"
    today = books.pipeline.clock().astimezone(UTC).date()
    books.write(lambda connection, reading: keep_day(connection, today, 0, reading))
    books.compare()
    assert told(books) == {books.customer: 10}, "only today was read"
    books.read_days()
    books.subscribe()
    books.bill(10)
    books.compare()
    assert told(books) == {}


def test_an_invoice_that_is_read_before_the_days_that_were_missed_tells_of_its_time_alone(books: InvoicedBooks) -> None:
    books.use(3, 10)
    books.read_days()
    books.compare()
    books.pipeline.advance(days=3)
    books.subscribe()
    books.bill(8)
    books.compare()
    assert told(books) == {books.customer: 2}


def test_what_stripe_refuses_later_is_on_no_invoice_and_not_missed_there(books: InvoicedBooks) -> None:
    books.use(3, 10)
    books.read_days()
    books.compare()
    assert told(books) == {books.customer: 10}
    with books.pipeline.database.connect() as connection:
        connection.execute("update fridge.meter_events set status = 'refused'")
    books.compare()
    assert told(books) == {}
    assert books.rows() == []


def test_what_a_year_is_owed_ends_once_its_invoice_has_it(books: InvoicedBooks) -> None:
    books.use(3, 10)
    books.read_days()
    year = books.end - timedelta(days=365)
    books.subscribe(created_at=year)
    books.pipeline.advance(hours=2)
    books.bill(4, period_start=year)
    books.compare()
    assert told(books) == {books.customer: 6}
    books.bill(4, "void", period_start=year)
    books.bill(10, invoice_id="in_2", period_start=year)
    books.compare()
    assert told(books) == {}


def test_of_a_tenant_with_two_customers_each_is_told_also_when_they_are_far_apart(
    billed: InvoicedBooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    books, customer = billed, billed.customer
    map_tenants(books, ("cohoes", "cus_0"))
    books.use(5, 3, "moved.csv")
    books.customer = "cus_0"
    books.bill(0, invoice_id="in_2")
    monkeypatch.setattr(comparing, "BATCH", 1)
    books.read_days()
    for _ in range(2):
        books.compare()
        assert told(books) == {customer: 6, "cus_0": 3}


def test_what_was_corrected_and_is_not_used_after_all_is_to_be_given_back(books: InvoicedBooks) -> None:
    books.use(3, 10)
    books.read_days()
    books.compare()
    settle(books, How.INVOICED_BY_HAND)
    books.compare()
    assert told(books) == {}
    line, hour = books.pipeline, books.hour(3)
    withdraw_file(
        line.database, LocalLanding(str(line.landing)), f"{hour.folder}/a.csv", "a test bench", "ada", line.clock
    )
    line.run(hour)
    books.compare()
    assert told(books) == {books.customer: -10}


def test_a_process_that_dies_before_it_has_told_is_made_good_for_by_the_next(billed: InvoicedBooks) -> None:
    """Too little becomes too much, and back; each time nothing is told for a moment longer than the books say."""
    for status, expected in (("void", 10), ("paid", -5)):
        billed.pipeline.advance(hours=1)
        billed.bill(4 if status == "void" else 15, status)
        with pytest.raises(ProcessDied):
            compare_invoices(billed.pipeline.as_run(dies_after(Failpoint.READ_BACK_WRITTEN)))
        billed.compare()
        assert told(billed) == {billed.customer: expected}


def test_whole_months_are_compared_so_that_no_row_of_a_time_wanders_with_the_clock() -> None:
    now = datetime(2026, 5, 20, 7, 30, tzinfo=UTC)
    assert comparing.compared_since(now) == Month.containing(now - comparing.COMPARED_BACK).start
