from __future__ import annotations

import getpass
import json
import os
from datetime import datetime
from pathlib import Path

import click
import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.cli.person_option import login_name
from tests.console_script import Run
from tests.pipeline import Pipeline, readings


@pytest.fixture
def hour(pipeline: Pipeline, two_days_ago: datetime) -> Hour:
    """A delivered hour: a.csv with 6 readings of cohoes and 4 of troy, b.csv with 10 of cohoes."""
    hour = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    pipeline.add_tenant("troy")
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 3) + readings("troy", hour, 2, 2))
    pipeline.land(hour, "b.csv", readings("cohoes", hour, 1, 10, start=5))
    pipeline.run(hour)
    return hour


def test_withdraw_prints_what_it_takes_out_and_the_command_it_names_restates_the_hour(
    run: Run, pipeline: Pipeline, hour: Hour
) -> None:
    path = f"{hour.folder}/a.csv"
    done = run("withdraw", path, "--reason", "test bench", "--by", "ada")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:3] == [
        f"{path} is withdrawn: 10 readings of the hour {hour} are no longer usage",
        "  cohoes  6",
        "  troy    4",
    ]
    command = f"fridge bill --from {hour} --to {hour}"
    assert f"restated by the next hourly_billing, or now with: {command}" in done.stdout
    assert run(*command.split()[1:]).returncode == 0
    assert pipeline.stripe_totals("cohoes")["temperature_readings", hour.key] == 10
    assert pipeline.stripe_totals("troy")["temperature_readings", hour.key] == 0


def test_withdraw_takes_an_absolute_path_below_the_landing_root_and_no_other(
    run: Run, pipeline: Pipeline, hour: Hour, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(pipeline.landing)
    done = run("withdraw", str(tmp_path / "link" / hour.folder / "a.csv"), "--reason", "bench", "--by", "ada", "--json")
    told = json.loads(done.stdout)
    assert told["path"] == f"{hour.folder}/a.csv"
    assert (told["readings"], told["withdrawn_by"]) == ({"cohoes": 6, "troy": 4}, "ada")
    assert told["restate_with"] == f"fridge bill --from {hour} --to {hour}"
    again = run("withdraw", str(pipeline.landing / hour.folder / "a.csv"), "--reason", "bench")
    assert again.returncode == 1
    assert "was already withdrawn at" in again.stderr
    assert "by fridge (ada): bench" in again.stderr
    other = run("withdraw", "/elsewhere/a.csv", "--reason", "bench")
    assert other.returncode == 2
    assert f"/elsewhere/a.csv is not below the landing root {pipeline.landing}" in other.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("a.csv",), 2, "Missing option '--reason'"),
        (("a.csv", "--reason", " "), 2, "--reason is empty"),
        (("a.csv", "--reason", "bench", "--by", ""), 2, "--by is empty"),
        (("2020-01-01/00/x.csv", "--reason", "bench"), 1, "no landing file 2020-01-01/00/x.csv was ever loaded"),
    ],
)
def test_withdraw_says_what_is_wrong_and_withdraws_nothing(
    run: Run, pipeline: Pipeline, arguments: tuple[str, ...], code: int, told: str
) -> None:
    done = run("withdraw", *arguments)
    assert done.returncode == code
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert pipeline.one("select count(*) from fridge.withdrawals") == 0


def test_without_by_it_is_the_login_name_and_without_one_an_error_that_names_by(
    run: Run, pipeline: Pipeline, hour: Hour, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("withdraw", f"{hour.folder}/a.csv", "--reason", "bench", LOGNAME="grace").returncode == 0
    assert pipeline.rows("select withdrawn_by from fridge.withdrawals") == [("grace",)]

    def nobody() -> str:
        raise KeyError(f"getpwuid(): uid not found: {os.getuid()}")

    monkeypatch.setattr(getpass, "getuser", nobody)
    with pytest.raises(click.UsageError, match="--by NAME"):
        login_name()


def test_an_hour_that_no_sweep_reaches_is_said_to_need_a_command_and_one_too_old_for_stripe_a_person(
    run: Run, pipeline: Pipeline
) -> None:
    old = Hour.from_key("2023-09-29-14:00")
    pipeline.land(old, "a.csv", readings("cohoes", old, 2, 5))
    pipeline.run(old)
    said = run("withdraw", f"{old.folder}/a.csv", "--reason", "bench", "--by", "ada").stdout
    assert f"before FRIDGE_PARTITIONS_START; it is restated with: fridge bill --from {old} --to {old}" in said
    assert "older than the 35 days that Stripe accepts" in said
