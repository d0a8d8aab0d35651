"""What the report and the marts say is what is known, and no more."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.finance.pages.page import render_page
from fridge_pipeline.finance.pages.tables import SECTIONS
from fridge_pipeline.finance.pages.words import verdict_in_words
from fridge_pipeline.finance.rules.month_summary import summarize
from tests.console_script import Run
from tests.finance.report.books import MADE_AT, quiet_books, tie_out_of, with_tie_out
from tests.finance.report.html_reading import PageRead
from tests.pipeline import Pipeline, readings


def test_hours_of_which_nothing_was_stated_are_not_called_unread_since_they_were_stated() -> None:
    books = quiet_books(["tenant-01"], days=1)
    nothing = [
        pl.lit(None, tie_out_of(books).schema[name]).alias(name)
        for name in ("stated_quantity", "stripe_quantity", "stripe_read_at", "difference_in_stripe")
    ]
    never_stated = with_tie_out(books, tie_out_of(books).with_columns(*nothing, status=pl.lit("explained")))
    _, word, sentence = verdict_in_words(summarize(never_stated))
    assert word == "Nothing of it was stated to Stripe"
    assert "since" not in sentence


def test_a_month_without_expected_sensors_does_not_say_that_all_of_them_reported() -> None:
    said = {section.anchor: section.nothing for section in SECTIONS}["data-gaps"]
    assert said == "No sensor fell silent of those that were expected: with readings in 12 of the 24 hours before."


def test_sums_of_active_sensors_are_called_sensor_hours() -> None:
    page = PageRead(render_page(quiet_books(["tenant-01"], days=1), [], MADE_AT))
    assert "active_sensors (sensor-hours)" in page.table("One row per meter.").column("Meter")


def test_unmapped_usage_that_stripe_takes_no_more_is_lost_and_does_not_wait(pipeline: Pipeline) -> None:
    hour = Hour.containing(pipeline.clock.now - timedelta(days=35, hours=2))
    pipeline.clock.now = hour.plus(2).start
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 10))
    pipeline.run(hour)
    pipeline.run_models(hour)
    assert pipeline.rows("select kind from fridge.exceptions_open limit 1") == [("unmapped",)]
    assert pipeline.rows("select distinct cause_in_ledger from fridge.tie_out") == [("too_late",)]
    assert pipeline.rows("select * from fridge.unmapped_usage") == []


def test_quantities_of_the_marts_divide_into_shares(pipeline: Pipeline) -> None:
    integers = pipeline.rows(
        "select table_name, column_name from information_schema.columns where table_schema = 'fridge'"
        " and table_name = any(%s) and (column_name like '%%quantity' or column_name like 'difference%%')"
        " and data_type <> 'numeric'",
        [
            "usage_hourly",
            "usage_daily",
            "usage_monthly",
            "tie_out",
            "billing_ledger",
            "unmapped_usage",
            "derived_usage",
            "usage_by_service_month",
        ],
    )
    assert integers == []


def test_a_backtest_of_hours_without_usage_says_that_there_was_nothing_to_compare(run: Run) -> None:
    found = run("backtest", "--from", "2026-01-01-00:00", "--to", "2026-01-01-01:00")
    assert (found.returncode, found.stdout.splitlines()[-1]) == (0, "there was nothing to compare")
