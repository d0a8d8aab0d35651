from __future__ import annotations

from datetime import datetime

from fridge_pipeline.domain.hour import Hour
from tests.cli.conftest import Run
from tests.pipeline import Pipeline, readings


def test_doctor_warns_of_what_lies_in_no_landing_hour_and_of_nothing_else(
    run: Run, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    pipeline.land(Hour(two_days_ago), "a.csv", readings("cohoes", Hour(two_days_ago), 1, 1))
    for folder in ("2026-11-20/9", "2026-11-20/18/sub", "2026-11-20/24", "2026-11-31/00", "today", ".trash", "_old/x"):
        (pipeline.landing / folder).mkdir(parents=True)
    for file in ("a.csv", "2026-11-20/b.csv", "2026-11-20/18/c.csv", "2026-11-20/18/d.csv.tmp", "notes.tmp"):
        (pipeline.landing / file).write_text("")
    done = run("doctor")
    assert done.returncode == 0, "a warning is no failure"
    warned = [line.split()[3] for line in done.stdout.splitlines() if line.startswith("warn  landing zone: ")]
    assert warned == [
        "2026-11-20/18/sub/",
        "2026-11-20/24/",
        "2026-11-20/9/",
        "2026-11-20/b.csv",
        "2026-11-31/",
        "a.csv",
        "today/",
    ]
    assert "2026-11-20/9/ is in no landing hour and is not loaded; files belong into <YYYY-MM-DD>/<HH>/" in done.stdout


def test_doctor_shows_at_most_ten_strays_and_says_nothing_of_a_tidy_landing_zone(
    run: Run, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    pipeline.land(Hour(two_days_ago), "a.csv", readings("cohoes", Hour(two_days_ago), 1, 1))
    assert "warn" not in run("doctor").stdout
    for number in range(12):
        (pipeline.landing / f"stray {number}").mkdir()
    assert run("doctor").stdout.count("warn  landing zone: ") == 10
