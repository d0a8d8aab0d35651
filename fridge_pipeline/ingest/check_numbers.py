"""What a file says of the numbers that its source keeps besides the temperature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from fridge_pipeline.ingest.rules.source import Source

#: So often a number must be more than before, and never less, to look like a counter that is never set back.
RISES_MIN = 5

_SENSOR = ("tenant_id", "sensor_id")


@dataclass(frozen=True, slots=True)
class NumberCheck:
    """A number: how many readings have it, and what it comes to.

    ``rises`` and ``falls`` are how often it is more, or less, than in its sensor's reading before.
    """

    name: str
    readings: int
    lowest: float | None
    highest: float | None
    total: float
    rises: int
    falls: int

    @property
    def warning(self) -> str | None:
        """What looks wrong with it."""
        if not self.readings:
            return f"no reading has the number {self.name}"
        if self.rises >= RISES_MIN and not self.falls:
            return (
                f"{self.name} only rises from reading to reading: if it counts from the device's start on, a sum of it "
                "counts all before again each time"
            )
        return None


def numbers_told(readings: pl.DataFrame, source: Source | None) -> list[dict[str, float]]:
    """Of each reading its numbers, by name."""
    if source is None or not source.numbers:
        return []
    return [
        {name: value for name, value in row.items() if value is not None}
        for row in readings.select(_columns(source)).iter_rows(named=True)
    ]


def summed_numbers(readings: pl.DataFrame, source: Source) -> pl.DataFrame:
    """A row for each number that readings have: as small for millions of them as for a few."""
    change = pl.col("value").diff().over("name", *_SENSOR)
    return (
        readings.sort(*_SENSOR, "recorded_at")
        .select(*_SENSOR, *_columns(source))
        .unpivot(index=_SENSOR, variable_name="name", value_name="value")
        .drop_nulls("value")
        .with_columns(change.alias("change"))
        .group_by("name")
        .agg(
            pl.len().alias("readings"),
            pl.col("value").min().alias("lowest"),
            pl.col("value").max().alias("highest"),
            pl.col("value").sum().alias("total"),
            (pl.col("change") > 0).sum().alias("rises"),
            (pl.col("change") < 0).sum().alias("falls"),
        )
    )


def checked_numbers(parts: Sequence[pl.DataFrame], source: Source | None) -> list[NumberCheck]:
    """Each number of the source, in its order, of what ``summed_numbers`` made of some readings at a time."""
    if source is None or not source.numbers:
        return []
    together = (
        pl.concat(parts)
        .group_by("name")
        .agg(pl.col("lowest").min(), pl.col("highest").max(), pl.col("readings", "total", "rises", "falls").sum())
        if parts
        else pl.DataFrame()
    )
    found = {row["name"]: NumberCheck(**row) for row in together.iter_rows(named=True)}
    nothing = {"readings": 0, "lowest": None, "highest": None, "total": 0.0, "rises": 0, "falls": 0}
    return [found.get(number.name, NumberCheck(number.name, **nothing)) for number in source.numbers]  # type: ignore[arg-type]


def _columns(source: Source) -> list[pl.Expr]:
    return [
        (pl.col("numbers").list.get(place).cast(pl.Float64) / number.type.parts).alias(number.name)
        for place, number in enumerate(source.numbers)
    ]
