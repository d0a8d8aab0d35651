"""Failed runs of the last day that no later run has made good."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus, RunRecord, RunsFilter

from fridge_pipeline.domain.alert_causes import FailedJob
from fridge_pipeline.orchestration.automation import tags_under_way
from fridge_pipeline.orchestration.failure_text import failure_text
from fridge_pipeline.orchestration.jobs import BILL_CLOSED_HOURS, LOAD_AND_BILL
from fridge_pipeline.orchestration.partitions import days_in_tags, hours_in_tags

#: What failed longer ago and was not made good shows as what it left undone: a stale hour, an exception.
LOOK_BACK = timedelta(days=1)

#: More failures of one day say nothing new.
RUNS_MAX = 200

PARENT_TAG = "dagster/parent_run_id"

#: What one of these failed to do, another one does.
ALIKE = frozenset({LOAD_AND_BILL, BILL_CLOSED_HOURS})

FAILURE_EVENTS = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}


def failed_jobs(instance: dg.DagsterInstance, now: datetime) -> list[FailedJob]:
    """The jobs that have such runs; a run that Dagster is just repeating is not among them."""
    failed = instance.get_run_records(
        RunsFilter(statuses=[DagsterRunStatus.FAILURE], updated_after=now - LOOK_BACK), limit=RUNS_MAX
    )
    if not failed:
        return []
    oldest = min(record.create_timestamp for record in failed)
    good = instance.get_run_records(RunsFilter(statuses=[DagsterRunStatus.SUCCESS], created_after=oldest))
    repeated = {tags.get(PARENT_TAG) for tags in tags_under_way(instance)}
    by_job: dict[str, list[RunRecord]] = defaultdict(list)
    for record in failed:
        run = record.dagster_run
        if run.run_id not in repeated and not any(_makes_good(each, record) for each in good):
            by_job[run.job_name].append(record)
    return [_describe(instance, name, records) for name, records in sorted(by_job.items())]


def _makes_good(later: RunRecord, failed: RunRecord) -> bool:
    """Whether a later run did what the failed one was to do: the same job, or the other billing job, on its hours."""
    if later.create_timestamp <= failed.create_timestamp:
        return False
    names = {later.dagster_run.job_name, failed.dagster_run.job_name}
    if len(names) > 1 and not names <= ALIKE:
        return False
    return _works_on(failed.dagster_run.tags) <= _works_on(later.dagster_run.tags)


def _works_on(tags: Mapping[str, str]) -> frozenset[str]:
    """The hours or days of a run, or its one partition of another kind; nothing for a job without any."""
    found = [hour.key for hour in hours_in_tags(tags)] or [day.isoformat() for day in days_in_tags(tags)]
    only = tags.get("dagster/partition")
    return frozenset(found or ([only] if only else []))


def _describe(instance: dg.DagsterInstance, job_name: str, records: list[RunRecord]) -> FailedJob:
    newest = max(records, key=lambda record: record.create_timestamp)
    run = newest.dagster_run
    entries = instance.all_logs(run.run_id, of_type=FAILURE_EVENTS)
    parts = sorted(_works_on(run.tags))
    works_on = parts[0] if len(parts) == 1 else f"{parts[0]}...{parts[-1]}" if parts else "no partition"
    reason = failure_text(entry.dagster_event for entry in entries if entry.dagster_event is not None)
    return FailedJob(job_name, len(records), run.run_id, works_on, reason)
