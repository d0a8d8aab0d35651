"""``fridge demo``: as ``fridge up``, with real readings landed, billed and shown."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fridge_pipeline.calendar.hour import ONE_HOUR, Hour
from fridge_pipeline.calendar.hour_range import HourRange
from fridge_pipeline.catalogue.tenant_record import import_tenants, tenant_ids
from fridge_pipeline.cli.bill import bill_range, show_result
from fridge_pipeline.cli.context import settings
from fridge_pipeline.cli.demo_landing import demo_tenants, land_hours
from fridge_pipeline.cli.interruption import exit_code
from fridge_pipeline.cli.terminal import console
from fridge_pipeline.cli.up import UI_PORT, running, show_urls
from fridge_pipeline.installation import Installation
from fridge_pipeline.orchestration.headless import headless_runner

DEMO_HOURS = 48


@click.command()
@click.option("--exit", "exit_after", is_flag=True, help="End after the result instead of keeping the UI up.")
@click.option("--port", default=UI_PORT, show_default=True, help="Port of the UI; another is taken if it is in use.")
def demo(exit_after: bool, port: int) -> None:
    """Land two days of real readings, bill them to the Stripe sandbox, and show them in the Dagster UI.

    Never uses a Stripe key from the environment: the demo bills the local sandbox only. Run again, it
    continues from the same data.
    """
    configured = settings()
    if configured.stripe_key is not None or not configured.landing_is_default:
        raise click.UsageError(
            "the demo makes up deliveries and customers: unset STRIPE_API_KEY and FRIDGE_LANDING_URI first"
        )
    with running(configured, port) as started:
        refuse_other_tenants(started.installation)
        span = land_demo(started.installation)
        billed = bill_range(started.installation, span)
        with console.status("checking the books"), headless_runner(started.installation, span) as runner:
            billed.runs.append(runner.check_books(span))
        show_result(billed, started.stripe_place, started.installation.billing_start, as_json=False)
        if exit_after or billed.is_interrupted:
            sys.exit(0 if billed.is_success else exit_code() or 1)
        show_urls(started)
        started.watch()


def land_demo(opened: Installation) -> HourRange:
    """Lands the last closed hours and imports their tenants; returns the hours."""
    now = opened.clock()
    last = Hour.containing(now - opened.settings.close_after - ONE_HOUR)
    span = HourRange(max(last.plus(1 - DEMO_HOURS), opened.settings.partitions_start), last)
    with console.status("landing real readings"):
        landed = land_hours(Path(opened.settings.landing_uri), span.hours())
    with opened.database.connect() as connection:
        import_tenants(connection, demo_tenants(), now)
    console.print(f"{landed} landing files delivered for {span.count} hours up to {span.last}")
    return span


def refuse_other_tenants(opened: Installation) -> None:
    """The demo's made-up tenants and deliveries do not belong into anybody's real books."""
    with opened.database.connect() as connection:
        others = tenant_ids(connection) - {tenant.tenant_id for tenant in demo_tenants()}
    if others:
        raise click.UsageError(
            f"these books hold other tenants ({', '.join(sorted(others)[:3])}, …), and the demo would add its own; "
            "set FRIDGE_HOME or FRIDGE_DATABASE_URL to a place of the demo's own"
        )
