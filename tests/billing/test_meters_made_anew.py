"""A meter that was archived, and made anew under the same event name, while what it was told is in doubt."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from fridge_pipeline.calendar.days import DayRange, day_of
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.meter import CATALOGUE, Meter, Window
from fridge_pipeline.catalogue.tenant import Tenant
from fridge_pipeline.catalogue.tenant_record import import_tenants
from fridge_pipeline.corrections.settle import Decision, settle_exceptions
from fridge_pipeline.reason_terms import How
from tests.laws.test_withdrawals import withdraw
from tests.pipeline import Pipeline, gateway_to, readings

EVENTS = "/v1/billing/meter_events"
HOURLY = CATALOGUE[0]
RAW = replace(HOURLY, event_name="raw_readings", window=Window.NONE)

#: How an answer is lost: after Stripe has executed the call, or before it saw it.
LOST = {"drop_after": True, "drop_before": False}


def make_anew(pipeline: Pipeline, meter: Meter) -> None:
    """As somebody does in Stripe's dashboard, or by ``fridge stripe setup``."""
    pipeline.sandbox.client().v1.billing.meters.deactivate(pipeline.gateway.meters()[meter.event_name].meter_id)
    pipeline.gateway.create_meter(meter)
    pipeline.gateway = gateway_to(pipeline.sandbox.url)


def of_all_meters(pipeline: Pipeline, meter: Meter) -> int:
    """What both the old and the new meter count together: both may be on a price."""
    tally = pipeline.sandbox.usage(customer=pipeline.customers["cohoes"])
    return sum(row["value"] for row in tally["data"] if row["event_name"] == meter.event_name)


@pytest.fixture(params=[HOURLY, RAW], ids=["hour", "raw"])
def meter(request: pytest.FixtureRequest) -> Meter:
    found: Meter = request.param
    return found


@pytest.fixture
def hour(pipeline: Pipeline, two_days_ago: datetime, meter: Meter) -> Hour:
    """Twenty readings, of which nothing was stated."""
    pipeline.catalogue = (meter,)
    if meter is RAW:
        pipeline.gateway.create_meter(meter)
    pipeline.add_tenant("cohoes")
    pipeline.advance()
    hour = Hour(two_days_ago)
    pipeline.land(hour, "first.csv", readings("cohoes", hour, 2, 10))
    return hour


def lose_answer(pipeline: Pipeline, hour: Hour, kind: str) -> None:
    pipeline.sandbox.faults({"endpoint": EVENTS, "kind": kind, "times": 20})
    pipeline.run(hour)
    pipeline.sandbox.clear_faults()
    pipeline.advance(minutes=10)


@pytest.mark.parametrize("waits", [0, 21])
@pytest.mark.parametrize("lost", LOST)
def test_what_the_old_meter_may_have_is_read_from_it_and_counts_once_in_both_together(
    pipeline: Pipeline, meter: Meter, hour: Hour, lost: str, waits: int
) -> None:
    """Nobody knows whether Stripe knows an identifier of the old meter at the new one: it is not sent again."""
    lose_answer(pipeline, hour, lost)
    assert of_all_meters(pipeline, meter) == (20 if LOST[lost] else 0)
    make_anew(pipeline, meter)
    pipeline.advance(hours=waits)
    for _ in range(3):
        pipeline.run(hour)
        pipeline.advance(hours=7)
    assert of_all_meters(pipeline, meter) == 20
    revisions = pipeline.rows("select revision, status, attempts from fridge.meter_events order by revision")
    assert revisions == ([(1, "accepted", 1)] if LOST[lost] else [(1, "superseded", 1), (2, "accepted", 1)])
    assert pipeline.one("select count(*) from fridge.open_exceptions") == 0


@pytest.mark.parametrize("lost", LOST)
def test_a_change_that_the_new_meter_may_have_is_read_from_it_and_from_both(
    pipeline: Pipeline, meter: Meter, hour: Hour, lost: str
) -> None:
    if meter is HOURLY:
        pytest.skip("a total is not sent to the new meter where the old one has the hour")
    pipeline.run(hour)
    make_anew(pipeline, meter)
    pipeline.advance(hours=1)
    pipeline.land(hour, "second.csv", readings("cohoes", hour, 1, 10, start=7))
    lose_answer(pipeline, hour, lost)
    pipeline.advance(hours=21)
    for _ in range(3):
        pipeline.run(hour)
        pipeline.advance(hours=7)
    revisions = pipeline.rows("select revision, attempts from fridge.meter_events where status = 'accepted'")
    newest = (2, 1) if LOST[lost] else (3, 1)
    assert sorted(revisions) == ([newest] if meter is HOURLY else [(1, 1), newest])
    assert pipeline.one("select count(*) from fridge.open_exceptions") == 0


def test_a_change_in_doubt_is_read_beside_what_the_old_meter_had_before(
    pipeline: Pipeline, meter: Meter, hour: Hour
) -> None:
    pipeline.run(hour)
    pipeline.land(hour, "second.csv", readings("cohoes", hour, 1, 10, start=7))
    lose_answer(pipeline, hour, "drop_after")
    assert of_all_meters(pipeline, meter) == 30
    make_anew(pipeline, meter)
    pipeline.advance(hours=21)
    pipeline.run(hour)
    assert of_all_meters(pipeline, meter) == 30
    assert pipeline.one("select max(revision) from fridge.meter_events where status = 'accepted'") == 2
    assert pipeline.one("select count(*) from fridge.open_exceptions") == 0


def compared(pipeline: Pipeline, hour: Hour) -> list[tuple[int, int, int, str | None]]:
    """(usage, ledger, Stripe, cause) of the hour's day, as the reconciliation finds it."""
    days = DayRange(day_of(hour), day_of(hour))
    pipeline.reconcile(days)
    return pipeline.rows(
        "select usage_value, ledger_value, stripe_value::int, cause from fridge.stripe_reconciliation"
        " where hour is null"
    )


def test_a_late_file_of_an_hour_that_the_old_meter_has_is_owed_as_the_difference(
    pipeline: Pipeline, meter: Meter, hour: Hour
) -> None:
    """The whole in the new meter and what is in the old one would both be on the invoice."""
    pipeline.run(hour)
    make_anew(pipeline, meter)
    pipeline.advance(hours=1)
    assert compared(pipeline, hour) == [(20, 20, 20, None)]
    pipeline.land(hour, "second.csv", readings("cohoes", hour, 1, 10, start=7))
    for _ in range(2):
        pipeline.run(hour)
    if meter is RAW:
        assert of_all_meters(pipeline, meter) == 30
        assert compared(pipeline, hour) == [(30, 30, 30, None)]
        return
    assert of_all_meters(pipeline, meter) == 20
    ((number, owed, detail),) = pipeline.rows(
        "select exception_id, owed, detail from fridge.open_exceptions where kind = 'refused'"
    )
    assert owed == 10
    assert detail.startswith("30 temperature_readings, of which Stripe has 20: the statement for customer")
    assert "was not sent: its meter was made anew in Stripe" in detail
    assert compared(pipeline, hour)[0][-1] == "refused"
    pipeline.land(hour, "third.csv", readings("cohoes", hour, 1, 5, start=8))
    pipeline.run(hour)
    assert pipeline.one("select owed from fridge.open_exceptions") == 15

    by_hand = Decision(How.INVOICED_BY_HAND, "both are on prices", "ii_1")
    settle_exceptions(pipeline.as_run(), [number], by_hand)
    pipeline.run(hour)
    assert of_all_meters(pipeline, meter) == 20
    assert pipeline.one("select count(*) from fridge.open_exceptions") == 0
    assert compared(pipeline, hour) == [(20, 20, 20, None)]


def send_whole_to_the_new_meter(pipeline: Pipeline, meter: Meter, hour: Hour) -> None:
    """As a person has it who says that the old one, which has 20 of the hour, is on no price."""
    pipeline.run(hour)
    make_anew(pipeline, meter)
    pipeline.advance(hours=1)
    pipeline.land(hour, "second.csv", readings("cohoes", hour, 1, 10, start=7))
    pipeline.run(hour)
    number = pipeline.one("select exception_id from fridge.open_exceptions")
    settle_exceptions(pipeline.as_run(), [number], Decision(How.STATE_AGAIN, "the old one is on no price"))
    pipeline.run(hour)


def test_the_whole_hour_goes_to_the_new_meter_where_a_person_says_that_the_old_one_is_on_no_price(
    pipeline: Pipeline, meter: Meter, hour: Hour
) -> None:
    if meter is RAW:
        return
    send_whole_to_the_new_meter(pipeline, meter, hour)
    assert of_all_meters(pipeline, meter) == 50
    assert pipeline.one("select count(*) from fridge.open_exceptions") == 0
    pipeline.land(hour, "third.csv", readings("cohoes", hour, 1, 5, start=8))
    pipeline.run(hour)
    assert of_all_meters(pipeline, meter) == 55


def test_what_the_old_meter_has_of_an_hour_that_was_sent_whole_to_the_new_one_is_nothing_too_much(
    pipeline: Pipeline, meter: Meter, hour: Hour
) -> None:
    """A person has said that it is on no price: a credit for it would be given for nothing. Nor does it keep a change
    of the hour whose answer was lost in doubt for ever."""
    if meter is RAW:
        return
    send_whole_to_the_new_meter(pipeline, meter, hour)
    pipeline.advance(hours=7)
    assert compared(pipeline, hour) == [(30, 30, 30, None)]
    pipeline.reconcile(DayRange(day_of(hour.plus(-24 * 10)), day_of(hour)))  # too long for a read of every hour
    assert pipeline.one("select count(*) from fridge.open_exceptions") == 0

    pipeline.land(hour, "third.csv", readings("cohoes", hour, 1, 5, start=8))
    lose_answer(pipeline, hour, "drop_before")
    for _ in range(3):
        pipeline.advance(hours=21)
        pipeline.run(hour)
    assert pipeline.one("select max(revision) from fridge.meter_events where status = 'accepted'") == 5
    assert of_all_meters(pipeline, meter) == 55
    assert compared(pipeline, hour) == [(35, 35, 35, None)]

    make_anew(pipeline, meter)  # what the second one has now is on a price
    pipeline.advance(hours=7)
    assert compared(pipeline, hour) == [(35, 35, 35, None)]
    pipeline.land(hour, "fourth.csv", readings("cohoes", hour, 1, 5, start=9))
    pipeline.run(hour)
    assert of_all_meters(pipeline, meter) == 55
    assert pipeline.one("select owed from fridge.open_exceptions") == 5


def test_an_hour_that_another_tenant_has_in_the_old_meter_is_free_once_its_nothing_was_stated_again(
    pipeline: Pipeline, meter: Meter, hour: Hour
) -> None:
    """Taking its file out of usage is not enough: the 0 is not sent by itself, and the exception says so."""
    if meter is RAW:
        return
    pipeline.run(hour)
    customer = pipeline.customers["cohoes"]
    with pipeline.database.connect() as connection:
        import_tenants(connection, [Tenant("cohoes", "Cohoes", None)], pipeline.clock(), may_remove_customers=True)
    pipeline.add_tenant("troy", customer)
    pipeline.land(hour, "troy.csv", readings("troy", hour, 1, 5))
    make_anew(pipeline, meter)
    pipeline.advance(hours=1)
    pipeline.run(hour)
    ((kind, detail),) = pipeline.rows("select kind, detail from fridge.open_exceptions")
    assert kind == "customer_taken"
    assert "out of usage (fridge withdraw; and where the meter was made anew since, have the 0 stated again" in detail
    withdraw(pipeline, f"{hour.folder}/first.csv")
    pipeline.run(hour)
    found = pipeline.rows("select kind, tenant_id, owed, exception_id from fridge.open_exceptions order by kind")
    assert [row[:3] for row in found] == [("customer_taken", "troy", 5), ("refused", "cohoes", -20)]
    settle_exceptions(pipeline.as_run(), [found[1][-1]], Decision(How.STATE_AGAIN, "the old one is on no price"))
    for _ in range(2):
        pipeline.run(hour)
    assert pipeline.rows("select kind from fridge.open_exceptions") == []
    assert of_all_meters(pipeline, meter) == 25
    pipeline.advance(hours=7)
    pipeline.reconcile(DayRange(day_of(hour), day_of(hour)))
    assert pipeline.rows("select kind from fridge.open_exceptions") == []
