"""Alerts: two sensors of their own, so that a channel that is down neither fails nor slows billing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime

import dagster as dg

from fridge_pipeline.billing.watch import find_undone_hours
from fridge_pipeline.calendar.day_range import DayRange
from fridge_pipeline.calendar.hour import Hour
from fridge_pipeline.ingest.landing.landing_errors import LandingError
from fridge_pipeline.installation import Installation
from fridge_pipeline.operations.find_alerts import find_alerts
from fridge_pipeline.operations.rules.alert import Alert, Family
from fridge_pipeline.operations.rules.alert_causes import failed_job_alert
from fridge_pipeline.operations.rules.alert_memory import AlertMemory
from fridge_pipeline.operations.tell_alerts import TellReport, tell_alerts
from fridge_pipeline.orchestration.failed_runs import Books, failed_jobs
from fridge_pipeline.reconciliation.reconciliation_record import days_read_at
from fridge_pipeline.settings import Settings
from fridge_pipeline.stripe.rules.api_key import SANDBOX_KEY

ALERTS_INTERVAL_SECONDS = 300
FAILURES_INTERVAL_SECONDS = 30

NOT_CONFIGURED = "alerts are off: neither FRIDGE_ALERT_WEBHOOK nor FRIDGE_ALERT_SMTP is set"


def alert_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """The sensors, on where a channel is configured."""
    is_on = settings.alerts.webhook is not None or settings.alerts.mail_server is not None
    status = dg.DefaultSensorStatus.RUNNING if is_on else dg.DefaultSensorStatus.STOPPED
    return [_alerts(status), _run_failures(status)]


def _alerts(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=ALERTS_INTERVAL_SECONDS,
        default_status=status,
        description="Tells webhook and mail of exceptions, unmapped usage near its deadline, stale hours, failed runs "
        "and a silent canary: once, again after a day, and once when it is over.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
    ) -> dg.SensorResult | dg.SkipReason:
        channels = installation.alert_channels()
        if not channels:
            return dg.SkipReason(NOT_CONFIGURED)
        settings, now = installation.settings, installation.clock()
        look = find_alerts(
            installation.database,
            lambda: installation.zone,
            installation.grid(),
            installation.catalogue,
            now,
            settings.close_after,
            settings.alerts.stale_after,
            AlertMemory.from_text(context.cursor),
            flies_canary=settings.alerts.canary,
        )
        look.add(Family.RUNS, *_failed_run_alerts(context.instance, installation))
        report = tell_alerts(installation.database, channels, look.alerts, look.looked_at, now)
        return dg.SensorResult(skip_reason=_said(context, report, len(look.alerts)), cursor=look.memory.to_text())

    return sensor


def _run_failures(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    @dg.run_failure_sensor(
        name="run_failures",
        minimum_interval_seconds=FAILURES_INTERVAL_SECONDS,
        default_status=status,
        description="Tells webhook and mail of a failed run at once; what it cannot send the sensor alerts sends.",
    )
    def sensor(context: dg.RunFailureSensorContext, installation: dg.ResourceParam[Installation]) -> dg.SkipReason:
        channels = installation.alert_channels()
        if not channels:
            return dg.SkipReason(NOT_CONFIGURED)
        alerts = _failed_run_alerts(context.instance, installation)
        report = tell_alerts(installation.database, channels, alerts, {Family.RUNS}, installation.clock())
        return dg.SkipReason(_said(context, report, len(alerts)))

    return sensor


def _failed_run_alerts(instance: dg.DagsterInstance, installation: Installation) -> list[Alert]:
    """One per job; a key that some library put into its error is no text for a mailbox."""
    settings = installation.settings
    key = settings.stripe_key or SANDBOX_KEY
    return [
        failed_job_alert(replace(failed, reason=key.redact(failed.reason)), settings.ui_url)
        for failed in failed_jobs(instance, installation.clock(), _books_of(installation))
    ]


def _books_of(installation: Installation) -> Books:
    """What they say of hours and days; an open hour is undone, and so is everything while the zone cannot be opened."""

    def undone_hours(hours: Collection[Hour]) -> set[Hour]:
        now = installation.clock()
        closed = {hour for hour in hours if hour.closed_at(now, installation.settings.close_after)}
        try:
            zone = installation.zone
        except LandingError:
            return set(hours)
        undone = find_undone_hours(installation.database, zone.fingerprint, closed, installation.catalogue, now)
        return undone | (set(hours) - closed)

    def read_at(days: Collection[date]) -> dict[date, datetime]:
        with installation.database.connect() as connection:
            return days_read_at(connection, DayRange(min(days), max(days)))

    return Books(undone_hours, read_at)


def _said(context: dg.SensorEvaluationContext | dg.RunFailureSensorContext, report: TellReport, alerts: int) -> str:
    """What the tick shows; problems stand in its log as well, and are tried again."""
    for problem in report.problems:
        context.log.warning("an alert was not sent to everybody: %s", problem)
    if report.is_busy:
        return "another tick is telling alerts"
    told = f"{alerts} alerts, {report.sent} messages sent"
    return f"{told}; {'; '.join(report.problems)}" if report.problems else told
