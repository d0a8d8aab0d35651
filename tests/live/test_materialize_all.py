"""*Materialize all…* on the whole graph, as the UI asks Dagster for it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.live.deliveries import hour_ago, is_billed, key, land
from tests.live.running_fridge import RunningFridge, wait_until
from tests.live.runs import BACKFILL_ENDED, backfill, launch_backfill

MADE_ON_THEIR_OWN = ("backfill_plan", "evidence_pack", "audit_report")

NODES = "{assetNodes {assetKey {path} isExecutable isObservable}}"
TARGETS = """query($id: String!) {
    partitionBackfillOrError(backfillId: $id) {... on PartitionBackfill {assetBackfillData {assetBackfillStatuses {
        ... on AssetPartitionsStatusCounts {assetKey {path} numPartitionsTargeted}
        ... on UnpartitionedAssetStatus {assetKey {path} materialized}
    }}}}
}"""


def all_assets(demo: RunningFridge) -> list[str]:
    """What *Materialize all…* on the graph takes: whatever can be executed and is not observed."""
    nodes = demo.graphql(NODES)["assetNodes"]
    return [each["assetKey"]["path"][0] for each in nodes if each["isExecutable"] and not each["isObservable"]]


@pytest.mark.prove
def test_everything_can_be_materialized_for_hours_of_the_current_month_without_plan_packs_and_reports(
    demo: RunningFridge,
) -> None:
    hours = [key(hour_ago(hours)) for hours in (3, 2, 1, 0)]
    late = hour_ago(2)
    land(demo, late)
    asked = launch_backfill(demo, all_assets(demo), hours)
    wait_until("it has ended", lambda: backfill(demo, asked)["status"] in BACKFILL_ENDED, 600)
    ended = backfill(demo, asked)
    assert ended["status"] == "COMPLETED_SUCCESS", ended
    statuses = demo.graphql(TARGETS, id=asked)["partitionBackfillOrError"]["assetBackfillData"]["assetBackfillStatuses"]
    targeted: dict[str, Any] = {
        each["assetKey"]["path"][0]: each.get("numPartitionsTargeted", each.get("materialized")) for each in statuses
    }
    assert {targeted[asset] for asset in ("raw_readings", "meter_events", "sensor_hours")} == {4}
    assert targeted["stripe_reconciliation"] in (1, 2), "the days of these hours"
    assert [asset for asset in MADE_ON_THEIR_OWN if targeted.get(asset)] == []
    wait_until("the late hour is billed", lambda: is_billed(demo, late))
