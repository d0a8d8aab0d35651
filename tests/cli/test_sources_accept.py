"""``fridge sources accept``: a person accepts the columns for which files wait, and it stays on record who did."""

from __future__ import annotations

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.sources_file import read_sources
from tests.console_script import Run
from tests.pipeline import Pipeline

HOUR = Hour.from_key("2026-01-24-18:00")
REFUSING = """
[[source]]
name = "loggers"
match = "x-*.csv"
contract = "refuse"
tenant_id = { value = "troy" }
sensor_id = { column = "s" }
recorded_at = { column = "at" }
temperature = { column = "t" }
"""


def test_columns_are_accepted_with_a_reason_once_and_their_file_is_loaded_by_the_next_run(
    run: Run, pipeline: Pipeline
) -> None:
    pipeline.zone = LocalLanding(str(pipeline.landing), read_sources(REFUSING))
    for name, more in (("1", ""), ("2", ",door")):
        row = f"a,2026-01-24T18:{name}0:00Z,4.5{more and ',1'}"
        pipeline.land(HOUR, f"x-{name}.csv", f"s,at,t{more}\n{row}\n".encode())
    pipeline.load(HOUR)
    assert "is empty" in run("sources", "accept", "loggers", "--reason", " ").stderr
    done = run("sources", "accept", "loggers", "--reason", "a door contact")
    assert done.stdout.splitlines() == [
        "accepted: column 'door' is new, of number",
        "read again by the next run: 1 landing file",
    ]
    assert run("sources", "accept", "loggers", "--reason", "again").returncode == 1
    none = pipeline.landing.parent / "none.csv"
    none.write_text("tenant_id,sensor_id,recorded_at,temperature_c\n", encoding="utf-8")
    assert run("sources", "check", str(none)).returncode == 1
    assert pipeline.rows("select reason, acted_by is not null from fridge.accepted_shapes") == [
        ("a door contact", True)
    ]
    pipeline.load(HOUR)
    assert pipeline.one("select count(*) from fridge.readings") == 2
