"""Dagster: ranged runs over many hours, and one small hour, against the same runs of assets that do nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks.bench import Bench, seconds
from benchmarks.deliveries import deliver
from benchmarks.measuring.row import Row, Side, Target
from benchmarks.measuring.sample import Sample
from benchmarks.readings import Fleet, readings
from benchmarks.sandbox import begin_anew, watched
from fridge_pipeline.calendar.hours import ONE_HOUR, Hour, HourRange
from fridge_pipeline.catalogue.tenant import Tenant
from fridge_pipeline.catalogue.tenant_record import import_tenants
from fridge_pipeline.database.connection import Database
from tests.sandbox_process import SandboxProcess, running_sandbox

OURS = "benchmarks.candidates.dagster_ours:backfill"
IDLE = "benchmarks.candidates.dagster_idle:backfill"
OURS_ONE_HOUR = "benchmarks.candidates.dagster_ours:start_to_stripe"
IDLE_ONE_HOUR = "benchmarks.candidates.dagster_idle:start_to_last_asset"

FLEET = Fleet(tenants=5, sensors=20)
ROWS_PER_FILE = 100

#: Every third hour is empty.
EMPTY_EVERY = 3

TARGET = Target(at_most=1.3)

#: A start takes seconds and varies.
STARTS = 3


def rows(bench: Bench) -> Iterator[Row]:
    """A backfill, then the way of one small hour from a process's start to Stripe."""
    hours = bench.sizes.backfill_hours
    last = Hour.containing(datetime.now(UTC)).plus(-2)
    span, landing = HourRange(last.plus(1 - hours), last), bench.folder("backfill") / "landing"
    full = [hour for number, hour in enumerate(span.hours()) if number % EMPTY_EVERY]
    for hour in full:
        made = readings(FLEET, hour.start, ONE_HOUR, ROWS_PER_FILE, bench.seed)
        deliver(landing, hour, "gateway.parquet", made)
    bench.template("tenants known", import_fleet)
    with running_sandbox() as sandbox:
        samples = bench.contest(
            {
                "ours": partial(_backfill, bench, sandbox, landing, OURS, span),
                "idle": partial(_backfill, bench, sandbox, landing, IDLE, span, stock=False),
                "stock": partial(_backfill, bench, sandbox, landing, IDLE, span, stock=True),
            }
        )
        work = f"a backfill of {hours} hours, {len(full)} with a file of {ROWS_PER_FILE} readings, as ranged runs"
        ours = Side.of("our four assets and the SQL models, billed to the sandbox", samples["ours"], seconds)
        idle = Side.of("four assets that do nothing, on our Dagster storage and settings", samples["idle"], seconds)
        stock = Side.of(
            "four assets that do nothing, on Dagster's PostgreSQL storage as it comes", samples["stock"], seconds
        )
        yield Row("dagster", work, "s", ours, stock, TARGET)
        yield Row("dagster", work, "s", ours, idle, TARGET)
        yield Row("dagster", work, "s", idle, stock)
        yield _one_hour(bench, sandbox, landing, full)
    bench.world.drop("tenants known")


def _backfill(
    bench: Bench, sandbox: SandboxProcess, landing: Path, act: str, span: HourRange, _turn: int, **further: bool
) -> Sample:
    begin_anew(sandbox)
    with bench.world.database("tenants known") as dsn:
        environment = _environment(bench, sandbox, landing, dsn, span.first)
        arguments: dict[str, object] = {"first": span.first.key, "last": span.last.key, **further}
        return bench.run(act, watched(sandbox), environment, **arguments)


def _one_hour(bench: Bench, sandbox: SandboxProcess, landing: Path, full: list[Hour]) -> Row:
    """Both in databases that Dagster has used before, as those of an installation are."""
    begin_anew(sandbox)
    with bench.world.database("tenants known") as ours, bench.world.database() as idle:
        of_ours = _environment(bench, sandbox, landing, ours, full[0])
        of_idle = _environment(bench, sandbox, landing, idle, full[0])

        def run_ours(turn: int) -> Sample:
            hour = full[turn + 1].key
            return bench.run(OURS_ONE_HOUR, None, of_ours, hour=hour, url=sandbox.url)

        def run_idle(turn: int) -> Sample:
            return bench.run(IDLE_ONE_HOUR, None, of_idle, hour=full[turn + 1].key)

        run_ours(-1)
        run_idle(-1)
        samples = bench.contest({"ours": run_ours, "idle": run_idle}, STARTS)
    return Row(
        "dagster",
        f"one small hour ({ROWS_PER_FILE} readings, {FLEET.tenants} tenants) from the start of a process",
        "s",
        Side.of("our assets, until the sandbox has the last event", samples["ours"], seconds),
        Side.of("assets that do nothing, until the last one runs", samples["idle"], seconds),
    )


def _environment(bench: Bench, sandbox: SandboxProcess, landing: Path, dsn: str, first: Hour) -> dict[str, str]:
    return {
        "FRIDGE_HOME": str(bench.fresh_folder("home")),
        "FRIDGE_DATABASE_URL": dsn,
        "FRIDGE_LANDING_URI": str(landing),
        "FRIDGE_PARTITIONS_START": first.key,
        "STRIPE_API_BASE": sandbox.url,
    }


def import_fleet(dsn: str) -> None:
    """The fleet's tenants, each with a Stripe customer."""
    tenants = [Tenant(f"tenant-{number:05}", None, f"cus_tenant{number}") for number in range(FLEET.tenants)]
    with Database(dsn).connect() as connection:
        import_tenants(connection, tenants, datetime.now(UTC))
