"""Puts assets, automation and resources together for given settings."""

from __future__ import annotations

import os

import dagster as dg

from fridge_pipeline.billing.assets import billing_assets, planning_assets
from fridge_pipeline.database.models import read_models, read_sources
from fridge_pipeline.finance.assets import finance_assets, finance_checks
from fridge_pipeline.ingest.assets import ingest_assets
from fridge_pipeline.orchestration.alerting import alert_sensors
from fridge_pipeline.orchestration.automation import jobs, landing_sensor
from fridge_pipeline.orchestration.controls import control_checks
from fridge_pipeline.orchestration.month_assets import evidence_assets, report_assets
from fridge_pipeline.orchestration.own_environment import settle_environment
from fridge_pipeline.orchestration.partitions import daily_partitions, hourly_of, monthly_partitions
from fridge_pipeline.orchestration.schedules import (
    canary_job,
    daily_book_check,
    daily_reconciliation,
    hourly_billing,
    hourly_canary,
    nightly_retention,
    retention_job,
)
from fridge_pipeline.orchestration.sensors import stripe_refusals, undelivered_sweep
from fridge_pipeline.orchestration.sharding import shard_job
from fridge_pipeline.orchestration.shown_hours import restoring_sensor
from fridge_pipeline.reconciliation.assets import reconciliation_assets, reconciliation_checks
from fridge_pipeline.resources import RESOURCES
from fridge_pipeline.settings import MODELS_FOLDER, Settings, read_settings
from fridge_pipeline.usage.assets import usage_assets


def build_definitions(settings: Settings) -> dg.Definitions:
    """The whole code location; opens nothing but the SQL models' files."""
    hourly = hourly_of(settings)
    models, sources = read_models(MODELS_FOLDER), read_sources(MODELS_FOLDER)
    checks = finance_checks(models)
    return dg.Definitions(
        assets=[
            *ingest_assets(hourly, sources["raw_readings"]),
            *usage_assets(hourly, sources),
            *billing_assets(hourly, sources["meter_events"]),
            *reconciliation_assets(daily_partitions(settings.partitions_start), sources["stripe_reconciliation"]),
            *finance_assets(models, hourly),
            *planning_assets(hourly),
            *evidence_assets(models, monthly_partitions(settings.partitions_start)),
            *report_assets(monthly_partitions(settings.partitions_start)),
        ],
        asset_checks=[*control_checks(), *reconciliation_checks(), checks],
        jobs=[*jobs(checks), retention_job(), canary_job(), shard_job()],
        sensors=[
            landing_sensor(),
            undelivered_sweep(),
            stripe_refusals(),
            restoring_sensor(),
            *alert_sensors(settings),
        ],
        schedules=[
            hourly_billing(settings.close_after),
            daily_reconciliation(),
            daily_book_check(),
            nightly_retention(),
            hourly_canary(settings),
        ],
        resources=RESOURCES,
        # A process and an import per step cost more than the steps: 13 s of CPU against 4 for an hour's chain.
        executor=dg.in_process_executor,
    )


def definitions_of_environment() -> dg.Definitions:
    """The code location as the environment of this process says."""
    settle_environment(os.environ)
    return build_definitions(read_settings(os.environ))
