"""A meter that is taken out of the catalogue, or renamed, while hours of it are not delivered."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from fridge_pipeline.billing.hour_states import Delivery, hour_states
from fridge_pipeline.billing.rules import waiting
from fridge_pipeline.calendar.days import DayRange, day_of
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.meter import CATALOGUE
from fridge_pipeline.corrections.settle import Decision, settle_exceptions
from fridge_pipeline.reason_terms import How
from fridge_pipeline.reconciliation.reconciliation_record import days_to_reconcile
from tests.laws.test_too_late import close, make_wait
from tests.laws.test_withdrawals import withdraw
from tests.pipeline import Pipeline, gateway_to, readings

READINGS = CATALOGUE[0].event_name
RENAMED = replace(CATALOGUE[0], event_name="readings_stored")


def test_what_was_staged_of_a_meter_and_never_sent_is_not_sent_once_another_bills_its_measure(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    """Both might be on a price. It is stated again should the meter come back."""
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 10)
    pipeline.load(hour)
    pipeline.count(hour)
    pipeline.bill(hour, open_gateway=lambda: gateway_to("http://127.0.0.1:9"))
    assert set(pipeline.rows("select status from fridge.meter_events")) == {("staged",)}

    pipeline.gateway.create_meter(RENAMED)
    renamed = replace(pipeline, catalogue=(RENAMED, CATALOGUE[1]))
    assert renamed.run(hour).unsettled == []
    assert renamed.stripe_totals("cohoes") == {(RENAMED.event_name, hour.key): 20, ("active_sensors", hour.key): 2}

    back = replace(pipeline, catalogue=CATALOGUE)
    back.run(hour)
    assert back.stripe_totals("cohoes")[READINGS, hour.key] == 20


def test_what_waits_of_a_meter_that_is_gone_is_ended_by_a_settlement_of_its_figure(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    """No run brings its exception up to date any more, so none can be asked for."""
    hour = Hour(two_days_ago)
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 10))
    pipeline.run(hour)
    less = replace(pipeline, catalogue=CATALOGUE[1:])
    less.run(hour)
    ((exception_id, owed),) = less.rows(
        "select exception_id, owed from fridge.open_exceptions where subject = %s", READINGS
    )
    assert owed == 20
    (settled,) = settle_exceptions(less.as_run(), [exception_id], Decision(How.WRITTEN_OFF, "not billed any more"))
    assert (settled.quantity, settled.tenant_id) == (20, "cohoes")
    pipeline.add_tenant("cohoes")
    pipeline.run(hour)  # and should the meter come back, the decision stands
    assert pipeline.stripe_totals("cohoes") == {("active_sensors", hour.key): 2}


def open_exceptions(pipeline: Pipeline) -> list[tuple[str, str]]:
    return pipeline.rows("select kind, subject from fridge.open_exceptions order by kind, subject")


def swept(pipeline: Pipeline) -> list[Hour]:
    """The hours that the next sweep takes, run."""
    hours = pipeline.swept()
    for hour in hours:
        pipeline.run(hour)
    return hours


def of_old_hour(pipeline: Pipeline) -> list[tuple[str, str | None]]:
    """(meter, why the ledger has none of it) of the hour that lies forty days back, and what the months say of it."""
    pipeline.run_models(pipeline_hours(pipeline)[0])
    return pipeline.rows(
        "select meter, cause_in_ledger from fridge.tie_out where hour = %s order by meter",
        pipeline_hours(pipeline)[0].start,
    )


def pipeline_hours(pipeline: Pipeline) -> list[Hour]:
    return [Hour(start) for (start,) in pipeline.rows("select distinct hour from fridge.usage order by hour")]


def two_hours_billed(pipeline: Pipeline, two_days_ago: datetime) -> Pipeline:
    """An hour of forty days ago and one of now, both billed as they came by the meter of readings alone."""
    pipeline.catalogue = CATALOGUE[:1]
    old = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    pipeline.add_tenant("troy")
    for hour in (old, old.plus(40 * 24)):
        pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 10))
        pipeline.run(hour)
        pipeline.advance(days=40)
    pipeline.clock.now = old.plus(40 * 24 + 3).start
    pipeline.advance()
    return pipeline


@pytest.fixture
def history(pipeline: Pipeline, two_days_ago: datetime) -> Pipeline:
    return two_hours_billed(pipeline, two_days_ago)


@pytest.mark.parametrize("change", ["renamed", "added"])
def test_a_later_meter_owes_nothing_of_hours_that_stripe_took_no_more_when_it_came(
    history: Pipeline, change: str
) -> None:
    """The old name has billed them, or nobody was to be billed: an invoice item would bill them twice."""
    old, new = pipeline_hours(history)
    later = RENAMED if change == "renamed" else CATALOGUE[1]
    history.gateway.meters()
    if change == "renamed":
        history.gateway.create_meter(RENAMED)
    history.catalogue = (RENAMED,) if change == "renamed" else CATALOGUE
    assert swept(history) == [new]
    assert open_exceptions(history) == []
    amount = 20 if change == "renamed" else 2
    assert history.stripe_totals("cohoes")[later.event_name, new.key] == amount
    assert (later.event_name, old.key) not in history.stripe_totals("cohoes")
    assert swept(history) == []
    assert (later.event_name, "not_billed") in of_old_hour(history)
    with history.database.connect() as connection:
        (state,) = hour_states(connection, HourRange(old, old), history.catalogue)
    assert state.delivery is Delivery.DELIVERED
    history.reconcile(DayRange(day_of(old), day_of(old)))
    causes = history.rows(
        "select distinct cause from fridge.stripe_reconciliation where event_name = %s", later.event_name
    )
    assert causes == [("not_billed",)]


def test_a_later_meter_owes_what_stripe_still_took_when_it_came_and_takes_no_more(history: Pipeline) -> None:
    _, new = pipeline_hours(history)
    near = new.plus(-30 * 24)
    history.land(near, "a.csv", readings("waterford", near, 2, 10))
    history.catalogue = CATALOGUE
    history.run(near)
    history.advance(days=6)
    swept(history)
    assert open_exceptions(history) == [("too_late", meter.event_name) for meter in CATALOGUE[::-1]]


def test_a_later_meter_owes_nothing_of_a_month_that_was_closed_before_it_came(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    """Its figures were signed without it."""
    hour = Hour(two_days_ago)
    pipeline.catalogue = CATALOGUE[:1]
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 10)
    pipeline.run(hour)
    close(pipeline, hour)
    pipeline.catalogue = CATALOGUE
    assert swept(pipeline) == []
    pipeline.bill(hour)
    assert open_exceptions(pipeline) == []


def test_what_was_stated_to_a_meter_that_is_gone_is_reconciled_on(pipeline: Pipeline, two_days_ago: datetime) -> None:
    hour = Hour(two_days_ago)
    customer = pipeline.add_tenant_with_readings("cohoes", hour, 2, 10)
    pipeline.run(hour)
    pipeline.gateway.create_meter(RENAMED)
    renamed = replace(pipeline, catalogue=(RENAMED, CATALOGUE[1]))
    renamed.gateway = pipeline.gateway
    renamed.land(hour, "late.csv", readings("cohoes", hour, 1, 5, start=7))
    renamed.run(hour)
    pipeline.sandbox.client().v1.billing.meter_events.create(
        {
            "event_name": READINGS,
            "identifier": "somebody else",
            "timestamp": int(hour.start.timestamp()) + 3000,
            "payload": {"stripe_customer_id": customer, "value": "77"},
        }
    )
    with pipeline.database.connect() as connection:
        assert day_of(hour) in days_to_reconcile(connection, DayRange(day_of(hour), day_of(hour)), renamed.catalogue)
    renamed.reconcile(DayRange(day_of(hour), day_of(hour)))
    found = renamed.rows(
        "select event_name, usage_value, ledger_value, stripe_value::int, cause from fridge.stripe_reconciliation"
        " where hour is null order by event_name"
    )
    assert found == [
        ("active_sensors", 3, 3, 3, None),
        (RENAMED.event_name, 25, 25, 25, None),
        (READINGS, 20, 20, 77, "unexplained"),
    ]


def test_what_is_held_of_a_meter_that_is_gone_is_told_as_owed_and_held_again_when_it_is_back(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    """Nobody could release it. Under another name the same usage is judged by its history anew."""
    hour = Hour(two_days_ago)
    make_wait(pipeline, hour, "held_for_review")
    assert open_exceptions(pipeline) == [("held_for_review", READINGS)]
    pipeline.catalogue = CATALOGUE[1:]
    assert swept(pipeline) == [hour]
    assert open_exceptions(pipeline) == [("too_late", READINGS)]
    pipeline.catalogue = CATALOGUE
    swept(pipeline)
    assert open_exceptions(pipeline) == [("held_for_review", READINGS)]
    assert (READINGS, hour.key) not in pipeline.stripe_totals("cohoes")


def test_what_is_told_together_of_a_meter_that_is_gone_is_ended_by_a_settlement_of_each_share(
    pipeline: Pipeline, two_days_ago: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "TOLD_ALONE_MAX", 1)
    hour = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    rows = [readings(tenant, hour, 1, number) for number, tenant in enumerate(("x", "y", "z", "cohoes"), start=1)]
    pipeline.land(hour, "a.csv", [row for some in rows for row in some])
    pipeline.run(hour)
    pipeline.catalogue = CATALOGUE[1:]
    swept(pipeline)
    (together,) = pipeline.rows(
        "select exception_id from fridge.open_exceptions where tenant_id is null and subject = %s", READINGS
    )
    settled = settle_exceptions(pipeline.as_run(), together, Decision(How.WRITTEN_OFF, "not billed any more"))
    assert [each.quantity for each in settled] == [3]
    shares = pipeline.rows("select tenant_id, written_off::int from fridge.settled_usage order by tenant_id")
    assert shares == [("x", 1), ("y", 2)]


@pytest.mark.parametrize("change", ["late file", "withdrawal", "another tenant"])
def test_what_changes_of_an_hour_of_a_meter_that_is_gone_is_owed_under_its_name(history: Pipeline, change: str) -> None:
    """No other meter has the hour, be it old or of now, and no run would state it. Where none billed, nothing is."""
    hours = pipeline_hours(history)
    history.catalogue = CATALOGUE[1:]
    swept(history)
    later = hours[-1].plus(4)
    history.advance(hours=6)
    history.land(later, "a.csv", readings("cohoes", later, 2, 10))
    history.run(later)
    assert open_exceptions(history) == []
    tenant, quantity = ("troy", 5) if change == "another tenant" else ("cohoes", 5 if change == "late file" else -20)
    for hour in hours:
        if change == "withdrawal":
            withdraw(history, f"{hour.folder}/a.csv")
        else:
            history.land(hour, "late.csv", readings(tenant, hour, 1, 5, start=7))
        history.run(hour)
    owed = "select kind, tenant_id, hour, owed from fridge.open_exceptions where subject = %s order by hour"
    told = [("too_late", tenant, hour.start, quantity) for hour in hours]
    assert history.rows(owed, READINGS) == told
    assert swept(history) == []
    assert history.rows(owed, READINGS) == told

    history.catalogue = CATALOGUE  # and back: what Stripe still takes is stated
    swept(history)
    assert history.rows(owed, READINGS) == told[:1]
    history.run_models(hours[-1])
    assert history.failing_tests() == set()
