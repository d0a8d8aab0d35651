"""Sources: the same rows in the same containers, by a vendor's columns, units and times, against the canonical ones."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import polars as pl

from benchmarks.bench import LANDING_HOUR, Bench, cpu_seconds
from benchmarks.deliveries import deliver
from benchmarks.measuring.contest import Turn
from benchmarks.measuring.row import Row, Side, Target
from benchmarks.measuring.sample import Sample
from benchmarks.subjects.load import LOAD_STEP, ours_in_turn

BY_SOURCE = "benchmarks.candidates.load_ours:load_by_source"

#: Those that files without a source have, and two that only a source reads: there it names the canonical columns.
FORMATS = ("csv", "csv.gz", "ndjson", "ndjson.gz", "parquet")
BY_SOURCE_ONLY = ("json", "avro")

#: A JSON document has a limit, and avro is decoded row by row.
ROWS_BY_SOURCE_ONLY_MAX = 500_000

SAME = """
[[source]]
name = "same"
match = "gateway.*"
tenant_id = { column = "tenant_id" }
sensor_id = { column = "sensor_id" }
recorded_at = { column = "recorded_at" }
temperature = { column = "temperature_c" }
"""

#: What a source may cost.
TIMES_MAX = 1.3

SOURCE = """
[[source]]
name = "vendor"
match = "vendor.*"
tenant_id = { column = "customer" }
sensor_id = { column = "device" }
recorded_at = { column = "ts", format = "epoch_ms" }
temperature = { column = "t", unit = "fahrenheit", missing = [-127] }
"""


def rows(bench: Bench) -> Iterator[Row]:
    """CPU seconds of each format with and without a source, the server included: a busy machine changes them least."""
    folder = bench.folder("sources")
    turns: dict[str, Turn] = {}
    numbers: dict[str, int] = {}
    for form in (*FORMATS, *BY_SOURCE_ONLY):
        number = bench.sizes.load_rows
        if form in BY_SOURCE_ONLY:
            number = min(number, ROWS_BY_SOURCE_ONLY_MAX)
        canonical, vendor, numbers[form] = folder / form / "canonical", folder / form / "vendor", number
        deliver(canonical, LANDING_HOUR, f"gateway.{form}", bench.hour_of_readings(number))
        frames = (_as_vendor(frame) for frame in bench.hour_of_readings(number))
        deliver(vendor, LANDING_HOUR, f"vendor.{form}", frames, columns=["customer", "device", "ts", "t"])
        turns[f"canonical, {form}"] = (
            partial(_by_source, bench, canonical, number, SAME)
            if form in BY_SOURCE_ONLY
            else partial(ours_in_turn, bench, canonical, number)
        )
        turns[f"vendor, {form}"] = partial(_by_source, bench, vendor, number, SOURCE)
    samples = bench.contest(turns)
    for form, number in numbers.items():
        yield Row(
            "sources",
            f"{number:,} new readings by a source, one {form} file",
            "CPU s",
            Side.of(f"{LOAD_STEP}, by a source", samples[f"vendor, {form}"], cpu_seconds),
            Side.of("the same with the canonical columns", samples[f"canonical, {form}"], cpu_seconds),
            Target(at_most=TIMES_MAX),
        )


def _as_vendor(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        customer="tenant_id",
        device="sensor_id",
        ts=pl.col("recorded_at").dt.epoch("ms"),
        t=(pl.col("temperature_c") * 9 / 5 + 32).round(2),
    )


def _by_source(bench: Bench, landing: Path, inserted: int, sources: str, _turn: int) -> Sample:
    with bench.world.database() as dsn:
        return bench.run(
            BY_SOURCE, dsn=dsn, landing=str(landing), hour=LANDING_HOUR.key, sources=sources, inserted=inserted
        )
