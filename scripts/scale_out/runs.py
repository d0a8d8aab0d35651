"""The runs of a round, asked for and watched through Dagster's GraphQL, as the UI does it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

import redis
import requests
from cluster import Cluster
from dagster_graphql import DagsterGraphQLClient

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.orchestration.automation import LOAD_AND_BILL
from fridge_pipeline.orchestration.partitions import hours_in_tags, range_tags

ANSWER_SECONDS = 60
TASK_TAG = "dagster-celery/task_id"
RETRY_TAG = "dagster/retry_number"
UNDER_WAY = {"QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING"}

RUNS = """
{ runsOrError(limit: 1000) { ... on Runs { results {
    runId jobName status tags { key value }
    stats { ... on RunStatsSnapshot { launchTime startTime endTime } }
} } } }
"""


@dataclass(frozen=True, slots=True)
class Run:
    """A run as Dagster has it. Times are seconds since 1970; ``launched`` is when it got its slot or process."""

    run_id: str
    job: str
    status: str
    tags: dict[str, str]
    launched: float | None
    started: float | None
    ended: float | None

    @property
    def hours(self) -> list[Hour]:
        """What it works on."""
        return hours_in_tags(self.tags)

    @property
    def is_under_way(self) -> bool:
        """Whether it waits or works."""
        return self.status in UNDER_WAY

    @property
    def is_retry(self) -> bool:
        """Whether Dagster made it in place of a lost one."""
        return RETRY_TAG in self.tags


class Runs:
    """The runs of one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._url = f"{cluster.ui_url}/graphql"
        address = urlsplit(cluster.ui_url)
        self._client = DagsterGraphQLClient(str(address.hostname), port_number=address.port, timeout=ANSWER_SECONDS)
        self._results = redis.Redis.from_url(cluster.results_url) if cluster.launcher == "celery" else None

    def submit(self, hours: Iterable[Hour]) -> None:
        """One run an hour, into Dagster's queue."""
        for hour in hours:
            self._client.submit_job_execution(
                LOAD_AND_BILL,
                repository_location_name="fridge_pipeline",
                repository_name="__repository__",
                tags=range_tags(HourRange(hour, hour)),
            )

    def all(self) -> list[Run]:
        """Every run of the chain."""
        answer = requests.post(self._url, json={"query": RUNS}, timeout=ANSWER_SECONDS)
        answer.raise_for_status()
        found = [
            Run(
                each["runId"],
                each["jobName"],
                each["status"],
                {tag["key"]: tag["value"] for tag in each["tags"]},
                each["stats"].get("launchTime") or each["stats"].get("startTime"),
                each["stats"].get("startTime"),
                each["stats"].get("endTime"),
            )
            for each in answer.json()["data"]["runsOrError"]["results"]
        ]
        return [run for run in found if run.hours]

    def worker_of(self, run: Run) -> str | None:
        """The worker that a run works on or worked on, as Celery recorded it; ``None`` without Celery."""
        kept = self._results.get(f"celery-task-meta-{run.tags.get(TASK_TAG)}") if self._results else None
        if not isinstance(kept, bytes):
            return None
        record = json.loads(kept)
        started = record["result"] if isinstance(record["result"], dict) else {}
        name = record.get("worker") or started.get("hostname") or ""
        return str(name).partition("@")[0] or None


def await_started(runs: Runs, worker: str, seconds: float) -> Run:
    """Waits until a worker works on a run that has started."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for run in runs.all():
            if run.status == "STARTED" and runs.worker_of(run) == worker:
                return run
    raise RuntimeError(f"{worker} got no run within {seconds} s")
