"""Small hours: many small files, and hours that are loaded already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench import LANDING_HOUR, Bench, seconds
from benchmarks.deliveries import deliver, deliver_in_files
from benchmarks.measuring.row import Row, Side, Target
from benchmarks.measuring.sample import Sample
from benchmarks.readings import Fleet, readings
from benchmarks.subjects.load import LOAD_STEP
from benchmarks.subjects.load import OURS as LOAD
from fridge_pipeline.calendar.hours import ONE_HOUR

FILES = 200
ROWS_PER_FILE = 100

#: One more turn than others: these take a second, so that the noise of the disk is large beside them.
FURTHER_TURNS = 2


def rows(bench: Bench) -> Iterator[Row]:
    """Many small files against one of the same readings; a re-run without news against the first load."""
    yield _many_files(bench)
    yield _nothing_new(bench)


def _many_files(bench: Bench) -> Row:
    landing, number = bench.folder("small_hours"), FILES * ROWS_PER_FILE
    deliver(landing / "one", LANDING_HOUR, "gateway.parquet", bench.hour_of_readings(number))
    deliver_in_files(landing / "many", LANDING_HOUR, bench.hour_of_readings(number), ROWS_PER_FILE)
    samples = bench.contest(
        {
            "many files": lambda _: _load(bench, landing / "many", number),
            "one file": lambda _: _load(bench, landing / "one", number),
        },
        bench.sizes.repeats + FURTHER_TURNS,
    )
    return Row(
        "small hours",
        f"{number:,} new readings; {LOAD_STEP}",
        "s",
        Side.of(f"{FILES} parquet files of {ROWS_PER_FILE} rows", samples["many files"], seconds),
        Side.of(f"one parquet file of {number:,} rows", samples["one file"], seconds),
        Target(at_most=3),
    )


def _load(bench: Bench, landing: Path, number: int) -> Sample:
    with bench.world.database() as dsn:
        hour = LANDING_HOUR.key
        return bench.run(LOAD, dsn=dsn, landing=str(landing), first=hour, last=hour, inserted=number)


def _nothing_new(bench: Bench) -> Row:
    """The load step again over hours that it has loaded, in a process of its own."""
    landing, hours = bench.folder("rerun"), bench.sizes.rerun_hours
    first, last = LANDING_HOUR, LANDING_HOUR.plus(hours - 1)
    fleet = Fleet(tenants=10, sensors=ROWS_PER_FILE)
    for step in range(hours):
        hour = first.plus(step)
        made = readings(fleet, hour.start, ONE_HOUR, ROWS_PER_FILE, bench.seed)
        deliver(landing, hour, "gateway.parquet", made)

    def load(inserted: int) -> Sample:
        return bench.run(LOAD, dsn=dsn, landing=str(landing), first=first.key, last=last.key, inserted=inserted)

    with bench.world.database() as dsn:
        first_load = load(hours * ROWS_PER_FILE)
        again = bench.contest({"nothing new": lambda _: load(0)})
    return Row(
        "small hours",
        f"the load step over {hours} hours of one file of {ROWS_PER_FILE} rows each",
        "s",
        Side.of("when all of them are loaded already", again["nothing new"], seconds),
        Side.of("their first load", [first_load], seconds),
    )
