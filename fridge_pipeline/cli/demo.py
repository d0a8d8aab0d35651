"""``fridge demo``: two days of real readings, billed to a local sandbox."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import click
import polars as pl

from fridge_pipeline.calendar.days import DayRange, day_of
from fridge_pipeline.calendar.hours import ONE_HOUR, Hour, HourRange
from fridge_pipeline.catalogue.tenant import Tenant
from fridge_pipeline.catalogue.tenant_record import import_tenants, tenant_ids
from fridge_pipeline.cli.await_billing import await_billed
from fridge_pipeline.cli.bill_command import show_result
from fridge_pipeline.cli.demo_month import begin_demo_month, end_demo_month, tell_failure
from fridge_pipeline.cli.interruption import exit_code
from fridge_pipeline.cli.options import PORT
from fridge_pipeline.cli.shown_addresses import show_addresses
from fridge_pipeline.cli.shown_progress import console
from fridge_pipeline.cli.terminal import settings
from fridge_pipeline.cli.up import UI_PORT, running
from fridge_pipeline.installation import Ledger, open_installation
from fridge_pipeline.orchestration.headless import headless_runner

READINGS = Path(__file__).parent / "demo_data" / "one_week.parquet"
WEEK = timedelta(days=7)

#: Each tenant's gateway delivers in a format of its own.
FORMATS = ("csv", "csv.gz", "ndjson", "ndjson.gz", "parquet")

#: What a sensor with a loose wire sends, once a day; it is rejected with its reason.
BROKEN_ROW = {"sensor_id": "loose-wire", "temperature_c": 999.9}
BROKEN_ROW_HOUR_OF_DAY = 6


def demo_tenants() -> list[Tenant]:
    """The tenants of the demo, each with a customer of the sandbox."""
    names = pl.read_parquet(READINGS, columns=["tenant_id"])["tenant_id"].unique().sort()
    return [Tenant(name, name.title(), f"cus_demo{name}") for name in names]


def land_hours(root: Path, hours: Iterable[Hour]) -> int:
    """Delivers the given hours below the landing root; leaves what is there; returns how many files are new.

    Like the loader these readings come from, each delivery brings the hour before along once more.
    """
    week = pl.read_parquet(READINGS)
    landed = 0
    for hour in hours:
        rows = pl.concat([_readings_of(week, hour.plus(-1)), _readings_of(week, hour), _broken(hour)])
        for number, ((tenant,), delivery) in enumerate(sorted(rows.group_by("tenant_id"), key=lambda each: each[0])):
            path = root / hour.folder / f"gateway-{tenant}.{FORMATS[number % len(FORMATS)]}"
            if not path.exists():
                _deliver(delivery.sort("recorded_at", "sensor_id"), path)
                landed += 1
    return landed


def _readings_of(week: pl.DataFrame, hour: Hour) -> pl.DataFrame:
    """The readings of the same hour of the recorded week, moved to this hour."""
    recorded = Hour.containing(week["recorded_at"].min())  # type: ignore[arg-type]  # a time column's minimum is a time
    into_week = (hour.start - recorded.start) % WEEK
    source = recorded.start + into_week
    return week.filter(pl.col("recorded_at").is_between(source, source + ONE_HOUR, closed="left")).with_columns(
        pl.col("recorded_at") + (hour.start - source)
    )


def _broken(hour: Hour) -> pl.DataFrame:
    if hour.start.hour != BROKEN_ROW_HOUR_OF_DAY:
        return pl.read_parquet(READINGS, n_rows=0)
    row = {"tenant_id": demo_tenants()[0].tenant_id, "recorded_at": hour.start, **BROKEN_ROW}
    return pl.DataFrame([row], schema=pl.read_parquet_schema(READINGS))


def _deliver(delivery: pl.DataFrame, path: Path) -> None:
    """Writes under a temporary name first, as a gateway should: the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".tmp")
    if path.suffix == ".parquet":
        delivery.write_parquet(unfinished)
    else:
        text = delivery.with_columns(pl.col("recorded_at").dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
        body = (text.write_csv() if ".csv" in path.name else text.write_ndjson()).encode()
        unfinished.write_bytes(gzip.compress(body) if path.suffix == ".gz" else body)
    unfinished.rename(path)


DEMO_HOURS = 48


@click.command()
@click.option("--exit", "exit_after", is_flag=True, help="End after the result instead of keeping the UI up.")
@click.option("--port", type=PORT, default=UI_PORT, show_default=True, help="Port of the UI; another if it is in use.")
def demo(exit_after: bool, port: int) -> None:
    """Bill two days of real readings to the Stripe sandbox, and show them.

    A billing month ends in these two days: a second table shows its invoices, a late file that missed them, and the
    proposed correction. The Dagster UI then stays up until Ctrl-C. Never uses a Stripe key from the environment:
    the demo bills the local sandbox only. A second run continues with the same data.
    """
    configured = settings()
    if configured.stripe_key is not None or not configured.landing_is_default:
        raise click.UsageError(
            "the demo makes up deliveries and customers: unset STRIPE_API_KEY and FRIDGE_LANDING_URI first"
        )
    with open_installation(configured, decides_start=True) as opened:
        refuse_other_tenants(opened.ledger)
        with opened.stripe.kept_up():
            begin_demo_month(opened, demo_tenants())
        span = land_demo(opened.ledger)  # before the landing sensor begins to look, which finds the files at once
        with running(configured, port) as started:
            console.print(f"Dagster UI at {started.ui_url}: the hours fill there now", soft_wrap=True)
            billed = await_billed(started, span)
            with headless_runner(opened.ledger, span, "fridge demo") as runner:
                if not billed.is_interrupted:
                    with console.status("checking the books"):
                        billed.runs.append(runner.check_books(span))
                show_result(billed, started.stripe_location, opened.ledger.billing_start, as_json=False)
                if billed.is_success:
                    end_demo_month(started, span, demo_tenants()[0].tenant_id, runner)
                    with console.status("comparing with Stripe's own sums"):
                        compared = runner.reconcile(DayRange(day_of(span.first), day_of(span.last)))
                    billed.runs.append(compared)
                    tell_failure(compared)
            if exit_after or exit_code() is not None:
                sys.exit(exit_code() or (0 if billed.is_success else 1))
            show_addresses(started)
            started.watch()


def land_demo(ledger: Ledger) -> HourRange:
    """Lands the last closed hours and imports their tenants; returns the hours."""
    now = ledger.clock()
    last = Hour.containing(now - ledger.settings.close_after - ONE_HOUR)
    span = HourRange(max(last.plus(1 - DEMO_HOURS), ledger.settings.partitions_start), last)
    with console.status("landing real readings"):
        landed = land_hours(Path(ledger.settings.landing_uri), span.hours())
    with ledger.database.connect() as connection:
        import_tenants(connection, demo_tenants(), now, reason="the demo")
    console.print(f"{landed} landing files delivered for {span.count} hours up to {span.last}")
    return span


def refuse_other_tenants(ledger: Ledger) -> None:
    """The demo's made-up tenants and deliveries do not belong into anybody's real books."""
    with ledger.database.connect() as connection:
        others = tenant_ids(connection) - {tenant.tenant_id for tenant in demo_tenants()}
    if others:
        raise click.UsageError(
            f"these books hold other tenants ({', '.join(sorted(others)[:3])}, …), and the demo would add its own; "
            "set FRIDGE_HOME or FRIDGE_DATABASE_URL to a place of the demo's own"
        )
