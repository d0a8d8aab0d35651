"""Memory: the peak of the process that loads, counts or runs the SQL models, which must not follow the readings."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.bench import LANDING_HOUR, Bench, mebibytes
from benchmarks.deliveries import deliver, deliver_in_files
from benchmarks.measuring.row import Row, Side, Target
from benchmarks.measuring.sample import Sample
from benchmarks.subjects.load import OURS as LOAD
from benchmarks.subjects.usage import OURS as COUNT

FLAT = 1.2
LIMIT_MIB = 1024

MODELS = "benchmarks.candidates.models_ours:run_all_models"

#: Memory varies little from turn to turn.
REPEATS = 2


def rows(bench: Bench) -> Iterator[Row]:
    """Load from one file and from many, count, and run the models: each for an hour and a tenth of it."""
    sizes, landing = bench.sizes, bench.folder("memory")
    much, little = sizes.memory_rows, sizes.memory_rows // 10
    per_file = -(-sizes.memory_rows // sizes.memory_files)
    loads, counts, models = {}, {}, {}
    for number in (much, little):
        deliver(landing / f"one {number}", LANDING_HOUR, "gateway.parquet", bench.hour_of_readings(number))
        files = deliver_in_files(landing / f"many {number}", LANDING_HOUR, bench.hour_of_readings(number), per_file)
        for how, words in (("one", "1 file"), ("many", f"{files:,} files")):
            name = f"{number:,} readings, {words}"
            loads[how, number] = name
            counts[how, number], models[how, number] = list[Sample](), list[Sample]()
    turns = {
        name: partial(
            _load_and_count, bench, landing / f"{how} {number}", number, counts[how, number], models[how, number]
        )
        for (how, number), name in loads.items()
    }
    samples = bench.contest(turns, min(REPEATS, sizes.repeats))
    for how in ("one", "many"):
        more, less = loads[how, much], loads[how, little]
        yield from _rows("loading", Side.of(more, samples[more], mebibytes), Side.of(less, samples[less], mebibytes))
    more, less = loads["one", much], loads["one", little]
    for doing, taken in (("counting", counts), ("running the SQL models for", models)):
        yield from _rows(
            doing, Side.of(more, taken["one", much], mebibytes), Side.of(less, taken["one", little], mebibytes)
        )


def _load_and_count(
    bench: Bench, landing: Path, number: int, counted: list[Sample], modelled: list[Sample], _turn: int
) -> Sample:
    hour = LANDING_HOUR.key
    with bench.world.database() as dsn:
        loaded = bench.run(LOAD, dsn=dsn, landing=str(landing), first=hour, last=hour, inserted=number)
        counted.append(bench.run(COUNT, dsn=dsn, hour=hour, inserted=number))
        modelled.append(bench.run(MODELS, dsn=dsn, hour=hour))
    return loaded


def _rows(doing: str, much: Side, little: Side) -> Iterator[Row]:
    work = f"peak resident memory of the process {doing} one hour"
    yield Row("memory", work, "MiB", much, little, Target(at_most=FLAT))
    yield Row("memory", work, "MiB", much, Side.limit("the limit of 1 GiB", LIMIT_MIB), Target(at_most=1))
