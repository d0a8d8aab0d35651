"""Another meter takes hours over while what the first one owes of them waits, is settled, in flight or passed over."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from fridge_pipeline.billing.collect_refusals import collect_refusals
from fridge_pipeline.billing.open_stripe import keep_billing_start
from fridge_pipeline.billing.rules import waiting
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.billing_start import BillingStart
from fridge_pipeline.catalogue.meter import CATALOGUE, Window
from fridge_pipeline.catalogue.tenant import Tenant
from fridge_pipeline.catalogue.tenant_record import import_tenants
from fridge_pipeline.corrections.settle import Decision, settle_exceptions
from fridge_pipeline.reason_terms import How
from tests.laws.test_removed_meters import (
    READINGS,
    RENAMED,
    open_exceptions,
    pipeline_hours,
    swept,
    two_hours_billed,
)
from tests.laws.test_renamed_meters import owed, rename, tied_out
from tests.laws.test_withdrawals import withdraw
from tests.pipeline import Pipeline, readings

EVENTS = "/v1/billing/meter_events"
NEW = RENAMED.event_name


@pytest.fixture
def history(pipeline: Pipeline, two_days_ago: datetime) -> Pipeline:
    return two_hours_billed(pipeline, two_days_ago)


@pytest.fixture
def hour(pipeline: Pipeline, two_days_ago: datetime) -> Hour:
    """Twenty readings of cohoes, of which nothing was stated."""
    pipeline.catalogue = CATALOGUE[:1]
    pipeline.advance()
    hour = Hour(two_days_ago)
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 10))
    return hour


def settle(pipeline: Pipeline, how: How) -> None:
    numbers = [number for (number,) in pipeline.rows("select exception_id from fridge.open_exceptions")]
    settle_exceptions(pipeline.as_run(), numbers, Decision(how, "agreed", "in_1"))


def pass_over(pipeline: Pipeline) -> None:
    pipeline.advance(minutes=3)
    with pipeline.database.connect() as connection:
        keep_billing_start(connection, BillingStart(None), pipeline.catalogue, pipeline.clock())


@pytest.mark.parametrize("how", [How.INVOICED_BY_HAND, How.WRITTEN_OFF])
def test_what_people_have_settled_is_not_stated_by_the_meter_that_takes_the_hour_over(
    pipeline: Pipeline, hour: Hour, how: How
) -> None:
    """It would be billed a second time, or although nobody was to be billed."""
    pipeline.run(hour)
    settle(pipeline, how)
    pipeline.add_tenant("cohoes")
    pipeline.land(hour, "late.csv", readings("cohoes", hour, 1, 5, start=7))
    rename(pipeline)
    pipeline.run(hour)
    swept(pipeline)
    assert pipeline.stripe_totals("cohoes") == {(NEW, hour.key): 5}
    assert open_exceptions(pipeline) == []
    cause = "invoiced_by_hand" if how is How.INVOICED_BY_HAND else "written_off"
    assert tied_out(pipeline, hour) == {NEW: (25, 5, cause)}
    assert pipeline.failing_tests() == set()

    rename(pipeline, RENAMED, CATALOGUE[0])
    swept(pipeline)
    assert pipeline.stripe_totals("cohoes")[READINGS, hour.key] == 5


def test_what_was_given_back_of_the_first_meter_is_not_added_to_the_next_one(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    raw = replace(CATALOGUE[0], event_name="raw_readings", window=Window.NONE)
    pipeline.catalogue = (raw,)
    pipeline.gateway.create_meter(raw)
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 10)
    pipeline.advance()
    pipeline.land(hour, "more.csv", readings("cohoes", hour, 1, 5, start=7))
    pipeline.run(hour)
    pipeline.advance(hours=21)
    withdraw(pipeline, f"{hour.folder}/more.csv")
    pipeline.run(hour)
    assert [row[-1] for row in owed(pipeline)] == [-5]
    settle(pipeline, How.CREDITED)
    rename(pipeline, raw)
    swept(pipeline)
    assert pipeline.stripe_totals("cohoes") == {(raw.event_name, hour.key): 25, (NEW, hour.key): 20}


@pytest.mark.parametrize("alone", [waiting.TOLD_ALONE_MAX, 0])
def test_what_waits_is_told_of_the_meter_that_has_the_hour_and_not_of_both(
    pipeline: Pipeline, hour: Hour, alone: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two invoices by hand would be two times the same usage."""
    monkeypatch.setattr(waiting, "TOLD_ALONE_MAX", alone)
    pipeline.run(hour)
    tenant = "cohoes" if alone else None
    assert owed(pipeline) == [("unmapped", tenant, READINGS, hour.start, 20)]
    rename(pipeline)
    swept(pipeline)
    assert owed(pipeline) == [("unmapped", tenant, NEW, hour.start, 20)]
    rename(pipeline, RENAMED, CATALOGUE[0])
    swept(pipeline)
    assert owed(pipeline) == [("unmapped", tenant, READINGS, hour.start, 20)]


@pytest.mark.parametrize("archived", [False, True])
@pytest.mark.parametrize("lost", ["drop_before", "drop_after"])
def test_what_was_in_flight_to_the_first_meter_is_read_back_and_not_sent_again(
    pipeline: Pipeline, hour: Hour, lost: str, *, archived: bool
) -> None:
    """Where it is archived Stripe would refuse it, and its usage would be told as owed beside what the next has."""
    pipeline.add_tenant("cohoes")
    pipeline.sandbox.faults({"endpoint": EVENTS, "kind": lost, "times": 20})
    pipeline.run(hour)
    pipeline.sandbox.clear_faults()
    pipeline.advance(minutes=30)
    rename(pipeline)
    if archived:
        pipeline.sandbox.client().v1.billing.meters.deactivate(pipeline.gateway.meters()[READINGS].meter_id)
    for _ in range(3):
        swept(pipeline)
        pipeline.advance(hours=7)
    had = {(READINGS, hour.key): 20} if lost == "drop_after" else {}
    assert pipeline.stripe_totals("cohoes") == {**had, (NEW, hour.key): 20}
    status = pipeline.one("select status from fridge.meter_events where event_name = %s", READINGS)
    assert status == ("accepted" if had else "missing")
    assert open_exceptions(pipeline) == []


def test_what_stripe_refuses_later_of_the_first_meter_is_not_told_where_the_next_has_the_hour(
    pipeline: Pipeline, hour: Hour
) -> None:
    pipeline.add_tenant("cohoes")
    pipeline.sandbox.faults({"endpoint": EVENTS, "kind": "refuse_asynchronously"})
    pipeline.run(hour)
    rename(pipeline)
    swept(pipeline)
    pipeline.advance(minutes=90)
    found = collect_refusals(pipeline.database, lambda: pipeline.gateway, pipeline.catalogue, None, pipeline.clock)
    assert len(found.refused) == 1
    assert open_exceptions(pipeline) == []
    assert pipeline.stripe_totals("cohoes") == {(NEW, hour.key): 20}


def test_what_is_owed_under_a_former_name_is_not_dropped_when_the_billing_start_passes_it(history: Pipeline) -> None:
    old, _ = pipeline_hours(history)
    rename(history)
    swept(history)
    history.land(old, "late.csv", readings("cohoes", old, 1, 5, start=7))
    history.run(old)
    assert owed(history) == [("too_late", "cohoes", READINGS, old.start, 5)]
    pass_over(history)
    ((kind, detail),) = history.rows("select kind, detail from fridge.open_exceptions")
    assert (kind, detail.split(" of ")[0]) == ("passed_over", f"5 {READINGS}")


def test_a_billing_start_that_passes_hours_of_another_name_finds_nothing_too_much_in_them(history: Pipeline) -> None:
    """Both names have stated the hour; it is the business of the one that has it."""
    rename(history)
    swept(history)
    history.advance(days=36)
    rename(history, RENAMED, CATALOGUE[0])
    assert swept(history) == []
    pass_over(history)
    assert open_exceptions(history) == []


def test_what_stripe_refused_is_told_once_when_the_billing_start_passes_it(pipeline: Pipeline, hour: Hour) -> None:
    """Its own exception asks to have it stated again, which is not done any more."""
    pipeline.add_tenant("cohoes")
    pipeline.sandbox.faults({"endpoint": EVENTS, "kind": "refuse", "message": "The value has too many digits"})
    pipeline.run(hour)
    assert [row[0] for row in owed(pipeline)] == ["refused"]
    pass_over(pipeline)
    pipeline.run(hour)
    assert [row[0] for row in owed(pipeline)] == ["passed_over"]


@pytest.mark.parametrize("goes_to", ["another", "none"])
def test_an_hour_stays_with_the_customer_that_the_first_meter_billed_it_to(
    pipeline: Pipeline, hour: Hour, goes_to: str
) -> None:
    """The tenant has moved since: the old customer's invoice has the hour, and the new one would pay it once more."""
    customer = pipeline.add_tenant("cohoes")
    pipeline.run(hour)
    moved = Tenant("cohoes", "cohoes", "cus_moved" if goes_to == "another" else None)
    with pipeline.database.connect() as connection:
        import_tenants(connection, [moved], pipeline.clock(), may_remove_customers=True)
    rename(pipeline)
    pipeline.land(hour, "late.csv", readings("cohoes", hour, 1, 5, start=7))
    pipeline.run(hour)
    swept(pipeline)
    stated = pipeline.rows("select event_name, stripe_customer_id, value from fridge.meter_events order by hour, 1")
    assert stated == [(NEW, customer, 25), (READINGS, customer, 20)]
    assert open_exceptions(pipeline) == []
    assert pipeline.swept() == []
