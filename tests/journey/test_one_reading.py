"""The journey: one reading, all the way from its landing file to Stripe's books, every number asserted."""

from __future__ import annotations

from datetime import datetime, timedelta

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.stripe.reads import summed_usage
from tests.pipeline import Pipeline


def test_one_reading_becomes_one_stored_row_one_usage_row_two_statements_and_one_unit_in_stripes_books(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    """Given one tenant and one landing file with one reading; when the hour is run; then each floor shows one."""
    hour = Hour(two_days_ago)
    recorded_at = hour.start + timedelta(minutes=12, seconds=30)
    customer = pipeline.add_tenant("cohoes")
    pipeline.land(hour, "gateway-1.csv", [("cohoes", "fridge-7", recorded_at, 4.25)])

    # The landing zone becomes one stored reading, in one transaction with its counts.
    (load,) = pipeline.load(hour)
    assert (load.rows, load.inserted, load.duplicates, load.rejected) == (1, 1, 0, 0)
    assert pipeline.rows(
        "select tenant_id, sensor_id, recorded_at, temperature_c, landing_hour from fridge.readings"
    ) == [("cohoes", "fridge-7", recorded_at, 4.25, hour.start)]
    assert pipeline.rows(
        "select path, landing_hour, row_count, inserted_count, duplicate_count, rejected_count, status, run_id"
        " from fridge.landing_files"
    ) == [(f"{hour.folder}/gateway-1.csv", hour.start, 1, 1, 0, 0, "loaded", "test-run")]

    # The stored reading becomes usage.
    pipeline.count(hour)
    assert pipeline.usage() == {("cohoes", hour.key): (1, 1)}

    # The usage becomes two statements, committed before they are sent, and accepted.
    report = pipeline.bill(hour)
    assert (report.delivery.accepted, report.delivery.stopped, len(report.unsettled)) == (2, None, 0)
    statements = pipeline.rows(
        'select identifier, event_name, stripe_customer_id, hour, revision, value, "timestamp", status, attempts,'
        " http_status, staged_at <= first_sent_at, request_id like 'req_%%'"
        " from fridge.meter_events order by event_name"
    )
    stated_at = hour.start + timedelta(minutes=30)
    assert statements == [
        (
            f"{meter}:cohoes:{hour.compact}:r1",
            meter,
            customer,
            hour.start,
            1,
            1,
            stated_at,
            "accepted",
            1,
            200,
            True,
            True,
        )
        for meter in ("active_sensors", "temperature_readings")
    ]
    assert pipeline.rows("select * from fridge.exceptions") == []

    # Stripe's own sums say the same, by its tally and by its summaries as the SDK reads them.
    assert pipeline.stripe_totals("cohoes") == {("active_sensors", hour.key): 1, ("temperature_readings", hour.key): 1}
    assert summed_usage(pipeline.gateway, "temperature_readings", customer, HourRange(hour, hour)) == {hour: 1}

    # Finance reads the same number in every model.
    pipeline.run_models(hour)
    for model in ("usage_hourly", "usage_daily", "usage_monthly", "billing_ledger", "tie_out"):
        assert pipeline.one(f"select count(*) from fridge.{model}") == 2, model
    assert pipeline.rows("select meter, quantity from fridge.usage_monthly order by meter") == [
        ("active_sensors", 1),
        ("temperature_readings", 1),
    ]

    # And running it all again changes nothing anywhere.
    again = pipeline.run(hour, HourRange(hour, hour).last)
    assert (again.delivery.accepted, pipeline.usage()) == (0, {("cohoes", hour.key): (1, 1)})
    assert pipeline.one("select count(*) from fridge.meter_events") == 2
    assert pipeline.stripe_totals("cohoes")["temperature_readings", hour.key] == 1
