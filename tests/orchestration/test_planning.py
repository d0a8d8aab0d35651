from __future__ import annotations

from datetime import datetime

import dagster as dg

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.orchestration.automation import PLAN_BACKFILL
from fridge_pipeline.orchestration.partitions import range_tags
from tests.pipeline import Pipeline, readings


def test_the_asset_shows_the_plan_of_its_hours_as_numbers_and_sends_nothing(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 5))
    pipeline.load(hour)
    pipeline.count(hour)
    with dg.DagsterInstance.ephemeral() as instance:
        job = definitions.resolve_job_def(PLAN_BACKFILL)
        result = job.execute_in_process(instance=instance, tags=range_tags(HourRange(hour, hour.plus(1))))
        shown = result.asset_materializations_for_node("backfill_plan")[0]
    numbers = {name: value.value for name, value in shown.metadata.items() if name != "changes"}
    assert (numbers["calls"], numbers["hours_that_change"], numbers["tenants_and_meters_that_change"]) == (2, 1, 2)
    assert numbers["periods_without_a_price"] == 2, "nobody has read a price"
    assert pipeline.one("select count(*) from fridge.meter_events") == 0
