"""What the UI asks Dagster for: a backfill of a wrong key, *Execute* on a check, *Wipe* on an asset."""

from __future__ import annotations

import pytest

from tests.live.deliveries import hour_ago, is_billed, key, land
from tests.live.running_fridge import RunningFridge, wait_until
from tests.live.runs import (
    LAUNCH_BACKFILL,
    LAUNCH_RUN,
    LOCATION,
    RUN_ENDED,
    materialized_ranges,
    run_status,
)

CHECKS = """query($key: AssetKeyInput!) {
    assetNodeOrError(assetKey: $key) {... on AssetNode {assetChecksOrError {... on AssetChecks {
        checks {name executionForLatestMaterialization {status}}
    }}}}
}"""


def checks_of(demo: RunningFridge, asset: str) -> dict[str, str | None]:
    """Each check with how it ended for the asset's latest materialization; ``None`` is grey."""
    node = demo.graphql(CHECKS, key={"path": [asset]})["assetNodeOrError"]
    found = node["assetChecksOrError"]["checks"]
    return {each["name"]: (each["executionForLatestMaterialization"] or {}).get("status") for each in found}


def test_after_a_run_of_an_hour_no_check_of_finance_is_grey(demo: RunningFridge) -> None:
    hour = hour_ago(4)
    land(demo, hour)
    wait_until("the hour is billed", lambda: is_billed(demo, hour))
    for asset in ("stg_exceptions", "usage_monthly", "tie_out", "sensor_hours", "raw_readings", "inserted_counts"):
        wait_until(f"the checks of {asset} are there", lambda asset=asset: None not in checks_of(demo, asset).values())  # type: ignore[misc]


@pytest.mark.parametrize(
    ("asset", "wrong"),
    [
        ("raw_readings", key(hour_ago(3)).replace(":00", ":30")),
        ("raw_readings", key(hour_ago(-48))),
        ("evidence_pack", "2026-13"),
    ],
)
def test_a_backfill_of_a_key_that_is_no_partition_is_not_launched(demo: RunningFridge, asset: str, wrong: str) -> None:
    params = {"assetSelection": [{"path": [asset]}], "partitionNames": [wrong]}
    answer = demo.graphql(LAUNCH_BACKFILL, params=params)["launchPartitionBackfill"]
    assert answer["__typename"] in {"PythonError", "PartitionKeysNotFoundError"}
    assert answer["__typename"] != "PythonError" or wrong in answer["message"]


def test_a_check_is_executed_by_itself_as_its_page_does(demo: RunningFridge) -> None:
    for asset, check in (
        ("raw_readings", "every_row_is_accounted_for"),
        ("raw_readings", "every_file_and_row_was_used"),
        ("inserted_counts", "usage_is_what_the_files_brought"),
        ("stripe_reconciliation", "stripe_agrees"),
        ("tie_out", "nothing_is_unexplained"),
    ):
        chosen = {"assetKey": {"path": [asset]}, "name": check}
        selector = {**LOCATION, "jobName": "__ASSET_JOB", "assetSelection": [], "assetCheckSelection": [chosen]}
        params = {"selector": selector, "runConfigData": {}, "executionMetadata": {"tags": []}}
        answer = demo.graphql(LAUNCH_RUN, params=params)["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        run_id = str(answer["run"]["runId"])
        wait_until(f"{check} has ended", lambda run_id=run_id: run_status(demo, run_id) in RUN_ENDED)  # type: ignore[misc]
        assert run_status(demo, run_id) == "SUCCESS", check


def test_a_wiped_asset_is_told_of_and_comes_back(demo: RunningFridge) -> None:
    before = materialized_ranges(demo, "inserted_counts")
    wipe = """mutation($keys: [PartitionsByAssetSelector!]!) {
        wipeAssets(assetPartitionRanges: $keys) {__typename ... on PythonError {message}}
    }"""
    answer = demo.graphql(wipe, keys=[{"assetKey": {"path": ["inserted_counts"]}}])["wipeAssets"]
    assert answer["__typename"] == "AssetWipeSuccess", answer
    assert materialized_ranges(demo, "inserted_counts") == []
    wait_until("its hours are back", lambda: len(materialized_ranges(demo, "inserted_counts")) > 0, 500)
    assert before
