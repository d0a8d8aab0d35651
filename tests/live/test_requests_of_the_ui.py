"""What the UI asks Dagster for: *Materialize all…*, a backfill of a wrong key, *Execute* on a check.

Each goes through Dagster's own interface to the running installation.
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from fridge_pipeline.database.embedded.logins import APPLICATION, DAGSTER_DATABASE
from fridge_pipeline.database.embedded.server import EmbeddedServer
from tests.live.deliveries import hour_ago, is_billed, key, land
from tests.live.running_fridge import RunningFridge, wait_until
from tests.live.runs import (
    BACKFILL_ENDED,
    LAUNCH_BACKFILL,
    LAUNCH_RUN,
    LOCATION,
    RUN_ENDED,
    backfill,
    launch_backfill,
    materialized_ranges,
    run_status,
)

pytestmark = pytest.mark.prove

MADE_ON_THEIR_OWN = ("backfill_plan", "evidence_pack", "audit_report")

NODES = "{assetNodes {assetKey {path} isExecutable isObservable assetMaterializations(limit: 1) {timestamp}}}"
TARGETS = """query($id: String!) {
    partitionBackfillOrError(backfillId: $id) {... on PartitionBackfill {assetBackfillData {assetBackfillStatuses {
        ... on AssetPartitionsStatusCounts {assetKey {path} numPartitionsTargeted}
        ... on UnpartitionedAssetStatus {assetKey {path} materialized}
    }}}}
}"""
CHECKS = """query($key: AssetKeyInput!) {
    assetNodeOrError(assetKey: $key) {... on AssetNode {assetChecksOrError {... on AssetChecks {
        checks {name executionForLatestMaterialization {status}}
    }}}}
}"""


def all_assets(demo: RunningFridge) -> list[str]:
    """What *Materialize all…* on the graph takes: whatever can be executed and is not observed."""
    nodes = demo.graphql(NODES)["assetNodes"]
    return [each["assetKey"]["path"][0] for each in nodes if each["isExecutable"] and not each["isObservable"]]


def materialized(demo: RunningFridge) -> set[str]:
    """What the UI shows a materialization of."""
    nodes = demo.graphql(NODES)["assetNodes"]
    return {each["assetKey"]["path"][0] for each in nodes if each["assetMaterializations"]}


def checks_of(demo: RunningFridge, asset: str) -> dict[str, str | None]:
    """Each check with how it ended for the asset's latest materialization; ``None`` is grey."""
    node = demo.graphql(CHECKS, key={"path": [asset]})["assetNodeOrError"]
    found = node["assetChecksOrError"]["checks"]
    return {each["name"]: (each["executionForLatestMaterialization"] or {}).get("status") for each in found}


def test_everything_can_be_materialized_for_hours_of_the_current_month_without_plan_packs_and_reports(
    demo: RunningFridge,
) -> None:
    hours = [key(hour_ago(hours)) for hours in (3, 2, 1, 0)]
    late = hour_ago(2)
    land(demo, late)
    by_name = materialized(demo) & set(MADE_ON_THEIR_OWN)  # by tests before this one
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
    assert set(checks_of(demo, "tie_out").values()) <= {"SUCCEEDED", "FAILED"}, "none is grey"
    assert materialized(demo) - by_name <= set(all_assets(demo)) - set(MADE_ON_THEIR_OWN), "no view"


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
    # Of an hour ahead Dagster only says that it cannot find where to begin.
    assert answer["__typename"] != "PythonError" or wrong in answer["message"] or "initial assets" in answer["message"]


def test_a_check_is_executed_by_itself_as_its_page_does(demo: RunningFridge) -> None:
    for asset, check in (
        ("raw_readings", "every_row_is_accounted_for"),
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
    forget_last_look(demo, "wiped_hours")
    wait_until("its hours are back", lambda: len(materialized_ranges(demo, "inserted_counts")) > 0, 500)
    assert before


def forget_last_look(demo: RunningFridge, sensor: str) -> None:
    """As if its interval, minutes, had gone by: the daemon finds it due."""
    server = EmbeddedServer(demo.home / "postgres")
    with (
        server.hold() as address,
        psycopg.connect(server.signed_in(address, APPLICATION).dsn(DAGSTER_DATABASE)) as connection,
    ):
        changed = connection.execute(
            """update instigators set instigator_body = regexp_replace(instigator_body, %s, '"\\1": 1.0', 'g')
            where instigator_body like '%%"job_name": "' || %s || '"%%'""",
            ['"(last_tick(?:_start)?_timestamp)": [0-9.]+', sensor],
        )
    assert changed.rowcount == 1
