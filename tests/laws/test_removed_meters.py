"""A meter that is taken out of the catalogue, or renamed, while hours of it are not delivered."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.meter import CATALOGUE
from fridge_pipeline.corrections.settle import Decision, settle_exceptions
from fridge_pipeline.reason_terms import How
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
