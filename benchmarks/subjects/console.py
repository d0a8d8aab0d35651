"""Console: every page over the books of many tenants and months, and a load while many people read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import psycopg

from benchmarks.bench import LANDING_HOUR, Bench, rows_per_second, seconds
from benchmarks.candidates.console_readers import READERS, readers
from benchmarks.deliveries import deliver
from benchmarks.measuring.row import Row, Side, Target
from benchmarks.measuring.sample import Sample
from benchmarks.statements import statement
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.console.all_pages import all_pages
from fridge_pipeline.console.application import REPORTS
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.embedded.logins import FINANCE
from fridge_pipeline.database.fill_models import keep_figures
from fridge_pipeline.database.models import read_models
from fridge_pipeline.operations.prepare_database import prepare_database
from fridge_pipeline.settings import MODELS_FOLDER

LOAD = "benchmarks.candidates.load_ours:load"
PAGE = "benchmarks.candidates.console_ours:answer"
TEMPLATE = "books"

#: So long a reader waits for a page.
SECONDS_MAX = 0.3

TENANT = "shop-00001"


def rows(bench: Bench) -> Iterator[Row]:
    """The median of each page, against the limit."""
    sizes = bench.sizes
    name = bench.template(TEMPLATE, partial(_fill, bench))
    dsn = bench.world.signed_in(FINANCE).dsn(name)
    paths = _paths(bench, name)
    samples = bench.contest({path: partial(_ask, bench, dsn, path) for path in paths})
    books = f"{sizes.console_tenants:,} tenants, {sizes.console_months} months"
    for path in paths:
        yield Row(
            "console",
            f"the page {path} of {books}",
            "s",
            Side.of("made by insert … select generate_series", samples[path], seconds),
            Side.limit(f"the limit of {SECONDS_MAX} s", SECONDS_MAX),
            Target(at_most=1),
        )
    yield _beside_readers(bench, name, dsn, paths)
    bench.world.drop(name)


def _beside_readers(bench: Bench, name: str, finance: str, paths: Sequence[str]) -> Row:
    """Each turn loads an hour of its own, into books that grow for both sides alike."""
    sizes, hours = bench.sizes, iter(range(2 * bench.sizes.repeats))

    def load(*_: object) -> Sample:
        number = next(hours)
        hour, folder = LANDING_HOUR.plus(number), bench.folder("beside_readers") / f"{number}"
        deliver(folder, hour, "gateway.parquet", bench.hour_of_readings(sizes.read_rows, hour, lot=number))
        key = hour.key
        return bench.run(LOAD, dsn=bench.world.address.dsn(name), landing=str(folder), first=key, last=key)

    def load_beside_readers(*_: object) -> Sample:
        with readers(finance, str(bench.world.home), paths, bench.seed):
            return load()

    samples = bench.contest({"alone": load, "beside readers": load_beside_readers})
    return Row(
        "console",
        f"an hour of {sizes.read_rows:,} readings, one parquet file",
        "rows/s",
        Side.of(f"the load step while {READERS} people read the console", samples["beside readers"], rows_per_second),
        Side.of("the load step alone", samples["alone"], rows_per_second),
        Target(at_least=0.9),
    )


def _ask(bench: Bench, dsn: str, path: str, _turn: int) -> Sample:
    return bench.run(PAGE, dsn=dsn, home=str(bench.world.home), path=path)


def _fill(bench: Bench, dsn: str) -> None:
    """Books up to two hours ago: every hour of the last days, and some hours of each day before them."""
    sizes, now = bench.sizes, datetime.now(UTC)
    ends = Hour.containing(now).plus(-2).start
    first = ends.replace(day=1, hour=0)
    for _ in range(sizes.console_months - 1):
        first = (first - timedelta(days=1)).replace(day=1)
    prepare_database(Database(dsn), MODELS_FOLDER, now)
    parameters = {
        "tenants": sizes.console_tenants,
        "first": first,
        "dense_from": ends - timedelta(days=sizes.console_days),
        "ends": ends,
        "step": sizes.console_step,
    }
    with bench.world.as_superuser(dsn) as connection:
        connection.execute("set session_replication_role = replica; set work_mem = '128MB'")
        connection.execute(statement("create_books"))
        connection.execute(statement("fill_books"), parameters)
        connection.execute("vacuum analyze")
        connection.execute(
            "insert into fridge.changed_hours (hour) select hour from fridge.known_hours() as known (hour)"
        )
    keep_figures(Database(dsn), read_models(MODELS_FOLDER))


def _paths(bench: Bench, name: str) -> list[str]:
    """One address of every page, about the newest closed month where it is about a month."""
    with psycopg.connect(bench.world.address.dsn(name), options="-c timezone=UTC") as connection:
        ((month, hour, invoice, line),) = connection.execute(statement("read_places")).fetchall()
    places = {"tenant": TENANT, "month": month, "hour": Hour(hour).key, "invoice": invoice, "line": line}
    return [page.path.format(**places) for page in all_pages(Path(bench.world.home), REPORTS)]
