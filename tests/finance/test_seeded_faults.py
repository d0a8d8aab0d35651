"""Faults in stored data, statements and Stripe, one each: every one shows with its cause, and only where it is."""

from __future__ import annotations

import dagster as dg
import pytest

from fridge_pipeline.billing.collect_refusals import collect_refusals
from fridge_pipeline.calendar.days import day_of
from fridge_pipeline.database.check_models import check_models
from fridge_pipeline.database.exceptions import ExceptionKey, open_exception
from fridge_pipeline.database.models import read_models
from fridge_pipeline.database.run import Failpoint
from fridge_pipeline.orchestration.automation import RECONCILE_DAYS
from fridge_pipeline.settings import MODELS_FOLDER
from tests.finance.books import READINGS, SENSORS, TENANTS, FinanceBooks, more_readings
from tests.pipeline import ProcessDied, dies_after

#: Tenants times meters times hours.
ROWS = 3 * 2 * 4


def test_without_a_fault_every_hour_is_tied_and_every_test_holds(books: FinanceBooks) -> None:
    books.land_and_bill()
    books.look()
    assert books.statuses() == {"tied": ROWS}
    assert books.differences() == books.exceptions() == books.restatements() == []
    assert books.pipeline.failing_tests() == set()
    for tenant, (sensors, each) in TENANTS.items():
        assert (
            books.pipeline.rows(
                "select file_rows, inserted, duplicates, rejected, derived_quantity, usage_quantity, stated_quantity,"
                " stripe_quantity::int from fridge.tie_out where tenant_id = %s and meter = %s",
                tenant,
                READINGS,
            )
            == [(sensors * each, sensors * each, 0, 0, *[sensors * each] * 4)] * 4
        )
    for mart in ("data_gaps", "unmapped_usage"):
        assert books.pipeline.rows(f"select * from fridge.{mart}") == []


def test_a_reading_deleted_behind_the_programs_back_is_missing(books: FinanceBooks) -> None:
    """The usage that was billed stays what the files say; only what is stored is less."""
    books.land_and_bill()
    assert delete_readings(books, "cohoes", "s1", 1) == 1
    books.look()
    hour = books.first.key
    assert books.untied() == [("cohoes", READINGS, hour, "unexplained", "readings_missing", -1)]
    assert books.differences() == [("cohoes", READINGS, "files", 10, 9, -1, "readings_missing", False)]
    assert books.pipeline.failing_tests() == {"nothing_is_unexplained", "usage_is_what_sql_counts_too"}


def test_a_sensor_whose_readings_were_all_deleted_is_missing_on_both_meters(books: FinanceBooks) -> None:
    books.land_and_bill()
    assert delete_readings(books, "troy", "s2", 5) == 5
    books.look()
    hour = books.first.key
    assert books.untied() == [
        ("troy", SENSORS, hour, "unexplained", "sensors_changed", 1),
        ("troy", READINGS, hour, "unexplained", "readings_missing", -5),
    ]
    assert books.differences() == [
        ("troy", SENSORS, "usage", 2, 3, 1, "sensors_changed", False),
        ("troy", READINGS, "files", 15, 10, -5, "readings_missing", False),
    ]
    assert books.pipeline.failing_tests() == {"nothing_is_unexplained", "usage_is_what_sql_counts_too"}


def test_a_deleted_reading_stays_missing_when_the_hour_is_counted_anew_and_no_edit_is_blamed_for_it(
    books: FinanceBooks,
) -> None:
    books.land_and_bill()
    delete_readings(books, "cohoes", "s1", 1)
    books.pipeline.clock.advance(minutes=1)
    books.pipeline.run(books.first)
    assert books.pipeline.usage()["cohoes", books.first.key] == (9, 2)
    books.look()
    assert books.differences() == [
        ("cohoes", READINGS, "files", 10, 9, -1, "readings_missing", False),
        ("cohoes", READINGS, "ledger", 9, 10, 1, "contradiction", False),
    ]
    assert books.pipeline.failing_tests() == {"nothing_is_unexplained"}
    assert books.restatements() == [], "what contradicts its files is not restated"


def test_a_reading_added_behind_the_programs_back_is_one_too_many(books: FinanceBooks) -> None:
    books.land_and_bill()
    books.behind_the_program(
        "insert into fridge.stored_readings select recorded_at + interval '1 second', temperature_c, sensor_key,"
        " file_id from fridge.stored_readings join fridge.sensors using (sensor_key)"
        " where tenant_id = 'albany' and recorded_at = %s",
        "stored_readings",
        books.first.start,
    )
    books.look()
    assert books.untied() == [("albany", READINGS, books.first.key, "unexplained", "readings_added", 1)]
    assert books.pipeline.failing_tests() == {"nothing_is_unexplained", "usage_is_what_sql_counts_too"}


@pytest.mark.parametrize(
    ("measure", "meter", "edited", "amount"),
    [("inserted_count", READINGS, 17, 7), ("inserted_count", READINGS, 9, -1), ("active_sensors", SENSORS, 1, -1)],
)
def test_an_edited_usage_row_is_changed_and_stripe_has_not_been_told(
    books: FinanceBooks, measure: str, meter: str, edited: int, amount: int
) -> None:
    books.land_and_bill()
    edit_usage(books, measure, edited)
    books.look()
    true = edited - amount
    assert books.untied() == [("cohoes", meter, books.first.key, "unexplained", "usage_changed", amount)]
    assert books.differences() == [
        ("cohoes", meter, "usage", true, edited, amount, "usage_changed", False),
        ("cohoes", meter, "ledger", edited, true, -amount, "not_stated", False),
    ]
    assert books.pipeline.failing_tests() == {
        "no_tenant_waits_for_another",
        "nothing_is_unexplained",
        "usage_is_what_sql_counts_too",
    }


@pytest.mark.parametrize("kind", ["sk_live", "rk_live", "sk_test", "rk_test"])
def test_a_key_in_a_text_is_found_and_not_shown_again(books: FinanceBooks, kind: str) -> None:
    key = f"{kind}_{'x1Y2' * 6}"
    with books.pipeline.database.connect() as connection:
        open_exception(connection, ExceptionKey("refused", "troy", books.first, READINGS), f"bad key {key}", books.now)
    books.look()
    (found,) = [
        result
        for result in check_models(books.pipeline.database, read_models(MODELS_FOLDER))
        if result.test.name == "no_key_is_in_the_books"
    ]
    assert (found.count, key in str(found)) == (1, False)
    assert "exceptions.detail" in str(found.examples)


def test_an_edited_usage_row_is_not_billed_and_is_found(books: FinanceBooks) -> None:
    books.land_and_bill()
    edit_usage(books, "inserted_count", 17)
    books.pipeline.bill(books.first)
    books.look()
    assert books.differences() == [
        ("cohoes", READINGS, "usage", 10, 17, 7, "usage_changed", False),
        ("cohoes", READINGS, "ledger", 17, 10, -7, "contradiction", False),
    ]
    assert books.pipeline.failing_tests() == {"nothing_is_unexplained", "usage_is_what_sql_counts_too"}


def test_a_lost_receipt_is_missing_after_an_hour_and_the_next_run_settles_it(books: FinanceBooks) -> None:
    """The process dies after Stripe has executed the one call that a late file leads to."""
    books.land_and_bill()
    line, hour = books.pipeline, books.first
    line.clock.advance(minutes=1)
    line.land(hour, "late.csv", more_readings("albany", hour, 3))
    line.load(hour)
    line.count(hour)
    with pytest.raises(ProcessDied):
        line.bill(hour, at_failpoint=dies_after(Failpoint.ANSWERED))
    assert line.rows("select status from fridge.billing_ledger where revision = 2") == [("sent",)]
    books.look()
    assert books.untied() == [("albany", READINGS, hour.key, "unexplained", "receipt_missing", -3)]
    assert books.differences() == [
        ("albany", READINGS, "ledger", 7, 4, -3, "receipt_missing", False),
        ("albany", READINGS, "stripe", 4, 7, 3, "in_flight", True),
    ]
    assert line.failing_tests() == {"nothing_is_unexplained", "every_answer_has_its_receipt"}

    line.bill(hour)
    books.look()
    assert books.statuses() == {"tied": ROWS}
    assert line.failing_tests() == set()


def test_a_statement_that_was_sent_a_moment_ago_is_only_under_way(books: FinanceBooks) -> None:
    books.land_and_bill()
    line, hour = books.pipeline, books.first
    line.clock.now = books.now
    line.land(hour, "late.csv", more_readings("albany", hour, 3))
    line.load(hour)
    line.count(hour)
    with pytest.raises(ProcessDied):
        line.bill(hour, at_failpoint=dies_after(Failpoint.ANSWERED))
    books.look()
    assert books.untied() == [("albany", READINGS, hour.key, "explained", "in_flight", -3)]
    assert line.failing_tests() == set()


def test_an_event_that_stripe_never_counted_is_missing_in_stripe_and_fails_the_reconciliations_check(
    books: FinanceBooks, definitions: dg.Definitions
) -> None:
    books.land()
    books.fault("troy", kind="swallow")
    books.bill()
    books.pipeline.clock.now = books.now
    assert not stripe_agrees(books, definitions)
    books.run_models()
    ((*row, hour, status, cause, amount),) = books.untied()
    assert (row, status, cause, amount) == (["troy", READINGS], "unexplained", "missing_in_stripe", -15)
    assert books.differences() == [("troy", READINGS, "stripe", 15, 0, -15, "missing_in_stripe", False)]
    assert books.exceptions() == [("unexplained", "troy", READINGS)]
    assert hour in {each.key for each in books.hours}
    assert books.pipeline.failing_tests() == {"nothing_is_unexplained"}


def test_an_event_that_is_not_in_stripes_summaries_yet_lags_and_fails_nothing(books: FinanceBooks) -> None:
    books.land()
    books.fault("troy", kind="swallow")
    books.bill()
    books.pipeline.clock.advance(hours=1)
    books.reconcile()
    books.run_models()
    ((_, _, _, status, cause, amount),) = books.untied()
    assert (status, cause, amount) == ("explained", "lagging", -15)
    assert books.pipeline.failing_tests() == set()


def test_an_event_that_stripe_counted_twice_is_in_excess_at_once(raw_books: FinanceBooks) -> None:
    raw_books.land()
    raw_books.fault("cohoes", kind="count_twice")
    raw_books.bill()
    raw_books.look()
    ((*row, _, status, cause, amount),) = raw_books.untied()
    assert (row, status, cause, amount) == (["cohoes", READINGS], "unexplained", "excess_in_stripe", 10)
    assert raw_books.differences() == [("cohoes", READINGS, "stripe", 10, 20, 10, "excess_in_stripe", False)]
    assert raw_books.exceptions() == [("unexplained", "cohoes", READINGS)]
    assert raw_books.pipeline.failing_tests() == {"nothing_is_unexplained"}


def test_usage_that_somebody_else_stated_in_an_hour_without_readings_is_in_excess(raw_books: FinanceBooks) -> None:
    raw_books.land_and_bill()
    line, stranger = raw_books.pipeline, raw_books.first.plus(3)
    line.sandbox.client().v1.billing.meter_events.create(
        {
            "event_name": READINGS,
            "timestamp": int(stranger.start.timestamp()) + 60,
            "payload": {"stripe_customer_id": line.customers["cohoes"], "value": "4"},
        }
    )
    raw_books.look()
    assert raw_books.untied() == [("cohoes", READINGS, stranger.key, "unexplained", "not_stated_by_us", 4)]
    assert raw_books.differences() == [("cohoes", READINGS, "stripe", None, 4, 4, "not_stated_by_us", False)]


def test_an_hour_stays_with_a_customer_of_whom_stripe_refused_the_second_revision_later(books: FinanceBooks) -> None:
    """The first one counts at Stripe all the time, so that a new customer is not billed the whole hour once more."""
    books.land_and_bill()
    line, hour = books.pipeline, books.first
    line.sandbox.settings(report_seconds=0)
    books.fault("cohoes", kind="refuse_asynchronously")
    books.deliver_late(hour, more_readings("cohoes", hour, 2))
    collect_refusals(line.database, lambda: line.gateway, line.catalogue, None, line.clock)
    line.add_tenant("cohoes")
    line.bill(hour)
    assert line.stripe_totals("cohoes") == {}
    books.look()
    assert books.differences() == [("cohoes", READINGS, "ledger", 12, 10, -2, "customer_gone", True)]
    assert [revision[6] for revision in books.restatements()] == [f"late file: {hour.folder}/late.csv"]
    assert books.exceptions() == [("customer_gone", "cohoes", READINGS)]


def delete_readings(books: FinanceBooks, tenant: str, sensor: str, number: int) -> int:
    """Deletes the last readings of a sensor in the first hour."""
    return books.behind_the_program(
        "delete from fridge.stored_readings where (recorded_at, sensor_key) in ("
        " select recorded_at, sensor_key from fridge.stored_readings join fridge.sensors using (sensor_key)"
        " where tenant_id = %s and sensor_id = %s and recorded_at >= %s and recorded_at < %s"
        " order by recorded_at desc limit %s)",
        "stored_readings",
        tenant,
        sensor,
        books.first.start,
        books.first.end,
        number,
    )


def edit_usage(books: FinanceBooks, measure: str, edited: int) -> None:
    """Writes another usage of cohoes' first hour over the one that was counted."""
    with books.pipeline.database.connect() as connection:
        connection.execute(
            "update fridge.usage set quantity = %s where measure = %s and tenant_id = 'cohoes' and hour = %s",
            [edited, measure, books.first.start],
        )


def stripe_agrees(books: FinanceBooks, definitions: dg.Definitions) -> bool:
    """Runs Dagster's reconciliation of both days; what its check says."""
    days = [day_of(books.hours[0]).isoformat(), day_of(books.hours[3]).isoformat()]
    tags = {"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[1]}
    with dg.DagsterInstance.ephemeral() as instance:
        job = definitions.resolve_job_def(RECONCILE_DAYS)
        result = job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
        (evaluation,) = result.get_asset_check_evaluations()
    return evaluation.passed
