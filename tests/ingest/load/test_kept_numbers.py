"""Numbers that a source keeps with its readings: looked at before, and when their columns change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.check_numbers import NumberCheck
from fridge_pipeline.ingest.check_source import check_source
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.load_transaction import LoadTransaction
from fridge_pipeline.ingest.sources_file import read_sources
from fridge_pipeline.settings import REPOSITORY
from tests.console_script import Run
from tests.pipeline import Pipeline

#: Type of a column → those of Arrow that have the same bits.
ARROW_TYPES = {
    "integer": {"int32"},
    "bigint": {"int64"},
    "double precision": {"double"},
    "real": {"float"},
    "text": {"string", "large_string", "string_view"},
    "timestamp with time zone": {"timestamp[us, tz=UTC]"},
    "bigint[]": {"large_list<item: int64>"},
}

HOUR = Hour.from_key("2026-01-24-18:00")
SOURCE = """
[[source]]
name = "uplinks"
match = "up-*"
tenant_id = { value = "troy" }
sensor_id = { column = "id" }
recorded_at = { column = "at" }
temperature = { column = "t" }
numbers.door_openings = { column = "door.count", type = "integer" }
numbers.energy_wh = { column = "kwh", type = "decimal", scale = 1000 }
"""


def uplinks(*said: tuple[str, Mapping[str, object]]) -> bytes:
    """A reading a minute: its sensor, and what it says besides."""
    rows = [
        {"id": sensor, "at": f"{HOUR.start + timedelta(minutes=minute):%FT%TZ}", "t": 4.5, **more}
        for minute, (sensor, more) in enumerate(said)
    ]
    return "\n".join(map(json.dumps, rows)).encode()


def test_a_check_shows_what_is_kept_and_a_counter_that_only_rises_or_a_column_that_is_never_there(
    tmp_path: Path, run: Run
) -> None:
    file, sources = tmp_path / "up-1.ndjson", tmp_path / "sources.toml"
    sources.write_text(SOURCE.replace('"kwh"', '"energy"'))
    file.write_bytes(uplinks(*(("a", {"door": {"count": 100 + n // 2}, "kwh": 0.5}) for n in range(12))))
    found = run("sources", "check", str(file), "--hour", HOUR.key, FRIDGE_SOURCES=str(sources))
    lines = found.stdout.splitlines()
    assert "  door_openings: 100 to 105 in 12 readings, together 1230" in lines
    assert "  1  troy  a  2026-01-24 18:00:00  4.5  door_openings 100" in lines
    assert "look at this: no reading has the number energy_wh" in lines
    assert any(line.startswith("look at this: door_openings only rises from reading to reading: if") for line in lines)

    sources.write_text(SOURCE)
    file.write_bytes(uplinks(("a", {"door": {"count": 3}, "kwh": 0.0125}), ("b", {"kwh": 0.5}), ("a", {"kwh": "?"})))
    said = json.loads(
        run("sources", "check", str(file), "--json", "--hour", HOUR.key, FRIDGE_SOURCES=str(sources)).stdout
    )
    assert said["first_numbers"] == [{"door_openings": 3.0, "energy_wh": 12.5}, {"energy_wh": 500.0}]
    assert [(each["name"], each["readings"], each["total"]) for each in said["numbers"]] == [
        ("door_openings", 1, 3.0),
        ("energy_wh", 2, 512.5),
    ]
    assert said["warnings"] == []
    assert [(each["reason"], each["line"]) for each in said["rejections"]] == [
        ("unreadable number beside the temperature", 3)
    ]


def test_the_page_of_sources_shows_a_source_with_numbers_that_does_what_it_shows(tmp_path: Path, run: Run) -> None:
    page = (REPOSITORY / "docs" / "sources.md").read_text(encoding="utf-8").partition("## Numbers beside")[2]
    rows, source, shown = (block.partition("\n")[2] for block in page.split("```")[1:6:2])
    (tmp_path / "sources.toml").write_text(source)
    (tmp_path / "up-1.ndjson").write_text(rows)
    found = run("sources", "check", "up-1.ndjson", "--hour", HOUR.key, FRIDGE_SOURCES=str(tmp_path / "sources.toml"))
    assert shown.strip() in found.stdout


def test_a_check_of_a_large_file_sees_the_same_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "up-1.ndjson"
    file.write_bytes(uplinks(*((sensor, {"door": {"count": n % 7}}) for n in range(20) for sensor in "ab")))
    (source,) = read_sources(SOURCE)
    whole = check_source(file, file.name, source, HOUR).numbers
    assert whole[1] == NumberCheck("energy_wh", 0, None, None, 0.0, 0, 0)
    monkeypatch.setattr("fridge_pipeline.ingest.landing.source_rows.TALL_ROWS_MAX", 10)
    (doors, _) = check_source(file, file.name, source, HOUR).numbers
    assert (doors.readings, doors.lowest, doors.highest, doors.total) == (40, 0, 6, whole[0].total)
    assert doors.falls > 0


@pytest.mark.parametrize("mode", ["warn", "refuse"])
def test_a_renamed_number_is_told_by_the_contract_and_nothing_of_it_is_lost_where_that_refuses(
    pipeline: Pipeline, mode: str
) -> None:
    pipeline.zone = LocalLanding(str(pipeline.landing), read_sources(SOURCE + f'contract = "{mode}"'))
    pipeline.land(HOUR, "up-1.ndjson", uplinks(("a", {"door": {"count": 3}, "kwh": 1})))
    pipeline.load(HOUR)
    pipeline.land(HOUR, "up-2.ndjson", uplinks(("b", {"door": {"opened": 3}, "kwh": 1})))
    pipeline.load(HOUR)
    ((kind, detail),) = pipeline.rows("select kind, detail from fridge.open_exceptions")
    assert kind == {"warn": "columns_changed", "refuse": "columns_refused"}[mode]
    assert "door.count" in detail
    assert "door.opened" in detail
    kept = pipeline.rows("select sensor_id, numbers from fridge.readings order by sensor_id")
    assert kept == [
        ("a", {"door_openings": 3, "energy_wh": 1000}),
        *([("b", {"energy_wh": 1000})] if mode == "warn" else []),
    ]


def test_readings_without_numbers_are_stored_as_small_as_before(pipeline: Pipeline) -> None:
    pipeline.zone = LocalLanding(str(pipeline.landing), read_sources(SOURCE))
    pipeline.land(HOUR, "up-1.ndjson", uplinks(("a", {}), ("b", {"door": {"count": 1}})))
    pipeline.load(HOUR)
    sizes = "select pg_column_size(stored_readings.*)::int from fridge.stored_readings order by 1"
    without, with_numbers = [size for (size,) in pipeline.rows(sizes)]
    assert without == 48, "24 bytes of head, with the bits of what is empty in it, and the four columns"
    assert with_numbers > without


def test_what_a_load_appends_has_the_types_of_the_columns_bit_by_bit(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arrow's driver (adbc-driver-postgresql 1.13) appends the bits of another type of that width unsaid."""
    appended: dict[str, pa.Schema] = {}
    append = LoadTransaction._ingest

    def noting(self: LoadTransaction, table: str, rows: pa.Table) -> None:
        appended[table] = pa.unify_schemas([appended.get(table, pa.schema([])), rows.schema])
        append(self, table, rows)

    monkeypatch.setattr(LoadTransaction, "_ingest", noting)
    unregistered = '[[source]]\nname = "others"\nmatch = "*"\ntenant_id = { register = true }\n'
    columns = 'sensor_id = { column = "id" }\nrecorded_at = { column = "at" }\ntemperature = { column = "t" }\n'
    pipeline.zone = LocalLanding(str(pipeline.landing), read_sources(SOURCE + unregistered + columns))
    folder = pipeline.landing / HOUR.folder
    folder.mkdir(parents=True)
    (folder / "up-1.ndjson").write_bytes(uplinks(("a", {"door": {"count": 3}, "kwh": 0.5}), ("", {})))
    (folder / "other.ndjson").write_bytes(uplinks(("b", {})))
    pipeline.load(HOUR)
    of_column = {
        (table, column): kind
        for table, column, kind in pipeline.rows(
            """select pg_class.relname, pg_attribute.attname, pg_attribute.atttypid::regtype::text
            from pg_attribute inner join pg_class on pg_attribute.attrelid = pg_class.oid
            where pg_class.relnamespace = 'fridge'::regnamespace"""
        )
    }
    assert {"stored_readings", "rejected_readings", "waiting_sensors", "landing_file_tenants"} < set(appended)
    assert {
        (table, field.name, of_column[table, field.name], str(field.type))
        for table, schema in appended.items()
        for field in schema
        if str(field.type) not in ARROW_TYPES[of_column[table, field.name]]
    } == set()
