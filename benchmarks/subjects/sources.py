"""Sources: the same rows in the same containers, by a vendor's columns, units and times, against the canonical ones."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import polars as pl

from benchmarks.bench import LANDING_HOUR, Bench, rows_per_second
from benchmarks.deliveries import deliver
from benchmarks.measuring.contest import Turn
from benchmarks.measuring.row import Row, Side, Target
from benchmarks.measuring.sample import Sample
from benchmarks.subjects.load import FORMATS, LOAD_STEP, ours

BY_SOURCE = "benchmarks.candidates.load_ours:load_by_source"
COLUMNS = ("customer", "device", "ts", "t")

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
    """Each format with and without a source."""
    number, folder = bench.sizes.load_rows, bench.world.folder("sources")
    for form in FORMATS:
        deliver(folder / form / "canonical", LANDING_HOUR, f"gateway.{form}", bench.hour_of_readings(number))
        frames = (_as_vendor(frame) for frame in bench.hour_of_readings(number))
        deliver(
            folder / form / "vendor", LANDING_HOUR, f"vendor.{form}", frames, columns=["customer", "device", "ts", "t"]
        )
    turns: dict[str, Turn] = {}
    for form in FORMATS:
        turns[f"canonical, {form}"] = partial(_canonical, bench, folder / form / "canonical", number)
        turns[f"vendor, {form}"] = partial(_by_source, bench, folder / form / "vendor", number)
    samples = bench.contest(turns)
    for form in FORMATS:
        yield Row(
            "sources",
            f"{number:,} new readings by a source, one {form} file",
            "rows/s",
            Side.of(f"{LOAD_STEP}, by a source", samples[f"vendor, {form}"], rows_per_second),
            Side.of("the same with the canonical columns", samples[f"canonical, {form}"], rows_per_second),
            Target(at_least=1 / TIMES_MAX),
        )


def _as_vendor(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        customer="tenant_id",
        device="sensor_id",
        ts=pl.col("recorded_at").dt.epoch("ms"),
        t=(pl.col("temperature_c") * 9 / 5 + 32).round(2),
    )


def _canonical(bench: Bench, landing: Path, inserted: int, _turn: int) -> Sample:
    return ours(bench, landing, inserted)


def _by_source(bench: Bench, landing: Path, inserted: int, _turn: int) -> Sample:
    with bench.world.database() as dsn:
        return bench.world.run(
            BY_SOURCE, dsn=dsn, landing=str(landing), hour=LANDING_HOUR.key, sources=SOURCE, inserted=inserted
        )
