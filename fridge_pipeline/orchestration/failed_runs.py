"""Failed runs of the last day, as far as what they left undone is not done by now.

The books judge: whoever delivered the hours, or read the days, has made a failure good. Where they do not tell (models,
open hours, no hours at all), it is a later run that succeeded with the same steps on the same partitions, whatever its
job: a backfill and an asset run are as good as the automation's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import dagster as dg
from dagster import DagsterRun, DagsterRunStatus, RunRecord, RunsFilter

from fridge_pipeline.calendar.hour import Hour
from fridge_pipeline.operations.rules.alert_causes import FailedJob
from fridge_pipeline.orchestration.automation import ended, tags_under_way
from fridge_pipeline.orchestration.failure_text import failure_text
from fridge_pipeline.orchestration.partitions import days_in_tags, hours_in_tags

#: What failed longer ago and was not made good shows as what it left undone: a stale hour, an exception.
LOOK_BACK = timedelta(days=1)

#: More failures of one day say nothing new.
RUNS_MAX = 500

PARENT_TAG = "dagster/parent_run_id"

#: The steps whose work is done once an hour is delivered, and the one that is done once a day is read.
DELIVERY_STEPS = frozenset({"raw_readings", "usage_tables", "meter_events"})
READ = "stripe_reconciliation"

FAILURE_EVENTS = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}

#: How Dagster names the runs of a backfill, and of assets that somebody materializes, and how people are told of them.
ASSET_JOB, ASSET_JOB_SHOWN = "__ASSET_JOB", "assets launched by hand"

#: A partition key, empty for a run without partitions, and a step.
Work = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Books:
    """What the books say: which of some hours are undone, and when each of some days was last read in full."""

    undone_hours: Callable[[Collection[Hour]], AbstractSet[Hour]]
    days_read_at: Callable[[Collection[date]], Mapping[date, datetime]]


def failed_jobs(instance: dg.DagsterInstance, now: datetime, books: Books) -> list[FailedJob]:
    """The jobs that have such runs; a run that Dagster is just repeating is not among them."""
    failed = instance.get_run_records(
        RunsFilter(statuses=[DagsterRunStatus.FAILURE], updated_after=now - LOOK_BACK), limit=RUNS_MAX
    )
    if not failed:
        return []
    repeated = {tags.get(PARENT_TAG) for tags in tags_under_way(instance)}
    left = _left_by(instance, [record for record in failed if record.dagster_run.run_id not in repeated])
    by_job: dict[str, list[RunRecord]] = defaultdict(list)
    for record in _not_done_by_the_books(left, books):
        by_job[record.dagster_run.job_name].append(record)
    return [_describe(instance, name, records) for name, records in sorted(by_job.items())]


def _left_by(instance: dg.DagsterInstance, failed: Sequence[RunRecord]) -> list[tuple[RunRecord, set[Work]]]:
    """What each failed run has left undone and no later run has done."""
    if not failed:
        return []
    runs = _Runs(instance)
    done = runs.done_after(min(record.create_timestamp for record in failed))
    return [
        (record, {work for work in runs.left_by(record.dagster_run) if not _is_later(done.get(work), record)})
        for record in failed
    ]


def _is_later(moment: datetime | None, record: RunRecord) -> bool:
    return moment is not None and moment > record.create_timestamp


def _not_done_by_the_books(left: Sequence[tuple[RunRecord, set[Work]]], books: Books) -> list[RunRecord]:
    tagged = [(record.dagster_run.tags, works) for record, works in left]
    hours = {hour for tags, works in tagged for hour in hours_in_tags(tags) if _has_hour(works, hour)}
    undone = {hour.key for hour in books.undone_hours(hours)} if hours else set[str]()
    days = {day for tags, works in tagged for day in days_in_tags(tags) if (f"{day}", READ) in works}
    read_at = {f"{day}": moment for day, moment in books.days_read_at(days).items()} if days else {}

    def is_done(work: Work, record: RunRecord) -> bool:
        part, step = work
        if step in DELIVERY_STEPS:
            return bool(part) and part not in undone
        return step == READ and part in read_at and read_at[part] > ended(record)

    return [record for record, works in left if not all(is_done(work, record) for work in works)]


def _has_hour(works: AbstractSet[Work], hour: Hour) -> bool:
    return any((hour.key, step) in works for step in DELIVERY_STEPS)


@dataclass(slots=True)
class _Runs:
    """What runs were to do, and did, as Dagster has it on record."""

    instance: dg.DagsterInstance
    _steps: dict[str | None, frozenset[str]] = field(default_factory=dict)

    def left_by(self, run: DagsterRun) -> set[Work]:
        """What a failed run has left undone: the steps that failed; if none did, its delivery, or else all of it."""
        entries = self.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        planned = self._steps_of(run)
        steps = {entry.step_key for entry in entries if entry.step_key} or planned & DELIVERY_STEPS or planned
        return {(part, step) for part in parts_of(run.tags) for step in steps}

    def done_after(self, begin: datetime) -> dict[Work, datetime]:
        """What was done by runs that were made since and succeeded, and when the last of these was made."""
        done: dict[Work, datetime] = {}
        good = self.instance.get_run_records(
            RunsFilter(statuses=[DagsterRunStatus.SUCCESS], created_after=begin), ascending=True
        )
        for record in good:
            run = record.dagster_run
            done |= {
                (part, step): record.create_timestamp for part in parts_of(run.tags) for step in self._steps_of(run)
            }
        return done

    def _steps_of(self, run: DagsterRun) -> frozenset[str]:
        plan = run.execution_plan_snapshot_id
        if plan not in self._steps:
            found = self.instance.get_execution_plan_snapshot(plan).step_keys_to_execute if plan else [run.job_name]
            self._steps[plan] = frozenset(found)
        return self._steps[plan]


def parts_of(tags: Mapping[str, str]) -> frozenset[str]:
    """The hours or days of a run, or its one partition of another kind; one that is empty for a run without any."""
    found = [hour.key for hour in hours_in_tags(tags)] or [day.isoformat() for day in days_in_tags(tags)]
    return frozenset(found or [tags.get("dagster/partition", "")])


def _describe(instance: dg.DagsterInstance, job_name: str, records: list[RunRecord]) -> FailedJob:
    newest = max(records, key=lambda record: record.create_timestamp)
    run = newest.dagster_run
    entries = instance.all_logs(run.run_id, of_type=FAILURE_EVENTS)
    parts = sorted(parts_of(run.tags))
    works_on = parts[0] if len(parts) == 1 else f"{parts[0]}...{parts[-1]}"
    return FailedJob(
        job_name=ASSET_JOB_SHOWN if job_name == ASSET_JOB else job_name,
        failed_runs=len(records),
        run_id=run.run_id,
        works_on=works_on or "no partition",
        reason=failure_text(entry.dagster_event for entry in entries if entry.dagster_event is not None),
        since=min(ended(record) for record in records),
    )
