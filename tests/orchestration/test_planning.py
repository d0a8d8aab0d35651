from __future__ import annotations

from datetime import datetime

import dagster as dg

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.orchestration.automation import PLAN_BACKFILL
from fridge_pipeline.orchestration.partitions import range_tags
from tests.orchestration.ticks import run_hours
from tests.pipeline import Pipeline, readings


def test_the_asset_shows_the_plan_of_its_hours_as_numbers_and_sends_nothing(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)
    pipeline.load(hour)
    pipeline.count(hour)
    with dg.DagsterInstance.ephemeral() as instance:
        for step in (2, 3, 5):
            pipeline.land(hour.plus(step), "a.csv", readings("cohoes", hour.plus(step), 2, 5))
        bad = pipeline.landing / hour.plus(7).folder
        bad.parent.mkdir(parents=True, exist_ok=True)  # the hour may be the first of a day
        bad.symlink_to("/")
        assert not run_hours(definitions, instance, HourRange(hour.plus(7), hour.plus(7))).success
        bad.unlink()
        job = definitions.resolve_job_def(PLAN_BACKFILL)
        result = job.execute_in_process(instance=instance, tags=range_tags(HourRange(hour, hour.plus(7))))
        shown = result.asset_materializations_for_node("backfill_plan")[0]
    numbers = {name: value.value for name, value in shown.metadata.items() if name != "changes"}
    assert {name: text for name, text in numbers.items() if name.startswith("to_paste")} == {
        "to_paste_not_loaded": f"[{hour.plus(2)}...{hour.plus(3)}], {hour.plus(5)}, {hour.plus(7)}",
        "to_paste_not_delivered": hour.key,
        "to_paste_red": hour.plus(7).key,
    }
    assert (numbers["calls"], numbers["hours_that_change"], numbers["tenants_and_meters_that_change"]) == (2, 1, 2)
    assert numbers["periods_without_a_price"] == 2, "nobody has read a price"
    assert pipeline.one("select count(*) from fridge.meter_events") == 0
