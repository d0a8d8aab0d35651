"""What `fridge stripe` and `fridge doctor` say of the meters in Stripe."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from fridge_pipeline.calendar.hours import Hour
from tests.console_script import Run
from tests.laws.test_wrong_meters import EVENT_NAME, WRONG, deactivate, make_wrong
from tests.pipeline import Pipeline, readings

#: With a key nothing is created behind anybody's back.
KEY = {"STRIPE_API_KEY": "sk_test_someone"}

METERS = """
[[meter]]
event_name = "readings"
display_name = "Readings stored"
measure = "inserted_count"
formula = "sum"
window = "none"
"""


@pytest.mark.parametrize("case", WRONG)
def test_check_and_doctor_report_a_meter_that_is_not_the_catalogues_by_the_rule_of_the_push(
    run: Run, pipeline: Pipeline, case: str
) -> None:
    assert run("stripe", "check", **KEY).stdout.endswith("2 meters agree with the catalogue\n")
    make_wrong(pipeline, case)
    told = f"{EVENT_NAME}: {WRONG[case][1]}"
    checked = run("stripe", "check", **KEY)
    assert checked.returncode == 1
    assert checked.stdout.splitlines()[0] == told
    assert "active_sensors" not in checked.stdout
    doctor = run("doctor", **KEY)
    assert doctor.returncode == 1
    (line,) = [line for line in doctor.stdout.splitlines() if line.startswith("WRONG")]
    assert line.startswith("WRONG Stripe: ")
    assert told in line


def test_setup_makes_what_is_missing_and_replaces_a_wrong_meter_only_once_it_is_out_of_use(
    run: Run, pipeline: Pipeline
) -> None:
    make_wrong(pipeline, "window")
    refused = run("stripe", "setup", **KEY)
    assert refused.returncode == 1
    assert "window is 'day' in Stripe" in refused.stdout
    assert "deactivate it in Stripe" in refused.stdout
    deactivate(pipeline)
    done = run("stripe", "setup", **KEY)
    assert done.returncode == 0, done.stdout
    assert f"created {EVENT_NAME}\n" in done.stdout
    deactivate(pipeline)
    idle = run("stripe", "setup", **KEY)
    assert idle.returncode == 1, "one that is only inactive is reactivated by a person, not made twice"
    assert "created" not in idle.stdout
    assert f"{EVENT_NAME}: the meter is inactive in Stripe" in idle.stdout


def test_a_catalogue_of_ones_own_is_what_is_set_up_checked_and_billed(
    run: Run, pipeline: Pipeline, tmp_path: Path, two_days_ago: datetime
) -> None:
    (tmp_path / "meters.toml").write_text(METERS)
    own = {"FRIDGE_METERS": "meters.toml"}
    pipeline.sandbox.reset()
    assert run("stripe", "check", **own, **KEY).stdout.startswith("readings: not in Stripe; run: fridge stripe setup")
    assert "created readings" in run("stripe", "setup", **own, **KEY).stdout
    assert "1 meters agree with the catalogue" in run("stripe", "check", **own, **KEY).stdout
    assert "all 1 meters agree" in run("doctor", **own, **KEY).stdout

    hour = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    for number in range(2):
        pipeline.land(hour, f"{number}.csv", readings("cohoes", hour, 2 + number, 5))
        done = run("bill", "--from", hour.key, "--to", hour.key, **own)
        assert done.returncode == 0, done.stderr
    assert pipeline.rows("select event_name, value, is_difference from fridge.meter_events order by revision") == [
        ("readings", 10, True),
        ("readings", 5, True),
    ]
    assert pipeline.stripe_totals("cohoes") == {("readings", hour.key): 15}


def test_a_catalogue_that_cannot_be_read_is_one_clear_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "meters.toml").write_text(METERS.replace("sum", "max"))
    for command in (("doctor",), ("stripe", "check")):
        done = run(*command, FRIDGE_METERS="meters.toml")
        assert done.returncode == 1
        assert done.stderr == (
            f"fridge: FRIDGE_METERS: {tmp_path / 'meters.toml'}: meter 1: formula is sum or last, got 'max'\n"
        )


def test_the_shell_gets_the_catalogue_as_an_absolute_path(run: Run, tmp_path: Path) -> None:
    (tmp_path / "meters.toml").write_text(METERS)
    assert f"export FRIDGE_METERS={tmp_path / 'meters.toml'}\n" in run("env", FRIDGE_METERS="meters.toml").stdout
    assert "FRIDGE_METERS" not in run("env").stdout
