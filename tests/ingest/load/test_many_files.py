"""Many files are loaded at a time, and yet each is counted by itself; nothing of them depends on their neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest import load, stored_keys
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.load_files import ahead
from fridge_pipeline.ingest.rules.losses import Strays
from tests.pipeline import Pipeline, Row

HOUR = Hour(datetime(2026, 1, 24, 18, tzinfo=UTC))
NEXT = Hour(datetime(2026, 1, 24, 19, tzinfo=UTC))


def rows(tenant: str, sensors: range, minutes: range = range(1)) -> list[Row]:
    """One reading per sensor and minute of the hour."""
    return [(tenant, f"s{s}", HOUR.start + timedelta(minutes=m), 4.5) for s in sensors for m in minutes]


def counts(pipeline: Pipeline) -> dict[str, tuple[int, int, int, int]]:
    """Name of a file → rows, inserted, duplicates, rejected."""
    with pipeline.database.connect() as connection:
        found = connection.execute(
            "select path, row_count, inserted_count, duplicate_count, rejected_count from fridge.landing_files"
        ).fetchall()
    return {path.rpartition("/")[2]: tuple(numbers) for path, *numbers in found}


class WatchedLanding(LocalLanding):
    """The landing zone, with a note of every look at an hour's folder."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.looks: list[Hour] = []

    def _scan(self, hour: Hour, strays: Strays | None = None) -> Iterator[Any]:
        self.looks.append(hour)
        return super()._scan(hour, strays)


def test_a_load_lists_each_folder_once_with_news_and_without(pipeline: Pipeline) -> None:
    pipeline.zone = zone = WatchedLanding(pipeline.landing)
    for name in ("a.csv", "b.csv"):
        pipeline.land(HOUR, name, rows("t1", range(3)))
        pipeline.load(HOUR, NEXT)
    pipeline.load(HOUR, NEXT)
    assert (zone.looks, len(counts(pipeline))) == ([HOUR, NEXT] * 3, 2)


def test_files_of_one_load_are_counted_each_by_itself_and_the_first_keeps_what_several_have(
    pipeline: Pipeline,
) -> None:
    pipeline.land(HOUR, "a.csv", rows("t1", range(3)))
    pipeline.land(HOUR, "b.csv", rows("t1", range(5)))
    pipeline.land(
        HOUR,
        "c.ndjson",
        b'{"tenant_id":"t1","sensor_id":"s9","recorded_at":"2026-01-24T18:00:00Z","temperature_c":"?"}\n',
    )
    pipeline.land(HOUR, "d.parquet", b"not parquet")
    pipeline.land(HOUR, "e.csv", rows("t2", range(2)) + rows("t1", range(1)))
    pipeline.land(NEXT, "f.csv", rows("t1", range(6)))

    first, second = pipeline.load(HOUR, NEXT)

    assert counts(pipeline) == {
        "a.csv": (3, 3, 0, 0),
        "b.csv": (5, 2, 3, 0),
        "c.ndjson": (1, 0, 0, 1),
        "d.parquet": (0, 0, 0, 0),
        "e.csv": (3, 2, 1, 0),
        "f.csv": (6, 1, 5, 0),
    }
    assert (first.inserted, first.unreadable, second.inserted) == (7, 1, 1)


@pytest.mark.parametrize("files_at_once", [1, 2, 500])
def test_the_counts_do_not_depend_on_how_many_files_are_loaded_at_once(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, files_at_once: int
) -> None:
    monkeypatch.setattr(load, "FILES_AT_ONCE", files_at_once)
    for number in range(5):
        pipeline.land(HOUR, f"{number}.csv", rows("t1", range(number, number + 2)))
        pipeline.land(NEXT, f"{number}-late.csv", rows("t1", range(number, number + 1)))

    pipeline.load(HOUR, NEXT)

    assert sorted(inserted for _, inserted, _, _ in counts(pipeline).values()) == [0, 0, 0, 0, 0, 1, 1, 1, 1, 2]


def test_a_few_late_readings_among_very_many_stored_ones_are_told_from_what_is_stored(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_keys, "STORED_ALWAYS_READ", 10)
    pipeline.land(HOUR, "many.csv", rows("t1", range(20), range(30)))
    pipeline.load(HOUR)
    late = [rows("t1", range(1), range(1))[0], rows("t1", range(1), range(29, 30))[0]]
    new = [("t1", "s99", HOUR.start + timedelta(minutes=7), 4.5)]
    pipeline.land(NEXT, "late.csv", [*late, *new])

    (loaded,) = pipeline.load(NEXT)

    assert (loaded.inserted, loaded.duplicates) == (1, 2)


def test_the_next_item_is_made_while_one_is_used_and_its_error_comes_in_its_turn() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(2):
            made.append(number)
            yield number
        raise ValueError("the third")

    coming = ahead(items())

    assert [next(coming), next(coming)] == [0, 1]
    with pytest.raises(ValueError, match="the third"):
        next(coming)


def test_what_waits_on_disk_is_gone_after_the_load(pipeline: Pipeline) -> None:
    pipeline.land(HOUR, "a.csv", rows("t1", range(3)))

    pipeline.load(HOUR)

    assert [path for path in Path(pipeline.workspace).rglob("*") if path.is_file()] == []


def test_a_sensor_id_that_a_second_tenant_has_as_well_is_another_sensor(pipeline: Pipeline) -> None:
    """Also where one load knew it of the first only, and when it comes to the first once more."""
    for number, tenant in enumerate(("t1", "t2", "t1")):
        pipeline.land(HOUR.plus(number), "a.csv", rows(tenant, range(3), range(number, number + 1)))
    pipeline.load(HOUR, HOUR.plus(2))
    with pipeline.database.connect() as connection:
        found = connection.execute(
            "select tenant_id, count(*), count(distinct sensor_id) from fridge.readings group by tenant_id order by 1"
        ).fetchall()
    assert found == [("t1", 6, 3), ("t2", 3, 3)]
