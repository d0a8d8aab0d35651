"""The age of an hour is judged before all else: after 35 days nothing says that it is billed with the next run."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.finance.close_month import sign_month
from fridge_pipeline.finance.rules.signoff import Action, Signoff
from tests.laws.test_one_tenant_per_customer import customers_are
from tests.people import signed_in
from tests.pipeline import Pipeline, readings

READINGS = "temperature_readings"


def open_exceptions(pipeline: Pipeline) -> list[tuple[str, str]]:
    return pipeline.rows(
        "select kind, detail from fridge.exceptions where closed_at is null and subject <> 'active_sensors'"
        " and subject not like 'active_sensors:%%' order by kind"
    )


def test_an_hour_of_forty_days_ago_without_a_customer_is_too_late_and_says_that_there_is_none_either(
    pipeline: Pipeline,
) -> None:
    hour = Hour.containing(pipeline.clock.now - timedelta(days=40))
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 10))
    pipeline.run(hour)
    ((kind, detail),) = open_exceptions(pipeline)
    assert kind == "too_late"
    assert detail.startswith(f"10 {READINGS}: the hour is older than the 35 days that Stripe accepts")
    assert "Tenant 'cohoes' has no Stripe customer either." in detail
    assert "Add an invoice item for 10" in detail
    assert "next run" not in detail
    assert pipeline.rows("select * from fridge.unmapped_usage") == []


@pytest.mark.parametrize("reason", ["unmapped", "customer_taken", "refused", "month_closed", "held_for_review"])
def test_what_waits_for_any_reason_becomes_too_late_at_its_deadline_by_the_next_sweep(
    pipeline: Pipeline, two_days_ago: datetime, reason: str
) -> None:
    hour = Hour(two_days_ago)
    make_wait(pipeline, hour, reason)
    assert [kind for kind, _ in open_exceptions(pipeline)] == [reason]
    assert swept(pipeline) == []

    pipeline.clock.now = hour.start + timedelta(days=35, minutes=15)
    assert swept(pipeline) == []
    pipeline.clock.advance(seconds=1)
    assert swept(pipeline) == [hour]
    pipeline.bill(hour)
    assert [kind for kind, _ in open_exceptions(pipeline)] == ["too_late"]
    assert swept(pipeline) == []
    texts = pipeline.rows("select detail from fridge.exceptions where closed_at is null")
    assert [detail for (detail,) in texts if "next run" in detail or "sent again" in detail] == []


def make_wait(pipeline: Pipeline, hour: Hour, reason: str) -> None:
    """Usage of an hour that is not stated for this reason."""
    if reason == "held_for_review":
        pipeline.add_tenant("cohoes")
        for number in range(1, 30):
            pipeline.land(hour.plus(-number), "a.csv", readings("cohoes", hour.plus(-number), 1, 2))
        pipeline.run(hour.plus(-29), hour.plus(-1))
        pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 500))
    elif reason == "refused":
        pipeline.add_tenant("cohoes", "not_a_customer")
        pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 10))
    elif reason == "customer_taken":
        customer = pipeline.add_tenant("waterford")
        pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 10) + readings("waterford", hour, 1, 5))
        pipeline.run(hour)
        customers_are(pipeline, {"waterford": None, "cohoes": customer})
    elif reason == "month_closed":
        close(pipeline, hour)
        pipeline.add_tenant_with_readings("cohoes", hour, 1, 10)
    else:
        pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 10))
    pipeline.run(hour)


def close(pipeline: Pipeline, hour: Hour) -> None:
    """The month of an hour, signed by two; the clock stands behind its end."""
    pipeline.clock.now = hour.start + timedelta(days=32)
    month = Month.containing(hour.start)
    with pipeline.database.connect() as connection:
        for login, action, totals in (("ada", Action.PREPARE, {}), ("grace", Action.APPROVE, None)):
            signoff = Signoff(action, login, pipeline.clock(), totals)
            sign_month(signed_in(pipeline.database, login), connection, month, signoff)


def swept(pipeline: Pipeline) -> list[Hour]:
    """The hours that the next sweep would take."""
    return pipeline.swept()
