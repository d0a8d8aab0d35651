"""A whole month of the real deliveries, billed hour by hour as it went by, and what it must come to."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from fridge_pipeline.calendar.days import DayRange, Month
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.finance.close_month import approve_month, prepare_month
from fridge_pipeline.finance.make_evidence import EvidencePack, make_evidence
from fridge_pipeline.finance.month_record import refresh_month
from fridge_pipeline.finance.report_month import MonthReport, report_month
from fridge_pipeline.finance.stamp_record import Maker
from fridge_pipeline.reconciliation.rules.reading_plan import Reading
from fridge_pipeline.settings import MODELS_FOLDER, REPOSITORY
from tests.people import signed_in
from tests.pipeline import CLOSE_AFTER, Pipeline

LAND = REPOSITORY.parent / "shared" / "data" / "purpleair" / "land.py"

OCTOBER = Month.from_key("2023-10")
#: Landing hours from the first of October to the end of the real deliveries.
HOURS_SINCE = 162
#: Days that are read from Stripe at once; so many are read hour by hour.
DAYS_AT_ONCE = 4
PREPARED_BY, APPROVED_BY = "Ada Lovelace", "Grace Hopper"


@dataclass(frozen=True)
class Deliveries:
    """The month as a landing zone, and its totals as they were made without this project."""

    landing: Path
    hours: list[Hour]
    rows: int
    expected: pl.DataFrame  # tenant_id, hour (its key), inserted_count, active_sensors

    def total(self, measure: str) -> int:
        """The month's total over all tenants."""
        return int(self.expected[measure].sum())


def deliveries_of_october(folder: Path) -> Deliveries:
    """Lays the month out as it really arrived. What came before is not there, what came later changes nothing in it."""
    landing, expected = folder / "delivered", folder / "expected.csv"
    command = [sys.executable, str(LAND), "--out", str(landing), "--last", str(HOURS_SINCE), "--expect", str(expected)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    for day in landing.glob("????-??-??"):
        if not day.name.startswith(OCTOBER.key):
            shutil.rmtree(day)
    hours = sorted(Hour.from_folder(f"{path.parent.name}/{path.name}") for path in landing.glob("*/*"))
    rows = sum(pl.read_parquet(path).height for path in landing.rglob("*.parquet"))
    for ending, read in (("csv", pl.read_csv), ("ndjson", pl.read_ndjson)):
        rows += sum(read(path).height for path in landing.glob(f"*/*/*.{ending}"))
        rows += sum(read(path).height for path in landing.glob(f"*/*/*.{ending}.gz"))
    return Deliveries(landing, hours, rows, pl.read_csv(expected).filter(pl.col("hour").str.starts_with(OCTOBER.key)))


def bill_the_month(pipeline: Pipeline, deliveries: Deliveries) -> None:
    """Each hour is billed six minutes after its end, and every fourth day is compared with Stripe's own sums."""
    shutil.copytree(deliveries.landing, pipeline.landing, dirs_exist_ok=True)
    for tenant, name, customer in pl.read_csv(deliveries.landing / "tenants.csv").iter_rows():
        assert name == tenant.title()
        pipeline.add_tenant(tenant, customer)
    for hour in deliveries.hours:
        set_clock(pipeline, hour.end + CLOSE_AFTER + timedelta(minutes=1))
        pipeline.run(hour)
    set_clock(pipeline, datetime(2023, 11, 1, 6, tzinfo=UTC))
    first, last = OCTOBER.first_day, OCTOBER.hours.last.start.date()
    while first <= last:
        until = min(first + timedelta(days=DAYS_AT_ONCE - 1), last)
        days = DayRange(first, until)
        pipeline.reconcile(days)
        first = until + timedelta(days=1)


def set_clock(pipeline: Pipeline, now: datetime) -> None:
    """The pipeline's and Stripe's."""
    pipeline.clock.now = now
    pipeline.advance()


def report(pipeline: Pipeline, folder: Path) -> MonthReport:
    """What ``fridge report`` does."""
    refresh_month(pipeline.database, MODELS_FOLDER, pipeline.catalogue, OCTOBER, pipeline.clock)
    return report_month(pipeline.as_run(), OCTOBER, folder, CLOSE_AFTER, pipeline.workspace)


def close(pipeline: Pipeline) -> None:
    """What ``fridge close`` and ``fridge approve`` do."""
    ada, grace = (signed_in(pipeline.database, login) for login in ("ada", "grace"))
    pipeline.reconcile(OCTOBER.days, reading=Reading.UNREAD)
    prepare_month(replace(pipeline.as_run(), database=ada), OCTOBER, PREPARED_BY, MODELS_FOLDER, CLOSE_AFTER)
    approve_month(grace, OCTOBER, APPROVED_BY, pipeline.clock, CLOSE_AFTER)


def evidence(pipeline: Pipeline, target: Path) -> EvidencePack:
    """What ``fridge evidence`` does."""
    parameters = {"partitions_start": "2023-10-01-00:00"}
    maker = Maker(APPROVED_BY, pipeline.run_id, pipeline.clock(), {"version": "test"}, parameters)
    return make_evidence(pipeline.database, OCTOBER, target, MODELS_FOLDER, maker, pipeline.workspace)
