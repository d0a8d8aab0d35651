"""The bench: what every subject gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from benchmarks.measuring.contest import Listener, Turn, interleaved
from benchmarks.measuring.sample import Sample
from benchmarks.readings import Fleet, readings
from benchmarks.sizes import Sizes
from benchmarks.world import World
from fridge_pipeline.calendar.hours import ONE_HOUR, Hour

#: The landing hour of what is loaded; its year does not matter.
LANDING_HOUR = Hour(datetime(2026, 1, 24, 18, tzinfo=UTC))


@dataclass(frozen=True)
class Bench:
    """The world, the sizes, the seed, and who is told of every sample."""

    world: World
    sizes: Sizes
    seed: int
    listener: Listener

    def contest(self, turns: Mapping[str, Turn], repeats: int | None = None) -> dict[str, list[Sample]]:
        """Everyone's samples, taken in turns."""
        return interleaved(turns, repeats or self.sizes.repeats, self.listener)

    def hour_of_readings(self, rows: int, hour: Hour = LANDING_HOUR, lot: int = 0) -> Iterator[pl.DataFrame]:
        """So many readings recorded in the hour; those of two lots have none in common."""
        return readings(Fleet(), hour.start, ONE_HOUR, rows, self.seed + lot)

    def days_of_readings(self, rows: int, days: int, lot: int = 0) -> Iterator[pl.DataFrame]:
        """So many readings recorded in the days before the landing hour."""
        return readings(Fleet(), LANDING_HOUR.start - timedelta(days=days), timedelta(days=days), rows, self.seed + lot)


def rows_per_second(sample: Sample) -> float:
    """Rows of the landing files, or of what a rival was given, per second of wall time."""
    return sample.per_second


def seconds(sample: Sample) -> float:
    """Wall time."""
    return sample.wall


def cpu_seconds(sample: Sample) -> float:
    """CPU seconds of the process and of those that worked for it: what a busy machine changes least."""
    return sample.cpu + sum(sample.watched_cpu.values())


def mebibytes(sample: Sample) -> float:
    """Peak resident memory of the whole process, what it imports included."""
    return sample.peak_memory / 2**20
