from __future__ import annotations

import json
import shutil
import time
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from fridge_pipeline.calendar.hours import Hour
from tests.console_script import Run
from tests.pipeline import Pipeline, readings
from tests.serving import served


def test_doctor_says_wrong_of_what_lies_in_no_landing_hour_and_of_nothing_else(
    run: Run, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    pipeline.land(Hour(two_days_ago), "a.csv", readings("cohoes", Hour(two_days_ago), 1, 1))
    for folder in ("2026-11-20/9", "2026-11-20/18/sub", "2026-11-20/24", "2026-11-31/00", "today", ".trash", "_old/x"):
        (pipeline.landing / folder).mkdir(parents=True)
    for file in ("a.csv", "2026-11-20/b.csv", "2026-11-20/18/c.csv", "2026-11-20/18/d.csv.tmp", "notes.tmp"):
        (pipeline.landing / file).write_text("")
    done = run("doctor")
    assert done.returncode == 1
    wrong = [line.split()[3] for line in done.stdout.splitlines() if line.startswith("WRONG landing zone: ")]
    assert wrong == [
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
    assert "WRONG landing zone: " not in run("doctor").stdout
    for number in range(12):
        (pipeline.landing / f"stray {number}").mkdir()
    told = run("doctor").stdout
    assert told.count("WRONG landing zone: ") == 11
    assert "2 more files and folders are in no landing hour" in told


def test_doctor_and_bill_say_what_is_ahead_of_now_and_that_the_known_files_are_all_gone(
    run: Run, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour, ahead = Hour(two_days_ago), Hour(two_days_ago).plus(60)
    for each in (hour, ahead):
        pipeline.land(each, "a.csv", readings("cohoes", each, 1, 1))
    billed = run("bill", "--from", hour.key, "--to", hour.key)
    assert "1 future_hour" in billed.stderr
    code, found = health_checks(run)
    assert (code, found["landing zone"]["grade"]) == (1, "wrong")
    assert f"landing folder {ahead.folder} has not begun and holds 1 file of " in found["landing zone"]["text"]
    shutil.rmtree(pipeline.landing)
    pipeline.landing.mkdir()
    code, found = health_checks(run)
    assert (code, found["landing zone"]["grade"]) == (1, "wrong")
    assert f"of 1 hour that had loaded files in the last 7 days, the newest {hour.key}" in found["landing zone"]["text"]
    billed = run("bill", "--from", hour.key, "--to", hour.key, "--json")
    assert json.loads(billed.stdout)["exceptions_by_kind"]["landing_vanished"] == 1


def test_a_default_landing_folder_is_made_once_and_not_again_when_it_is_gone_with_files(
    run: Run, pipeline: Pipeline, two_days_ago: datetime, tmp_path: Path
) -> None:
    """Empty it would look like a landing zone in which nothing was delivered."""
    home = tmp_path / "another-home"
    settings = {"FRIDGE_HOME": str(home), "FRIDGE_LANDING_URI": ""}
    assert health_checks(run, **settings)[1]["landing zone"]["grade"] == "ok"
    assert (home / "landing").is_dir()
    pipeline.land(Hour(two_days_ago), "a.csv", readings("cohoes", Hour(two_days_ago), 1, 1))
    pipeline.load(Hour(two_days_ago))
    (home / "landing").rmdir()
    code, found = health_checks(run, **settings)
    assert (code, found["landing zone"]["grade"]) == (1, "wrong")
    assert "No such file or directory; mount it, put it back or make it" in found["landing zone"]["text"]
    assert not (home / "landing").exists()


def health_checks(run: Run, **changed: str) -> tuple[int, dict[str, dict[str, str]]]:
    """Exit code, and the last result of each check."""
    done = run("doctor", "--json", **changed)
    return done.returncode, {each["check"]: each for each in json.loads(done.stdout)}


def test_doctor_looks_at_every_part_and_finds_nothing_wrong_with_a_working_one(run: Run) -> None:
    code, found = health_checks(run)
    assert code == 0
    assert set(found) == {
        "shown hours",
        "database clock",
        *("settings", "alerts", "disk", "versions", "ports", "definitions", "database", "roles", "readers"),
        *(
            "daemon",
            "switches",
            "landing zone",
            "archive",
            "packs",
            "restores",
            "Stripe key",
            "Stripe permissions",
            "Stripe",
            "Stripe clock",
            "invoices",
            "billing",
            "reads",
            "hours",
            "ids",
            "sources",
            "exceptions",
        ),
    }
    assert {name for name, each in found.items() if each["grade"] != "ok"} <= {"daemon", "ports", "roles"}
    assert "start it: fridge up" in found["daemon"]["do"]
    assert "PostgreSQL 18" in found["database"]["text"]
    assert "its login owns the schema" in found["roles"]["text"]  # as the tests' own does


def test_doctor_says_which_hours_wait_and_what_stands_in_the_exceptions_and_what_to_do(
    run: Run, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 1))
    pipeline.run(hour)
    pipeline.land(hour.plus(1), "a.csv", readings("cohoes", hour.plus(1), 1, 1))
    code, found = health_checks(run, STRIPE_API_BASE="http://127.0.0.1:9", STRIPE_API_KEY="sk_test_nowhere")
    assert code == 1, "Stripe is not reached"
    assert found["Stripe"]["grade"] == "wrong"
    assert "is unreachable" in found["Stripe"]["text"]
    assert found["hours"]["do"].endswith(f"fridge bill --from {hour.plus(1)} --to {hour.plus(1)}")
    assert found["exceptions"]["text"].startswith("2 unmapped open")
    assert "fridge tenants import" in found["exceptions"]["do"]


def test_a_landing_zone_that_is_gone_hides_no_exception(run: Run, pipeline: Pipeline, two_days_ago: datetime) -> None:
    pipeline.land(Hour(two_days_ago), "a.csv", readings("cohoes", Hour(two_days_ago), 1, 1))
    pipeline.run(Hour(two_days_ago))
    shutil.rmtree(pipeline.landing)
    code, found = health_checks(run)
    assert (code, found["landing zone"]["grade"], found["hours"]["grade"]) == (1, "wrong", "wrong")
    assert {"ids", "sources", "exceptions"} <= found.keys()
    assert " open: " in found["exceptions"]["text"]


def test_doctor_says_that_packs_and_reports_cannot_be_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    code, found = health_checks(run, FRIDGE_ARCHIVE_URI=str(tmp_path / "a file" / "archive"))
    assert (code, found["archive"]["grade"]) == (1, "wrong")
    assert "or set FRIDGE_ARCHIVE_URI" in found["archive"]["do"]
    code, found = health_checks(run, FRIDGE_ARCHIVE_URI=str(tmp_path / "not" / "there yet"))
    assert (code, found["archive"]["grade"]) == (0, "ok")


def test_doctor_names_the_channels_of_alerts_and_none_of_their_secrets(run: Run) -> None:
    done = run(
        "doctor",
        FRIDGE_ALERT_WEBHOOK="https://hooks.example.org/top-secret",
        FRIDGE_ALERT_SMTP="smtp://fridge:top-secret@mail.example.org",
        FRIDGE_ALERT_FROM="a@example.org",
        FRIDGE_ALERT_TO="b@example.org",
        FRIDGE_CANARY="yes",
    )
    assert "ok    alerts: go to webhook and mail, with a canary each hour\n" in done.stdout
    assert "top-secret" not in done.stdout + done.stderr


class Forbidding(BaseHTTPRequestHandler):
    """Stripe's answer to a restricted key, from a machine whose clock is two minutes behind."""

    def do_GET(self) -> None:
        body = json.dumps({"error": {"type": "invalid_request_error", "message": "lacks a permission"}}).encode()
        may = self.path.startswith("/v1/billing/meters")
        self.send_response(200 if may else 403)
        self.send_header("Content-Length", str(len(EMPTY if may else body)))
        self.end_headers()
        self.wfile.write(EMPTY if may else body)

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(int((timestamp or time.time()) - 120))


EMPTY = b'{"object": "list", "data": [], "has_more": false, "url": "/v1/billing/meters"}'


def test_doctor_names_the_permission_that_a_key_lacks_and_a_clock_that_is_off(run: Run) -> None:
    with served(Forbidding) as base:
        code, found = health_checks(run, STRIPE_API_BASE=base, STRIPE_API_KEY="rk_test_restricted")
    assert code == 1
    assert found["Stripe permissions"]["text"] == "the key lacks Events: read"
    assert found["Stripe clock"]["grade"] == "wrong"
    assert "behind this machine" in found["Stripe clock"]["text"]
    assert "a test key" in found["Stripe key"]["text"]
