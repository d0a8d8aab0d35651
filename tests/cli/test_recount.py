from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.register_file import read_entries
from fridge_pipeline.catalogue.register_record import import_register
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.sources_file import read_sources
from tests.console_script import Run
from tests.pipeline import Pipeline, readings

HOUR = Hour(datetime(2026, 1, 24, 18, tzinfo=UTC))
BROKEN = "troy,s1,yesterday,4.5\n"


@pytest.fixture
def landed(pipeline: Pipeline) -> Pipeline:
    """Two hours; in the first a file with a duplicate and rejected rows, and one that was delivered anew."""
    pipeline.clock.now = HOUR.plus(3).start
    rows = readings("cohoes", HOUR, 2, 10)
    first = pipeline.land(HOUR, "a.csv", [*rows, rows[0], *readings("troy", HOUR, 1, 5)])
    first.write_bytes(first.read_bytes() + BROKEN.encode())
    pipeline.land(HOUR, "b.csv.gz", readings("troy", HOUR, 1, 3, start=4))
    pipeline.land(HOUR.plus(1), "c.ndjson", b'{"tenant_id": "troy"}\n')
    pipeline.load(HOUR, HOUR.plus(1))
    pipeline.land(HOUR, "b.csv.gz", readings("troy", HOUR, 1, 4, start=4))
    pipeline.load(HOUR)
    return pipeline


def test_files_that_are_what_was_counted_recount_to_the_same_rows_by_tenant(run: Run, landed: Pipeline) -> None:
    found = run("recount", "2026-01")
    assert found.stdout.splitlines() == [
        "2026-01: 3 of 3 landing files are what was counted, 31 rows",
        "1 earlier contents were replaced under the same name; only the last is there",
        "nothing differs",
    ]
    assert found.returncode == 0
    assert landed.one("select count(*) from fridge.landing_files") == 4


def test_a_changed_file_is_named_with_both_hashes_and_one_that_is_gone_is_no_difference(
    run: Run, landed: Pipeline
) -> None:
    changed = landed.landing / HOUR.folder / "a.csv"
    changed.write_bytes(changed.read_bytes().replace(b"4.5", b"4.6", 1))
    (landed.landing / HOUR.folder / "b.csv.gz").unlink()
    (landed.landing / HOUR.folder / "new.csv").write_bytes(b"tenant_id,sensor_id,recorded_at,temperature_c\n")
    found = run("recount", "2026-01", "--json")
    said = json.loads(found.stdout)
    assert found.returncode == 1
    assert (said["files"], said["same"], said["missing"]) == (3, 1, [f"{HOUR.folder}/b.csv.gz"])
    by_path = {each["path"]: each for each in said["differences"]}
    recorded = landed.one("select content_hash from fridge.landing_files where path like '%/a.csv'")
    assert by_path[f"{HOUR.folder}/a.csv"]["recorded"] == recorded
    assert by_path[f"{HOUR.folder}/a.csv"]["found"] not in {recorded, ""}
    assert by_path[f"{HOUR.folder}/new.csv"]["what"] == "not loaded"
    assert said["differing"] == 2


def test_counts_that_were_edited_are_found_in_the_files(run: Run, landed: Pipeline) -> None:
    with landed.database.owned.connect() as connection, connection.transaction():
        for table in ("landing_files", "landing_file_tenants"):
            connection.execute(f"grant update on fridge.{table} to current_user")
            connection.execute(f"alter table fridge.{table} disable trigger user")
        connection.execute(
            "update fridge.landing_file_tenants set row_count = row_count + 2, inserted_count = inserted_count + 2"
            " where tenant_id = 'cohoes'"
        )
        connection.execute(
            "update fridge.landing_files set row_count = row_count + 2, inserted_count = inserted_count + 2"
            " where path like '%/a.csv'"
        )
    found = run("recount", "2026-01")
    assert found.returncode == 1
    assert found.stdout.splitlines()[-3:] == [
        "2 differences:",
        f"  {HOUR.folder}/a.csv: rows: 29 on record, 27 now",
        f"  {HOUR.folder}/a.csv: rows of a tenant cohoes: 23 on record, 21 now",
    ]


def test_a_landing_zone_that_is_gone_is_an_error_and_not_a_month_without_files(run: Run, landed: Pipeline) -> None:
    landed.landing.rename(landed.landing.with_name("elsewhere"))
    found = run("recount", "2026-01")
    assert (found.returncode, found.stdout) == (1, "")
    assert "landing" in found.stderr


def test_what_a_changed_source_would_read_otherwise_is_told_and_is_no_difference(
    run: Run, pipeline: Pipeline, tmp_path: Path
) -> None:
    sources = tmp_path / "sources.toml"
    text = """
[[source]]
name = "loggers"
match = "x-*.csv"
tenant_id = { register = true }
sensor_id = { column = "s" }
recorded_at = { column = "at" }
temperature = { column = "t" }
"""
    pipeline.clock.now = HOUR.plus(3).start
    import_register(pipeline.database, read_entries(b"sensor_id,tenant_id,valid_from\na,troy,2026-01-01\n"), "a test")
    pipeline.zone = LocalLanding(str(pipeline.landing), read_sources(text))
    rows = "".join(f"a,2026-01-24T18:{minute}:00Z,{minute}\n" for minute in (10, 20, 40))
    pipeline.land(HOUR, "x-1.csv", f"s,at,t\n{rows}".encode())
    pipeline.load(HOUR)
    sources.write_text(text, encoding="utf-8")
    assert run("recount", "2026-01", FRIDGE_SOURCES=str(sources)).stdout.splitlines() == [
        "2026-01: 1 of 1 landing files are what was counted, 3 rows",
        "nothing differs",
    ]
    sources.write_text(text.replace('"t" }', '"t", unit = "fahrenheit", missing = [40] }'), encoding="utf-8")
    found = run("recount", "2026-01", FRIDGE_SOURCES=str(sources))
    assert found.stdout.splitlines()[2] == (
        f"  {HOUR.folder}/x-1.csv: read by loggers, now by loggers: 3 rows = 3 readings of 70.0 °C together "
        "+ 0 rejected on record, 3 rows = 2 readings of -18.9 °C together + 1 rejected now"
    )
    assert found.returncode == 0
