"""Alerts: sensors of their own, and the failed runs whose work nobody has done since.

The books judge: whoever delivered the hours, or read the days, has made a failure good. Where they do not tell (models,
open hours, no hours at all), it is a later run that succeeded with the same steps on the same partitions, whatever its
job: a backfill and an asset run are as good as the automation's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import dagster as dg
from dagster import DagsterRun, DagsterRunStatus, RunRecord, RunsFilter

from fridge_pipeline.billing.hours_to_bill import find_hours_to_bill, find_undone_hours
from fridge_pipeline.calendar.days import DayRange
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.landing.landing_errors import LandingError
from fridge_pipeline.installation import Landing, Ledger
from fridge_pipeline.operations.alerts import AlertScope, SendReport, find_alerts, send_alerts
from fridge_pipeline.operations.channels import AlertChannel, Mail, Webhook
from fridge_pipeline.operations.rules.alert import Alert, AlertMemory, Family
from fridge_pipeline.operations.rules.alert_causes import FailedJob, failed_job_alert
from fridge_pipeline.orchestration.automation import ended, runs_under_way
from fridge_pipeline.orchestration.partitions import days_in_tags, hours_in_tags
from fridge_pipeline.orchestration.runs import failure_text
from fridge_pipeline.reconciliation.reconciliation_record import days_read_at
from fridge_pipeline.settings import Settings
from fridge_pipeline.stripe.rules.api_key import SANDBOX_KEY

#: What failed longer ago and was not made good shows as what it left undone: a stale hour, an exception.
LOOK_BACK = timedelta(days=1)

#: More failures of one day say nothing new.
RUNS_MAX = 500

PARENT_TAG = "dagster/parent_run_id"

#: The steps whose work is done once an hour is delivered, and the one that is done once a day is read.
DELIVERY_STEPS = frozenset({"raw_readings", "usage_tables", "meter_events"})
READ = "stripe_reconciliation"

FAILURE_EVENTS = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}

#: How Dagster names the runs of a backfill, and of assets that somebody materializes, and how alerts name them.
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
    repeated = {run.tags.get(PARENT_TAG) for run in runs_under_way(instance)}
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


ALERTS_INTERVAL_SECONDS = 300
FAILURES_INTERVAL_SECONDS = 30

NOT_CONFIGURED = "alerts are off: neither FRIDGE_ALERT_WEBHOOK nor FRIDGE_ALERT_SMTP is set"


def alert_channels(settings: Settings) -> list[AlertChannel]:
    """Where alerts go; none where none is configured."""
    channels = list[AlertChannel]()
    if settings.alert_webhook is not None:
        channels.append(Webhook(settings.alert_webhook))
    if settings.alert_mail_server is not None:
        channels.append(Mail(settings.alert_mail_server, settings.alert_sender, settings.alert_recipients))
    return channels


def _status(settings: Settings) -> dg.DefaultSensorStatus:
    """On where a channel is configured."""
    return dg.DefaultSensorStatus.RUNNING if settings.sends_alerts else dg.DefaultSensorStatus.STOPPED


def alerts(settings: Settings) -> dg.SensorDefinition:
    """The sensor of all that people are told of."""

    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=ALERTS_INTERVAL_SECONDS,
        default_status=_status(settings),
        description="Sends to webhook and mail: exceptions, unmapped usage near its deadline, drafts that become final "
        "without their hours, stale hours, failed runs and a silent canary. Once, again after a day, and once when it "
        "is over.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, ledger: dg.ResourceParam[Ledger], landing: dg.ResourceParam[Landing]
    ) -> dg.SensorResult | dg.SkipReason:
        channels = alert_channels(ledger.settings)
        if not channels:
            return dg.SkipReason(NOT_CONFIGURED)
        now = ledger.clock()
        settings, memory = ledger.settings, AlertMemory.from_text(context.cursor)
        scope = AlertScope(
            lambda: _undelivered(ledger, landing), settings.stale_after, settings.canary, settings.close_after
        )
        scan = find_alerts(ledger.database, ledger.catalogue, scope, memory, now)
        scan.add(Family.RUNS, *_failed_run_alerts(context.instance, ledger, landing))
        report = send_alerts(ledger.database, channels, scan.alerts, scan.scanned, now)
        return dg.SensorResult(skip_reason=_said(context, report, len(scan.alerts)), cursor=scan.memory.to_text())

    return sensor


def _undelivered(ledger: Ledger, landing: Landing) -> list[Hour]:
    """The closed hours that are to be billed. Raises ``LandingError``."""
    return find_hours_to_bill(ledger.as_run("alerts"), landing.zone, ledger.grid(), ledger.settings.close_after)


def run_failures(settings: Settings) -> dg.SensorDefinition:
    """The sensor of failed runs alone, at once."""

    @dg.run_failure_sensor(
        name="run_failures",
        minimum_interval_seconds=FAILURES_INTERVAL_SECONDS,
        default_status=_status(settings),
        description="Sends a failed run to webhook and mail at once; what it cannot send, the sensor alerts sends.",
    )
    def sensor(
        context: dg.RunFailureSensorContext, ledger: dg.ResourceParam[Ledger], landing: dg.ResourceParam[Landing]
    ) -> dg.SkipReason:
        channels = alert_channels(ledger.settings)
        if not channels:
            return dg.SkipReason(NOT_CONFIGURED)
        alerts = _failed_run_alerts(context.instance, ledger, landing)
        report = send_alerts(ledger.database, channels, alerts, {Family.RUNS}, ledger.clock())
        return dg.SkipReason(_said(context, report, len(alerts)))

    return sensor


def _failed_run_alerts(instance: dg.DagsterInstance, ledger: Ledger, landing: Landing) -> list[Alert]:
    """One per job; a key that some library put into its error is no text for a mailbox."""
    settings = ledger.settings
    key = settings.stripe_key or SANDBOX_KEY
    return [
        failed_job_alert(replace(failed, reason=key.redact(failed.reason)), settings.ui_url)
        for failed in failed_jobs(instance, ledger.clock(), _books_of(ledger, landing))
    ]


def _books_of(ledger: Ledger, landing: Landing) -> Books:
    """What they say of hours and days; an open hour is undone, and so is everything while the zone cannot be opened."""

    def undone_hours(hours: Collection[Hour]) -> set[Hour]:
        now = ledger.clock()
        closed = {hour for hour in hours if hour.closed_at(now, ledger.settings.close_after)}
        try:
            zone = landing.zone
        except LandingError:
            return set(hours)
        undone = find_undone_hours(ledger.database, zone.fingerprint, closed, ledger.catalogue, now)
        return undone | (set(hours) - closed)

    def read_at(days: Collection[date]) -> dict[date, datetime]:
        with ledger.database.connect() as connection:
            return days_read_at(connection, DayRange(min(days), max(days)))

    return Books(undone_hours, read_at)


def _said(context: dg.SensorEvaluationContext | dg.RunFailureSensorContext, report: SendReport, alerts: int) -> str:
    """What the tick shows; problems stand in its log as well, and are tried again."""
    for problem in report.problems:
        context.log.warning("an alert was not sent to everybody: %s", problem)
    if report.is_busy:
        return "another tick is sending alerts"
    summary = f"{alerts} alerts, {report.sent} messages sent"
    return f"{summary}; {'; '.join(report.problems)}" if report.problems else summary
