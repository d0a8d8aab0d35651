"""Growth: what many readings stored before cost the load and the count of an hour."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import psycopg

from benchmarks.bench import LANDING_HOUR, Bench, rows_per_second, seconds
from benchmarks.deliveries import deliver
from benchmarks.measuring.row import Row, Side, Target
from benchmarks.measuring.sample import Sample
from benchmarks.readings import Fleet
from benchmarks.statements import statement
from benchmarks.subjects.load import LOAD_STEP
from benchmarks.subjects.load import OURS as LOAD
from benchmarks.subjects.usage import OURS as COUNT

#: An hour costs what it holds, give or take the noise of a machine.
ABOUT_THE_SAME = 1.25

DROP = "benchmarks.candidates.drop_ours:drop_month"

#: "In seconds": a month of readings goes as a whole, however many they are.
SECONDS_TO_DROP = 10


def rows(bench: Bench) -> Iterator[Row]:
    """Load and count of further hours in two databases, one with few readings before them, one with many."""
    sizes, landing = bench.sizes, bench.folder("growth")
    for turn in range(sizes.repeats):
        hour = LANDING_HOUR.plus(turn)
        deliver(landing, hour, "gateway.parquet", bench.hour_of_readings(sizes.growth_rows, hour))
    history = {"few": sizes.growth_few, "many": sizes.growth_many}
    names = {size: bench.template(f"{size} stored", partial(_fill, bench, number)) for size, number in history.items()}
    loads = bench.contest({size: partial(_load, bench, name) for size, name in names.items()})
    counts = bench.contest({size: partial(_count, bench, name) for size, name in names.items()})
    made = "made by insert … select generate_series into earlier hours of the same month"
    few, many = (f"with {number:,} readings stored before" for number in history.values())
    yield Row(
        "growth",
        f"{sizes.growth_rows:,} new readings, one parquet file; {LOAD_STEP}",
        "rows/s",
        Side.of(f"{many}, {made}", loads["many"], rows_per_second),
        Side.of(few, loads["few"], rows_per_second),
        Target(at_least=0.8),
    )
    yield Row(
        "growth",
        f"both usage tables of an hour of {sizes.growth_rows:,} readings",
        "s",
        Side.of(many, counts["many"], seconds),
        Side.of(few, counts["few"], seconds),
        Target(at_most=ABOUT_THE_SAME),
    )
    dropped = {size: _drop(bench, name, history[size]) for size, name in names.items()}
    yield Row(
        "growth",
        "dropping the month that holds them, by the retention step, once",
        "s",
        Side.of(many, [dropped["many"]], seconds),
        Side.limit(f"the limit of {SECONDS_TO_DROP} s", SECONDS_TO_DROP),
        Target(at_most=1),
    )
    yield Row(
        "growth",
        "the same",
        "s",
        Side.of(many, [dropped["many"]], seconds),
        Side.of(few, [dropped["few"]], seconds),
    )
    for name in names.values():
        bench.world.drop(name)


def _fill(bench: Bench, number: int, dsn: str) -> None:
    """History as if hours before had been loaded, each one file of as many readings as a further hour brings."""
    per_hour, fleet = bench.sizes.growth_rows, Fleet()
    hours = -(-number // per_hour)
    names = {
        "tenants": fleet.tenants,
        "sensors": fleet.sensors,
        "first": LANDING_HOUR.plus(-hours).start,
        "per_hour": per_hour,
    }
    with psycopg.connect(dsn, autocommit=True, options="-c timezone=UTC") as connection:
        connection.execute(statement("insert_fleet"), names)
        connection.execute(statement("make_months"), {"first": names["first"], "last": LANDING_HOUR.start})
        for hour in range(hours):
            begins = {"file_id": hour + 1, "hour": LANDING_HOUR.plus(hour - hours).start}
            readings = min(per_hour, number - hour * per_hour)
            connection.execute(statement("insert_history"), {**names, **begins, "readings": readings})
            for what in ("insert_history_tenants", "insert_history_file"):
                connection.execute(statement(what), {**names, **begins, "readings": readings})
        connection.execute(statement("skip_file_ids"), {"last": hours})


def _load(bench: Bench, name: str, turn: int) -> Sample:
    hour = LANDING_HOUR.plus(turn).key
    return bench.run(
        LOAD,
        dsn=bench.world.address.dsn(name),
        landing=str(bench.folder("growth")),
        first=hour,
        last=hour,
        inserted=bench.sizes.growth_rows,
    )


def _drop(bench: Bench, name: str, readings: int) -> Sample:
    """In the template itself, after everything else: afterwards its readings are gone."""
    dsn = bench.world.address.dsn(name)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement("insert_history_counts"))
    sample = bench.run(DROP, dsn=dsn, readings=readings)
    bench.listener("dropping", 0, sample)
    return sample


def _count(bench: Bench, name: str, turn: int) -> Sample:
    hour = LANDING_HOUR.plus(turn).key
    return bench.run(COUNT, dsn=bench.world.address.dsn(name), hour=hour, inserted=bench.sizes.growth_rows)
