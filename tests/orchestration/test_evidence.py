from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import dagster as dg

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.finance.verify_evidence import verify_evidence
from tests.finance.evidence.books import build, unpacked
from tests.pipeline import Pipeline, readings


def test_the_asset_of_a_month_writes_a_pack_that_holds_and_says_where(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour, month = Hour(two_days_ago), Month.containing(two_days_ago)
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 5))
    pipeline.run(hour)
    build(pipeline)
    done = dg.materialize(
        [definitions.resolve_assets_def("evidence_pack")],
        partition_key=month.key,
    )
    (event,) = done.asset_materializations_for_node("evidence_pack")
    path = Path(str(event.metadata["path"].value))
    assert path == pipeline.workspace.parent / "home" / "evidence" / f"{month.key}.zip"
    assert list(verify_evidence(path))
    assert event.metadata["is_final"].value is False
    assert json.loads(unpacked(path)["pack.json"])["run_id"] == done.run_id
