"""A word means the same number wherever it is read: on the console's pages, in lists, and in the tie-out."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import openpyxl
import pytest
from psycopg.rows import dict_row

from fridge_pipeline.billing.assets import bill_metadata
from fridge_pipeline.billing.decisions_record import Subject, decide
from fridge_pipeline.billing.hour_states import Delivery, hour_states
from fridge_pipeline.billing.rules import waiting
from fridge_pipeline.calendar.days import Month, day_of
from fridge_pipeline.calendar.hours import HourRange
from fridge_pipeline.catalogue.measure import Aggregate, Measure
from fridge_pipeline.console import table_files
from fridge_pipeline.console.frame import Field, Table
from fridge_pipeline.corrections.settle import Decision, settle_exceptions
from fridge_pipeline.corrections.withdraw import withdraw_file
from fridge_pipeline.database.queries import statement, statements
from fridge_pipeline.database.run import Failpoint
from fridge_pipeline.finance.close_month import sign_month
from fridge_pipeline.finance.explain_hour import explain_hour
from fridge_pipeline.finance.month_record import month_rows
from fridge_pipeline.finance.pages.columns import Column
from fridge_pipeline.finance.pages.words import ACTIONS
from fridge_pipeline.finance.rules.signoff import Action, Signoff
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.invoices.compared import compared_invoices
from fridge_pipeline.invoices.invoice_record import Reading, add_invoice, keep_prices
from fridge_pipeline.reason_terms import How
from fridge_pipeline.stripe.rules.invoice import Invoice, InvoiceLine, InvoiceStatus
from tests.finance.books import READINGS, FinanceBooks, more_readings
from tests.finance.evidence.books import HOURS, JANUARY, close, fill
from tests.invoices.shapes import PRICES
from tests.people import signed_in
from tests.pipeline import CLOSE_AFTER, Pipeline, ProcessDied, dies_after

COMPARED = """
    insert into fridge.invoice_comparisons (
        invoice_id, tenant_id, stripe_customer_id, event_name, period_start, period_end, usage_quantity,
        accepted_quantity, invoice_quantity, difference, compared_at
    ) values ('in_1', 'cohoes', %s, %s, %s, %s, 10, 10, 10, 0, now())
"""

#: What the page of January asks.
AT_JANUARY = {"month_day": JANUARY.first_day, "month_start": JANUARY.start, "month_end": JANUARY.end}

#: What a page asks where its address asks for nothing.
UNASKED = ("tenant", "kind", "state", "n", "seed", "month_day", "month_start", "month_end")


def shown(pipeline: Pipeline, query: str, **asked: object) -> list[dict[str, Any]]:
    """The rows of a table of the console."""
    parameters = {**dict.fromkeys(UNASKED), "now": pipeline.clock(), **asked}
    with pipeline.database.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement(query), parameters).fetchall()


def of_month(books: FinanceBooks) -> dict[str, object]:
    """What a page asks whose address names the month of the books."""
    month = Month.containing(books.first.start)
    return {"month_day": month.first_day, "month_start": month.start, "month_end": month.end}


def refuse(books: FinanceBooks) -> None:
    """Two tenants' readings of the first hour."""
    for tenant in ("cohoes", "troy"):
        books.fault(tenant, kind="refuse", message="The value has too many digits")


def invoiced(line: Pipeline, customer: str, bills: InvoiceLine, status: InvoiceStatus = InvoiceStatus.PAID) -> str:
    """An invoice with one line was read."""
    final = None if status is InvoiceStatus.DRAFT else line.clock()
    invoice = Invoice(
        invoice_id="in_1",
        customer_id=customer,
        status=status,
        billing_reason="subscription_cycle",
        currency="usd",
        created_at=line.clock(),
        finalized_at=final,
        lines=(bills,),
    )
    with line.database.connect() as connection, connection.transaction():
        keep_prices(connection, PRICES.values(), {}, Reading(line.clock(), "test"))
        add_invoice(connection, invoice, Reading(line.clock(), "test"))
    return "in_1"


def test_what_stripe_refused_is_of_its_meter_and_held_and_its_hour_waits_for_it(books: FinanceBooks) -> None:
    refuse(books)
    books.land_and_bill()
    books.look()
    line = books.pipeline
    by_cause = [(row["kind"], row["meter"], row["owed"]) for row in shown(line, "console_unbilled_by_cause")]
    assert by_cause == [("refused", READINGS, 25)]
    assert {row["meter"] for row in shown(line, "console_unbilled")} == {READINGS}
    assert [(row["meter"], row["owed"]) for row in shown(line, "console_ageing")] == [(READINGS, 25)]
    days = [row for row in shown(line, "console_days") if row["meter"] == READINGS and row["held"]]
    assert [(row["held"], row["waiting"]) for row in days] == [(25, 0)]
    hours = shown(line, "console_tenant_hours", **{**of_month(books), "tenant": "troy"})
    assert [row["waits_for"] for row in hours if row["waits_for"]] == ["refused"]


def test_what_people_have_settled_of_a_day_does_not_wait_for_delivery(pipeline: Pipeline) -> None:
    books = FinanceBooks(pipeline, pipeline.clock.now)
    books.land_and_bill()
    for tenant, how in (("cohoes", How.INVOICED_BY_HAND), ("troy", How.WRITTEN_OFF)):
        ids = pipeline.rows("select exception_id from fridge.open_exceptions where tenant_id = %s", tenant)
        settle_exceptions(pipeline.as_run(), [each for (each,) in ids], Decision(how, "by mail", "mail 7"))
    books.look()
    days = [row for row in shown(pipeline, "console_days") if row["meter"] == READINGS and row["used"]]
    assert [[int(row[name]) for name in ("used", "billed", "held", "waiting", "lost")] for row in days] == [
        [58, 20, 8, 0, 30]
    ] * 2


def test_of_an_hour_that_is_stated_anew_only_the_change_is_being_delivered(books: FinanceBooks) -> None:
    books.land_and_bill()
    line, hour = books.pipeline, books.first
    line.land(hour, "late.csv", more_readings("cohoes", hour, 1))
    with suppress(ProcessDied):
        line.run(hour, at_failpoint=dies_after(Failpoint.STAGED))
    books.run_models()
    (row,) = shown(line, "console_unbilled_by_cause")
    assert (row["waiting_for"], row["owed"], row["tenant_hours"]) == ("being_delivered", 1, 1)


def test_usage_that_was_counted_and_not_stated_yet_is_not_said_to_be_with_stripe(books: FinanceBooks) -> None:
    books.land()
    line, hour = books.pipeline, books.first
    line.load(hour)
    line.count(hour)
    books.run_models()
    found = {row["meter"]: (row["waiting_for"], row["owed"]) for row in shown(line, "console_unbilled_by_cause")}
    assert found[READINGS] == ("being_delivered", 29)
    oldest = {row["freshness"]: row["moment"] for row in shown(line, "console_freshness")}["oldest_unbilled"]
    assert oldest == hour.start


def test_a_sample_and_the_tie_out_say_the_same_was_stated_on_a_meter_that_adds_up(raw_books: FinanceBooks) -> None:
    raw_books.land_and_bill()
    for hour in raw_books.hours[:2]:
        raw_books.deliver_late(hour, more_readings("cohoes", hour, 3))
    raw_books.run_models()
    assert raw_books.restatements()
    tied = raw_books.pipeline.rows("select tenant_id, hour, meter, stated_quantity from fridge.tie_out")
    told = {tuple(key): stated for *key, stated in tied}
    sample = shown(raw_books.pipeline, "console_sample", **{**of_month(raw_books), "n": 200})
    assert {row["stated_quantity"] for row in sample} >= {13}
    for row in sample:
        assert row["stated_quantity"] == told[row["tenant_id"], row["hour"], row["meter"]]


def test_a_tenants_share_of_what_was_settled_together_is_among_its_settlements(pipeline: Pipeline) -> None:
    hour = FinanceBooks(pipeline, pipeline.clock.now).first
    with pipeline.database.connect() as connection:
        connection.execute(
            "insert into fridge.exceptions (kind, hour, subject, detail, opened_at, owed)"
            " values ('unmapped', %s, %s, 'd', now(), 5)",
            [hour.start, READINGS],
        )
        connection.execute(
            "insert into fridge.settlement_decisions (exception_id, event_name, how, quantity, shares, reason)"
            " values (1, %s, 'written_off', 5, '{\"erie\": 2, \"troy\": 3}', 'x')",
            [READINGS],
        )
    assert [row["settled_quantity"] for row in shown(pipeline, "console_settlements", tenant="troy")] == [3]
    assert [row["settled_quantity"] for row in shown(pipeline, "console_settlements")] == [5]
    assert shown(pipeline, "console_settlements", tenant="albany") == []
    assert [row["tenants"] for row in shown(pipeline, "console_ageing")] == [None]


def test_days_on_which_nobody_looked_into_stripe_are_days_not_read(books: FinanceBooks) -> None:
    books.land_and_bill()
    books.run_models()
    line = books.pipeline
    checks = shown(line, "console_checks", now=books.now + timedelta(days=2))
    assert {row["check_name"]: row["contradicting"] for row in checks}["stripe_is_read"] == 12
    days = {day_of(hour) for hour in books.hours if Month.containing(hour.start) == Month.containing(books.first.start)}
    figures = shown(line, "console_month_figures", **of_month(books))
    assert {row["meter"]: row["tenant_days_not_read"] for row in figures}[READINGS] == 3 * len(days)
    books.look()
    assert {row["tenant_days_not_read"] for row in shown(line, "console_month_figures", **of_month(books))} == {0}


def test_what_stripe_showed_before_a_cancellation_is_no_figure_of_the_hour(raw_books: FinanceBooks) -> None:
    line, hour = raw_books.pipeline, raw_books.first
    line.sandbox.set_clock(now=(raw_books.now - timedelta(hours=9)).timestamp())
    raw_books.land_and_bill()
    line.clock.advance(minutes=1)
    raw_books.reconcile()
    line.clock.advance(minutes=1)
    with line.database.connect() as connection:
        connection.execute(
            "insert into fridge.meter_event_adjustments (identifier, staged_at, first_sent_at, settled_at, status,"
            " run_id) select identifier, %s, %s, %s, 'accepted', run_id from fridge.meter_events"
            " where tenant_id = 'cohoes' and hour = %s and event_name = %s",
            [line.clock()] * 3 + [hour.start, READINGS],
        )
    raw_books.run_models()
    seen = "select stripe_quantity from fridge.tie_out where tenant_id = 'cohoes' and hour = %s and meter = %s"
    assert line.one(seen, hour.start, READINGS) is None
    hours = shown(line, "console_tenant_hours", **{**of_month(raw_books), "tenant": "cohoes"})
    (row,) = (row for row in hours if (row["hour"], row["meter"]) == (hour.start, READINGS))
    assert row["stripe_quantity"] is None


def test_exceptions_of_a_month_are_also_those_without_an_hour_that_came_up_in_it(books: FinanceBooks) -> None:
    with books.pipeline.database.connect() as connection:
        connection.execute(
            "insert into fridge.exceptions (kind, subject, detail, opened_at)"
            " values ('not_stated_by_us', 'm', 'd', %s)",
            [books.first.start],
        )
    assert len(shown(books.pipeline, "console_exceptions", **of_month(books))) == 1


def test_what_is_wrong_on_an_invoice_does_not_hide_that_an_hour_is_undelivered(books: FinanceBooks) -> None:
    books.land()
    line, hour = books.pipeline, books.first
    line.load(hour)
    line.count(hour)
    with line.database.connect() as connection:
        connection.execute(
            "insert into fridge.exceptions (kind, tenant_id, hour, subject, detail, opened_at)"
            " select 'not_invoiced', tenant_id, %s, %s, 'd', now() from fridge.tenants",
            [hour.start, READINGS],
        )
        connection.execute(
            "insert into fridge.exceptions (kind, tenant_id, hour, subject, detail, opened_at)"
            " select 'held_for_review', tenant_id, %s, 'active_sensors', 'd', now() from fridge.tenants",
            [hour.start],
        )
        (state,) = hour_states(connection, HourRange(hour, hour), line.catalogue)
    assert (state.unstated, state.delivery) == (3, Delivery.UNDELIVERED)


def test_a_declared_measure_that_nothing_was_counted_of_is_said_to_have_no_data(books: FinanceBooks) -> None:
    alarms = Measure("alarms", Aggregate.COUNT)
    books.pipeline.catalogue += (replace(books.pipeline.catalogue[0], event_name="alarms", measure=alarms),)
    found = explain_hour(books.pipeline.as_run(), None, "cohoes", books.first, CLOSE_AFTER)
    assert found.usage == {"inserted_count": None, "active_sensors": None, "alarms": None}


def test_a_line_shows_the_hours_of_a_tenant_that_has_another_customer_now(books: FinanceBooks) -> None:
    books.land_and_bill()
    line, hour = books.pipeline, books.first
    customer = line.customers["cohoes"]
    bills = InvoiceLine("il_1", "unit", "sub_1", "si_1", hour.start, hour.plus(1).start, Decimal(10), 500)
    invoice = invoiced(line, customer, bills)
    with line.database.connect() as connection:
        connection.execute(COMPARED, [customer, READINGS, hour.start, hour.plus(1).start])
    line.add_tenant("cohoes")
    books.run_models()
    asked = {"invoice": invoice, "line": "il_1"}
    found = [(row["tenant_id"], row["stated_quantity"]) for row in shown(line, "console_line_hours", **asked)]
    assert found == [("cohoes", 10)]
    line.add_tenant("troy", customer)
    found = [(row["tenant_id"], row["stated_quantity"]) for row in shown(line, "console_line_hours", **asked)]
    assert found == [("cohoes", 10), ("troy", None)], "troy's was stated to another customer"


def test_an_invoice_stays_with_its_tenant_when_that_gets_another_customer(books: FinanceBooks) -> None:
    books.land_and_bill()
    line, hour = books.pipeline, books.first
    customer = line.customers["cohoes"]
    bills = InvoiceLine("il_1", "unit", "sub_1", "si_1", hour.start, hour.plus(1).start, Decimal(10), 500)
    invoiced(line, customer, bills)
    with line.database.connect() as connection:
        connection.execute(COMPARED, [customer, READINGS, hour.start, hour.plus(1).start])
    line.add_tenant("cohoes")
    asked = {**of_month(books), "month_start": None, "status": None, "compared": None, "tenant": "cohoes"}
    found = [(row["invoice_id"], row["tenant_name"]) for row in shown(line, "console_invoices", **asked)]
    assert found == [("in_1", "Cohoes")]


def test_an_invoice_that_nobody_compared_does_not_agree_and_a_draft_is_not_invoiced(books: FinanceBooks) -> None:
    books.land_and_bill()
    line, hour = books.pipeline, books.first
    customer = line.customers["cohoes"]
    bills = InvoiceLine("il_1", "unit", "sub_1", "si_1", hour.start, hour.plus(1).start, Decimal(10), 500)
    invoiced(line, customer, bills, InvoiceStatus.DRAFT)
    asked = {**of_month(books), "month_start": None, "status": None, "compared": "agree"}
    assert shown(line, "console_invoices", **asked) == []
    with line.database.connect() as connection:
        connection.execute(COMPARED, [customer, READINGS, hour.start, hour.plus(1).start])
    assert len(shown(line, "console_invoices", **asked)) == 1
    books.run_models()
    figures = {row["meter"]: row["invoiced"] for row in shown(line, "console_month_figures", **of_month(books))}
    assert figures[READINGS] is None


def test_a_session_in_another_time_zone_finds_the_exception_of_a_period(books: FinanceBooks) -> None:
    line, hour = books.pipeline, books.first
    end = hour.plus(1).start
    with line.database.connect() as connection:
        connection.execute("set timezone to 'Asia/Kolkata'")
        connection.execute(COMPARED, ["cus_x", READINGS, hour.start, end])
        connection.execute(
            "insert into fridge.exceptions (kind, tenant_id, hour, subject, detail, opened_at)"
            " values ('not_invoiced', 'cohoes', %s, %s, 'd', now())",
            [hour.start, READINGS],
        )
        assert [each.is_open for each in compared_invoices(connection, hour.start, end)] == [True]


def test_what_was_signed_stands_though_nothing_is_left_of_it(pipeline: Pipeline) -> None:
    fill(pipeline)
    close(pipeline, JANUARY)
    zone = LocalLanding(str(pipeline.landing))
    brought = "select path from fridge.landing_files where inserted_count > 0 and landing_hour < %s"
    for (path,) in pipeline.rows(brought, HOURS[2].start):
        withdraw_file(pipeline.database, zone, path, "test bench", "ada", pipeline.clock)
    pipeline.run(HOURS[0], HOURS[1])
    pipeline.run_models(HOURS[0], HOURS[-1])
    asked = {"month_day": JANUARY.first_day, "month_start": JANUARY.start, "month_end": JANUARY.end}
    figures = shown(pipeline, "console_month_figures", **asked)
    assert [(row["meter"], row["signed_usage"], row["usage_now"]) for row in figures] == [
        ("active_sensors", 31, None),
        (READINGS, 92, None),
    ]
    standing = [row for row in shown(pipeline, "console_standing") if row["usage_month"] == JANUARY.first_day]
    assert [(row["month_state"], row["signed_usage"], row["change_in_usage"]) for row in standing] == [
        ("closed", 31, -31),
        ("closed", 92, -92),
    ]


def test_of_tenants_that_are_told_together_each_hour_says_that_it_waits(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "TOLD_ALONE_MAX", 1)
    books = FinanceBooks(pipeline, pipeline.clock.now)
    books.land_and_bill()
    books.run_models()
    for tenant in ("albany", "cohoes", "troy"):
        rows = shown(pipeline, "console_tenant_hours", **{**of_month(books), "tenant": tenant})
        assert {row["waits_for"] for row in rows} == {"unmapped"}, tenant
    assert {row["tenants"] for row in shown(pipeline, "console_ageing")} == {None}
    assert {row["tenants"] for row in shown(pipeline, "console_exceptions_by_kind")} == {None}


def test_a_workbook_that_leaves_rows_out_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table("t", "T", "q", "One row.", (Field(Column("n", "N")),), "None.")
    for rows_max, last in ((2, table_files.CUT), (3, "c")):
        monkeypatch.setattr(table_files, "SHEET_ROWS_MAX", rows_max)
        book = openpyxl.load_workbook(BytesIO(table_files.as_workbook([(table, [{"n": n} for n in "abc"])], "")))
        assert [cell.value for cell in book["T"]["A"]][-1] == last


def test_what_a_final_invoice_bills_is_not_accrued_once_its_tenant_has_another_customer(books: FinanceBooks) -> None:
    books.land_and_bill()
    line, customer = books.pipeline, books.pipeline.customers["cohoes"]
    start = books.first.start.replace(hour=0)
    end = start + timedelta(days=2)
    invoiced(line, customer, InvoiceLine("il_1", "unit", "sub_1", "si_1", start, end, Decimal(40), 2000))
    with line.database.connect() as connection:
        connection.execute(COMPARED, [customer, READINGS, start, end])
    books.run_models()
    accrued = "select cause, quantity::int from fridge.unbilled_accrual where tenant_id = 'cohoes' and meter = %s"
    assert line.rows(accrued, READINGS) == []
    line.add_tenant("cohoes")
    books.run_models()
    assert line.rows(accrued, READINGS) == []


def test_an_hour_whose_usage_waits_is_not_said_to_have_none(pipeline: Pipeline) -> None:
    books = FinanceBooks(pipeline, pipeline.clock.now)
    books.land()
    (bill,) = pipeline.run(books.first).hours
    assert bill_metadata(bill)["state"] == "nothing is stated: see the exceptions"
    (empty,) = pipeline.run(books.first.plus(-1)).hours
    assert bill_metadata(empty)["state"] == "no usage to state"


def test_every_signature_is_said_in_words() -> None:
    assert ACTIONS.keys() == set(Action)


def test_a_switch_that_was_set_when_the_month_was_over_is_shown_in_it_while_its_hours_can_be_stated(
    pipeline: Pipeline,
) -> None:
    decide(signed_in(pipeline.database, "olga"), Subject.VARIANCE, "off", "the new cold store")
    ended = Month.containing(datetime.now(UTC)).before
    with pipeline.database.connect() as connection:
        shown_in_month = month_rows(connection, "decisions_in_force", ended)["setting"].to_list()
    assert shown_in_month == ["hold", "off"]


def test_how_a_month_stands_reads_the_same_on_console_and_report_at_every_step(pipeline: Pipeline) -> None:
    fill(pipeline)
    at, totals = max(pipeline.clock(), JANUARY.end), {"meters": {READINGS: {"usage": 1}}}
    steps = (
        ("ada", Action.PREPARE, "", totals, ("prepared", "ada (Ada L.)", None)),
        ("grace", Action.APPROVE, "", None, ("closed", "ada (Ada L.)", "grace (Ada L.)")),
        ("ada", Action.ASK_TO_REOPEN, "late files", None, ("closed", "ada (Ada L.)", "grace (Ada L.)")),
        ("grace", Action.REOPEN, "late files", None, ("open", None, None)),
    )
    with pipeline.database.connect() as connection:
        for login, action, reason, figures, stands in steps:
            signoff = Signoff(action, "Ada L.", at, figures, reason or None)
            sign_month(signed_in(pipeline.database, login), connection, JANUARY, signoff)
            (row,) = (each for each in shown(pipeline, "console_months") if each["usage_month"] == JANUARY.first_day)
            assert (row["month_state"], row["prepared_by"], row["month_approved_by"]) == stands
            report = month_rows(connection, "month_status", JANUARY).row(0, named=True)
            assert (report["status"], report["prepared_by"], report["approved_by"]) == stands
            signed = [each["signed_usage"] for each in shown(pipeline, "console_month_figures", **AT_JANUARY)]
            assert any(figure is not None for figure in signed) is (stands[0] != "open")


def test_only_one_statement_works_out_how_a_month_stands() -> None:
    """The others tell of single signatures, or count them."""
    asking = {name for name, text in statements().items() if "console_" in name and "fridge.month_signoffs" in text}
    assert asking == {"console_signoffs", "console_month_exists", "console_checks"}
