"""The map: every asset, check, job, sensor, schedule and resource that Dagster shows, in reading order.

What stands here by its bare name is at the top of its module. What is called with the settings, or with the SQL models,
cannot be: an asset's grid begins where they say, and Dagster reads from a sensor or schedule itself whether it is on.
"""

from __future__ import annotations

import os

import dagster as dg

from fridge_pipeline.billing.assets import meter_events
from fridge_pipeline.database.models import read_models, read_sources
from fridge_pipeline.finance.assets import finance_assets, finance_checks
from fridge_pipeline.finance.evidence_record import pack_tables
from fridge_pipeline.finance.rules.month_books import MARTS
from fridge_pipeline.ingest.assets import raw_readings
from fridge_pipeline.invoices.assets import accepted_usage_is_invoiced, invoices_are_usage, stripe_invoices
from fridge_pipeline.lake.assets import has_lake, hourly_lake, lake, write_lake_job
from fridge_pipeline.orchestration.alerting import alerts, run_failures
from fridge_pipeline.orchestration.automation import (
    bill_closed_hours,
    check_books,
    landing_sensor,
    load_and_bill,
    plan_backfill,
    read_invoices_job,
    reconcile_days,
)
from fridge_pipeline.orchestration.code_references import with_code
from fridge_pipeline.orchestration.grid_start import settle_grid
from fridge_pipeline.orchestration.integrity_checks import (
    columns_are_known,
    every_file_and_row_was_used,
    every_row_is_accounted_for,
    ids_are_written_in_one_way,
    usage_is_what_the_files_brought,
)
from fridge_pipeline.orchestration.invoice_watch import daily_invoices, invoice_drafts
from fridge_pipeline.orchestration.month_assets import audit_report, evidence_pack, with_models
from fridge_pipeline.orchestration.own_environment import settle_environment
from fridge_pipeline.orchestration.partitions import (
    ONE_RUN,
    daily_partitions,
    hourly_of,
    monthly_partitions,
    on_grid,
    on_hours,
)
from fridge_pipeline.orchestration.plan_asset import backfill_plan
from fridge_pipeline.orchestration.progress import as_table
from fridge_pipeline.orchestration.schedules import (
    daily_book_check,
    daily_reconciliation,
    drop_old_readings_job,
    hourly_billing,
    hourly_canary,
    land_canary_job,
    nightly_retention,
)
from fridge_pipeline.orchestration.sensors import stripe_refusals, undelivered_sweep
from fridge_pipeline.orchestration.sharding import load_shard_job
from fridge_pipeline.orchestration.shown_hours import wiped_hours
from fridge_pipeline.reconciliation.assets import stripe_agrees, stripe_reconciliation
from fridge_pipeline.resources import RESOURCES
from fridge_pipeline.settings import MODELS_FOLDER, Settings, read_settings
from fridge_pipeline.usage.assets import usage_tables


def build_definitions(settings: Settings) -> dg.Definitions:
    """The whole code location as the settings say; opens nothing but the SQL models' files."""
    models, sources = read_models(MODELS_FOLDER), read_sources(MODELS_FOLDER)
    hourly = hourly_of(settings)
    days, months = daily_partitions(settings.partitions_start), monthly_partitions(settings.partitions_start)
    checks = finance_checks(models)
    assets = [
        on_hours(as_table(raw_readings, sources), hourly),
        on_hours(as_table(usage_tables, sources), hourly),  # inserted_counts and active_sensors
        on_hours(as_table(meter_events, sources), hourly),
        on_grid(as_table(stripe_reconciliation, sources), days, ONE_RUN),
        on_grid(as_table(stripe_invoices, sources), days, ONE_RUN),
        *finance_assets(models, hourly),  # one for each SQL model
        on_grid(with_models(evidence_pack, pack_tables(), models), months),
        on_grid(with_models(audit_report, MARTS, models), months),
        on_grid(backfill_plan, hourly.hours, ONE_RUN),
        *([lake] if has_lake(settings) else []),
    ]
    return dg.Definitions(
        assets=with_code(assets, settings.source_url),
        asset_checks=[
            every_row_is_accounted_for,
            every_file_and_row_was_used,
            ids_are_written_in_one_way,
            columns_are_known,
            usage_is_what_the_files_brought,
            stripe_agrees,
            invoices_are_usage,
            accepted_usage_is_invoiced,
            checks,  # one for each test of a SQL model
        ],
        jobs=[
            load_and_bill,
            bill_closed_hours,
            reconcile_days,
            read_invoices_job,
            check_books(checks),
            plan_backfill,
            drop_old_readings_job,
            land_canary_job,
            load_shard_job,
            *([write_lake_job] if has_lake(settings) else []),
        ],
        sensors=[
            landing_sensor,
            undelivered_sweep,
            stripe_refusals,
            invoice_drafts,
            wiped_hours,
            alerts(settings),
            run_failures(settings),
        ],
        schedules=[
            hourly_billing(settings),
            daily_reconciliation,
            daily_invoices,
            daily_book_check,
            nightly_retention,
            hourly_canary(settings),
            *([hourly_lake] if has_lake(settings) else []),
        ],
        resources=RESOURCES,
        # A process and an import per step cost more than the steps: 13 s of CPU against 4 for an hour's chain.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """As the environment of this process says; built when Dagster asks, so importing this module opens nothing."""
    settle_environment(os.environ)
    settle_grid(os.environ)
    return build_definitions(read_settings(os.environ))
