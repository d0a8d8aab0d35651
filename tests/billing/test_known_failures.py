"""What went wrong for others in public, each as a law of ours. The names of the tests say what happened to them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.meter import CATALOGUE, Formula, Window
from fridge_pipeline.database.run import Failpoint
from fridge_pipeline.stripe.reads import summed_usage
from fridge_pipeline.stripe.rules.answer import Outcome
from tests.pipeline import Pipeline, ProcessDied, dies_after, readings

READINGS, SENSORS = "temperature_readings", "active_sensors"


def land_and_count(pipeline: Pipeline, hour: Hour, tenants: str | list[str]) -> None:
    """Two sensors of each tenant with 10 readings, loaded and counted."""
    for tenant in [tenants] if isinstance(tenants, str) else tenants:
        pipeline.land(hour, f"{tenant}.csv", readings(tenant, hour, 2, 10))
    pipeline.load(hour)
    pipeline.count(hour)


def test_a_duplicate_refusal_does_not_stall_the_rest_of_the_hour(pipeline: Pipeline, two_days_ago: datetime) -> None:
    """langfuse/langfuse#16292: a replayed identifier is a 400, which stopped the metering of all tenants for hours."""
    hour = Hour(two_days_ago)
    for tenant in ("cohoes", "troy", "albany"):
        pipeline.add_tenant(tenant)
    land_and_count(pipeline, hour, ["cohoes", "troy", "albany"])
    # Executed, and answered with a 500 that Stripe keeps: from then on Stripe knows the identifier.
    first = {"kind": "error_500_after", "customer": pipeline.customers["troy"], "times": 1}
    pipeline.sandbox.faults(*({**first, "event_name": meter} for meter in (READINGS, SENSORS)))
    report = pipeline.bill(hour)
    assert report.delivery.outcomes == {Outcome.ACCEPTED: 4, Outcome.DUPLICATE: 2}
    assert (report.delivery.stopped, report.unsettled) == (None, [])
    for tenant in ("cohoes", "troy", "albany"):
        assert pipeline.stripe_totals(tenant) == {(READINGS, hour.key): 20, (SENSORS, hour.key): 2}


def test_a_retry_does_not_bill_twice_even_on_a_meter_that_adds_everything_up(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    """langfuse/langfuse#15917, opencomputer#276: a job without identifiers was run again and billed again."""
    raw = replace(CATALOGUE[0], event_name="raw_readings", window=Window.NONE)
    pipeline.catalogue = (raw,)
    pipeline.gateway.create_meter(raw)
    hour = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    land_and_count(pipeline, hour, "cohoes")
    pipeline.sandbox.faults({"kind": "drop_after", "times": 1})
    with pytest.raises(ProcessDied):
        pipeline.bill(hour, at_failpoint=dies_after(Failpoint.ANSWERED))
    for _ in range(3):
        pipeline.run(hour)
    assert pipeline.stripe_totals("cohoes") == {("raw_readings", hour.key): 20}
    assert pipeline.sandbox.usage()["received"] == 1


def test_the_last_hour_of_a_month_is_billed_in_that_month(pipeline: Pipeline) -> None:
    """Usage stamped with the end of its interval is the first instant of the next billing period."""
    hour = Hour.from_key("2026-10-31-23:00")
    pipeline.clock.now = datetime(2026, 11, 1, 0, 30, tzinfo=UTC)
    pipeline.advance()
    customer = pipeline.add_tenant("cohoes")
    land_and_count(pipeline, hour, "cohoes")
    pipeline.bill(hour)
    october = HourRange(Hour.from_key("2026-10-01-00:00"), hour)
    november = HourRange(Hour.from_key("2026-11-01-00:00"), Hour.from_key("2026-11-30-23:00"))
    assert summed_usage(pipeline.gateway, READINGS, customer, october) == {hour: 20}
    assert summed_usage(pipeline.gateway, READINGS, customer, november) == {}


def test_usage_older_than_35_days_is_not_stamped_with_a_younger_time(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    """the-answerai/theanswer#624: refused hours were billed as "34 days ago", on another invoice."""
    just_in_time, too_late = Hour(two_days_ago).plus(-33 * 24 + 3), Hour(two_days_ago).plus(-33 * 24 - 3)
    pipeline.clock.now = just_in_time.start + timedelta(days=35)
    pipeline.advance()
    pipeline.add_tenant("cohoes")
    for hour in (just_in_time, too_late):
        land_and_count(pipeline, hour, "cohoes")
    pipeline.bill(too_late, just_in_time)
    assert pipeline.stripe_totals("cohoes") == {(READINGS, just_in_time.key): 20, (SENSORS, just_in_time.key): 2}
    stamps = {int(request["fields"]["timestamp"]) for request in sent(pipeline)}
    assert stamps == {int(just_in_time.start.timestamp()) + 30 * 60}
    assert pipeline.rows("select distinct kind, hour from fridge.exceptions") == [("too_late", too_late.start)]


def test_usage_of_an_unknown_customer_is_billed_to_nobody_else(pipeline: Pipeline, two_days_ago: datetime) -> None:
    """the-answerai/theanswer#678: the fix for a bad customer id was a default customer, who paid for everybody."""
    hour = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    land_and_count(pipeline, hour, ["cohoes", "nobody"])
    pipeline.bill(hour)
    assert {(row["customer"], row["value"]) for row in pipeline.sandbox.usage()["data"]} == {
        (pipeline.customers["cohoes"], 20),
        (pipeline.customers["cohoes"], 2),
    }
    assert set(pipeline.rows("select kind, tenant_id from fridge.exceptions")) == {("unmapped", "nobody")}


def test_one_bad_customer_does_not_stop_the_others(pipeline: Pipeline, two_days_ago: datetime) -> None:
    """the-answerai/theanswer#678: one bad id broke the whole sync, every fifteen minutes."""
    hour = Hour(two_days_ago)
    bad = pipeline.add_tenant("albany", "cus_bad")
    others = [f"tenant-{number}" for number in range(20)]
    for tenant in others:
        pipeline.add_tenant(tenant)
    land_and_count(pipeline, hour, ["albany", *others])
    pipeline.sandbox.faults({"kind": "refuse", "customer": bad, "times": 9, "message": "No such customer: 'cus_bad'"})
    report = pipeline.bill(hour)
    assert report.delivery.outcomes == {Outcome.ACCEPTED: 40, Outcome.REFUSED: 2}
    assert (report.delivery.stopped, report.unsettled) == (None, [])
    assert set(pipeline.rows("select kind, tenant_id from fridge.exceptions")) == {("refused", "albany")}


def test_summaries_that_lag_are_not_mistaken_for_loss(pipeline: Pipeline, two_days_ago: datetime) -> None:
    """langwatch/langwatch#1732: "requires a second run (Stripe aggregation lag)"; stating again would bill twice."""
    raw = replace(CATALOGUE[0], event_name="raw_readings", window=Window.NONE)
    pipeline.catalogue = (raw,)
    pipeline.gateway.create_meter(raw)
    hour = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    land_and_count(pipeline, hour, "cohoes")
    pipeline.advance()
    pipeline.sandbox.settings(lag_seconds=22 * 3600)
    with pytest.raises(ProcessDied):
        pipeline.bill(hour, at_failpoint=dies_after(Failpoint.ANSWERED))
    pipeline.advance(hours=20, minutes=1)
    pipeline.bill(hour)
    assert pipeline.rows("select verdict from fridge.stripe_readbacks") == [("absent",)]
    pipeline.advance(hours=6)
    pipeline.bill(hour)
    assert pipeline.rows("select verdict from fridge.stripe_readbacks") == [("absent",), ("counted",)]
    assert pipeline.rows("select revision, status from fridge.meter_events") == [(1, "accepted")]
    assert pipeline.stripe_totals("cohoes") == {("raw_readings", hour.key): 20}


def test_a_corrected_value_is_not_swallowed_under_the_old_identifier(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    """superserve-ai/sandbox#376: the corrected value was sent under the identifier of the old one, and ignored."""
    hour = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    land_and_count(pipeline, hour, "cohoes")
    pipeline.bill(hour)
    pipeline.land(hour, "late.csv", readings("cohoes", hour, 3, 10))
    pipeline.run(hour)
    assert pipeline.stripe_totals("cohoes") == {(READINGS, hour.key): 30, (SENSORS, hour.key): 3}
    values: dict[str, set[str]] = {}
    for request in sent(pipeline):
        values.setdefault(request["fields"]["identifier"], set()).add(request["fields"]["payload"]["value"])
    assert {identifier[-2:]: len(said) for identifier, said in values.items()} == {"r1": 1, "r2": 1}
    assert len(values) == 4


def test_an_hour_told_by_a_last_meter_is_corrected_by_a_later_timestamp_inside_the_hour(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    """Of equally old events Stripe does not say which one is the last; ours are never equally old."""
    last = replace(CATALOGUE[1], event_name="last_sensors", window=Window.NONE, formula=Formula.LAST)
    pipeline.catalogue = (last,)
    pipeline.gateway.create_meter(last)
    hour = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    land_and_count(pipeline, hour, "cohoes")
    pipeline.bill(hour)
    pipeline.land(hour, "late.csv", readings("cohoes", hour, 3, 10))
    pipeline.run(hour)
    assert pipeline.stripe_totals("cohoes") == {("last_sensors", hour.key): 3}
    stamps = [int(request["fields"]["timestamp"]) - int(hour.start.timestamp()) for request in sent(pipeline)]
    assert stamps == [1800, 1801]


def sent(pipeline: Pipeline) -> list[dict[str, Any]]:
    """The meter events that the sandbox saw."""
    return [each for each in pipeline.sandbox.requests() if each["path"] == "/v1/billing/meter_events"]
