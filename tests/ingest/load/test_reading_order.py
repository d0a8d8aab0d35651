"""Whatever order readings arrive in, they come back sorted, each identity once, and the first of its kind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fridge_pipeline.ingest.reading_order import ReadingOrder
from fridge_pipeline.ingest.rules.reading import ARRIVAL_SCHEMA, IDENTITY

START = datetime(2026, 1, 24, 18, tzinfo=UTC)

#: (minute, sensor key): few of each, so that identities meet often.
Identity = tuple[int, int]
batches = st.lists(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 4)), max_size=12), max_size=8)


def arrivals(identities: list[Identity], number_from: int) -> pl.DataFrame:
    """Readings whose temperature is the number of their arrival."""
    return pl.DataFrame(
        [
            (START + timedelta(minutes=minute), sensor, float(number_from + place), 1)
            for place, (minute, sensor) in enumerate(identities)
        ],
        schema=ARRIVAL_SCHEMA,
        orient="row",
    )


def in_order(given_batches: list[list[Identity]], directory: Path, portion_rows: int) -> list[pl.DataFrame]:
    """The portions that a reading order makes of some batches."""
    order = ReadingOrder(directory, portion_rows)
    portions, arrived = [], 0
    for batch in given_batches:
        portions += list(order.add(arrivals(batch, arrived)))
        arrived += len(batch)
    return portions + list(order.finish())


@settings(deadline=None)
@given(given_batches=batches, portion_rows=st.integers(1, 20))
def test_every_identity_comes_back_once_in_order_and_as_it_first_arrived(
    given_batches: list[list[Identity]], portion_rows: int
) -> None:
    with TemporaryDirectory() as directory:
        portions = in_order(given_batches, Path(directory), portion_rows)

    everything = [identity for batch in given_batches for identity in batch]
    first = {identity: number for number, identity in reversed(list(enumerate(everything)))}
    returned = pl.concat([ARRIVAL_SCHEMA.to_frame(), *portions])
    expected = [(START + timedelta(minutes=minute), sensor, float(first[minute, sensor])) for minute, sensor in first]
    assert sorted(returned.select(*IDENTITY, "temperature_c").rows()) == sorted(expected)
    assert all(portion.height for portion in portions)
    assert all(portion.select(IDENTITY).rows() == sorted(portion.select(IDENTITY).rows()) for portion in portions)


def test_readings_in_the_order_of_time_never_touch_the_disk_twice(tmp_path: Path) -> None:
    by_minute = [[(minute, sensor) for sensor in range(1, 5)] for minute in range(40)]

    portions = in_order(by_minute, tmp_path, portion_rows=16)

    assert sum(portion.height for portion in portions) == 160
    assert not list(tmp_path.glob("run-*"))
    assert pl.concat(portions)["recorded_at"].is_sorted()


@pytest.mark.parametrize("minutes", [1, 50], ids=["all at one moment", "each sensor's whole hour by itself"])
@pytest.mark.prove
def test_portions_stay_about_as_large_as_asked_for(tmp_path: Path, minutes: int) -> None:
    sensors = 20_000 // minutes
    by_sensor = [[(minute, sensor) for minute in range(minutes)] for sensor in range(sensors)]

    portions = in_order(by_sensor, tmp_path, portion_rows=4_000)

    assert sum(portion.height for portion in portions) == 20_000
    assert max(portion.height for portion in portions) < 8_000
