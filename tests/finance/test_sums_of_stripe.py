"""What is shown as Stripe's is what Stripe answered: nobody changes it by changing our own books."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fridge_pipeline.calendar.days import DayRange, Month, day_of
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.finance.close_month import prepare_month
from fridge_pipeline.finance.month_totals import MonthNotReadyError
from fridge_pipeline.finance.verify_evidence import UnexplainedError, verify_evidence
from fridge_pipeline.settings import MODELS_FOLDER
from tests.finance.books import READINGS, FinanceBooks, more_readings
from tests.finance.evidence.books import make
from tests.people import signed_in
from tests.pipeline import CLOSE_AFTER, Pipeline, readings

JANUARY = Month.from_key("2026-01")
HOUR = Hour.from_key("2026-01-31-20:00")

#: Fourteen readings more, in every table that has a say in it but those of what Stripe answered.
FORGED = {
    "landing_files": "update fridge.landing_files set row_count = row_count + 14, inserted_count = inserted_count + 14",
    "landing_file_tenants": (
        "update fridge.landing_file_tenants set row_count = row_count + 14, inserted_count = inserted_count + 14"
    ),
    "stored_readings": (
        "insert into fridge.stored_readings (recorded_at, temperature_c, sensor_key, file_id)"
        " select recorded_at + n * interval '1 millisecond', temperature_c, sensor_key, file_id"
        " from (select * from fridge.stored_readings limit 1) as one, generate_series(1, 14) as n"
    ),
    "usage": "update fridge.usage set quantity = quantity + 14 where measure = 'inserted_count'",
    "meter_events": "update fridge.meter_events set value = value + 14 where event_name = 'temperature_readings'",
    "stripe_reconciliation": (
        "update fridge.stripe_reconciliation set usage_value = usage_value + 14, ledger_value = ledger_value + 14"
        " where event_name = 'temperature_readings'"
    ),
}


@pytest.fixture
def books(pipeline: Pipeline) -> FinanceBooks:
    """On 2 February: an hour of January of which Stripe has, and has shown, 409 readings."""
    pipeline.clock.now = datetime(2026, 2, 2, 8, tzinfo=UTC)
    pipeline.advance()
    pipeline.add_tenant("cohoes")
    pipeline.land(HOUR, "a.csv", readings("cohoes", HOUR, 1, 409))
    pipeline.run(HOUR)
    pipeline.clock.advance(hours=8)
    pipeline.reconcile(DayRange(day_of(HOUR), day_of(HOUR)))
    pipeline.run_models(HOUR)
    return FinanceBooks(pipeline, pipeline.clock.now)


def prepare(books: FinanceBooks) -> None:
    run = replace(books.pipeline.as_run(), database=signed_in(books.pipeline.database, "ada"))
    prepare_month(run, JANUARY, "Ada", MODELS_FOLDER, CLOSE_AFTER, "its last day is read, and no other")


def side_by_side(books: FinanceBooks) -> list[tuple[object, ...]]:
    return books.pipeline.rows(
        "select inserted, derived_quantity, usage_quantity, stated_quantity, stripe_quantity::int, status"
        " from fridge.tie_out where meter = %s",
        READINGS,
    )


def test_all_of_our_books_changed_alike_do_not_change_what_stripe_answered(books: FinanceBooks, tmp_path: Path) -> None:
    line = books.pipeline
    assert side_by_side(books) == [(409, 409, 409, 409, 409, "tied")]
    assert line.failing_tests() == set()
    assert (
        "Stripe's sum of each of 2 hours is what Stripe answered, and what was stated"
        in make(line, JANUARY, tmp_path / "before.zip").held
    )

    for table, statement in FORGED.items():
        assert books.behind_the_program(statement, table) > 0, table
    line.run_models(HOUR)

    assert side_by_side(books) == [(423, 423, 423, 423, 409, "unexplained")]
    assert line.failing_tests() == {"nothing_is_unexplained"}
    with pytest.raises(MonthNotReadyError, match=r"cohoes temperature_readings .*: -14 \(missing_in_stripe\)"):
        prepare(books)
    held = make(line, JANUARY, tmp_path / "after.zip").held
    told = (
        r"after.zip: .* nothing explains -14 temperature_readings in 1 hours: tenant 'cohoes'.*: stated 423, Stripe 409"
    )
    with pytest.raises(UnexplainedError, match=told):
        list(verify_evidence(tmp_path / "after.zip"))
    assert (
        "Stripe's sum of each of 2 hours is what Stripe answered; in 1 of them it is not what was stated: "
        "-14 temperature_readings in all, 1 hours unexplained"
    ) in held


def test_whoever_changes_stripes_sums_too_contradicts_what_their_day_came_to(books: FinanceBooks) -> None:
    for table, statement in FORGED.items():
        books.behind_the_program(statement, table)
    books.behind_the_program("update fridge.stripe_sums set quantity = 423 where quantity = 409", "stripe_sums")
    books.pipeline.run_models(HOUR)
    assert side_by_side(books) == [(423, 423, 423, 423, 423, "tied")]
    assert books.pipeline.failing_tests() == {"sums_of_stripe_add_up"}


def test_an_hour_of_which_only_the_day_was_read_is_not_read(books: FinanceBooks) -> None:
    line = books.pipeline
    books.behind_the_program("update fridge.stripe_day_reads set read_by = 'day'", "stripe_day_reads")
    assert (
        line.rows("select stripe_quantity, stripe_read_at, status from fridge.tie_out")
        == [(None, None, "not_read")] * 2
    )


def test_what_was_read_before_the_hour_was_stated_anew_is_not_its_sum(books: FinanceBooks) -> None:
    line = books.pipeline
    line.clock.advance(minutes=1)
    line.land(HOUR, "late.csv", more_readings("cohoes", HOUR, 2))
    line.run(HOUR)
    line.run_models(HOUR)
    assert side_by_side(books) == [(411, 411, 411, 411, None, "not_read")]
    refused = (
        r"1 hours changed in the ledger after .*\(cohoes temperature_readings 2026-01-31-20:00\): .* about 1 reads"
    )
    with pytest.raises(MonthNotReadyError, match=f"{refused}.* --from 2026-01-31 --to 2026-01-31"):
        prepare(books)
    line.clock.advance(hours=8)
    line.reconcile(DayRange(day_of(HOUR), day_of(HOUR)))
    assert side_by_side(books) == [(411, 411, 411, 411, 411, "tied")]
    prepare(books)
