"""Readings as a fleet of sensors makes them: the same seed gives the same readings, on every machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

#: Rows of one frame at most, so that making many readings takes little memory.
FRAME_ROWS = 500_000

#: Readings of different seeds never meet in a millisecond, up to so many seeds.
SEEDS = 8

_ONE_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Fleet:
    """So many sensors, spread evenly over so many tenants; their ids are text."""

    tenants: int = 500
    sensors: int = 20_000


def readings(fleet: Fleet, start: datetime, span: timedelta, rows: int, seed: int) -> Iterator[pl.DataFrame]:
    """Frames of ``tenant_id``, ``sensor_id``, ``recorded_at``, ``temperature_c`` and the ``sensor_key``.

    Every sensor reports once in each round, at a moment of its own; rounds fill the span from ``start`` on. So rows
    come in the order of time, roughly, as a gateway delivers them, and no identity comes twice.
    """
    rounds = -(-rows // fleet.sensors)
    slot = int(span / _ONE_MILLISECOND) // rounds
    if slot < SEEDS:
        raise ValueError(f"{rows} readings of {fleet.sensors} sensors do not fit into {span}")
    for first in range(0, rows, FRAME_ROWS):
        number = pl.int_range(first, min(first + FRAME_ROWS, rows), dtype=pl.UInt64)
        yield _frame(fleet, start, slot, seed, pl.select(number=number))


def _frame(fleet: Fleet, start: datetime, slot: int, seed: int, numbers: pl.DataFrame) -> pl.DataFrame:
    chance = _scrambled(pl.col("number") + seed * 1_000_003)
    turn = pl.col("number") // fleet.sensors
    # A stride without a divisor of its own shuffles the sensors of a round, in each round otherwise.
    sensor = (pl.col("number") % fleet.sensors * 7_919 + turn * 104_729) % fleet.sensors
    jitter = chance % (slot // SEEDS) * SEEDS + seed % SEEDS
    since_start = (turn * slot + jitter).cast(pl.Int64)
    return numbers.select(
        tenant_id=pl.format("tenant-{}", (sensor % fleet.tenants).cast(pl.String).str.zfill(5)),
        sensor_id=pl.format("fridge-{}-probe", sensor.cast(pl.String).str.zfill(7)),
        recorded_at=pl.lit(start).cast(pl.Datetime("us", "UTC")) + pl.duration(milliseconds=since_start),
        temperature_c=((chance // 2**40 % 120).cast(pl.Float64) / 10 - 2).round(1),
        sensor_key=(sensor + 1).cast(pl.Int32),
    )


def _scrambled(number: pl.Expr) -> pl.Expr:
    """A pseudo-random 64-bit number for each number: multiplications that wrap, and shifts (SplitMix64)."""
    number = number * 0x9E3779B97F4A7C15
    number = (number ^ (number // 2**30)) * 0xBF58476D1CE4E5B9
    number = (number ^ (number // 2**27)) * 0x94D049BB133111EB
    return number ^ (number // 2**31)
