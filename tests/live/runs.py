"""Runs, ticks and backfills as Dagster's own interface tells of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.live.running_fridge import RunningFridge

RUN_ENDED = ("SUCCESS", "FAILURE", "CANCELED")
BACKFILL_ENDED = ("COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED")
HOUR_TAGS = ("dagster/partition", "dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
LOCATION = {"repositoryName": "__repository__", "repositoryLocationName": "fridge_pipeline"}

RUNS = """query($filter: RunsFilter!) {
    runsOrError(filter: $filter) {... on Runs {results {runId status tags {key value}}}}
}"""
TICKS = """query($selector: SensorSelector!) {
    sensorOrError(sensorSelector: $selector) {... on Sensor {sensorState {ticks(limit: 3) {status timestamp}}}}
}"""
LAUNCH_RUN = """mutation($params: ExecutionParams!) {
    launchRun(executionParams: $params) {__typename ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}
}"""
CANCEL_BACKFILL = """mutation($id: String!) {
    cancelPartitionBackfill(backfillId: $id) {__typename ... on PythonError {message}}
}"""
RUN_STATUS = "query($id: ID!) {runOrError(runId: $id) {... on Run {status}}}"
LAUNCH_BACKFILL = """mutation($params: LaunchBackfillParams!) {
    launchPartitionBackfill(backfillParams: $params) {
        __typename ... on LaunchBackfillSuccess {backfillId} ... on PythonError {message}
    }
}"""
BACKFILL = """query($id: String!) {
    partitionBackfillOrError(backfillId: $id) {
        ... on PartitionBackfill {status numPartitions error {message} runs(limit: 50) {id status tags {key value}}}
    }
}"""
PARTITIONS = """query($key: AssetKeyInput!) {
    assetNodeOrError(assetKey: $key) {
        ... on AssetNode {
            assetPartitionStatuses {... on TimePartitionStatuses {ranges {status startKey endKey}}}
        }
    }
}"""


def runs_since(demo: RunningFridge, begun: float) -> list[dict[str, Any]]:
    """The runs created since then (Unix seconds)."""
    runs: list[dict[str, Any]] = demo.graphql(RUNS, filter={"createdAfter": begun})["runsOrError"]["results"]
    return runs


def hours_of_runs_since(demo: RunningFridge, begun: float) -> list[set[str]]:
    """For each of those runs, the hours that its tags name."""
    return [hours_in(run) for run in runs_since(demo, begun)]


def hours_in(run: dict[str, Any]) -> set[str]:
    """The hours that a run's tags name: one, or the first and the last."""
    return {tag["value"] for tag in run["tags"] if tag["key"] in HOUR_TAGS}


def last_skipped_tick(demo: RunningFridge) -> float:
    """When the landing sensor last found nothing new; 0 when none of its last ticks did."""
    answer = demo.graphql(TICKS, selector={**LOCATION, "sensorName": "landing_sensor"})
    ticks = answer["sensorOrError"]["sensorState"]["ticks"]
    return max((float(tick["timestamp"]) for tick in ticks if tick["status"] == "SKIPPED"), default=0.0)


def launch_run(demo: RunningFridge, hour_key: str) -> str:
    """Launches the job of the chain for an hour, as its page in the UI does; returns the run's id."""
    params = {
        "selector": {**LOCATION, "jobName": "load_and_bill"},
        "runConfigData": {},
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": hour_key}]},
    }
    answer = demo.graphql(LAUNCH_RUN, params=params)["launchRun"]
    assert answer["__typename"] == "LaunchRunSuccess", answer
    return str(answer["run"]["runId"])


def launch_month(demo: RunningFridge, asset: str, month: str) -> str:
    """Materializes an asset for a month, as its page does; returns the run's id."""
    params = {
        "selector": {**LOCATION, "jobName": "__ASSET_JOB", "assetSelection": [{"path": [asset]}]},
        "runConfigData": {},
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": month}]},
    }
    answer = demo.graphql(LAUNCH_RUN, params=params)["launchRun"]
    assert answer["__typename"] == "LaunchRunSuccess", answer
    return str(answer["run"]["runId"])


def run_status(demo: RunningFridge, run_id: str) -> str:
    """How a run stands."""
    return str(demo.graphql(RUN_STATUS, id=run_id)["runOrError"]["status"])


def cancel_backfill(demo: RunningFridge, backfill_id: str) -> None:
    """Cancels a backfill with its runs, as its page does."""
    answer = demo.graphql(CANCEL_BACKFILL, id=backfill_id)["cancelPartitionBackfill"]
    assert answer["__typename"] == "CancelBackfillSuccess", answer


def launch_backfill(demo: RunningFridge, assets: Sequence[str], hour_keys: Sequence[str]) -> str:
    """Launches a backfill as the asset graph does; returns its id."""
    params = {"assetSelection": [{"path": [asset]} for asset in assets], "partitionNames": list(hour_keys)}
    answer = demo.graphql(LAUNCH_BACKFILL, params=params)["launchPartitionBackfill"]
    assert answer["__typename"] == "LaunchBackfillSuccess", answer
    return str(answer["backfillId"])


def backfill(demo: RunningFridge, backfill_id: str) -> dict[str, Any]:
    """How a backfill stands."""
    found: dict[str, Any] = demo.graphql(BACKFILL, id=backfill_id)["partitionBackfillOrError"]
    return found


def backfills(demo: RunningFridge) -> list[dict[str, Any]]:
    """The last backfills."""
    query = "{partitionBackfillsOrError(limit: 5) {... on PartitionBackfills {results {id}}}}"
    found: list[dict[str, Any]] = demo.graphql(query)["partitionBackfillsOrError"]["results"]
    return found


def materialized_ranges(demo: RunningFridge, asset: str) -> list[tuple[str, str]]:
    """The ranges of partitions, first and last key, that the UI shows as materialized."""
    statuses = demo.graphql(PARTITIONS, key={"path": [asset]})["assetNodeOrError"]["assetPartitionStatuses"]
    return [(each["startKey"], each["endKey"]) for each in statuses["ranges"] if each["status"] == "MATERIALIZED"]
