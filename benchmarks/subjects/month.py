"""Month: report, evidence pack and signature of a month in which every tenant has usage in every hour."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import psycopg

from benchmarks.bench import Bench, mebibytes, seconds
from benchmarks.measuring.row import Row, Side, Target
from benchmarks.measuring.sample import Sample
from benchmarks.statements import statement
from fridge_pipeline.calendar.days import Month
from fridge_pipeline.catalogue.meter import CATALOGUE
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.fill_models import fill_hours, fill_tables, keep_figures
from fridge_pipeline.database.models import read_models
from fridge_pipeline.database.people_record import Role, add_person
from fridge_pipeline.operations.prepare_database import prepare_database
from fridge_pipeline.settings import MODELS_FOLDER

MONTH = Month.from_key("2026-01")
OURS = "benchmarks.candidates.month_ours"

#: Whoever signs.
LOGIN, PASSWORD = "bench_preparer", "for the bench alone"  # of a server in a temporary folder

#: Each sensor's readings in an hour, and the sensors of a tenant.
PER_HOUR, SENSORS = 2, 2

#: "≤ 30 s each": what nobody minds waiting for.
SECONDS_MAX = 30


def rows(bench: Bench) -> Iterator[Row]:
    """Each against a COPY of the month's tie-out, and its memory against that of a tenth of the tenants."""
    tenants = {"many": bench.sizes.month_tenants, "few": max(1, bench.sizes.month_tenants // 10)}
    names = {size: bench.template(f"{size} tenants", partial(_fill, bench, number)) for size, number in tenants.items()}
    acts = ("report", "evidence", "close", "tie_out")
    samples = bench.contest(
        {f"{act} {size}": partial(_act, bench, name, act) for act in acts for size, name in names.items()}
    )
    floor = Side.of("COPY of the month's tie-out into a file", samples["tie_out many"], seconds)
    work = f"{tenants['many']:,} tenants of {MONTH.hours.count} hours each"
    for act in ("report", "evidence", "close"):
        ours = Side.of(f"fridge {act}", samples[f"{act} many"], seconds)
        yield Row("month", work, "s", ours, floor)
        limit = Side.limit(f"the limit of {SECONDS_MAX} s", SECONDS_MAX)
        yield Row("month", work, "s", ours, limit, Target(at_most=1))
        yield Row(
            "month",
            f"{work}, memory",
            "MiB",
            Side.of(f"fridge {act}", samples[f"{act} many"], mebibytes),
            Side.of(f"{tenants['few']:,} tenants", samples[f"{act} few"], mebibytes),
            Target(at_most=1.2),
        )
    for name in names.values():
        bench.world.drop(name)


def _act(bench: Bench, name: str, act: str, _turn: int) -> Sample:
    """In a clone: who signs changes the books."""
    person: dict[str, Any] = {"login": LOGIN, "password": PASSWORD} if act == "close" else {}
    with bench.world.database(name) as dsn:
        return bench.run(f"{OURS}:{act}", dsn=dsn, month=MONTH.key, **person)


def _fill(bench: Bench, tenants: int, dsn: str) -> None:
    database, models, now = Database(dsn), read_models(MODELS_FOLDER), datetime.now(UTC)
    prepare_database(database, MODELS_FOLDER, now)
    with bench.world.as_superuser(dsn) as superuser:
        add_person(superuser, LOGIN, Role.PREPARER, PASSWORD)
    books = {"start": MONTH.start, "end": MONTH.end, "per_hour": PER_HOUR, "sensors_each": SENSORS}
    books |= {"per_tenant": PER_HOUR * SENSORS, "per_file": PER_HOUR * SENSORS * tenants}
    options = "-c timezone=UTC"
    with psycopg.connect(dsn, options=options, cursor_factory=psycopg.ClientCursor) as connection:
        fleet = {"tenants": tenants, "sensors": SENSORS * tenants}
        connection.execute(statement("insert_fleet"), fleet)
        connection.execute(statement("insert_month_of_books"), fleet | books)
    fill_hours(database, models, MONTH.hours, CATALOGUE, lambda: now)
    fill_tables(database, models, CATALOGUE)
    keep_figures(database, models)
