"""The contract of a source: columns that are new, missing or of another type are told once, or keep a file waiting."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import polars as pl
import pytest

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.ingest import load
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.landing_record import sources_put_back
from fridge_pipeline.ingest.source_contracts import accept_shapes, changed_columns, note_definitions
from fridge_pipeline.ingest.sources_file import read_sources
from fridge_pipeline.ingest.watch import watch_landing_zone
from fridge_pipeline.operations.rules.health_check import Grade, judge_sources

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import psycopg

    from fridge_pipeline.ingest.rules.source import Source
    from tests.pipeline import Pipeline

HOUR = Hour.from_key("2026-01-24-18:00")
HOURS = HourRange(HOUR, HOUR)
BY_COLUMN = """
[[source]]
name = "loggers"
match = "loggers-*"
{more}
tenant_id = {{ column = "tenant" }}
sensor_id = {{ column = "device" }}
recorded_at = {{ column = "at" }}
temperature = {{ column = "{temperature}" }}
"""


def by(pipeline: Pipeline, more: str = "", temperature: str = "t") -> None:
    pipeline.clock.advance(seconds=1)
    pipeline.zone = LocalLanding(
        str(pipeline.landing), read_sources(BY_COLUMN.format(more=more, temperature=temperature))
    )


def landed(pipeline: Pipeline, name: str, *rows: dict[str, object]) -> None:
    """As csv or ndjson; each row is of its own minute."""
    number = len(list(pipeline.landing.rglob("*")))
    whole = [
        {"tenant": "troy", "device": "s1", "at": f"2026-01-24T18:{number % 60:02}:{at:02}Z", **row}
        for at, row in enumerate(rows)
    ]
    body = (
        pl.DataFrame(whole).write_csv().encode()
        if name.endswith("csv")
        else b"\n".join(json.dumps(row).encode() for row in whole)
    )
    pipeline.land(HOUR, f"loggers-{name}", body)


def loaded(pipeline: Pipeline) -> int:
    pipeline.clock.advance(seconds=1)
    pipeline.load(HOUR)
    pipeline.count(HOUR)
    return sum(readings for readings, _ in pipeline.usage().values())


def told(pipeline: Pipeline, kind: str = "columns_changed") -> list[str]:
    rows = pipeline.rows(f"select detail from fridge.open_exceptions where kind = '{kind}' order by subject")
    return [detail.partition(": ")[2] for (detail,) in rows]


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_a_column_that_is_new_missing_or_of_another_type_is_told_the_first_time_and_loaded(
    pipeline: Pipeline, form: str
) -> None:
    by(pipeline)
    landed(pipeline, f"1.{form}", {"t": 4.5, "battery": 3.1}, {"t": 4.5, "battery": None})
    assert loaded(pipeline) == 2
    assert told(pipeline) == []
    landed(pipeline, f"2.{form}", {"t": 4.5, "door": "open"})
    landed(pipeline, f"3.{form}", {"t": 4.5, "battery": "low"})
    assert loaded(pipeline) == 4
    changes = [
        "column 'battery' is missing; column 'door' is new, of text",
        "column 'battery' holds text, until now number",
    ]
    assert told(pipeline) == changes
    with pipeline.database.connect() as connection:
        assert [each.detail.partition(": ")[2] for each in changed_columns(connection, HOURS, 9)] == changes
    for number in range(4, 8):
        landed(pipeline, f"{number}.{form}", {"t": 4.5, "battery": 3} if number % 2 else {"t": 4.5, "door": "shut"})
    landed(pipeline, f"8.{form}", {"t": 4.5})
    assert loaded(pipeline) == 9
    assert len(told(pipeline)) == 2
    assert pipeline.one("select count(*) from fridge.source_shapes") == 3


def test_a_refused_file_waits_whole_and_is_loaded_once_when_its_columns_are_accepted(pipeline: Pipeline) -> None:
    by(pipeline, 'contract = "refuse"')
    landed(pipeline, "1.ndjson", {"t": 4.5})
    landed(pipeline, "2.ndjson", {"t": 4.5, "door": 1}, {"t": 5.5, "door": 1})
    landed(pipeline, "3.ndjson", {"t": 4.5, "door": 2})
    landed(pipeline, "4.ndjson", {"t": 4.5, "energy": 2})
    assert loaded(pipeline) == 1
    assert told(pipeline) == []
    assert told(pipeline, "columns_refused") == [
        *["column 'door' is new, of number"] * 2,
        "column 'energy' is new, of number",
    ]
    assert told(pipeline, "rows_rejected") == []
    assert loaded(pipeline) == 1
    assert pipeline.one("select count(*) from fridge.landing_files") == 4

    done = accept_shapes(pipeline.database, "loggers", "new firmware")
    assert sorted(done.changes) == [["column 'door' is new, of number"], ["column 'energy' is new, of number"]]
    assert done.files == 3
    pending = watch_landing_zone(pipeline.database, pipeline.zone, HOURS, pipeline.clock()).pending  # type: ignore[arg-type]
    assert list(pending) == [HOUR]
    for _ in range(2):
        assert loaded(pipeline) == 5
        assert told(pipeline, "columns_refused") == []
    assert pipeline.rows(
        "select sum(row_count)::int, sum(inserted_count)::int, sum(rejected_count)::int from fridge.landing_files"
    ) == [(9, 5, 4)]
    landed(pipeline, "5.ndjson", {"t": 4.5, "door": 3})
    assert loaded(pipeline) == 6
    assert accept_shapes(pipeline.database, "loggers", "again").changes == []


def test_refused_and_unreadable_files_are_read_once_more_when_the_source_is_changed(pipeline: Pipeline) -> None:
    by(pipeline, 'contract = "refuse"')
    landed(pipeline, "1.csv", {"t": 4.5})
    landed(pipeline, "2.csv", {"t": 4.5, "temp": 4.5})
    landed(pipeline, "3.csv", {"temp": 4.5})
    assert loaded(pipeline) == 1
    assert len(told(pipeline, "unreadable_file")) == 1
    by(pipeline, temperature="temp")
    for _ in range(2):
        assert loaded(pipeline) == 3
    assert told(pipeline, "unreadable_file") == told(pipeline, "columns_refused") == []
    assert pipeline.rows("select path, max(read_number) from fridge.landing_files group by path order by path") == [
        (f"2026-01-24/18/loggers-{number}.csv", reads) for number, reads in ((1, 1), (2, 2), (3, 2))
    ]
    definitions = pipeline.rows("select definition -> 'temperature' ->> 'column' from fridge.source_definitions")
    assert sorted(definitions) == [("t",), ("temp",)]


@pytest.mark.parametrize("more", ["", 'contract = "refuse"'])
def test_a_source_that_reads_sensor_or_time_otherwise_is_told_with_its_first_file_and_one_never_read_by_is_not(
    pipeline: Pipeline, more: str
) -> None:
    def reading(device: str, temperature: str = "t") -> None:
        text = BY_COLUMN.format(more=more, temperature=temperature).replace('"device"', device)
        pipeline.zone = LocalLanding(str(pipeline.landing), read_sources(text))

    reading('"device"')
    landed(pipeline, "1.csv", {"t": 4.5, "serial": "x1"})
    assert loaded(pipeline) == 1
    reading('"nonsense"')
    assert loaded(pipeline) == 1
    reading('"serial"')
    landed(pipeline, "2.csv", {"t": 4.5, "serial": "x1"})
    landed(pipeline, "3.csv", {"t": 4.5, "serial": "x1"})
    assert loaded(pipeline) == 3
    ((detail,),) = pipeline.rows("select detail from fridge.open_exceptions where kind = 'columns_changed'")
    assert detail.startswith("source loggers reads sensor_id otherwise than until now: readings of before")
    reading('"serial"', temperature="temp")
    landed(pipeline, "4.csv", {"temp": 4.5, "serial": "x1"})
    assert loaded(pipeline) == 4
    assert pipeline.one("select count(*) from fridge.open_exceptions") == 1


@pytest.mark.parametrize("sources", [BY_COLUMN.format(more="", temperature="t"), ""])
def test_files_that_a_mistaken_source_could_not_read_are_read_once_it_is_put_back_as_it_was(
    pipeline: Pipeline, sources: str
) -> None:
    """Also by a command from a shell without FRIDGE_SOURCES."""
    by(pipeline)
    landed(pipeline, "1.csv", {"t": 4.5})
    assert loaded(pipeline) == 1
    landed(pipeline, "2.csv", {"t": 4.5})
    mistaken = read_sources(sources.replace('"t"', '"temp"')) if sources else ()
    pipeline.zone = LocalLanding(str(pipeline.landing), mistaken)
    assert loaded(pipeline) == 1
    assert len(told(pipeline, "unreadable_file")) == 1
    by(pipeline)
    for _ in range(2):
        assert loaded(pipeline) == 2
    assert told(pipeline, "unreadable_file") == []


def test_rows_that_waited_for_their_columns_in_a_content_that_was_replaced_stay_told(pipeline: Pipeline) -> None:
    by(pipeline, 'contract = "refuse"')
    landed(pipeline, "1.csv", {"t": 4.5})
    landed(pipeline, "2.csv", {"t": 4.5, "temp": 4.5})
    assert loaded(pipeline) == 1
    assert len(told(pipeline, "columns_refused")) == 1
    landed(pipeline, "2.csv", {"t": 4.5})
    assert loaded(pipeline) == 2
    (detail,) = pipeline.rows("select detail from fridge.open_exceptions where kind = 'columns_refused'")
    assert detail[0].startswith("1 rows of a content that was replaced wait")


def test_a_run_with_sources_of_before_leaves_what_it_cannot_read_to_those_of_now(pipeline: Pipeline) -> None:
    by(pipeline)
    landed(pipeline, "1.csv", {"temp": 4.5})
    pipeline.clock.advance(seconds=1)
    new = read_sources(BY_COLUMN.format(more="", temperature="temp"))
    noted = note_definitions

    def overtaken(connection: psycopg.Connection, sources: Sequence[Source], now: datetime) -> None:
        noted(connection, sources, now)
        noted(connection, new, now)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(load, "note_definitions", overtaken)
        pipeline.load(HOUR)
    assert len(told(pipeline, "unreadable_file")) == 1
    by(pipeline, temperature="temp")
    for _ in range(2):
        assert loaded(pipeline) == 1
    assert told(pipeline, "unreadable_file") == []


def test_processes_with_other_sources_side_by_side_are_told_by_doctor(pipeline: Pipeline) -> None:
    for temperature in ("t", "temp", "t", "temp"):
        by(pipeline, temperature=temperature)
        pipeline.load(HOUR)
    with pipeline.database.connect() as connection:
        assert sources_put_back(connection, pipeline.clock()) == 2
        by(pipeline, temperature="t")
        pipeline.load(HOUR)
        assert sources_put_back(connection, pipeline.clock()) == 3
        pipeline.clock.advance(days=2)
        assert sources_put_back(connection, pipeline.clock()) == 0
    assert judge_sources({}, 2).grade is Grade.OK
    assert "other FRIDGE_SOURCES" in judge_sources({}, 3).text


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_a_file_whose_every_row_was_rejected_is_read_again_by_the_corrected_source_and_one_with_a_reading_is_not(
    pipeline: Pipeline, form: str
) -> None:
    by(pipeline)
    epoch = int(HOUR.start.timestamp()) * 1000
    landed(pipeline, f"1.{form}", {"at": f"{epoch}", "t": 4.5}, {"at": f"{epoch + 1000}", "t": 4.5})
    landed(pipeline, f"2.{form}", {"t": 4.5}, {"at": f"{epoch + 2000}", "t": 4.5})
    assert loaded(pipeline) == 1
    assert len(told(pipeline, "rows_rejected")) == 2
    pipeline.clock.advance(seconds=1)
    corrected = BY_COLUMN.format(more="", temperature="t").replace('"at"', '"at", format = "epoch_ms"')
    pipeline.zone = LocalLanding(str(pipeline.landing), read_sources(corrected))
    for _ in range(2):
        assert loaded(pipeline) == 3
    assert len(told(pipeline, "rows_rejected")) == 1


def test_of_files_without_a_source_another_type_in_parquet_is_told(pipeline: Pipeline) -> None:
    row = {"tenant_id": "troy", "sensor_id": 17, "recorded_at": "2026-01-24T18:30:00Z", "temperature_c": 4.5}
    for name, sensor in (("1", 17), ("2", 18), ("3", "18")):
        body = io.BytesIO()
        pl.DataFrame([{**row, "sensor_id": sensor}]).write_parquet(body)
        pipeline.land(HOUR, f"{name}.parquet", body.getvalue())
    assert loaded(pipeline) == 2
    assert told(pipeline) == ["column 'sensor_id' holds String, until now Int64"]
